//! As much of a server for HTTP/1.1 over TLS as the stand-ins need: one request for each connection, bodies with a length.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// The longest request, in bytes.
const REQUEST_BYTES_MAX: usize = 1024 * 1024;

/// What goes wrong with every answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// This status, whatever was asked.
    Status(u16),
    /// No answer, ever.
    Hang,
    /// The connection ends in the middle of the answer.
    Cut,
    /// This body, with the status of success.
    Body(String),
}

/// What was asked.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) bearer: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// What is answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) fault: Option<Fault>,
}

/// A running server. It ends when this is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Serves on a free port of this machine, or on this one.
    pub(crate) async fn start(
        port: u16,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        answer: impl Fn(Request) -> Answer + Send + Sync + 'static,
    ) -> Result<Self> {
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let answer = Arc::new(answer);
        let task = tokio::spawn(async move {
            // A connection that goes wrong is the client's affair.
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, answer) = (acceptor.clone(), Arc::clone(&answer));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let Ok(request) = read(&mut stream).await else { return };
                    write(&mut stream, answer(request)).await.ok();
                    stream.shutdown().await.ok();
                });
            }
        });
        Ok(Self { address, task })
    }
}

async fn read(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Result<Request> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
            break end;
        }
        more(stream, &mut bytes).await?;
    };
    let text = String::from_utf8(bytes.get(..head).context("a head")?.to_vec())?;
    let mut lines = text.lines();
    let mut words = lines.next().context("a request line")?.split(' ');
    let (method, path) = (words.next().context("a method")?.to_owned(), words.next().context("a path")?.to_owned());
    let headers: Vec<_> = lines.filter_map(|line| line.split_once(':')).collect();
    let header =
        |name: &str| headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim());
    let length: usize = header("content-length").map_or(Ok(0), str::parse)?;
    let bearer = header("authorization").and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
    while bytes.len() < head + 4 + length {
        more(stream, &mut bytes).await?;
    }
    let body = bytes.get(head + 4..head + 4 + length).context("a body")?.to_vec();
    Ok(Request { method, path, bearer, body })
}

async fn more(stream: &mut (impl tokio::io::AsyncRead + Unpin), bytes: &mut Vec<u8>) -> Result<()> {
    let mut part = [0; 4096];
    let count = stream.read(&mut part).await?;
    bytes.extend_from_slice(part.get(..count).unwrap_or_default());
    if count == 0 || bytes.len() > REQUEST_BYTES_MAX {
        bail!("the request is cut off, or too long");
    }
    Ok(())
}

async fn write(stream: &mut (impl tokio::io::AsyncWrite + Unpin), answer: Answer) -> Result<()> {
    let Answer { mut status, mut body, fault } = answer;
    let mut is_cut = false;
    match fault {
        None => {}
        Some(Fault::Status(other)) => status = other,
        Some(Fault::Body(other)) => body = other,
        Some(Fault::Cut) => is_cut = true,
        Some(Fault::Hang) => std::future::pending().await,
    }
    let head = format!(
        "HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let all = [head, body].concat();
    let sent = if is_cut { all.len() - all.len() / 4 } else { all.len() };
    stream.write_all(all.as_bytes().get(..sent).unwrap_or_default()).await?;
    Ok(())
}
