//! A load generator of our own, for what `wrk` cannot make: requests that come due by the clock, whatever has become of
//! those before them, and requests that each ask for something else.
//!
//! Plain HTTP/1.1 on raw sockets, on one thread: it costs little more than the system calls. It reads of a reply its
//! status and its length, and no more.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

/// How long a client waits for an answer that is still of use to it.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long it waits at all before it gives the connection up.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// The longest reply, in bytes.
const REPLY_BYTES_MAX: usize = 64 * 1024;

/// What to send, and how.
#[derive(Clone, Debug)]
pub struct Arrivals {
    /// Where to.
    pub address: SocketAddr,
    /// What.
    pub requests: Requests,
    /// Connections, each with at most one request under way.
    pub connections: usize,
    /// When.
    pub pace: Pace,
    /// For how long, at most.
    pub time: Duration,
}

/// When a request is sent.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// As soon as the connection has its last answer (a closed loop).
    Closed,
    /// So many a second in all, each connection at times of its own (an open loop). What comes due while its connection
    /// waits is never sent, and counted.
    Open {
        /// Requests a second.
        rate: f64,
    },
}

/// What is sent, as bytes on the wire.
#[derive(Clone, Debug)]
pub struct Requests {
    texts: Arc<[Bytes]>,
    is_repeated: bool,
}

impl Requests {
    /// One and the same again and again.
    #[must_use]
    pub fn same(text: Bytes) -> Self {
        Self { texts: Arc::new([text]), is_repeated: true }
    }

    /// Each of these once; the load ends with the last.
    #[must_use]
    pub fn each(texts: Vec<Bytes>) -> Self {
        Self { texts: texts.into(), is_repeated: false }
    }

    fn get(&self, number: usize) -> Option<&Bytes> {
        self.texts.get(if self.is_repeated { 0 } else { number })
    }
}

/// What became of them.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Answered with 200 in time.
    pub good: u32,
    /// Answered with 200 after `PATIENCE`.
    pub late: u32,
    /// Answered with 503 or 429.
    pub refused: u32,
    /// Anything else, broken connections included.
    pub failed: u32,
    /// Came due while their connection still waited.
    pub unsent: u32,
    /// From the first to the last.
    pub elapsed: Duration,
    /// From due to answered, in microseconds, of the good ones.
    micros: Vec<u32>,
}

impl Outcome {
    /// All that came due.
    #[must_use]
    pub fn offered(&self) -> u32 {
        self.good + self.late + self.refused + self.failed + self.unsent
    }

    /// So many of them a second.
    #[must_use]
    pub fn rate(&self, count: u32) -> f64 {
        f64::from(count) / self.elapsed.as_secs_f64()
    }

    /// All but a hundredth of the good ones took at most this long; NaN without any.
    #[must_use]
    pub fn p99_micros(&self) -> f64 {
        let mut micros = self.micros.clone();
        micros.sort_unstable();
        micros.get(micros.len() * 99 / 100).map_or(f64::NAN, |micros| f64::from(*micros))
    }

    fn add(&mut self, other: Self) {
        self.good += other.good;
        self.late += other.late;
        self.refused += other.refused;
        self.failed += other.failed;
        self.unsent += other.unsent;
        self.micros.extend(other.micros);
    }

