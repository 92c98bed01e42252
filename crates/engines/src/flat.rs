//! One JSON object under each path, without versions: KV version 1 as documented for Vault, and what every token has
//! of it for itself, the cubbyhole. Writing replaces the whole object.

use std::time::Duration;

use framework::reply::Lease;
use framework::view::ViewChanges;
use framework::{Context, Error, FieldValue, Path, Reply, Segment, Stored, View, fields, retry};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::secrets::{Folder, Location, SecretPath, canonical};

/// Where a mount's secrets are.
pub(crate) const SECRETS: &str = "secret/";

/// Whose secrets they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Owner {
    /// The mount's: replies tell for how long a secret may be taken as fresh.
    Mount,
    /// The caller's token's: there is no lease, and nothing without a token.
    Token,
}

fields! {
    /// Stores a secret.
    struct WriteSecret {
        /// Location of the secret.
        path: SecretPath,
        ..data
    }
}

fields! {
    /// Names a secret. Clients put what they like into the query.
    struct ReadSecret {
        /// Location of the secret.
        path: SecretPath,
        ..rest
    }
}

/// The only path of such an engine.
pub(crate) fn item() -> Path<Owner> {
    Path::new("{path}", "Secrets as JSON objects under free paths.")
        .param("path", Segment::Rest, "Location of the secret.")
        .exists::<Location>(exists)
        .harmless_reads()
        .read::<ReadSecret>(read, "Read a secret.")
        .update::<WriteSecret>(write, "Store a secret in place of what is there.")
        .delete::<Location>(delete, "Delete a secret.")
        .list::<Folder>(list, "List the secrets and folders in a folder.")
        .scan::<Folder>(scan, "List all secrets below a folder that the caller may read or list, however deep.")
}

impl Owner {
    /// Where the secrets are in the storage. Those of a mount leave room beside them for what the next version stores,
    /// so that an upgrade can go on piece by piece.
    const fn folder(self) -> &'static str {
        match self {
            Self::Mount => SECRETS,
            Self::Token => "",
        }
    }

    /// Where a secret is in the storage.
    fn name(self, path: &SecretPath) -> String {
        [self.folder(), path.as_str()].concat()
    }

    /// Refuses a request that there are no secrets for.
    fn admit(self, context: &Context) -> Result<(), Error> {
        let is_nobodys = self == Self::Token && context.caller.token_hash.is_empty();
        if is_nobodys { Err(Error::Denied) } else { Ok(()) }
    }

    /// The hashes of the values that lines are made for: not of those that belong to a token.
    fn new_hashes(self, context: &Context, object: &Map<String, Value>) -> Result<Vec<String>, Error> {
        let is_wanted = self == Self::Mount && context.view.makes_fingerprints();
        if is_wanted { context.view.hashes_of(object) } else { Ok(Vec::new()) }
    }

    /// Adds the fingerprints that come and go when `stored` is replaced. Every write makes all of them anew, so that they
    /// have the revision of the secret's entry, and nobody has to keep account of them. Where that does not hold, since the
    /// mount had no fingerprints for a while, the store is asked: a later `attempt` does, and a mount that has them off.
    async fn change_fingerprints<'v>(
        self,
        mut changes: ViewChanges<'v>,
        context: &Context,
        path: &SecretPath,
        stored: Option<&Stored>,
        hashes: &[String],
        attempt: usize,
    ) -> Result<ViewChanges<'v>, Error> {
        if self == Self::Token {
            return Ok(changes);
        }
        let (view, path) = (&context.view, path.as_str());
        let old = stored.map_or_else(|| Ok(Vec::new()), |stored| hashes_of(view, stored.bytes()))?;
        let mut all = old.clone();
        all.extend(hashes.iter().filter(|hash| !old.contains(hash)).cloned());
        let revision = stored.map(Stored::revision);
        let known = if (attempt == 0 && view.makes_fingerprints()) || all.is_empty() {
            all.iter().map(|hash| revision.filter(|_| old.contains(hash))).collect()
        } else {
            view.stored_fingerprints(&all, path).await?
        };
        for (hash, known) in all.iter().zip(known) {
            changes = match known {
                known if hashes.contains(hash) => changes.note_fingerprint(hash, path, known),
                Some(known) => changes.forget_fingerprint(hash, path, known),
                None => changes,
            };
        }
        Ok(changes)
    }
}

