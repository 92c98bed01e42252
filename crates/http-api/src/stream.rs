//! The bytes of one connection, plain or TLS, with a finger on its pulse: what comes in, and what does not go out.
//!
//! An answer lets the other connections that are ready have their turn before it goes out. So a busy thread answers
//! many requests, and then sends many answers: each half runs through warm caches, and a client on the same machine is
//! woken once for many answers, which costs more than an answer does. Who is alone waits for nobody.

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

    /// Whether it is the turn of what is to be sent: not yet, the first time after an answer. Then the task is put
    /// behind all that are ready.
    fn is_our_turn(&self, context: &Context<'_>) -> bool {
        let is_fresh = self.pulse.take_answered();
        if is_fresh {
            context.waker().wake_by_ref();
        }
        !is_fresh
    }

    /// Tells what became of a try to send.
    fn sent<T>(&self, sent: Poll<T>) -> Poll<T> {
        self.pulse.sent(sent.is_pending());
        sent
    }
}

/// Hands a call through to the transport, whichever it is.
macro_rules! through {
    ($self:expr, $name:ident($($argument:expr),*)) => {
        match &mut $self.transport {
            Transport::Plain(transport) => Pin::new(transport).$name($($argument),*),
            Transport::Tls(transport) => Pin::new(transport.as_mut()).$name($($argument),*),
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        let before = buffer.filled().len();
        let result = ready!(through!(stream, poll_read(context, buffer)));
        if buffer.filled().len() > before {
            stream.pulse.heard();
        }
        Poll::Ready(result)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        if !stream.is_our_turn(context) {
            return Poll::Pending;
        }
        let sent = through!(stream, poll_write(context, bytes));
        stream.sent(sent)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        if !stream.is_our_turn(context) {
            return Poll::Pending;
        }
        let sent = through!(stream, poll_write_vectored(context, slices));
        stream.sent(sent)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(transport) => transport.is_write_vectored(),
            Transport::Tls(transport) => transport.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        let sent = through!(stream, poll_flush(context));
        stream.sent(sent)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        let sent = through!(stream, poll_shutdown(context));
        stream.sent(sent)
    }
}
