//! A proxy on loopback that hands requests to a server and breaks one thing on the way.
//!
//! It speaks as much HTTP/1.1 as the clients under test do. It never retries, and closes the connection where it cannot
//! go on: a client then sees a broken server, which no test takes for a good answer.

use std::io::{BufReader, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::fault::{Fault, Replies};
use crate::http::{self, Reply};

/// How long a connection may stay silent.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// Headers that belong to one connection and are not handed on.
const HOP_BY_HOP: &[&str] = &["connection", "content-length", "transfer-encoding", "keep-alive"];

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        http::header(&self.headers, name)
    }
}

/// A running proxy. Dropping it stops it from taking connections.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

impl Proxy {
    /// Starts one before `server`, which must speak plain HTTP. Without a fault it hands on what it gets.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start(server: SocketAddr, fault: Option<Fault>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listening for the proxy")?;
        let address = listener.local_addr()?;
        let stopped = Arc::new(AtomicBool::new(false));
        let (over, replies) = (Arc::clone(&stopped), Arc::new(Replies::default()));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if over.load(Ordering::Acquire) {
                    break;
                }
                let replies = Arc::clone(&replies);
                // How a connection ends is seen by the client, and by nobody else.
                std::thread::spawn(move || drop(serve(&stream, server, fault, &replies)));
            }
        });
        Ok(Self { address, stopped })
    }

    /// The address as clients write it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        // Wakes the listener, which then sees that it is over; when that fails it is gone already.
        drop(TcpStream::connect(self.address));
    }
}

/// Serves one connection until the client ends it.
fn serve(client: &TcpStream, server: SocketAddr, fault: Option<Fault>, replies: &Replies) -> Result<()> {
    client.set_read_timeout(Some(IDLE_MAX))?;
    client.set_nodelay(true)?;
    let mut incoming = BufReader::new(client.try_clone()?);
    while let Some(request) = read_request(&mut incoming)? {
        let method = request.method.clone();
        let reply = match fault {
            Some(fault) => fault.apply(request, replies, |request| ask(server, request))?,
            None => ask(server, &request)?,
        };
        (&*client).write_all(&encode_reply(&reply, &method))?;
    }
    client.shutdown(Shutdown::Both).context("closing")
}

/// The next request; nothing when the client has no more.
fn read_request(incoming: &mut BufReader<TcpStream>) -> Result<Option<Request>> {
    let Ok(first) = http::read_line(incoming) else { return Ok(None) };
    let mut words = first.split(' ').map(str::to_owned);
    let method = words.next().context("a request without a method")?;
    let target = words.next().context("a request without a path")?;
    let headers = http::read_headers(incoming)?;
    let body = http::read_body(incoming, &headers)?;
    Ok(Some(Request { method, target, headers, body }))
}

/// One request over a connection of its own.
fn ask(server: SocketAddr, request: &Request) -> Result<Reply> {
    let mut stream = TcpStream::connect(server).context("connecting to the server")?;
    stream.set_read_timeout(Some(IDLE_MAX))?;
    let mut message = format!("{} {} HTTP/1.1\r\nconnection: close\r\n", request.method, request.target);
    for (name, value) in request.headers.iter().filter(|(name, _)| !HOP_BY_HOP.contains(&name.as_str())) {
        message += &format!("{name}: {value}\r\n");
    }
    message += &format!("content-length: {}\r\n\r\n", request.body.len());
    stream.write_all(&[message.as_bytes(), &request.body].concat())?;
    http::read_reply(&mut BufReader::new(stream), &request.method)
}

fn encode_reply(reply: &Reply, method: &str) -> Vec<u8> {
    let mut message = format!("HTTP/1.1 {} -\r\n", reply.status);
    for (name, value) in reply.headers.iter().filter(|(name, _)| !HOP_BY_HOP.contains(&name.as_str())) {
        message += &format!("{name}: {value}\r\n");
    }
    let has_body = reply.status != 204 && method != "HEAD";
    if has_body {
        message += &format!("content-length: {}\r\n", reply.body.len());
    }
    let body = if has_body { reply.body.as_slice() } else { &[] };
    [message.as_bytes(), b"\r\n", body].concat()
}

#[cfg(test)]
mod tests;
