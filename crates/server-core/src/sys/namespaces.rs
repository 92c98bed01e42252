//! `sys/namespaces`: making, showing, changing, deleting and locking the namespaces below the one that is asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use framework::input::Nothing;
use framework::view::Listing;
use framework::{Context, Error, Namespace, Page, Path, Reply, Segment, fields};
use secret::Secret;
use serde_json::{Map, Value, json};

use crate::namespaces::Namespaces;
use crate::namespaces::change::Deleted;
use crate::namespaces::show::Shown;
use crate::tokens::Tokens;

const NAME: &str = "Name of a namespace right below this one.";
const BELOW: &str = "Path of a namespace below this one.";

/// For the endpoints about namespaces.
pub(crate) struct NamespacesPart {
    pub(crate) namespaces: Arc<Namespaces>,
    pub(crate) tokens: Arc<Tokens>,
}

pub(super) fn paths() -> Vec<Path<NamespacesPart>> {
    vec![
        Path::new("namespaces", "The namespaces below this one.")
            .list(list, "List those right below.")
            .scan(scan, "List all below, however deep."),
        Path::new("namespaces/{path}", "One namespace.")
            .param("path", Segment::Rest, NAME)
            .read(read, "Show the namespace.")
            .update(write, "Make the namespace, or replace its metadata.")
            .patch(patch, "Merge into its metadata.")
            .delete(delete, "Delete it with all that it holds, which is cleared away after the reply."),
        Path::new("namespaces/api-lock/lock", "Locks this namespace.").update(lock, "Lock it."),
        Path::new("namespaces/api-lock/lock/{path}", "Locks a namespace below this one.")
            .param("path", Segment::Rest, BELOW)
            .update(lock_below, "Lock it."),
        Path::new("namespaces/api-lock/unlock", "Unlocks this namespace.").update(unlock, "Unlock it."),
        Path::new("namespaces/api-lock/unlock/{path}", "Unlocks a namespace below this one.")
            .param("path", Segment::Rest, BELOW)
            .update(unlock_below, "Unlock it."),
        Path::new("internal/ui/namespaces", "The namespaces below this one that the caller may do something in.")
            .unauthenticated()
            .read(read_visible, "Show them."),
    ]
}

fields! {
    /// A namespace by its path.
    struct At {
        /// Path of the namespace from this one.
        path: String,
    }
}

fields! {
    /// A namespace to be made.
    struct Write {
        /// Name of the namespace.
        path: String,
        /// Texts of an operator's own by name.
        custom_metadata: Option<BTreeMap<String, String>>,
    }
}

fields! {
    /// A change of a namespace.
    struct Patch {
        /// Name of the namespace.
        path: String,
        /// Texts of an operator's own by name; null takes one away.
        custom_metadata: Map<String, Value> = Map::new(),
    }
}

fields! {
    /// What unlocks this namespace.
    struct Unlock {
        /// The key that the lock gave. Not needed with a root token.
        unlock_key: Secret<String> = Secret::default() => secret,
    }
}

fields! {
    /// What unlocks a namespace.
    struct UnlockBelow {
        /// Path of the namespace from this one.
        path: String,
        /// The key that the lock gave. Not needed with a root token.
        unlock_key: Secret<String> = Secret::default() => secret,
    }
}

async fn list(part: &NamespacesPart, context: &Context, page: Page) -> Result<Reply, Error> {
    names(part, context, false, page).await
}

async fn scan(part: &NamespacesPart, context: &Context, page: Page) -> Result<Reply, Error> {
    names(part, context, true, page).await
}

async fn names(part: &NamespacesPart, context: &Context, is_deep: bool, page: Page) -> Result<Reply, Error> {
    let all = part.namespaces.list(&context.namespace, is_deep, &page.listing()).await?;
    let keys: Vec<_> = all.iter().map(|it| it.name.clone()).collect();
    let mut reply = Reply::list(keys);
    if let Some(framework::Data::Object(data)) = &mut reply.data
        && !all.is_empty()
    {
        let info: Map<_, _> = all.into_iter().map(|it| (it.name.clone(), it.json())).collect();
        data.insert("key_info".to_owned(), info.into());
    }
    Ok(reply)
}

