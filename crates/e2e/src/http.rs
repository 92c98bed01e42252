//! A small HTTP/1.1 client on a plain socket: it shows the bytes as they came and never retries, so that an answer
//! means exactly one acknowledged request.
//!
//! Not for use outside the tests: it knows `Content-Length` and chunked bodies, and nothing else.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

/// How long one read or write may take.
const IO_MAX: Duration = Duration::from_secs(60);
/// The longest body that is read, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A client that keeps its connection as long as it works.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    token: Option<String>,
    connection: Option<BufReader<TcpStream>>,
}

/// What came back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The header lines in their order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, unchunked.
    pub body: Vec<u8>,
}

impl Client {
    /// A client that has not connected yet.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, token: None, connection: None }
    }

    /// Sends this token from now on.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// One request and its reply.
    ///
    /// # Errors
    /// When the reply did not arrive whole. Then nobody knows whether the server carried the request out.
    pub fn request(&mut self, method: &str, path: &str, body: Option<&Value>) -> Result<Reply> {
        let body = body.map(Value::to_string).unwrap_or_default();
        // Taken out, and put back only after a whole reply: a broken connection is never used again.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let mut message = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        if let Some(token) = &self.token {
            message += &format!("X-Vault-Token: {token}\r\n");
        }
        if !body.is_empty() {
            message += "Content-Type: application/json\r\n";
        }
        message += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        connection.get_mut().write_all(message.as_bytes()).context("sending the request")?;
        let reply = read_reply(&mut connection, method)?;
        if reply.header("connection") != Some("close") {
            self.connection = Some(connection);
        }
        Ok(reply)
    }

    /// As [`Self::request`], for a reply that must have the given status.
    ///
    /// # Errors
    /// Also when the status is another; the message holds the body.
    pub fn expect(&mut self, status: u16, method: &str, path: &str, body: Option<&Value>) -> Result<Reply> {
        let reply = self.request(method, path, body)?;
        ensure!(reply.status == status, "{method} {path}: {} instead of {status}: {}", reply.status, reply.text());
        Ok(reply)
    }

    fn connect(&self) -> Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect(self.address).context("connecting")?;
        stream.set_read_timeout(Some(IO_MAX))?;
        stream.set_write_timeout(Some(IO_MAX))?;
        stream.set_nodelay(true)?;
        Ok(BufReader::new(stream))
    }
}

impl Reply {
    /// The first header of this name, which is given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is not JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("reading JSON from {:?}", self.text()))
    }
}

/// Reads one reply from the socket.
///
/// # Errors
/// When it ends early or is not HTTP/1.
pub fn read_reply(connection: &mut BufReader<TcpStream>, method: &str) -> Result<Reply> {
    let status_line = read_line(connection)?;
    let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.with_context(|| format!("no status in {status_line:?}"))?;
    let headers = read_headers(connection)?;
    let mut reply = Reply { status, headers, body: Vec::new() };
    if method != "HEAD" && !matches!(status, 100..200 | 204 | 304) {
        ensure!(has_body(&reply.headers), "a reply without a length");
        reply.body = read_body(connection, &reply.headers)?;
    }
    Ok(reply)
}

/// The first header of this name, which is given in lower case.
pub(crate) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// Reads header lines up to the empty one; their names in lower case.
pub(crate) fn read_headers(connection: &mut BufReader<TcpStream>) -> Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    loop {
        let line = read_line(connection)?;
        if line.is_empty() {
            return Ok(headers);
        }
        let (name, value) = line.split_once(':').with_context(|| format!("no header in {line:?}"))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

/// Whether these headers announce a body.
pub(crate) fn has_body(headers: &[(String, String)]) -> bool {
    header(headers, "transfer-encoding").or_else(|| header(headers, "content-length")).is_some()
}

/// Reads the body that these headers announce; nothing when they announce none.
pub(crate) fn read_body(connection: &mut BufReader<TcpStream>, headers: &[(String, String)]) -> Result<Vec<u8>> {
    if header(headers, "transfer-encoding") != Some("chunked") {
        let length = header(headers, "content-length").unwrap_or("0");
        return read_exactly(connection, length.parse().context("reading the length")?);
    }
    let mut body = Vec::new();
    loop {
        let line = read_line(connection)?;
        let size = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)?;
        ensure!(body.len() + size <= BODY_BYTES_MAX, "an endless body");
        body.extend(read_exactly(connection, size)?);
        ensure!(read_line(connection)?.is_empty(), "a chunk without its end");
        if size == 0 {
            return Ok(body);
        }
    }
}

fn read_exactly(connection: &mut BufReader<TcpStream>, length: usize) -> Result<Vec<u8>> {
    ensure!(length <= BODY_BYTES_MAX, "a body of {length} bytes");
    let mut bytes = vec![0; length];
    connection.read_exact(&mut bytes).context("reading the body")?;
    Ok(bytes)
}

pub(crate) fn read_line(connection: &mut BufReader<TcpStream>) -> Result<String> {
    let mut line = String::new();
    connection.read_line(&mut line).context("reading a line")?;
    if !line.ends_with('\n') {
        bail!("the connection ended");
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests;
