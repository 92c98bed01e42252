//! Answers that are made while they are sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use framework::{Chunks, Error, Reply};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::rig::Rig;

/// What a source answers.
type Made = Result<Option<Vec<u8>>, Error>;

const GET: &str = "GET /v1/copy HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
/// The end of a body in chunks (RFC 9112 §7.1).
const LAST_CHUNK: &str = "\r\n0\r\n\r\n";

/// So many chunks of so many bytes, and then this end.
struct Lines {
    left: usize,
    bytes: usize,
    end: fn() -> Made,
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl Chunks for Lines {
    async fn next(&mut self) -> Made {
        self.asked.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        if self.left == 0 {
            return (self.end)();
        }
        self.left -= 1;
        Ok(Some(vec![b'x'; self.bytes]))
    }
}

async fn rig(left: usize, bytes: usize, end: fn() -> Made) -> (Rig, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let rig = Rig::new(move |_| {
        let lines = Lines { left, bytes, end, asked: Arc::clone(&counter) };
        Ok(Reply::stream("application/octet-stream", Box::new(lines)))
    });
    (rig.await, asked)
}

fn count(body: &str) -> usize {
    body.bytes().filter(|byte| *byte == b'x').count()
}

#[tokio::test]
async fn a_stream_arrives_as_a_whole() {
    let (rig, asked) = rig(5, 200_000, || Ok(None)).await;
    let answered = rig.say(GET).await;
    assert_eq!((answered.status, answered.header("content-type")), (200, Some("application/octet-stream")));
    assert_eq!(answered.header("cache-control"), Some("no-store"));
    assert_eq!((answered.header("content-length"), answered.header("transfer-encoding")), (None, Some("chunked")));
    assert_eq!(count(&answered.body), 1_000_000);
    assert!(answered.body.ends_with(LAST_CHUNK));
    assert_eq!(asked.load(Ordering::SeqCst), 6);
}

#[tokio::test]
async fn nobody_takes_a_stream_that_breaks_off_for_a_whole_one() {
    let ends: [fn() -> Made; 2] =
        [|| Err(Error::world("read the store", "it is gone")), || panic!("a mistake of ours")];
    for end in ends {
        let (rig, _) = rig(2, 1_000, end).await;
        let answered = rig.say(GET).await;
        assert_eq!((answered.status, count(&answered.body)), (200, 2_000));
        assert!(!answered.body.ends_with(LAST_CHUNK), "the last chunk is missing");
    }
}

#[tokio::test]
async fn nothing_is_made_before_the_client_has_taken_what_was() {
    // Far more than the sockets between the two hold.
    let (rig, asked) = rig(1_000, 1_000_000, || Ok(None)).await;
    let mut stream = rig.connect().await;
    stream.write_all(GET.as_bytes()).await.unwrap();
    let mut first = [0; 100];
    stream.read_exact(&mut first).await.unwrap();
    let mut before = 0;
    // Until the sockets are full, which shows by nobody asking any more.
    loop {
        for _ in 0..2_000 {
            tokio::task::yield_now().await;
        }
        let now = asked.load(Ordering::SeqCst);
        if now == before {
            break;
        }
        before = now;
    }
    assert!(before < 100, "{before} chunks were made for a client that took 100 bytes");
    drop(stream);
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_off_and_one_that_is_slow_is_not() {
    let (rig, _) = rig(1_000, 1_000_000, || Ok(None)).await;
    let mut stalled = rig.connect().await;
    stalled.write_all(GET.as_bytes()).await.unwrap();
    let mut slow = rig.connect().await;
    slow.write_all(GET.as_bytes()).await.unwrap();
    let mut taken = vec![0; 8 * 1024 * 1024];
    // Longer than a connection may be idle, some megabytes at a time.
    let idle = u64::from(300_u16);
    while rig.clock_secs() < 3 * idle {
        slow.read_exact(&mut taken).await.unwrap();
        for _ in 0..2_000 {
            tokio::task::yield_now().await;
        }
        rig.clock.advance(std::time::Duration::from_secs(60));
    }
    slow.read_exact(&mut taken).await.expect("the slow one is still served");
    let mut rest = Vec::new();
    let ended = rig.turn_until(stalled.read_to_end(&mut rest)).await;
    assert!(ended.is_err() || !rest.ends_with(LAST_CHUNK.as_bytes()), "it was cut off");
    assert!(rest.len() < 100_000_000, "{} bytes", rest.len());
}

#[tokio::test]
async fn a_question_for_the_head_alone_makes_nothing() {
    let (rig, asked) = rig(5, 1_000, || Ok(None)).await;
    let answered = rig.say(&GET.replacen("GET", "HEAD", 1)).await;
    assert_eq!((answered.status, answered.body.as_str(), answered.header("content-length")), (200, "", None));
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}
