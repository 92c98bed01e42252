//! One connection to a directory, on which one question is asked at a time.
//!
//! A connection is fit for another question only once the last one's answer has been read whole: one that was given up
//! on, by a time-out or by whoever asked, is never used again.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use env::Env;
use rustls::ClientConfig;
use secret::Secret;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::ber;
use crate::error::{Error, UnderstandError};
use crate::message::{self, Answer, Ended, Entry, Search};
use crate::url::Url;

/// The longest message that is taken, in bytes.
const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The most that one search may find, in bytes of messages.
const FOUND_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The most entries that one search may find.
const ENTRIES_MAX: usize = 10_000;
/// How many bytes are asked of the network at a time.
const READ_BYTES: usize = 16 * 1024;

/// The result code of success.
const SUCCESS: u32 = 0;

/// How long things may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Connecting, TLS included.
    pub connect: Duration,
    /// Each question.
    pub request: Duration,
}

trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for T {}

/// A connection.
pub struct Connection {
    stream: Box<dyn Stream>,
    /// What has come and is not understood yet.
    buffer: Vec<u8>,
    last_id: i32,
    is_whole: bool,
    env: Env,
    limits: Limits,
}

impl Connection {
    /// Connects; `tls` is used at once where the URL says so, and by `StartTLS` where `starts_tls` does.
    ///
    /// # Errors
    /// When nobody answers in time, or not as it must.
    pub async fn open(
        env: &Env,
        url: &Url,
        tls: &Arc<ClientConfig>,
        starts_tls: bool,
        limits: Limits,
    ) -> Result<Self, Error> {
        within(env, limits.connect, "take the connection", async {
            let address = (url.host.as_str(), url.port);
            let failed = |source| Error::Connect { url: url.to_string(), source };
            let stream = TcpStream::connect(address).await.map_err(failed)?;
            stream.set_nodelay(true).map_err(failed)?;
            if url.is_tls {
                return Ok(Self::over(secured(stream, url, tls).await?, env, limits));
            }
            if !starts_tls {
                return Ok(Self::over(Box::new(stream), env, limits));
            }
            let mut plain = PlainStream { stream, buffer: Vec::new() };
            plain.start_tls().await?;
            Ok(Self::over(secured(plain.stream, url, tls).await?, env, limits))
        })
        .await
    }

    fn over(stream: Box<dyn Stream>, env: &Env, limits: Limits) -> Self {
        Self { stream, buffer: Vec::new(), last_id: 0, is_whole: true, env: env.clone(), limits }
    }

