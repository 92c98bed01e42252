//! Response wrapping: a reply is kept encrypted under a token that opens it once, and the caller gets that token
//! instead (documented Vault behavior).
//!
//! The token is a service token with the policy `response-wrapping`; the encoded reply lies in its cubbyhole, so that it
//! expires and is revoked with it. Opening deletes the token and the reply in one commit *before* the reply is handed
//! out: of two who open one token exactly one gets it, on whichever nodes they ask. What is lost after that commit is
//! lost: whoever misses a reply knows that somebody may have seen it.

use std::sync::Arc;
use std::time::Duration;

use barrier::Changes;
use env::Env;
use framework::field::whole_seconds;
use framework::view::{COMMIT_TRIES, ENTRY_BYTES_MAX, from_stored};
use framework::{Error, Reply, Request, Shape, Status, WrapFormat, WrapInfo, envelope};
use secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use storage::{Expectation, Key, Revision};

use crate::cluster::Identity;
use crate::keys;
use crate::policies::RESPONSE_WRAPPING;
use crate::store::{Lost, Store};
use crate::tokens::create::{self, DUE_KIND, NewToken};
use crate::tokens::{Resolved, Tokens};

mod jwt;

use jwt::Signer;

/// How many entries a wrapped reply may take: all are written in one commit, which holds 1 MiB.
const PARTS_MAX: u8 = 2;
/// The longest reply that can be wrapped, in bytes: what the parts hold, less a line about it.
const REPLY_BYTES_MAX: usize = PARTS_MAX as usize * PART_BYTES_MAX - HEAD_BYTES_MAX;
/// How much of a reply one entry holds, in bytes; two with the rest of the commit stay below 1 MiB.
const PART_BYTES_MAX: usize = 480 * 1024;
/// The line in front of a reply, in bytes.
const HEAD_BYTES_MAX: usize = 256;
/// The longest time that a reply is kept, in seconds, as for the TTLs of mounts.
const TTL_SECS_MAX: u64 = 9_000_000_000;

const _: () = assert!(PART_BYTES_MAX <= ENTRY_BYTES_MAX, "a part fits into an entry");

/// Wraps replies and opens them.
pub(crate) struct Wrapping {
    store: Store,
    env: Env,
    identity: Arc<Identity>,
    tokens: Arc<Tokens>,
    signer: Signer,
}

/// The line in front of a kept reply.
#[derive(Serialize, Deserialize)]
struct Head {
    v: u32,
    /// The HTTP status that the reply would have had.
    status: u16,
    /// What follows is a raw body of this type; absent: an envelope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
}

/// A reply that was kept.
struct Kept {
    /// Head line and reply, as stored.
    text: Secret<Vec<u8>>,
    /// The token's entries and the reply's: they go together.
    entries: Vec<(Key, Revision)>,
}

/// What a wrapping token is to say of itself.
struct About {
    path: String,
    ttl: Duration,
    format: WrapFormat,
    wrapped_accessor: Option<String>,
}

/// What ends the token or other credential in a reply without showing it.
fn accessor_inside(reply: &Reply) -> Option<String> {
    let of_token = reply.auth.as_ref().map(|auth| &auth.accessor);
    of_token.or(reply.accessor.as_ref()).filter(|accessor| !accessor.is_empty()).cloned()
}

/// The answer for every token that is none, is used up, has expired, or belongs to something else: nobody learns which.
pub(crate) fn invalid() -> Error {
    Error::invalid("wrapping token is not valid or does not exist")
}

impl Wrapping {
    pub(crate) fn new(store: Store, env: Env, identity: Arc<Identity>, tokens: Arc<Tokens>, address: String) -> Self {
        let signer = Signer::new(store.clone(), env.clone(), address);
        Self { store, env, identity, tokens, signer }
    }

    /// Keeps the reply and answers with the token that opens it. A reply that says nothing stays as it is: there would
    /// be nothing to open.
    pub(crate) async fn wrap(
        &self,
        namespace: &str,
        request: &Request,
        path: &str,
        mount_type: &str,
        reply: Reply,
    ) -> Result<Reply, Error> {
        let Some(ttl) = request.wrap_ttl else { return Ok(reply) };
        if reply.wrap_info.is_some() || reply.is_empty() || !reply.says_something_to(request.operation) {
            return Ok(reply);
        }
        if reply.stream.is_some() {
            return Err(Error::invalid("what is made while it is sent cannot be wrapped"));
        }
        let about = About {
            path: path.to_owned(),
            ttl: Duration::from_secs(whole_seconds(ttl)),
            format: request.wrap_format,
            wrapped_accessor: accessor_inside(&reply),
        };
        let status = match reply.status {
            Status::Usual => 200,
            Status::Gone => 404,
            Status::Accepted => 202,
            Status::Code(code) => code,
        };
        let mut text = head(status, reply.body.as_ref().map(|body| body.content_type.as_ref().to_owned()))?;
        match &reply.body {
            Some(body) => text.extend_from_slice(&body.bytes),
            None => {
                let body = envelope::encode(&request.id, mount_type, &reply)
                    .map_err(|source| Error::world("encode a reply to be wrapped", source))?;
                text.extend_from_slice(body.trim_ascii_end());
            }
        }
        let (changes, info) = self.prepare(namespace, about, &Secret::new(text)).await?;
        self.store.commit(changes).await?;
        // Whoever asked is told what was odd about it; so is whoever opens it.
        Ok(Reply { wrap_info: Some(info), warnings: reply.warnings, ..Reply::default() })
    }

