//! The bytes of one connection as the kernel has them, TCP or Unix, with room to look at the first ones before anybody
//! else reads them.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// How much one look takes at most, in bytes: more than any head of a connection is long, but for rare ones.
const LOOK_BYTES: usize = 1024;

/// A connection. What was looked at is read again from the start.
#[derive(Debug)]
pub(crate) struct Socket {
    kind: Kind,
    /// Bytes that were looked at and not taken yet.
    head: BytesMut,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Self {
        Self { kind: Kind::Tcp(stream), head: BytesMut::new() }
    }
}

impl From<UnixStream> for Socket {
    fn from(stream: UnixStream) -> Self {
        Self { kind: Kind::Unix(stream), head: BytesMut::new() }
    }
}

impl Socket {
    /// Replies are written at once; waiting for more bytes would only delay them.
    pub(crate) fn send_at_once(&self) -> io::Result<()> {
        match &self.kind {
            Kind::Tcp(stream) => stream.set_nodelay(true),
            Kind::Unix(_) => Ok(()),
        }
    }

    /// The bytes that were looked at so far.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Waits for more bytes to look at; tells how many came, 0 at the end. Cancel-safe: none is lost.
    pub(crate) async fn look(&mut self) -> io::Result<usize> {
        self.head.reserve(LOOK_BYTES);
        match &mut self.kind {
            Kind::Tcp(stream) => stream.read_buf(&mut self.head).await,
            Kind::Unix(stream) => stream.read_buf(&mut self.head).await,
        }
    }

    /// Takes bytes that were looked at away; nobody reads them again.
    pub(crate) fn take(&mut self, count: usize) {
        drop(self.head.split_to(count.min(self.head.len())));
    }
}

/// Hands a call through to the stream, whichever it is.
macro_rules! through {
    ($self:ident, $name:ident($($argument:expr),*)) => {
        match &mut $self.get_mut().kind {
            Kind::Tcp(stream) => Pin::new(stream).$name($($argument),*),
            Kind::Unix(stream) => Pin::new(stream).$name($($argument),*),
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.head.is_empty() {
            let count = self.head.len().min(buffer.remaining());
            buffer.put_slice(&self.head.split_to(count));
            if self.head.is_empty() {
                // A connection may live long; what its start was read into need not.
                self.head = BytesMut::new();
            }
            return Poll::Ready(Ok(()));
        }
        through!(self, poll_read(context, buffer))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        through!(self, poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        through!(self, poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.kind {
            Kind::Tcp(stream) => stream.is_write_vectored(),
            Kind::Unix(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        through!(self, poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        through!(self, poll_shutdown(context))
    }
}
