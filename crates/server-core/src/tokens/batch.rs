//! Batch tokens: all about the token is in its text, sealed; nothing is stored.
//!
//! `hvb.`, and in base64url without padding: format (1 byte), term (4 bytes, big-endian), nonce (24 bytes), ciphertext
//! and tag. The cipher is XAES-256-GCM under the term's own subkey for batch tokens, so every node can open what any
//! node made, a rotation leaves earlier ones valid, and nobody else can make, change or read one. It cannot be taken
//! back: it ends when its time is over, or with the token or the mount that it comes from, which are looked at with each
//! use.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use barrier::xaes::{NONCE_BYTES, XaesKey};
use barrier::{Barrier, Purpose, Remembered, Subkey};
use data_encoding::BASE64URL_NOPAD;
use framework::Error;
use framework::view::from_barrier;
use secret::Secret;
use serde::{Deserialize, Serialize};
use storage::{Key, Revision};

use super::create::{Created, Login, NewToken, nanos};
use super::entry::{State, TokenEntry, TokenState};
use super::kind::Kind;
use super::text::{parse_name, with_namespace};
use super::{Compiled, Resolved, Sources, Stored, Tokens};
use crate::audit_log::caller_texts::CallerTexts;
use crate::cidr::Cidr;
use crate::keys;
use crate::store::{Lost, encode};

/// The prefix of batch tokens. No token that is stored can have it.
pub(crate) const PREFIX: &str = "hvb.";
/// The longest batch token, in bytes of text: what a listener takes as a token (documented Vault limit).
const TEXT_BYTES_MAX: usize = 8192;
/// The layout in front of the ciphertext.
const FORMAT: u8 = 1;
/// What the ciphertext is bound to, before the head.
const LABEL: &[u8] = b"strongroom batch token";
const TERM_BYTES: usize = 4;
const HEAD_BYTES: usize = 1 + TERM_BYTES;

/// What is sealed in a batch token.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct BatchEntry {
    pub(super) v: u32,
    pub(super) namespace: String,
    pub(super) policies: Vec<String>,
    pub(super) path: String,
    pub(super) display_name: String,
    /// Nanoseconds since 1970.
    pub(super) created: i64,
    pub(super) ttl_secs: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) parent: Option<Parent>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) meta: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) entity_id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) role: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) bound_cidrs: Vec<Cidr>,
    /// The UUID of the mount of the login; with it the token ends.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) mount: String,
}

/// The token that made it and that it ends with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Parent {
    /// The storage name, with its namespace behind a dot if that is another one.
    pub(super) token: String,
    /// Random for each token, so that a later one with the same chosen text is not taken for the parent.
    pub(super) accessor: String,
}

/// Whether a token's text is one of a batch token's.
pub(crate) fn is_batch(token: &str) -> bool {
    token.starts_with(PREFIX)
}

/// The text of a batch token, bound to a token epoch.
pub(super) fn seal(
    key: &Subkey,
    epoch: &str,
    nonce: &[u8; NONCE_BYTES],
    entry: &BatchEntry,
) -> Result<Secret<String>, Error> {
    let plaintext = Secret::new(encode(entry)?);
    let mut head = [FORMAT; HEAD_BYTES];
    head[1..].copy_from_slice(&key.term.to_be_bytes());
    let mut sealed = [head.as_slice(), nonce].concat();
    XaesKey::new(key.key.expose()).seal(
        nonce,
        &[LABEL, &head, epoch.as_bytes()].concat(),
        plaintext.expose(),
        &mut sealed,
    );
    let text = with_namespace(&[PREFIX, &BASE64URL_NOPAD.encode(&sealed)].concat(), &entry.namespace);
    if text.len() > TEXT_BYTES_MAX {
        let length = text.len();
        let text = format!(
            "batch token would have {length} bytes, the most is {TEXT_BYTES_MAX}: give it less metadata or fewer policies"
        );
        return Err(Error::Invalid(text.into()));
    }
    Ok(Secret::new(text))
}