    /// The valid token of a wrapped reply. Whoever has it may open it from any namespace: it is good for nothing else.
    pub(crate) async fn resolve(&self, text: &str) -> Result<Arc<Resolved>, Error> {
        let signed = self.plain(text).await?;
        let text = signed.as_ref().map_or(text, |signed| signed.expose());
        let found = self.tokens.resolve(text).await;
        let found = found.map_err(|error| if matches!(error, Error::Denied) { invalid() } else { error })?;
        if found.entry.is_wrapping() { Ok(found) } else { Err(invalid()) }
    }

    /// The token's own text, if it comes as a JSON Web Token of ours. The costly check of the signature comes last: only
    /// for a text that names a live wrapping token.
    pub(crate) async fn plain(&self, text: &str) -> Result<Option<Secret<String>>, Error> {
        let Some(claimed) = jwt::Claimed::parse(text) else { return Ok(None) };
        let is_live = match self.tokens.resolve(claimed.token.expose()).await {
            Ok(token) => token.entry.is_wrapping(),
            Err(Error::Denied) => false,
            Err(error) => return Err(error),
        };
        if is_live { self.signer.check(claimed).await } else { Ok(None) }
    }

    /// Opens a wrapped reply, once and for all.
    pub(crate) async fn open(&self, mut token: Arc<Resolved>) -> Result<Reply, Error> {
        for _ in 0..COMMIT_TRIES {
            let kept = self.find(&token).await?;
            // Before it is removed: what cannot be read is not used up.
            let reply = reply_of(kept.text.expose())?;
            let mut changes = Changes::new();
            kept.remove(&mut changes);
            match self.store.commit(changes).await {
                Ok(_) => return Ok(reply),
                Err(Lost::Race(_)) => token = self.again(&token).await?,
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }

    /// Moves a wrapped reply to a fresh token of the same time to live, counted from now.
    pub(crate) async fn rewrap(&self, mut token: Arc<Resolved>) -> Result<Reply, Error> {
        for _ in 0..COMMIT_TRIES {
            let kept = self.find(&token).await?;
            let about = About {
                path: token.entry.path.clone(),
                ttl: token.entry.ttl(),
                format: WrapFormat::Token,
                wrapped_accessor: token.entry.meta.as_ref().and_then(|meta| meta.get(WRAPPED_ACCESSOR).cloned()),
            };
            let (mut changes, info) = self.prepare(&token.home.id, about, &kept.text).await?;
            kept.remove(&mut changes);
            match self.store.commit(changes).await {
                Ok(_) => return Ok(Reply { wrap_info: Some(info), ..Reply::default() }),
                Err(Lost::Race(_)) => token = self.again(&token).await?,
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }

    /// The token after somebody was faster on one of its entries: mostly they have opened it.
    async fn again(&self, token: &Resolved) -> Result<Arc<Resolved>, Error> {
        let found = self.tokens.resolve_hash(&token.home.id, &token.hash).await;
        found.map_err(|error| if matches!(error, Error::Denied) { invalid() } else { error })
    }

    /// A fresh token and the reply under it, as one commit, and what the caller is told once it is done.
    async fn prepare(
        &self,
        namespace: &str,
        about: About,
        text: &Secret<Vec<u8>>,
    ) -> Result<(Changes, WrapInfo), Error> {
        if text.expose().len() > REPLY_BYTES_MAX + HEAD_BYTES_MAX {
            let text = format!("the reply is too long to be wrapped: the most is {REPLY_BYTES_MAX} bytes");
            return Err(Error::Invalid(text.into()));
        }
        let new = NewToken {
            policies: vec![RESPONSE_WRAPPING.to_owned()],
            path: about.path.clone(),
            meta: about.wrapped_accessor.clone().map(|accessor| [(WRAPPED_ACCESSOR.to_owned(), accessor)].into()),
            num_uses: 1,
            ttl: about.ttl,
            explicit_max_ttl: about.ttl,
            ..NewToken::default()
        };
        let cluster = self.identity.cluster()?;
        let parts = create::parts(&self.env, &cluster, namespace, new)?;
        let hash = cluster.token_hash(parts.created.token.expose());
        let live_key = keys::namespace_live(namespace)?;
        let [live] = self.store.revisions_of([live_key.clone()]).await?;
        let mut changes = Changes::new();
        changes.expect(Expectation::At(live_key, live.ok_or(Error::Denied)?));
        for (key, value) in parts.entries {
            changes.create(key, value);
        }
        for (number, part) in (0..).zip(text.expose().chunks(PART_BYTES_MAX)) {
            changes.create(keys::wrapped(namespace, &hash, number)?, part.to_vec());
        }
        let creation_time = from_stored(parts.created.entry.created);
        let accessor = parts.created.entry.accessor;
        let token = match about.format {
            WrapFormat::Token => parts.created.token,
            WrapFormat::Jwt => self.signer.sign(&parts.created.token, &accessor, about.ttl).await?,
        };
        let info = WrapInfo {
            token,
            accessor,
            ttl: about.ttl,
            creation_time,
            creation_path: about.path,
            wrapped_accessor: about.wrapped_accessor,
        };
        Ok((changes, info))
    }

    /// A kept reply, with everything that stands for it in the store.
    async fn find(&self, token: &Resolved) -> Result<Kept, Error> {
        let (namespace, hash) = (token.home.id.as_str(), token.hash.as_str());
        let expires = token.state.expires.unwrap_or_default();
        let beside = [
            keys::token_uses(namespace, hash)?,
            keys::accessor(namespace, &self.identity.cluster()?.accessor_hash(&token.entry.accessor))?,
            keys::due(expires, namespace, DUE_KIND, hash)?,
            keys::wrapped(namespace, hash, 0)?,
            keys::wrapped(namespace, hash, 1)?,
        ];
        let found = self.store.get_all(beside.clone()).await?;
        let mut entries = token.entries();
        let mut text = Vec::new();
        for (index, (key, opened)) in beside.into_iter().zip(found).enumerate() {
            let Some(opened) = opened else { continue };
            entries.push((key, opened.revision));
            if index >= FIRST_PART {
                text.extend_from_slice(opened.value.expose());
            }
        }
        if text.is_empty() {
            return Err(invalid());
        }
        Ok(Kept { text: Secret::new(text), entries })
    }
}

impl Kept {
    fn remove(&self, changes: &mut Changes) {
        for (key, revision) in &self.entries {
            changes.delete(key.clone(), *revision);
        }
    }
}

/// Where the reply begins among the entries of [`Wrapping::find`].
const FIRST_PART: usize = 3;
/// Where a wrapping token remembers the accessor of the token in its reply.
const WRAPPED_ACCESSOR: &str = "wrapped_accessor";

/// The token that a text stands for if it is a JSON Web Token of ours, and nothing of that is proven; `None` of any other.
pub(crate) fn named_by(text: &str) -> Option<Secret<String>> {
    jwt::Claimed::parse(text).map(|claimed| claimed.token)
}

fn head(status: u16, content_type: Option<String>) -> Result<Vec<u8>, Error> {
    let mut head = framework::view::encode(&Head { v: 1, status, content_type })?;
    head.push(b'\n');
    Ok(head)
}

/// The reply as it would have been, to the byte.
fn reply_of(text: &[u8]) -> Result<Reply, Error> {
    let damaged = |why: &'static str| Error::world("open a wrapped reply", why);
    let end = text.iter().position(|byte| *byte == b'\n').ok_or_else(|| damaged("it has no first line"))?;
    let (head, body) = text.split_at(end);
    let head: Head = serde_json::from_slice(head).map_err(|source| Error::world("open a wrapped reply", source))?;
    if head.v != 1 {
        return Err(damaged("its format is newer than this release"));
    }
    let status = if head.status == 200 { Status::Usual } else { Status::Code(head.status) };
    if let Some(content_type) = head.content_type {
        let bytes = body.strip_prefix(b"\n").unwrap_or(body);
        return Ok(Reply::body(content_type, bytes).with_status(status));
    }
    let body = std::str::from_utf8(body).map_err(|source| Error::world("open a wrapped reply", source))?;
    let body = RawValue::from_string(body.trim().to_owned());
    let reply = Reply::raw(body.map_err(|source| Error::world("open a wrapped reply", source))?);
    Ok(Reply { shape: Shape::Bare, status, ..reply })
}

/// Refuses a time that no reply is kept for: before anything is done, since afterwards it would be done and not told.
pub(crate) fn check_ttl(ttl: Option<Duration>) -> Result<(), Error> {
    if ttl.is_some_and(|ttl| whole_seconds(ttl) > TTL_SECS_MAX) {
        return Err(Error::Invalid(format!("the wrap TTL is longer than {TTL_SECS_MAX} seconds").into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
