//! A directory of a few records for tests, which counts what it is asked. It finds what was told of a filter, word for
//! word: what a filter means is for real directories to say.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::ber::{self, BOOLEAN, ENUMERATED, INTEGER, Malformed, OCTETS, Reader, SEQUENCE, SET, Writer};
use crate::filter::Filter;

/// Something that the directory knows.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Its distinguished name.
    pub dn: String,
    /// With which it binds, if it does.
    pub password: Option<String>,
    /// Searches from here find it.
    pub base: String,
    /// By one of these filters.
    pub filters: Vec<String>,
    /// Its attributes with their values.
    pub attributes: BTreeMap<String, Vec<Vec<u8>>>,
}

/// The directory.
pub struct Standin {
    url: String,
    state: Arc<State>,
}

struct State {
    records: Mutex<Vec<Record>>,
    questions: Mutex<Vec<String>>,
    connections: AtomicUsize,
    /// How often all connections were cut.
    cuts: watch::Sender<u64>,
}

impl Standin {
    /// Listens on a port of its own.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start(records: Vec<Record>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("ldap://{}", listener.local_addr()?);
        let state = State {
            records: Mutex::new(records),
            questions: Mutex::default(),
            connections: AtomicUsize::new(0),
            cuts: watch::Sender::new(0),
        };
        let state = Arc::new(state);
        let served = Arc::downgrade(&state);
        tokio::spawn(async move {
            while let (Ok((stream, _)), Some(state)) = (listener.accept().await, served.upgrade()) {
                state.connections.fetch_add(1, Ordering::Relaxed);
                let mut cut = state.cuts.subscribe();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = state.serve(stream) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Ok(Self { url, state })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it was asked since this was last asked, in its order: `bind NAME` and `search BASE`.
    pub fn questions(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.state.questions))
    }

    /// How often somebody has connected.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::Relaxed)
    }

    /// Knows something else from now on.
    pub fn know(&self, records: Vec<Record>) {
        *lock(&self.state.records) = records;
    }

    /// Hangs up on everybody.
    pub fn hang_up(&self) {
        self.state.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl State {
    /// Answers until the other side, or what it says, ends.
    async fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let mut buffer = Vec::new();
        loop {
            let length = match ber::frame(&buffer).ok()? {
                Some(length) if length <= buffer.len() => length,
                _ => {
                    if stream.read_buf(&mut buffer).await.ok()? == 0 {
                        return None;
                    }
                    continue;
                }
            };
            let answer = self.answer(buffer.get(..length)?).ok()?;
            buffer.drain(..length);
            stream.write_all(&answer).await.ok()?;
        }
    }

    fn answer(&self, question: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut message = Reader::new(question).nested(SEQUENCE)?;
        let id = message.int(INTEGER)?;
        let (tag, body) = message.next()?;
        let body = Reader::new(body);
        match tag {
            0x60 => self.bind(id, body),
            0x63 => self.search(id, body),
            _ => Err(Malformed),
        }
    }

    fn bind(&self, id: i32, mut body: Reader<'_>) -> Result<Vec<u8>, Malformed> {
        body.int(INTEGER)?;
        let (name, password) = (text(body.take(OCTETS)?), text(body.take(0x80)?));
        lock(&self.questions).push(["bind ", &name].concat());
        let is_nobody = name.is_empty() && password.is_empty();
        let fits = |record: &Record| record.dn == name && record.password.as_ref() == Some(&password);
        let is_known = is_nobody || lock(&self.records).iter().any(fits);
        Ok(ended(id, 0x61, if is_known { 0 } else { 49 }))
    }

    fn search(&self, id: i32, mut body: Reader<'_>) -> Result<Vec<u8>, Malformed> {
        let base = text(body.take(OCTETS)?);
        body.int(ENUMERATED)?;
        body.int(ENUMERATED)?;
        let most = usize::try_from(body.int(INTEGER)?).map_err(|_| Malformed)?;
        body.int(INTEGER)?;
        body.take(BOOLEAN)?;
        let (tag, filter) = body.next()?;
        lock(&self.questions).push(["search ", &base].concat());
        let mut asked = Writer::default();
        asked.put(tag, filter);
        let asked = asked.into_bytes();
        let is_asked_for = |text: &String| Filter::parse(text).is_ok_and(|filter| encoded(&filter) == asked);
        let records = lock(&self.records);
        let found: Vec<_> =
            records.iter().filter(|it| it.base == base && it.filters.iter().any(is_asked_for)).collect();
        if most > 0 && found.len() > most {
            return Ok(ended(id, 0x65, 4));
        }
        let mut answer: Vec<_> =
            found.into_iter().flat_map(|record| entry(id, &record.dn, &record.attributes)).collect();
        answer.extend(ended(id, 0x65, 0));
        Ok(answer)
    }
}

fn encoded(filter: &Filter) -> Vec<u8> {
    let mut writer = Writer::default();
    filter.write(&mut writer);
    writer.into_bytes()
}

/// A message of this id with this body.
pub(crate) fn message(id: i32, write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.nest(SEQUENCE, |it| {
        it.int(INTEGER, id);
        write(it);
    });
    writer.into_bytes()
}

/// That something has ended with this code; `tag` says what.
pub(crate) fn ended(id: i32, tag: u8, code: i32) -> Vec<u8> {
    message(id, |it| {
        it.nest(tag, |it| {
            it.int(ENUMERATED, code);
            it.put(OCTETS, b"");
            it.put(OCTETS, b"because");
        });
    })
}

/// That something is found.
pub(crate) fn entry(id: i32, dn: &str, attributes: &BTreeMap<String, Vec<Vec<u8>>>) -> Vec<u8> {
    message(id, |it| {
        it.nest(0x64, |it| {
            it.put(OCTETS, dn.as_bytes());
            it.nest(SEQUENCE, |it| {
                for (name, values) in attributes {
                    it.nest(SEQUENCE, |it| {
                        it.put(OCTETS, name.as_bytes());
                        it.nest(SET, |it| values.iter().for_each(|value| it.put(OCTETS, value)));
                    });
                }
            });
        });
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}