/// The hashes of the values in a stored secret. One that is damaged has none, and can be replaced all the same.
///
/// # Errors
/// As [`View::hashes_of`].
pub(crate) fn hashes_of(view: &View, stored: &[u8]) -> Result<Vec<String>, Error> {
    serde_json::from_slice::<Map<String, Value>>(stored)
        .map_or_else(|_| Ok(Vec::new()), |object| view.hashes_of(&object))
}

async fn exists(owner: &Owner, context: &Context, input: Location) -> Result<bool, Error> {
    owner.admit(context)?;
    Ok(context.view.get(&owner.name(&input.path)).await?.is_some())
}

async fn read(owner: &Owner, context: &Context, input: ReadSecret) -> Result<Reply, Error> {
    owner.admit(context)?;
    let stored = context.view.get(&owner.name(&input.path)).await?.ok_or(Error::NotFound)?;
    let reply = Reply::raw(stored.raw()?);
    if *owner == Owner::Token {
        return Ok(reply);
    }
    let duration = own_ttl(stored.bytes()).unwrap_or(context.mount.default_lease_ttl);
    Ok(reply.with_lease(Lease { duration, ..Lease::default() }))
}

async fn write(owner: &Owner, context: &Context, input: WriteSecret) -> Result<Reply, Error> {
    owner.admit(context)?;
    if input.data.is_empty() {
        return Err(Error::invalid("missing data fields"));
    }
    let (name, text) = (owner.name(&input.path), canonical(&input.data)?);
    let hashes = owner.new_hashes(context, &input.data)?;
    retry!(attempt => {
        let stored = context.view.get(&name).await?;
        let known = stored.as_ref().map(Stored::revision);
        let changes = context.view.changes().put(&name, known, text.clone());
        owner.change_fingerprints(changes, context, &input.path, stored.as_ref(), &hashes, attempt).await?.commit().await
    })?;
    Ok(Reply::empty())
}

async fn delete(owner: &Owner, context: &Context, input: Location) -> Result<Reply, Error> {
    owner.admit(context)?;
    let name = owner.name(&input.path);
    retry!(attempt => {
        if let Some(stored) = context.view.get(&name).await? {
            let changes = context.view.changes().delete(&name, stored.revision());
            let changes = owner.change_fingerprints(changes, context, &input.path, Some(&stored), &[], attempt).await?;
            changes.commit().await?;
        }
        Ok(())
    })?;
    Ok(Reply::empty())
}

async fn list(owner: &Owner, context: &Context, input: Folder) -> Result<Reply, Error> {
    owner.admit(context)?;
    let folder = [owner.folder(), &input.name()].concat();
    Ok(Reply::list(context.view.list(&folder, &input.listing()).await?))
}

async fn scan(owner: &Owner, context: &Context, input: Folder) -> Result<Reply, Error> {
    owner.admit(context)?;
    Ok(Reply::list(input.scan_names(context, owner.folder(), "").await?))
}

/// A secret can say itself for how long it is fresh, under `ttl`, or `lease` as it was called once. What is no
/// duration is ignored.
fn own_ttl(text: &[u8]) -> Option<Duration> {
    #[derive(Deserialize)]
    struct Hints {
        ttl: Option<Value>,
        lease: Option<Value>,
    }
    let text = std::str::from_utf8(text).ok()?;
    if !text.contains("\"ttl\"") && !text.contains("\"lease\"") {
        return None;
    }
    let hints: Hints = serde_json::from_str(text).ok()?;
    Duration::coerce(hints.ttl.or(hints.lease)?).ok()
}