/// What is sealed in a text; `None` for whatever this cluster did not seal in this token epoch.
pub(super) async fn open(barrier: &Barrier, epoch: &str, token: &str) -> Result<Option<BatchEntry>, Error> {
    let Some(text) = token.strip_prefix(PREFIX).filter(|_| token.len() <= TEXT_BYTES_MAX) else { return Ok(None) };
    // What is behind the dot is only where to look: what counts is the namespace within.
    let text = text.split_once('.').map_or(text, |(text, _)| text);
    let Ok(bytes) = BASE64URL_NOPAD.decode(text.as_bytes()) else { return Ok(None) };
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD_BYTES>() else { return Ok(None) };
    let Some((nonce, sealed)) = rest.split_first_chunk::<NONCE_BYTES>() else { return Ok(None) };
    let (format, term) = (head[0], u32::from_be_bytes([head[1], head[2], head[3], head[4]]));
    if format != FORMAT {
        return Ok(None);
    }
    let Some(key) = barrier.subkey_of(Purpose::BatchTokens, term).await.map_err(from_barrier)? else {
        return Ok(None);
    };
    let opened =
        XaesKey::new(key.key.expose()).open(nonce, &[LABEL, head.as_slice(), epoch.as_bytes()].concat(), sealed);
    let Ok(opened) = opened else { return Ok(None) };
    let entry = serde_json::from_slice(opened.expose());
    entry.map(Some).map_err(|source| Error::world("decode what a batch token holds", source))
}

impl BatchEntry {
    fn expires(&self) -> i64 {
        self.created.saturating_add(nanos(Duration::from_secs(self.ttl_secs)))
    }

    /// The same as what is stored of other tokens.
    fn into_entry(self) -> TokenEntry {
        TokenEntry {
            v: self.v,
            state: State::Live,
            policies: self.policies,
            path: self.path,
            meta: self.meta,
            display_name: self.display_name,
            num_uses: 0,
            created: self.created,
            ttl_secs: self.ttl_secs,
            explicit_max_ttl_secs: 0,
            period_secs: 0,
            is_renewable: false,
            parent: self.parent.map(|parent| parent.token),
            accessor: String::new(),
            entity_id: self.entity_id,
            role: self.role,
            bound_cidrs: self.bound_cidrs,
            mount: self.mount,
            login_role: None,
            epoch: String::new(),
            note: None,
        }
    }
}

/// What a batch token was found to hang on.
struct Anchor {
    /// The liveness that leases and the like of the token hang on: the parent's, or the namespace's for an orphan.
    liveness: (Key, Revision),
    /// When the parent ends.
    expires: Option<i64>,
    sources: Sources,
}

impl Tokens {
    /// Makes a batch token. Nothing is stored of it: whatever is revoked meanwhile is noticed when the token is used.
    /// What a login was decided from is not looked at then, so it is now, when nothing else can go wrong any more.
    pub(super) async fn create_batch(&self, namespace: &str, mut new: NewToken) -> Result<Created, Lost> {
        let parent = match &new.parent {
            None => None,
            Some(name) => {
                let (above, hash) = parse_name(namespace, name);
                let parent = self.live(above, hash).await?.ok_or(Error::Denied)?;
                Some(Parent { token: name.clone(), accessor: parent.entry.value.accessor })
            }
        };
        let login = new.login.take();
        let entry = BatchEntry {
            v: 1,
            namespace: namespace.to_owned(),
            policies: new.policies,
            path: new.path,
            display_name: new.display_name,
            created: self.now_nanos(),
            ttl_secs: new.ttl.as_secs(),
            parent,
            meta: new.meta,
            entity_id: new.entity_id,
            role: new.role.map(|role| role.name).unwrap_or_default(),
            bound_cidrs: new.bound_cidrs,
            mount: login.as_ref().map(|login| login.mount.clone()).unwrap_or_default(),
        };
        let key = self.store.barrier().subkey(Purpose::BatchTokens).map_err(from_barrier)?;
        let token = seal(&key, &self.identity.cluster()?.token_epoch, &self.env.random(), &entry)?;
        if let Some(login) = login {
            self.confirm(login).await?;
        }
        Ok(Created { token, kind: Kind::Batch, entry: entry.into_entry() })
    }

