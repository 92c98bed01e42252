//! Reads a request's body within its bounds and turns it into request data.
//!
//! A body is bounded alone, and all bodies of a listener together: neither one client nor many can fill the memory.
//! It is bounded in time as well, and in how slowly it may come. Nothing of a body is ever repeated in an error.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use env::Env;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Frame, Incoming};
use serde_json::{Map, Value};

use crate::config::Limits;
use crate::form;
use crate::room::{Hold, Room};
use crate::status::Refusal;

/// How far a form is searched for JSON, in bytes: Vault's window.
const PEEK_BYTES: usize = 512;

/// How long a body may take before it matters how fast it comes.
const PACE_GRACE: Duration = Duration::from_secs(20);
/// The least that has to come on average behind that, in bytes a second. Both numbers are those that Apache's
/// `mod_reqtimeout` has by default.
const PACE_BYTES_MIN: u64 = 500;

const FORM: &str = "application/x-www-form-urlencoded";

/// Reads the bodies of one listener.
#[derive(Debug)]
pub(crate) struct Reader {
    env: Env,
    /// How long one body may take.
    time: Duration,
    room: Room,
    body_bytes_max: usize,
    anonymous_body_bytes_max: usize,
}

/// A body and the room that it takes, which is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Bytes,
    _room: Hold,
}

impl Reader {
    pub(crate) fn new(env: Env, time: Duration, limits: &Limits) -> Self {
        Self {
            env,
            time,
            room: Room::new(limits),
            body_bytes_max: limits.body_bytes,
            anonymous_body_bytes_max: limits.anonymous_body_bytes.min(limits.body_bytes),
        }
    }

    /// Reads to the end. Cancel-safe in that nothing remains taken.
    ///
    /// # Errors
    /// When the body is too long for a client with or without a token, breaks off, is too slow, or finds no room beside
    /// the others.
    pub(crate) async fn read(
        &self,
        mut body: Incoming,
        remote: Option<SocketAddr>,
        has_token: bool,
    ) -> Result<Body, Refusal> {
        let max = if has_token { self.body_bytes_max } else { self.anonymous_body_bytes_max };
        let too_long = || match max < self.body_bytes_max {
            true => Refusal::AnonymousBodyTooLong(max),
            false => Refusal::BodyTooLong(max),
        };
        let announced = usize::try_from(body.size_hint().lower()).map_err(|_| too_long())?;
        if announced > max {
            return Err(too_long());
        }
        let mut room = self.room.hold(remote, announced);
        let mut bytes = BytesMut::new();
        let start = self.env.monotonic();
        while let Some(frame) = self.frame(&mut body, start, bytes.len()).await? {
            let Ok(data) = frame.map_err(|_| Refusal::BodyCut)?.into_data() else { continue };
            let length = bytes.len().saturating_add(data.len());
            if length > max {
                return Err(too_long());
            }
            self.room.grow(&mut room, length)?;
            if bytes.is_empty() && body.is_end_stream() {
                return Ok(Body { bytes: data, _room: room });
            }
            // Grows with what has come: memory for what was only announced would be taken without room for it.
            bytes.extend_from_slice(&data);
        }
        Ok(Body { bytes: bytes.freeze(), _room: room })
    }

    /// The next part, as long as the whole keeps its pace. A timer is made only for what has to be waited for.
    async fn frame(
        &self,
        body: &mut Incoming,
        start: Duration,
        length: usize,
    ) -> Result<Option<Result<Frame<Bytes>, hyper::Error>>, Refusal> {
        let late = async {
            let due = start.saturating_add(self.time.min(paced(length)));
            self.env.sleep(due.saturating_sub(self.env.monotonic())).await;
        };
        tokio::select! {
            biased;
            frame = body.frame() => Ok(frame),
            () = late => Err(Refusal::BodyTooSlow),
        }
    }
}

/// When the next byte has to be there, of a body of which so many have come; counted from its start.
fn paced(length: usize) -> Duration {
    let millis = u64::try_from(length).unwrap_or(u64::MAX).saturating_mul(1000) / PACE_BYTES_MIN;
    PACE_GRACE.saturating_add(Duration::from_millis(millis))
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
