//! Sends traces to a collector by OTLP/HTTP, in JSON and in clear: the collector is on this machine or beside it, and
//! sends them on. One connection for each batch, no retries: a trace is worth less than the memory that it waits in.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use env::Env;
use telemetry::trace::{Queue, encode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::config::Collector;

/// How often what has come together is sent.
const PAUSE: Duration = Duration::from_secs(1);
/// The most requests that one batch holds.
const BATCH: usize = 512;
/// How long a collector may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is read of its answer, in bytes.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Sends what comes until it is dropped.
pub(super) async fn send(collector: Collector, queue: Arc<Queue>, resource: [(&'static str, String); 3], env: Env) {
    let mut is_well = true;
    loop {
        env.sleep(PAUSE).await;
        loop {
            let traces = queue.take(BATCH);
            if traces.is_empty() {
                break;
            }
            let body = encode(&resource, &traces).to_string();
            let sent = tokio::select! {
                sent = post(&collector, &body) => sent,
                () = env.sleep(PATIENCE) => Err(io::ErrorKind::TimedOut.into()),
            };
            match sent {
                Ok(()) => {
                    traces.iter().for_each(|_| queue.sent.add());
                    if !std::mem::replace(&mut is_well, true) {
                        tracing::info!("traces are sent again");
                    }
                }
                Err(error) => {
                    queue.failed.add();
                    // Once, not with each batch.
                    if std::mem::replace(&mut is_well, false) {
                        tracing::warn!(%error, "traces could not be sent, and are lost until they can");
                    }
                }
            }
        }
    }
}

/// One request to the collector.
async fn post(collector: &Collector, body: &str) -> io::Result<()> {
    let Collector { authority, path, .. } = collector;
    let mut stream = TcpStream::connect(authority).await?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    let line = String::from_utf8_lossy(&answer);
    let status = line.split(' ').nth(1).and_then(|code| code.parse::<u16>().ok());
    match status {
        Some(200..=299) => Ok(()),
        Some(status) => Err(io::Error::other(format!("the collector answered with the status {status}"))),
        None => Err(io::Error::other("the collector did not answer in HTTP")),
    }
}

#[cfg(test)]
mod tests;