    /// Takes what a login costs, if it would still be decided as it was.
    async fn confirm(&self, login: Login) -> Result<(), Lost> {
        let Login { liveness, mut expected, changes, .. } = login;
        let live = liveness.0.clone();
        expected.push(liveness);
        let moved = framework::login::confirm(self.store.barrier(), expected, changes).await?;
        if moved.contains(&live) {
            // The login's mount was disabled meanwhile.
            return Err(Error::Denied.into());
        }
        if moved.is_empty() { Ok(()) } else { Err(Lost::Race(moved)) }
    }

    /// The valid batch token of this text, or [`Error::Denied`].
    pub(super) async fn resolve_batch(&self, namespace: &str, token: &str) -> Result<Arc<Resolved>, Error> {
        let hash = self.hash(token)?;
        let entry = open(self.store.barrier(), &self.identity.cluster()?.token_epoch, token)
            .await?
            .filter(|entry| entry.namespace == namespace);
        let home = self.namespaces.home(namespace).await?;
        let anchor = match &entry {
            Some(entry) => self.anchor(namespace, entry).await?,
            None => None,
        };
        let (Some(entry), Some(home), Some(Anchor { liveness, expires, mut sources })) = (entry, home, anchor) else {
            self.resolved.remove(&hash);
            return Err(Error::Denied);
        };
        if let Some((key, revision)) = home.source {
            sources.add(key, Some(revision));
        }
        let home = home.namespace;
        let expires = entry.expires().min(expires.unwrap_or(i64::MAX));
        let entry = entry.into_entry();
        let Compiled { acl, entity_id, identity_policies } = self.compile(&home, &entry, &mut sources).await?;
        Ok(self.keep(Resolved {
            hash,
            kind: Kind::Batch,
            acl,
            home,
            entity_id,
            identity_policies,
            entry,
            state: TokenState { v: 1, expires: Some(expires), renewed: None },
            liveness,
            sources,
            is_current: Remembered::default(),
            is_orphan: Remembered::default(),
            caller_texts: CallerTexts::default(),
        }))
    }

    /// What it hangs on; `None` when that is gone.
    async fn anchor(&self, namespace: &str, entry: &BatchEntry) -> Result<Option<Anchor>, Error> {
        let mut sources = Sources::default();
        if !self.comes_from(namespace, &entry.mount, &mut sources).await? {
            return Ok(None);
        }
        let Some(parent) = &entry.parent else {
            let key = keys::namespace_live(namespace)?;
            let [Some(revision)] = self.store.revisions_of([key.clone()]).await? else { return Ok(None) };
            sources.add(key.clone(), Some(revision));
            return Ok(Some(Anchor { liveness: (key, revision), expires: None, sources }));
        };
        let (above, hash) = parse_name(namespace, &parent.token);
        let stored = self.live(above, hash).await?;
        let stored = stored.filter(|it| it.entry.value.accessor == parent.accessor);
        let Some(Stored { entry, state }) = stored else { return Ok(None) };
        if !self.comes_from(above, &entry.value.mount, &mut sources).await? {
            return Ok(None);
        }
        let key = keys::token(above, hash)?;
        sources.add(key.clone(), Some(entry.revision));
        sources.add(keys::token_state(above, hash)?, Some(state.revision));
        Ok(Some(Anchor { liveness: (key, entry.revision), expires: state.value.expires, sources }))
    }
}

/// The TTL that a batch token was given, whatever becomes of its parent; for lookups.
pub(super) fn own_state(entry: &TokenEntry) -> TokenState {
    TokenState { v: 1, expires: Some(entry.created.saturating_add(nanos(entry.ttl()))), renewed: None }
}

#[cfg(test)]
mod tests;
