//! Reads a request's body within its bounds and turns it into request data.
//!
//! A body is bounded alone, and all bodies of a listener together: neither one client nor many can fill the memory.
//! Nothing of a body is ever repeated in an error.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use serde_json::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::form;
use crate::status::Refusal;

/// How far a form is searched for JSON, in bytes: Vault's window.
const PEEK_BYTES: usize = 512;
/// What the room of all bodies is counted in, in bytes.
const ROOM_BYTES: usize = 1024;
/// What a body gets before its length is known for sure, in bytes.
const CAPACITY_BYTES_MAX: usize = 64 * 1024;

const FORM: &str = "application/x-www-form-urlencoded";

/// Room for the bodies of one listener.
#[derive(Debug)]
pub(crate) struct Room {
    free: Arc<Semaphore>,
    body_bytes_max: usize,
}

/// A body and the room that it takes, which is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

impl Room {
    pub(crate) fn new(body_bytes_max: usize, bodies_bytes_max: usize) -> Self {
        let units = bodies_bytes_max.max(body_bytes_max).div_ceil(ROOM_BYTES).min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(units)), body_bytes_max }
    }

    /// Reads to the end. Cancel-safe in that nothing remains taken.
    ///
    /// # Errors
    /// When the body is too long, breaks off, or finds no room beside the others.
    pub(crate) async fn read(&self, mut body: Incoming) -> Result<Body, Refusal> {
        let too_long = || Refusal::BodyTooLong(self.body_bytes_max);
        let announced = usize::try_from(body.size_hint().lower()).map_err(|_| too_long())?;
        if announced > self.body_bytes_max {
            return Err(too_long());
        }
        let mut room = None;
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| Refusal::BodyCut)?.into_data() else { continue };
            let length = bytes.len() + data.len();
            if length > self.body_bytes_max {
                return Err(too_long());
            }
            self.grow(&mut room, length)?;
            if bytes.is_empty() && body.is_end_stream() {
                return Ok(Body { bytes: data, _room: room });
            }
            if bytes.is_empty() {
                bytes.reserve(announced.clamp(data.len(), CAPACITY_BYTES_MAX.max(data.len())));
            }
            bytes.extend_from_slice(&data);
        }
        Ok(Body { bytes: bytes.freeze(), _room: room })
    }

    /// Takes room until there is enough for `length` bytes.
    fn grow(&self, room: &mut Option<OwnedSemaphorePermit>, length: usize) -> Result<(), Refusal> {
        let taken = room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = u32::try_from(length.div_ceil(ROOM_BYTES).saturating_sub(taken)).unwrap_or(u32::MAX);
        if missing == 0 {
            return Ok(());
        }
        let more = Arc::clone(&self.free).try_acquire_many_owned(missing).map_err(|_| Refusal::BodiesFull)?;
        match room {
            Some(room) => room.merge(more),
            None => *room = Some(more),
        }
        Ok(())
    }
}

/// The body as one object. No body is an empty object; JSON is taken for what it is whatever the media type says, as
/// `curl -d` calls everything a form.
///
/// # Errors
/// When it is neither JSON within the limits nor a form, or no object.
pub(crate) fn parse(media_type: &str, bytes: &[u8], limits: &api::json::Limits) -> Result<Map<String, Value>, Refusal> {
    let malformed = |error: &dyn std::error::Error| Refusal::Malformed(format!("error parsing {error}"));
    if bytes.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    if media_type.eq_ignore_ascii_case(FORM) && !looks_like_json(bytes) {
        return form::parse(bytes).map_err(|error| Refusal::Malformed(format!("error parsing form: {error}")));
    }
    match api::json::parse(bytes, limits).map_err(|error| malformed(&error))? {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        _ => Err(Refusal::Malformed("error parsing JSON: the body must be an object".to_owned())),
    }
}

fn looks_like_json(bytes: &[u8]) -> bool {
    let window = bytes.get(..PEEK_BYTES).unwrap_or(bytes);
    matches!(window.trim_ascii_start().first(), Some(b'{' | b'['))
}

#[cfg(test)]
mod tests;
