//! One connection from its accept to its end: PROXY header, TLS handshake, HTTP/1.1 or HTTP/2, watchdog, drain.
//!
//! What goes wrong here is the client's or the network's affair and ends in the log at debug level: anyone can cause it.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use framework::Connection;
use http::Version;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;

use crate::begun::Begun;
use crate::config::Limits;
use crate::door::{Door, Received};
use crate::proxy;
use crate::seldom::Seldom;
use crate::socket::Socket;
use crate::stream::{Stream, Transport};
use crate::tls::Tls;
use crate::watchdog::{Pulse, Waiting, Watchdog};

/// The first byte of a TLS record that begins a handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 22;
/// The least that the HTTP library takes as its buffer, in bytes.
const BUFFER_BYTES_MIN: usize = 8 * 1024;
/// What is read and forgotten of a plain request on a TLS port, in bytes, so that the answer is not lost in a reset.
const MISTAKE_BYTES_MAX: usize = 64 * 1024;

const PLAIN_ON_TLS: &[u8] = b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n\
    Client sent an HTTP request to an HTTPS server.\n";

/// Serves one client until it leaves, is too slow, or the drain is over. `accepted` is of the monotonic clock.
pub(crate) async fn serve(
    socket: Socket,
    remote: Option<SocketAddr>,
    accepted: Duration,
    door: Arc<Door>,
    tls: Option<Arc<Tls>>,
    mut draining: watch::Receiver<bool>,
) {
    let opened = tokio::select! {
        biased;
        opened = open(socket, remote, &door, tls.as_deref()) => opened,
        () = door.env.sleep(door.timeouts.head) => Err(io::ErrorKind::TimedOut.into()),
        _ = draining.wait_for(|draining| *draining) => return,
    };
    match opened {
        Ok(Some((transport, connection))) => {
            let pulse = Pulse::new(door.env.clone(), door.timeouts, accepted);
            speak(transport, Arc::new(connection), pulse, door, draining).await;
        }
        Ok(None) => {}
        Err(error) => tracing::debug!(?remote, %error, "connection was not opened"),
    }
}

/// What comes before HTTP: a proxy's word about the client, and the TLS handshake. `None` when all is said already.
async fn open(
    mut socket: Socket,
    mut remote: Option<SocketAddr>,
    door: &Door,
    tls: Option<&Tls>,
) -> io::Result<Option<(Transport, Connection)>> {
    socket.send_at_once()?;
    if let Some(rules) = &door.proxy_protocol {
        remote = proxy::client(rules, &mut socket, remote).await?;
    }
    let Some(tls) = tls else {
        let connection = Connection { remote, is_tls: false, client_certificates: Vec::new(), openings: door.openings };
        return Ok(Some((Transport::Plain(socket), connection)));
    };
    if socket.head().is_empty() {
        socket.look().await?;
    }
    if socket.head().first().is_some_and(|first| *first != TLS_HANDSHAKE) {
        explain(socket).await?;
        return Ok(None);
    }
    let stream = tls.acceptor().accept(socket).await?;
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let client_certificates = certificates.iter().map(|certificate| certificate.to_vec()).collect();
    let connection = Connection { remote, is_tls: true, client_certificates, openings: door.openings };
    Ok(Some((Transport::Tls(Box::new(stream)), connection)))
}

/// Tells a client that it forgot the `s` of `https`.
async fn explain(mut socket: Socket) -> io::Result<()> {
    socket.write_all(PLAIN_ON_TLS).await?;
    socket.shutdown().await?;
    let (mut buffer, mut total) = ([0; 1024], 0);
    while total < MISTAKE_BYTES_MAX {
        match socket.read(&mut buffer).await? {
            0 => break,
            count => total += count,
        }
    }
    Ok(())
}

async fn speak(
    transport: Transport,
    connection: Arc<Connection>,
    pulse: Arc<Pulse>,
    door: Arc<Door>,
    mut draining: watch::Receiver<bool>,
) {
    let builder = builder(&door.limits);
    let stream = TokioIo::new(Stream::new(transport, Arc::clone(&pulse)));
    let mut watchdog = Watchdog::new(Arc::clone(&pulse));
    let remote = connection.remote;
    let service = service_fn(|request: http::Request<Incoming>| {
        let is_multiplexed = request.version() == Version::HTTP_2;
        let running = pulse.begin(is_multiplexed);
        let (door, connection, pulse) = (Arc::clone(&door), Arc::clone(&connection), Arc::clone(&pulse));
        let (received, body) = Received::new(request);
        let answered = async move {
            let answered = door.respond(&connection, received, body).await;
            drop(running);
            Ok::<_, Infallible>(answered.map(|body| body.watched(&pulse)))
        };
        if is_multiplexed { Begun::later(answered) } else { Begun::now(answered) }
    });
    let mut http = pin!(builder.serve_connection(stream, service));
    let has_drained = draining.clone();
    let mut drained = Seldom::new(Box::pin(draining.wait_for(|draining| *draining)));
    let mut is_draining = false;
    loop {
        tokio::select! {
            // The watchdog looks after the connection has moved, so it never judges a request that is already there.
            biased;
            ended = http.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(?remote, error, "connection ended");
                }
                return;
            }
            waiting = watchdog.expired() => match waiting {
                Waiting::Head => {
                    door.admission.load().cut.add();
                    tracing::debug!(?remote, "connection closed: no complete request in time");
                    return;
                }
                Waiting::Listener => {
                    door.admission.load().cut.add();
                    tracing::debug!(?remote, "connection closed: the client did not take its answer in time");
                    return;
                }
                Waiting::Idle => http.as_mut().graceful_shutdown(),
            },
            () = drained.poll_if(|| has_drained.has_changed().unwrap_or(true)), if !is_draining => {
                http.as_mut().graceful_shutdown();
                is_draining = true;
            }
        }
    }
}

/// Both protocols with their bounds. There is no timer in here: the watchdog and the door have all of them.
fn builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let header_bytes = limits.header_bytes.max(BUFFER_BYTES_MIN);
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().max_buf_size(header_bytes);
    builder
        .http2()
        .max_concurrent_streams(limits.streams)
        .max_pending_accept_reset_streams(limits.resets)
        .max_local_error_reset_streams(limits.resets)
        .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX));
    builder
}
