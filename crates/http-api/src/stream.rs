//! The bytes of one connection, plain or TLS, with a finger on its pulse.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use crate::socket::Socket;
use crate::watchdog::Pulse;

/// One type for both, so that the HTTP code is compiled once.
pub(crate) enum Transport {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

/// A transport that reports what it hears.
pub(crate) struct Stream {
    transport: Transport,
    pulse: Arc<Pulse>,
}

impl Stream {
    pub(crate) fn new(transport: Transport, pulse: Arc<Pulse>) -> Self {
        Self { transport, pulse }
    }
}

/// Hands a call through to the transport, whichever it is.
macro_rules! through {
    ($self:ident, $name:ident($($argument:expr),*)) => {
        match &mut $self.get_mut().transport {
            Transport::Plain(transport) => Pin::new(transport).$name($($argument),*),
            Transport::Tls(transport) => Pin::new(transport.as_mut()).$name($($argument),*),
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let stream = self.as_mut();
        let result = ready!(through!(stream, poll_read(context, buffer)));
        if buffer.filled().len() > before {
            self.pulse.heard();
        }
        Poll::Ready(result)
    }
}

impl AsyncWrite for Stream {
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
        match &self.transport {
            Transport::Plain(transport) => transport.is_write_vectored(),
            Transport::Tls(transport) => transport.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        through!(self, poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        through!(self, poll_shutdown(context))
    }
}