    fn count(&mut self, status: Option<u16>, waited: Duration) {
        match status {
            Some(200) if waited <= PATIENCE => {
                self.good += 1;
                self.micros.push(u32::try_from(waited.as_micros()).unwrap_or(u32::MAX));
            }
            Some(200) => self.late += 1,
            Some(429 | 503) => self.refused += 1,
            _ => self.failed += 1,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { good, late, refused, failed, unsent, .. } = self;
        write!(f, "{good} good, {late} late, {refused} refused, {failed} failed, {unsent} unsent")
    }
}

impl Arrivals {
    /// Sends it all and waits for the last answer.
    ///
    /// # Errors
    /// When no connection can be made.
    pub fn run(&self) -> Result<Outcome> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut connections = Vec::new();
            for _ in 0..self.connections {
                connections.push(Connection::open(self.address).await?);
            }
            let (start, taken) = (Instant::now(), Arc::new(AtomicUsize::new(0)));
            let mut tasks = JoinSet::new();
            for (number, connection) in connections.into_iter().enumerate() {
                tasks.spawn(send(self.clone(), connection, number, start, Arc::clone(&taken)));
            }
            let mut all = Outcome::default();
            while let Some(outcome) = tasks.join_next().await {
                all.add(outcome??);
            }
            all.elapsed = start.elapsed();
            Ok(all)
        })
    }

    /// How far the requests of one connection are apart; zero in a closed loop.
    fn period(&self) -> Result<Duration> {
        match self.pace {
            Pace::Closed => Ok(Duration::ZERO),
            Pace::Open { rate } => {
                let connections = f64::from(u32::try_from(self.connections)?);
                Duration::try_from_secs_f64(connections / rate).context("the rate is none")
            }
        }
    }
}

/// The life of one connection.
async fn send(
    load: Arrivals,
    mut connection: Connection,
    number: usize,
    start: Instant,
    taken: Arc<AtomicUsize>,
) -> Result<Outcome> {
    let (period, end) = (load.period()?, start + load.time);
    let is_open = !period.is_zero();
    // Evenly spread, so that what comes due in one moment is as little as can be.
    let mut due =
        start + period.mul_f64(f64::from(u32::try_from(number)?) / f64::from(u32::try_from(load.connections)?));
    let mut outcome = Outcome::default();
    while due < end {
        let Some(request) = load.requests.get(taken.fetch_add(1, Ordering::Relaxed)) else { break };
        if is_open {
            sleep_until(due).await;
        }
        let status = match timeout(ANSWER_MAX, connection.exchange(request)).await {
            Ok(Ok(status)) => Some(status),
            // Cut off, or told to go: a client would come back.
            Ok(Err(_)) | Err(_) => None,
        };
        outcome.count(status, due.elapsed());
        if status.is_none() || connection.is_last {
            connection = Connection::open(load.address).await?;
        }
        let now = Instant::now();
        due = if is_open { due + period } else { now };
        while is_open && due < now.min(end) {
            outcome.unsent += 1;
            due += period;
        }
    }
    Ok(outcome)
}

struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
    /// The server has said that it closes.
    is_last: bool,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("connecting")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::with_capacity(4096), is_last: false })
    }

    /// Sends one request and reads its answer to the end; its status.
    async fn exchange(&mut self, request: &[u8]) -> Result<u16> {
        self.stream.write_all(request).await?;
        self.read.clear();
        loop {
            ensure!(self.stream.read_buf(&mut self.read).await? > 0, "the connection ended");
            ensure!(self.read.len() <= REPLY_BYTES_MAX, "a reply without end");
            if let Some(head) = Head::read(&self.read)? {
                while self.read.len() < head.length {
                    ensure!(self.stream.read_buf(&mut self.read).await? > 0, "the connection ended");
                }
                self.is_last = head.is_last;
                return Ok(head.status);
            }
        }
    }
}

/// What the head of a reply says.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Of head and body, in bytes.
    length: usize,
    is_last: bool,
}

impl Head {
    /// None as long as it is not all there.
    fn read(bytes: &[u8]) -> Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        let text = std::str::from_utf8(bytes.get(..end).unwrap_or_default())?;
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status line")?.parse()?;
        let (mut body, mut is_last) = (0, false);
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                body = value.trim().parse().context("the length of a reply")?;
            } else if name.eq_ignore_ascii_case("connection") {
                is_last = value.trim().eq_ignore_ascii_case("close");
            }
        }
        Ok(Some(Self { status, length: end + 4 + body, is_last }))
    }
}

#[cfg(test)]
mod tests;
