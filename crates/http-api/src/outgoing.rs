//! The body of an answer: known as a whole, or made while it is sent.
//!
//! A streamed body is asked for its next bytes only when the connection has taken those before, so it never holds more
//! than one chunk. A failure on the way breaks the connection off: what the client got must not look complete.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use env::BoxFuture;
use framework::{BodyStream, Chunks};
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};

use crate::watchdog::Pulse;

/// How much of a stream is handed to the connection at once, in bytes: a client that takes none of it for as long as it
/// may be idle is cut off, so little enough that a slow one is not.
const FRAME_BYTES: usize = 64 * 1024;

/// The body of every answer.
pub(crate) enum Outgoing {
    Whole(Full<Bytes>),
    Streamed(Box<Streamed>),
}

/// A body that is made while it is sent.
pub(crate) struct Streamed {
    request_id: String,
    source: Source,
    /// What has been made and not been sent.
    rest: Bytes,
    /// Of the connection, which must not be taken for idle as long as the client takes something.
    pulse: Option<Arc<Pulse>>,
}

enum Source {
    Resting(Box<dyn Chunks>),
    Asked(BoxFuture<'static, (Box<dyn Chunks>, Made)>),
    Over,
}

type Made = Result<Option<Vec<u8>>, framework::Error>;

/// The answer has broken off; why is in the log.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off")]
pub(crate) struct BrokenOff;

impl Outgoing {
    pub(crate) fn streamed(request_id: &str, stream: BodyStream) -> Self {
        let source = Source::Resting(stream.chunks);
        let (request_id, rest) = (request_id.to_owned(), Bytes::new());
        Self::Streamed(Box::new(Streamed { request_id, source, rest, pulse: None }))
    }

    /// Has the connection know what is still being sent.
    pub(crate) fn watched(mut self, pulse: &Arc<Pulse>) -> Self {
        if let Self::Streamed(streamed) = &mut self {
            streamed.pulse = Some(Arc::clone(pulse));
        }
        self
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} bytes", self.size_hint().exact())
    }
}

impl Default for Outgoing {
    fn default() -> Self {
        Self::Whole(Full::default())
    }
}

impl From<Bytes> for Outgoing {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(Full::new(bytes))
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match self.get_mut() {
            Self::Whole(whole) => Pin::new(whole).poll_frame(context).map_err(|never| match never {}),
            Self::Streamed(streamed) => streamed.poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.is_end_stream(),
            Self::Streamed(streamed) => matches!(streamed.source, Source::Over) && streamed.rest.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            Self::Streamed(_) => SizeHint::default(),
        }
    }
}

impl Streamed {
    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if let Some(pulse) = &self.pulse {
            // The connection asks because the client has taken what came before.
            pulse.moved();
        }
        if self.rest.is_empty() {
            match ready!(self.poll_source(context)) {
                Ok(Some(bytes)) => self.rest = bytes.into(),
                Ok(None) => return Poll::Ready(None),
                Err(error) => {
                    tracing::error!(request_id = %self.request_id, error = %crate::error::chain(&error), "answer broke off");
                    return Poll::Ready(Some(Err(BrokenOff)));
                }
            }
        }
        let frame = self.rest.split_to(self.rest.len().min(FRAME_BYTES));
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn poll_source(&mut self, context: &mut Context<'_>) -> Poll<Made> {
        let mut asked = match std::mem::replace(&mut self.source, Source::Over) {
            Source::Over => return Poll::Ready(Ok(None)),
            Source::Asked(asked) => asked,
            Source::Resting(mut chunks) => Box::pin(async move {
                let made = chunks.next().await;
                (chunks, made)
            }),
        };
        match std::panic::catch_unwind(AssertUnwindSafe(|| asked.as_mut().poll(context))) {
            Ok(Poll::Pending) => {
                self.source = Source::Asked(asked);
                Poll::Pending
            }
            Ok(Poll::Ready((chunks, made))) => {
                if matches!(made, Ok(Some(_))) {
                    self.source = Source::Resting(chunks);
                }
                Poll::Ready(made)
            }
            Err(_) => Poll::Ready(Err(framework::Error::world("make the next bytes of an answer", "panic"))),
        }
    }
}
