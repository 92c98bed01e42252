//! `sys/locked-users`: who is locked out of the auth methods of this namespace and of those below, and how to let them
//! in again.

use std::cmp::Reverse;
use std::sync::Arc;

use framework::view::Listing;
use framework::{Context, Error, Path, Reply, Segment, fields};
use serde_json::{Value, json};

use crate::lockout::Lockout;
use crate::mounts::Mounts;
use crate::mounts::entry::Settings;

/// For these endpoints.
pub(crate) struct LockoutPart {
    pub(crate) lockout: Arc<Lockout>,
    pub(crate) mounts: Arc<Mounts>,
}

const ACCESSOR: &str = "Accessor of the auth method.";
const USER: &str = "Name by which the auth method knows the user.";

pub(super) fn paths() -> Vec<Path<LockoutPart>> {
    vec![
        Path::new("locked-users", "Users who are locked out.")
            .read(read, "Count and list them, those of the namespaces below included."),
        Path::new("locked-users/{mount_accessor}/unlock/{alias_identifier}", "A user who is locked out.")
            .param("mount_accessor", Segment::Name, ACCESSOR)
            .param("alias_identifier", Segment::Rest, USER)
            .update(unlock, "Let the user in again, and forget all failures."),
    ]
}

fields! {
    /// Which of them to show.
    struct Which {
        /// Accessor of the one auth method whose users to show. All when left out.
        mount_accessor: String = String::new(),
    }
}

fields! {
    /// A user.
    struct Whom {
        /// Accessor of the auth method.
        mount_accessor: String,
        /// Name by which the auth method knows the user.
        alias_identifier: String,
    }
}

async fn read(part: &LockoutPart, context: &Context, input: Which) -> Result<Reply, Error> {
    let here = &context.namespace;
    let mut all = Vec::new();
    if input.mount_accessor.is_empty() {
        all.push(of_namespace(part, &here.id, &here.path, &part.mounts.all(&here.id).await?).await?);
        for below in part.mounts.namespaces.list(here, true, &Listing::default()).await? {
            let id = below.at.id.as_str();
            if !below.at.is_removing {
                all.push(of_namespace(part, id, &below.path, &part.mounts.all(id).await?).await?);
            }
        }
    } else {
        let mount = find(part, &here.id, &input.mount_accessor).await?;
        all.push(of_namespace(part, &here.id, &here.path, &[mount]).await?);
    }
    all.retain(|(count, _)| *count > 0);
    all.sort_by_key(|(count, _)| Reverse(*count));
    let total: usize = all.iter().map(|(count, _)| count).sum();
    let all: Vec<_> = all.into_iter().map(|(_, shown)| shown).collect();
    Ok(Reply::data(json!({ "by_namespace": all, "total": total })))
}

/// How many users are locked out in a namespace, and who.
async fn of_namespace(part: &LockoutPart, id: &str, path: &str, mounts: &[Settings]) -> Result<(usize, Value), Error> {
    let mut locked = part.lockout.locked(id, mounts).await?;
    locked.sort_by_key(|(_, users)| Reverse(users.len()));
    let count = locked.iter().map(|(_, users)| users.len()).sum();
    let mounts = locked.into_iter().map(
        |(accessor, users)| json!({ "mount_accessor": accessor, "counts": users.len(), "alias_identifiers": users }),
    );
    let mounts: Vec<_> = mounts.collect();
    Ok((count, json!({ "namespace_id": id, "namespace_path": path, "counts": count, "mount_accessors": mounts })))
}

async fn unlock(part: &LockoutPart, context: &Context, input: Whom) -> Result<Reply, Error> {
    let (ns, accessor) = (context.namespace.id.as_str(), &input.mount_accessor);
    let mount = part.mounts.by_accessor(ns, accessor).await?.ok_or_else(|| no_such_mount(accessor))?;
    let is_known = part.lockout.unlock(ns, &mount, &input.alias_identifier).await?;
    let text = "Nobody of this name has failed to log in there lately, as far as this node knows: names are spelled as \
                sys/locked-users lists them";
    Ok(if is_known { Reply::empty() } else { Reply::empty().warn(text) })
}

async fn find(part: &LockoutPart, ns: &str, accessor: &str) -> Result<Settings, Error> {
    let mount = part.mounts.all(ns).await?.into_iter().find(|mount| mount.accessor == accessor);
    mount.ok_or_else(|| no_such_mount(accessor))
}

fn no_such_mount(accessor: &str) -> Error {
    Error::Invalid(format!("invalid mount_accessor \"{accessor}\"").into())
}