    /// Whether another question may be asked.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.is_whole && self.buffer.is_empty() && self.last_id < i32::MAX - 1
    }

    /// Binds with a name and a password, which is not empty: a directory would take it for an anonymous bind, and succeed.
    ///
    /// # Errors
    /// [`Error::Refused`] when the directory does not take them; whoever was bound before is not any more.
    pub async fn bind(&mut self, dn: &str, password: &Secret<String>) -> Result<(), Error> {
        if dn.is_empty() || password.expose().is_empty() {
            return Err(refused("bind without a name or a password", &Ended::none()));
        }
        self.ask_bind(dn, password.expose()).await
    }

    /// Binds as nobody.
    ///
    /// # Errors
    /// [`Error::Refused`] when the directory wants to know who asks.
    pub async fn bind_anonymously(&mut self) -> Result<(), Error> {
        self.ask_bind("", "").await
    }

    async fn ask_bind(&mut self, dn: &str, password: &str) -> Result<(), Error> {
        self.begin()?;
        let question = Secret::new(message::bind(self.next_id(), dn, password));
        let (env, limit) = (self.env.clone(), self.limits.request);
        let answer = within(&env, limit, "take the bind", async {
            self.send(question.expose()).await?;
            self.receive().await
        });
        let answer = answer.await?;
        self.is_whole = true;
        match answer {
            Answer::Bound(ended) if ended.code == SUCCESS => Ok(()),
            Answer::Bound(ended) => Err(refused("bind", &ended)),
            _ => Err(UnderstandError::Unexpected.into()),
        }
    }

    /// All entries that a search finds, of all pages.
    ///
    /// # Errors
    /// [`Error::Refused`] when the directory refuses, also when there are more entries than were asked for.
    pub async fn search(&mut self, search: &Search<'_>) -> Result<Vec<Entry>, Error> {
        let (mut entries, mut room, mut cookie) = (Vec::new(), FOUND_BYTES_MAX, Vec::new());
        let (env, limit) = (self.env.clone(), self.limits.request);
        let seconds = i32::try_from(limit.as_secs()).unwrap_or(i32::MAX);
        loop {
            self.begin()?;
            let question = message::search(self.next_id(), search, seconds, &cookie);
            let found = within(&env, limit, "answer the search", async {
                self.send(&question).await?;
                self.page(&mut entries, &mut room).await
            });
            let ended = found.await?;
            self.is_whole = true;
            if ended.code != SUCCESS {
                return Err(refused("search", &ended));
            }
            if search.page.is_none() || ended.cookie.is_empty() {
                return Ok(entries);
            }
            cookie = ended.cookie;
        }
    }

    /// Takes entries until the page ends.
    async fn page(&mut self, entries: &mut Vec<Entry>, room: &mut usize) -> Result<Ended, Error> {
        loop {
            let (length, answer) = self.receive_counted().await?;
            *room = room.checked_sub(length).ok_or(Error::TooMuch("16 MiB of entries"))?;
            match answer {
                Answer::Found(_) if entries.len() >= ENTRIES_MAX => return Err(Error::TooMuch("10000 entries")),
                Answer::Found(entry) => {
                    *room = room.checked_sub(entry.weight()).ok_or(Error::TooMuch("16 MiB of entries"))?;
                    entries.push(entry);
                }
                Answer::Elsewhere => {}
                Answer::Searched(ended) => return Ok(ended),
                Answer::Bound(_) | Answer::Extended(_) => return Err(UnderstandError::Unexpected.into()),
            }
        }
    }

    /// Marks the connection as not whole, until the answer has come whole.
    fn begin(&mut self) -> Result<(), Error> {
        if !self.is_whole() {
            return Err(Error::Closed);
        }
        self.is_whole = false;
        Ok(())
    }

    fn next_id(&mut self) -> i32 {
        self.last_id += 1;
        self.last_id
    }

    async fn send(&mut self, question: &[u8]) -> Result<(), Error> {
        self.stream.write_all(question).await.map_err(Error::Broken)?;
        self.stream.flush().await.map_err(Error::Broken)
    }

    async fn receive(&mut self) -> Result<Answer, Error> {
        self.receive_counted().await.map(|(_, answer)| answer)
    }

    /// The next message, which answers the last question, and its length.
    async fn receive_counted(&mut self) -> Result<(usize, Answer), Error> {
        let length = whole(&mut self.stream, &mut self.buffer).await?;
        let (id, answer) = message::read(self.buffer.get(..length).unwrap_or_default())?;
        self.buffer.drain(..length);
        match id {
            // A notice that nobody asked for: the only one there is says that the directory hangs up (RFC 4511 §4.4.1).
            0 => Err(Error::Closed),
            id if id == self.last_id => Ok((length, answer)),
            _ => Err(UnderstandError::Unexpected.into()),
        }
    }
}

/// A connection before TLS.
struct PlainStream {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl PlainStream {
    async fn start_tls(&mut self) -> Result<(), Error> {
        self.stream.write_all(&message::start_tls(1)).await.map_err(Error::Broken)?;
        let length = whole(&mut self.stream, &mut self.buffer).await?;
        let answer = message::read(self.buffer.get(..length).unwrap_or_default())?;
        // What stands behind the answer came without TLS, from anybody, and must not count as said under it.
        if length != self.buffer.len() {
            return Err(UnderstandError::Unexpected.into());
        }
        match answer {
            (1, Answer::Extended(ended)) if ended.code == SUCCESS => Ok(()),
            (1, Answer::Extended(ended)) => Err(refused("start TLS", &ended)),
            _ => Err(UnderstandError::Unexpected.into()),
        }
    }
}

impl Ended {
    const fn none() -> Self {
        Self { code: 53, text: String::new(), cookie: Vec::new() }
    }
}

async fn secured(stream: TcpStream, url: &Url, tls: &Arc<ClientConfig>) -> Result<Box<dyn Stream>, Error> {
    let connected = TlsConnector::from(Arc::clone(tls)).connect(url.name.clone(), stream).await;
    let stream = connected.map_err(|source| Error::BeginTls { url: url.to_string(), source })?;
    Ok(Box::new(stream))
}

/// Reads until the first message in the buffer is whole, and says how long it is.
async fn whole(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Result<usize, Error> {
    loop {
        if let Some(length) = ber::frame(buffer)? {
            if length > MESSAGE_BYTES_MAX {
                return Err(Error::TooMuch("4 MiB in one message"));
            }
            if length <= buffer.len() {
                return Ok(length);
            }
        }
        buffer.reserve(READ_BYTES);
        match stream.read_buf(buffer).await {
            Ok(0) => return Err(Error::Closed),
            Ok(_) => {}
            Err(source) if source.kind() == io::ErrorKind::UnexpectedEof => return Err(Error::Closed),
            Err(source) => return Err(Error::Broken(source)),
        }
    }
}

fn refused(what: &'static str, ended: &Ended) -> Error {
    Error::Refused { what, code: ended.code, text: ended.text.clone() }
}

async fn within<T>(
    env: &Env,
    limit: Duration,
    what: &'static str,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::select! {
        done = work => done,
        () = env.sleep(limit) => Err(Error::TimedOut { what, limit }),
    }
}

#[cfg(test)]
mod tests;
