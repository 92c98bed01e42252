//! A socket that takes connections until it is told to stop, and then lets the running requests finish.
//!
//! Every connection is a task of this listener's own set, so none outlives it.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use env::Env;
use framework::Service;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinError, JoinSet};

use crate::admission::Admission;
use crate::config::{Endpoint, Limits, ListenerConfig};
use crate::connection;
use crate::door::Door;
use crate::error::Error;
use crate::socket::Socket;
use crate::tls::Tls;
use crate::unix::{self, SocketFile};

/// After the kernel refused a connection, mostly for want of file descriptors: long enough to let some close.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound socket, ready to serve.
pub struct Listener {
    bound: Bound,
    endpoint: Endpoint,
    door: Arc<Door>,
    tls: Option<Arc<Tls>>,
}

/// The socket itself.
enum Bound {
    Tcp(TcpListener),
    Unix { socket: UnixListener, _file: SocketFile },
}

/// Reaches a listener while it serves. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    tls: Option<Arc<Tls>>,
}

impl Handle {
    /// Reads certificate, key and authorities again; handshakes from now on use them. Nothing to do without TLS.
    /// Reads files, so it blocks for as long as they take.
    ///
    /// # Errors
    /// When a file cannot be read or used; then the listener goes on with what it had.
    pub fn reload(&self) -> Result<(), Error> {
        self.tls.as_ref().map_or(Ok(()), |tls| tls.reload())
    }
}

impl Listener {
    /// Binds the socket and reads the TLS files. All listeners of a node share one `admission`. Connections wait in the kernel's queue until [`Self::serve`].
    ///
    /// # Errors
    /// When the address cannot be had, a file cannot be used, or a bound or header makes no sense.
    pub async fn bind(
        config: &ListenerConfig,
        service: Arc<dyn Service>,
        admission: Arc<Admission>,
        env: Env,
    ) -> Result<Self, Error> {
        check(&config.limits)?;
        let tls = config.tls.as_ref().map(|tls| Tls::load(tls, &env)).transpose()?.map(Arc::new);
        let door = Arc::new(Door::new(config, service, admission, env)?);
        let (bound, endpoint) = Bound::to(&config.endpoint).await?;
        Ok(Self { bound, endpoint, door, tls })
    }

    /// Where it listens, with the real port.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The address, with the real port; `None` of a Unix socket.
    #[must_use]
    pub const fn local_addr(&self) -> Option<SocketAddr> {
        match self.endpoint {
            Endpoint::Tcp(address) => Some(address),
            Endpoint::Unix(_) => None,
        }
    }

    /// Whether clients must speak TLS.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// A handle that stays useful while the listener serves.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { tls: self.tls.clone() }
    }

    /// See [`Handle::reload`].
    ///
    /// # Errors
    /// When a file cannot be read or used; then the listener goes on with what it had.
    pub fn reload(&self) -> Result<(), Error> {
        self.handle().reload()
    }

    /// Serves until `shutdown` completes. Then it takes no more connections, closes the idle ones, and gives running
    /// requests the drain time-out; what still runs is cut off. Dropping the future cuts everything off at once.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send) {
        let slots = Arc::new(Semaphore::new(self.door.limits.connections.min(Semaphore::MAX_PERMITS)));
        let (drain, draining) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            let (slot, socket, remote) = tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(ended) = connections.join_next() => {
                    report(ended);
                    continue;
                }
                accepted = self.accept(&slots) => accepted,
            };
            let accepted = self.door.env.monotonic();
            let (door, tls, draining) = (Arc::clone(&self.door), self.tls.clone(), draining.clone());
            connections.spawn(async move {
                connection::serve(socket, remote, accepted, door, tls, draining).await;
                drop(slot);
            });
        }
        let door = Arc::clone(&self.door);
        // Closes the socket: new clients are refused from here on instead of waiting in vain.
        drop(self);
        drain.send_replace(true);
        finish(connections, &door).await;
    }

    /// The next connection, once there is a slot for it. Cancel-safe: none is lost.
    async fn accept(&self, slots: &Arc<Semaphore>) -> (Option<OwnedSemaphorePermit>, Socket, Option<SocketAddr>) {
        // The semaphore is never closed.
        let slot = Arc::clone(slots).acquire_owned().await.ok();
        loop {
            match self.bound.accept().await {
                Ok((socket, remote)) => return (slot, socket, remote),
                Err(error) => {
                    tracing::warn!(%error, endpoint = %self.endpoint, "connection could not be accepted");
                    self.door.env.sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

impl Bound {
    /// Gives back where it is, too: the port may have been for the system to choose.
    async fn to(endpoint: &Endpoint) -> Result<(Self, Endpoint), Error> {
        match endpoint {
            Endpoint::Tcp(address) => {
                let refuse = |source| Error::Bind { endpoint: endpoint.clone(), source };
                let socket = TcpListener::bind(address).await.map_err(refuse)?;
                let address = socket.local_addr().map_err(refuse)?;
                Ok((Self::Tcp(socket), Endpoint::Tcp(address)))
            }
            Endpoint::Unix(unix) => {
                let (socket, file) = unix::bind(unix).await?;
                Ok((Self::Unix { socket, _file: file }, endpoint.clone()))
            }
        }
    }

    /// A client, and where it is; nobody knows that of one on a Unix socket.
    async fn accept(&self) -> io::Result<(Socket, Option<SocketAddr>)> {
        match self {
            Self::Tcp(socket) => socket.accept().await.map(|(stream, remote)| (stream.into(), Some(remote))),
            Self::Unix { socket, .. } => socket.accept().await.map(|(stream, _)| (stream.into(), None)),
        }
    }
}

/// Waits for the connections to end, at most for the drain time-out.
async fn finish(mut connections: JoinSet<()>, door: &Door) {
    let mut deadline = door.env.sleep(door.timeouts.drain);
    loop {
        tokio::select! {
            biased;
            ended = connections.join_next() => match ended {
                Some(ended) => report(ended),
                None => return,
            },
            () = &mut deadline => {
                tracing::warn!(count = connections.len(), "connections cut off at the end of the drain");
                connections.shutdown().await;
                return;
            }
        }
    }
}

/// A connection's task ends in a panic only through a mistake in this crate; its client was cut off.
fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("connection ended in a panic");
    }
}

fn check(limits: &Limits) -> Result<(), Error> {
    let bounds = [
        ("connections", limits.connections),
        ("header_bytes", limits.header_bytes),
        ("uri_bytes", limits.uri_bytes),
        ("streams", limits.streams as usize),
    ];
    match bounds.into_iter().find(|(_, bound)| *bound == 0) {
        Some((name, _)) => Err(Error::Limit { name, least: 1 }),
        None => Ok(()),
    }
}
