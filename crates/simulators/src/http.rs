//! As much of a server for HTTP/1.1 as the stand-ins need, over TLS or without: one request for each connection, bodies
//! with a length; faults and stops where a call can go wrong.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::faults::Fault;
use crate::stops::{Stage, Stops};

/// The longest request, in bytes.
const REQUEST_BYTES_MAX: usize = 1024 * 1024;

/// What was asked.
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) bearer: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// What is answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
    pub(crate) fault: Option<Fault>,
}

/// A stand-in, as the server sees it.
pub(crate) trait Site: Send + Sync + 'static {
    /// What is going to go wrong with a call, before anything is done about it. [`Fault::Slow`] and [`Fault::Hang`] are
    /// seen to here; the others are for [`answer`](Self::answer).
    fn fault(&self, _: &Request) -> Option<Fault> {
        None
    }

    /// Does what was asked for.
    fn answer(&self, request: &Request, fault: Option<Fault>) -> Answer;

    /// Where calls can be stopped.
    fn stops(&self) -> Option<&Stops> {
        None
    }
}

impl<F: Fn(&Request) -> Answer + Send + Sync + 'static> Site for F {
    fn answer(&self, request: &Request, _: Option<Fault>) -> Answer {
        self(request)
    }
}

/// A certificate with those above it, and its key.
pub(crate) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

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

impl Request {
    /// The first header of this name, which is given in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Answer {
    /// JSON with a status.
    pub(crate) fn json(status: u16, body: String) -> Self {
        Self { status, content_type: "application/json", headers: Vec::new(), body, fault: None }
    }
}

impl Server {
    /// Serves on a free port of this machine, or on this one; over TLS with an identity.
    pub(crate) async fn start(port: u16, identity: Option<Identity>, site: Arc<impl Site>) -> Result<Self> {
        let acceptor = match identity {
            None => None,
            Some((chain, key)) => {
                let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                    .with_safe_default_protocol_versions()?
                    .with_no_client_auth()
                    .with_single_cert(chain, key)?;
                Some(TlsAcceptor::from(Arc::new(config)))
            }
        };
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            // A connection that goes wrong is the client's affair.
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, site) = (acceptor.clone(), Arc::clone(&site));
                tokio::spawn(async move {
                    if !pass(&*site, Stage::Connected, None).await {
                        return;
                    }
                    match acceptor {
                        None => serve(stream, &*site).await.ok(),
                        Some(acceptor) => match acceptor.accept(stream).await {
                            Ok(stream) => serve(stream, &*site).await.ok(),
                            Err(_) => None,
                        },
                    };
                });
            }
        });
        Ok(Self { address, task })
    }
}

async fn pass(site: &impl Site, stage: Stage, request: Option<&Request>) -> bool {
    match site.stops() {
        Some(stops) => stops.pass(stage, request).await,
        None => true,
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, site: &impl Site) -> Result<()> {
    let request = read(&mut stream).await?;
    if !pass(site, Stage::Received, Some(&request)).await {
        return Ok(());
    }
    let fault = site.fault(&request);
    match &fault {
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Slow(time)) => {
            #[expect(clippy::disallowed_methods, reason = "it stands for a machine with a clock of its own")]
            tokio::time::sleep(*time).await;
        }
        _ => {}
    }
    let answer = site.answer(&request, fault);
    if !pass(site, Stage::Done, Some(&request)).await {
        return Ok(());
    }
    write(&mut stream, answer).await?;
    stream.shutdown().await?;
    pass(site, Stage::Answered, Some(&request)).await;
    Ok(())
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Request> {
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
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers: Vec<_> = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let mut request = Request { method, path, headers, bearer: None, body: Vec::new() };
    let length: usize = request.header("content-length").map_or(Ok(0), str::parse)?;
    request.bearer = request.header("authorization").and_then(|it| it.strip_prefix("Bearer ")).map(str::to_owned);
    while bytes.len() < head + 4 + length {
        more(stream, &mut bytes).await?;
    }
    request.body = bytes.get(head + 4..head + 4 + length).context("a body")?.to_vec();
    Ok(request)
}

async fn more(stream: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>) -> Result<()> {
    let mut part = [0; 4096];
    let count = stream.read(&mut part).await?;
    bytes.extend_from_slice(part.get(..count).unwrap_or_default());
    if count == 0 || bytes.len() > REQUEST_BYTES_MAX {
        bail!("the request is cut off, or too long");
    }
    Ok(())
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), answer: Answer) -> Result<()> {
    let Answer { mut status, content_type, headers, mut body, fault } = answer;
    let mut is_cut = false;
    match fault {
        None | Some(Fault::Slow(_)) => {}
        Some(Fault::Status(other)) => status = other,
        Some(Fault::Body(other)) => body = other,
        Some(Fault::Cut) => is_cut = true,
        Some(Fault::Hang) => std::future::pending().await,
    }
    let mut head = format!("HTTP/1.1 {status} -\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    if status != 204 {
        head += &format!("Content-Type: {content_type}\r\nContent-Length: {}\r\n", body.len());
    }
    let all = [head.as_str(), "\r\n", &body].concat();
    let sent = if is_cut { all.len() - all.len() / 4 } else { all.len() };
    stream.write_all(all.as_bytes().get(..sent).unwrap_or_default()).await?;
    Ok(())
}