async fn read(part: &NamespacesPart, context: &Context, input: At) -> Result<Reply, Error> {
    show(part, context, &input.path).await
}

async fn show(part: &NamespacesPart, context: &Context, name: &str) -> Result<Reply, Error> {
    let shown = part.namespaces.show(&context.namespace, name).await?;
    Ok(Reply::data(shown.as_ref().map(Shown::json).ok_or(Error::NotFound)?))
}

async fn write(part: &NamespacesPart, context: &Context, input: Write) -> Result<Reply, Error> {
    part.namespaces.create(&context.namespace, &input.path, input.custom_metadata).await?;
    show(part, context, &input.path).await
}

async fn patch(part: &NamespacesPart, context: &Context, input: Patch) -> Result<Reply, Error> {
    part.namespaces.patch(&context.namespace, &input.path, &input.custom_metadata).await?;
    show(part, context, &input.path).await
}

async fn delete(part: &NamespacesPart, context: &Context, input: At) -> Result<Reply, Error> {
    match part.namespaces.delete(&context.namespace, &input.path).await? {
        Deleted::InProgress => Ok(Reply::data(json!({ "status": "in-progress" }))),
        Deleted::Nothing => Ok(Reply::empty()),
    }
}

async fn lock(part: &NamespacesPart, context: &Context, _: Nothing) -> Result<Reply, Error> {
    locked(part, &context.namespace).await
}

async fn lock_below(part: &NamespacesPart, context: &Context, input: At) -> Result<Reply, Error> {
    let namespace = below(part, context, &input.path).await?;
    locked(part, &namespace).await
}

async fn locked(part: &NamespacesPart, namespace: &Namespace) -> Result<Reply, Error> {
    let key = part.namespaces.lock(namespace).await?;
    Ok(Reply::data(json!({ "unlock_key": key.expose() })))
}

async fn unlock(part: &NamespacesPart, context: &Context, input: Unlock) -> Result<Reply, Error> {
    unlocked(part, context, &context.namespace, &input.unlock_key).await
}

async fn unlock_below(part: &NamespacesPart, context: &Context, input: UnlockBelow) -> Result<Reply, Error> {
    let namespace = below(part, context, &input.path).await?;
    unlocked(part, context, &namespace, &input.unlock_key).await
}

async fn unlocked(
    part: &NamespacesPart,
    context: &Context,
    namespace: &Namespace,
    key: &Secret<String>,
) -> Result<Reply, Error> {
    let key = Some(key).filter(|key| !key.expose().is_empty());
    if key.is_none() && !part.tokens.caller(context).await?.acl.is_root() {
        return Err(Error::invalid("unlock_key is missing: only a root token unlocks without it"));
    }
    part.namespaces.unlock(namespace, key).await?;
    Ok(Reply::empty())
}

/// A namespace below the one that is asked. Whoever may lock here may know what there is.
async fn below(part: &NamespacesPart, context: &Context, path: &str) -> Result<Arc<Namespace>, Error> {
    let path = [context.namespace.path.as_str(), path.trim_matches('/')].concat();
    let found = part.namespaces.at(&path).await?;
    found.map(|place| Arc::clone(&place.namespace)).ok_or(Error::NotFound)
}

/// Keys are left out when there is no namespace to show, as user interfaces expect.
async fn read_visible(part: &NamespacesPart, context: &Context, _: Nothing) -> Result<Reply, Error> {
    let token = match part.tokens.caller(context).await {
        Ok(token) => token,
        Err(Error::Denied) => return Ok(Reply::data(json!({}))),
        Err(error) => return Err(error),
    };
    let all = part.namespaces.list(&context.namespace, false, &Listing::default()).await?;
    let seen = all.into_iter().filter(|it| !it.at.is_removing && token.acl.has_any_below(&it.path));
    let seen: Vec<_> = seen.map(|it| it.name).collect();
    Ok(Reply::data(if seen.is_empty() { json!({}) } else { json!({ "keys": seen }) }))
}
