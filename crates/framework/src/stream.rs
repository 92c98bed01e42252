//! A reply whose bytes are made while they are sent: for what is too long to be held in memory.
//!
//! Nothing is asked for before the client has taken what came before, so a slow client costs one chunk and nothing else.
//! A failure on the way cannot be told any more: the answer breaks off, and whoever reads it must notice that by what
//! it reads.

use std::borrow::Cow;
use std::fmt;

use async_trait::async_trait;

use crate::error::Error;

/// Makes the bytes of one reply. Dropped when the client goes away.
#[async_trait]
pub trait Chunks: Send + Sync {
    /// The next bytes, never none; `None` at the end.
    ///
    /// # Errors
    /// When there will be no more although there should be: the answer breaks off.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Error>;
}

/// A body of any length. Its `Debug` shows no byte.
pub struct BodyStream {
    /// The media type, visible ASCII.
    pub content_type: Cow<'static, str>,
    /// Where the bytes come from.
    pub chunks: Box<dyn Chunks>,
}

impl fmt::Debug for BodyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a stream of {}", self.content_type)
    }
}
