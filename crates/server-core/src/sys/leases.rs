//! `sys/leases/`, and the older `sys/renew` and `sys/revoke`: what is known of leases, longer life and an early end.
//!
//! Whoever has a lease's id may look at it, renew and revoke it if their policies allow the endpoint: an id is as hard to
//! guess as a token. What is about many leases at once needs `sudo`.

use std::sync::Arc;
use std::time::Duration;

use framework::view::{LIST_NAMES_MAX, Listing, from_stored};
use framework::{Context, Error, Path, Reply, Segment, Status, fields};
use serde_json::{Map, json};

use crate::leases::Leases;
use crate::leases::entry::{LeaseEntry, State};
use crate::leases::id::is_below_auth;
use crate::leases::sweep::folder;
use crate::tokens::logins::Ending;
use crate::tokens::revoke::Children;
use crate::tokens::{Stored, Tokens};

/// How many irrevocable leases are listed when nobody says (documented Vault limit).
const IRREVOCABLE_LISTED: usize = 10_000;

const ID: &str = "The lease's id, as it came with the secret.";
const PREFIX: &str = "The path below which leases are meant, such as database/creds/app.";
const RENEW: &str = "Let it live longer.";
const REVOKE: &str = "End it.";

/// For the endpoints about leases; tokens that end are some as well.
pub(crate) struct LeasesPart {
    pub(crate) leases: Arc<Leases>,
    pub(crate) tokens: Arc<Tokens>,
}

pub(super) fn paths() -> Vec<Path<LeasesPart>> {
    let mut paths = vec![
        Path::new("leases", "Leases that could not be revoked.").sudo().read(list_irrevocable, "List them."),
        Path::new("leases/count", "How many leases there are.").read(count, "Count those that could not be revoked."),
        Path::new("leases/lookup", "One lease.").update(lookup, "Show what is known of it."),
        Path::new("leases/lookup/{prefix}", "Leases below a path.")
            .param("prefix", Segment::Rest, PREFIX)
            .sudo()
            .list(list, "List them."),
        Path::new("leases/tidy", "Look for what is left over of leases.")
            .update(tidy, "Start a pass in the background."),
    ];
    let places = [
        ["leases/renew", "leases/renew/{url_lease_id}", "leases/revoke", "leases/revoke/{url_lease_id}"],
        ["renew", "renew/{url_lease_id}", "revoke", "revoke/{url_lease_id}"],
    ];
    for [renew_body, renew_path, revoke_body, revoke_path] in places {
        paths.push(Path::new(renew_body, "Renew a lease.").update(renew, RENEW));
        let by_path = Path::new(renew_path, "Renew the lease of the path.");
        paths.push(by_path.param("url_lease_id", Segment::Rest, ID).update(renew, RENEW));
        paths.push(Path::new(revoke_body, "Revoke a lease.").update(revoke, REVOKE));
        let by_path = Path::new(revoke_path, "Revoke the lease of the path.");
        paths.push(by_path.param("url_lease_id", Segment::Rest, ID).update(revoke, REVOKE));
    }
    for template in ["leases/revoke-prefix/{prefix}", "revoke-prefix/{prefix}"] {
        let path = Path::new(template, "Revoke all leases below a path.").param("prefix", Segment::Rest, PREFIX).sudo();
        paths.push(path.update(revoke_prefix, "End all of them."));
    }
    for template in ["leases/revoke-force/{prefix}", "revoke-force/{prefix}"] {
        let path = Path::new(template, "Forget all leases below a path.").param("prefix", Segment::Rest, PREFIX).sudo();
        paths.push(path.update(revoke_force, "End all of them, even where what they stand for cannot be taken back."));
    }
    paths
}

fields! {
    /// A lease.
    struct Lookup {
        /// The lease's id, as it came with the secret.
        lease_id: String = String::new(),
    }
}

fields! {
    /// A lease to be renewed.
    struct Renew {
        /// The lease's id, before what the body says.
        url_lease_id: String = String::new(),
        /// The lease's id, as it came with the secret.
        lease_id: String = String::new(),
        /// How long it is to live from now on; by default as long as it was granted.
        increment: Duration = Duration::ZERO,
    }
}

fields! {
    /// A lease to be revoked.
    struct Revoke {
        /// The lease's id, before what the body says.
        url_lease_id: String = String::new(),
        /// The lease's id, as it came with the secret.
        lease_id: String = String::new(),
        /// Whether the reply waits until it is done.
        sync: bool = true,
    }
}

fields! {
    /// Leases to be revoked.
    struct RevokePrefix {
        /// The path below which leases are meant, such as database/creds/app.
        prefix: String,
        /// Whether the reply waits until it is done.
        sync: bool = true,
    }
}

fields! {
    /// Leases to be forgotten.
    struct RevokeForce {
        /// The path below which leases are meant, such as database/creds/app.
        prefix: String,
    }
}

fields! {
    /// Which leases to list.
    struct List {
        /// The path below which leases are meant, such as database/creds/app.
        prefix: String = String::new(),
        /// Goes on behind this name, whether or not it is still there.
        after: String = String::new(),
        /// The most names to list; all when zero or less.
        limit: i64 = 0,
    }
}

fields! {
    /// Which irrevocable leases to list.
    struct ListIrrevocable {
        /// Which kind of leases: irrevocable.
        r#type: String = String::new(),
        /// Whether those of the namespaces below are meant too.
        include_child_namespaces: bool = false,
        /// The most leases to list, or none for all; by default 10000.
        limit: String = String::new(),
        /// The same as a limit of none.
        force: bool = false,
    }
}

fields! {
    /// Which leases to count.
    struct Count {
        /// Which kind of leases: irrevocable.
        r#type: String = String::new(),
        /// Whether those of the namespaces below are meant too.
        include_child_namespaces: bool = false,
    }
}

/// The id of the path, or that of the body.
fn id(of_path: String, of_body: String) -> Result<String, Error> {
    let id = if of_path.is_empty() { of_body } else { of_path };
    if id.is_empty() { Err(Error::invalid("lease_id must be specified")) } else { Ok(id) }
}

async fn lookup(part: &LeasesPart, context: &Context, input: Lookup) -> Result<Reply, Error> {
    let id = id(String::new(), input.lease_id)?;
    let now = part.leases.now_nanos();
    if let Some(entry) = part.leases.find(&context.namespace.id, &id).await? {
        return Ok(Reply::data(show(&entry, now).into()));
    }
    let token = part.tokens.leased(&context.namespace.id, &id).await?;
    let token = token.ok_or_else(|| Error::invalid("invalid lease"))?;
    Ok(Reply::data(show_token(id.trim_matches('/'), &token.stored, now)))
}

/// A lease as clients know it. What it stands for is not shown.
fn show(entry: &LeaseEntry, now: i64) -> Map<String, serde_json::Value> {
    let time = |nanos: i64| from_stored(nanos).to_string();
    let mut shown = Map::from_iter([
        ("id".to_owned(), json!(entry.id)),
        ("issue_time".to_owned(), json!(time(entry.issued))),
        ("expire_time".to_owned(), json!(time(entry.expires))),
        ("last_renewal".to_owned(), json!(entry.renewed.map(time))),
        ("renewable".to_owned(), json!(entry.is_renewable && entry.is_live(now))),
        ("ttl".to_owned(), json!(entry.remaining(now).as_secs())),
    ]);
    if entry.state == State::Irrevocable {
        shown.insert("revoke_error".to_owned(), json!(entry.error));
    }
    shown
}

fn show_token(id: &str, Stored { entry, state }: &Stored, now: i64) -> serde_json::Value {
    let time = |nanos: i64| from_stored(nanos).to_string();
    json!({
        "id": id,
        "issue_time": time(entry.value.created),
        "expire_time": state.value.expires.map(time),
        "last_renewal": state.value.renewed.map(time),
        "renewable": entry.value.is_renewable,
        "ttl": state.value.remaining(now).as_secs(),
    })
}

async fn renew(part: &LeasesPart, context: &Context, input: Renew) -> Result<Reply, Error> {
    let id = id(input.url_lease_id, input.lease_id)?;
    if part.tokens.leased(&context.namespace.id, &id).await?.is_some() {
        return Err(Error::invalid("tokens cannot be renewed through this endpoint"));
    }
    let renewed = part.leases.renew(&context.namespace.id, &id, input.increment).await?;
    let reply = Reply::empty().with_lease(renewed.lease);
    Ok(Reply { warnings: renewed.warnings, ..reply })
}

async fn revoke(part: &LeasesPart, context: &Context, input: Revoke) -> Result<Reply, Error> {
    let id = id(input.url_lease_id, input.lease_id)?;
    if !revoke_token(part, context, &id).await? {
        part.leases.revoke(&context.namespace.id, &id, input.sync).await?;
    }
    Ok(revoked(input.sync))
}

async fn revoke_prefix(part: &LeasesPart, context: &Context, input: RevokePrefix) -> Result<Reply, Error> {
    end_tokens(part, context, &input.prefix, input.sync).await?;
    part.leases.revoke_prefix(&context.namespace.id, &input.prefix, input.sync).await?;
    Ok(revoked(input.sync))
}

async fn revoke_force(part: &LeasesPart, context: &Context, input: RevokeForce) -> Result<Reply, Error> {
    end_tokens(part, context, &input.prefix, true).await?;
    part.leases.revoke_force(&context.namespace.id, &input.prefix).await?;
    Ok(Reply::empty())
}

/// Revokes the token of a lease's id; false when it is none of a token.
async fn revoke_token(part: &LeasesPart, context: &Context, id: &str) -> Result<bool, Error> {
    let ns = &context.namespace.id;
    let Some(token) = part.tokens.leased(ns, id).await? else { return Ok(false) };
    part.tokens.revoke(ns, &token.hash, Children::Revoke).await?;
    Ok(true)
}

/// Ends the tokens that were made below a path, or the one of this id.
async fn end_tokens(part: &LeasesPart, context: &Context, prefix: &str, is_sync: bool) -> Result<(), Error> {
    if !is_below_auth(prefix) || revoke_token(part, context, prefix).await? {
        return Ok(());
    }
    let ns = &context.namespace.id;
    let path = folder(prefix)?;
    let mount = part.leases.login_mount(ns, &path).await?;
    part.tokens.end_below(ns, &Ending::Below { mount, path }, is_sync).await
}

fn revoked(is_sync: bool) -> Reply {
    if is_sync { Reply::empty() } else { Reply::empty().with_status(Status::Accepted) }
}

async fn list(part: &LeasesPart, context: &Context, input: List) -> Result<Reply, Error> {
    let prefix = input.prefix.trim_matches('/');
    let path = if prefix.is_empty() { String::new() } else { [prefix, "/"].concat() };
    let (ns, listing) = (&context.namespace.id, Listing::new(input.after, input.limit));
    if is_below_auth(&path) {
        let mount = part.leases.login_mount(ns, &path).await?;
        return Ok(Reply::list(part.tokens.list_leased(ns, &path, mount, &listing).await?));
    }
    Ok(Reply::list(part.leases.list(ns, &path, &listing).await?))
}

async fn list_irrevocable(part: &LeasesPart, context: &Context, input: ListIrrevocable) -> Result<Reply, Error> {
    check_type(&input.r#type)?;
    let limit = match input.limit.as_str() {
        _ if input.force => LIST_NAMES_MAX,
        "" => IRREVOCABLE_LISTED,
        "none" => LIST_NAMES_MAX,
        text => text.parse().ok().filter(|limit| *limit > 0).ok_or_else(|| {
            Error::invalid("invalid 'limit' provided: must be a whole number greater than zero, or \"none\"")
        })?,
    };
    let (found, has_more) = part.leases.irrevocable(&context.namespace.id, limit).await?;
    let shown: Vec<_> = found.iter().map(|lease| json!({ "lease_id": lease.id, "error": lease.error })).collect();
    let reply = Reply::data(json!({ "lease_count": shown.len(), "leases": shown }));
    if has_more {
        return Ok(
            reply.warn(format!("There are more than {limit} irrevocable leases: set \"limit\" to none for all."))
        );
    }
    Ok(reply)
}

async fn count(part: &LeasesPart, context: &Context, input: Count) -> Result<Reply, Error> {
    check_type(&input.r#type)?;
    let counts = part.leases.count_irrevocable(&context.namespace.id).await?;
    Ok(Reply::data(json!({ "lease_count": counts.values().sum::<u64>(), "counts": counts })))
}

fn check_type(kind: &str) -> Result<(), Error> {
    if kind.eq_ignore_ascii_case("irrevocable") {
        Ok(())
    } else {
        Err(Error::invalid("'type' must be \"irrevocable\""))
    }
}

async fn tidy(part: &LeasesPart, context: &Context, _: framework::input::Nothing) -> Result<Reply, Error> {
    let text = if part.leases.start_tidying(&context.namespace.id) {
        "Tidy operation successfully started. What it does is written to the server's log."
    } else {
        "Tidy operation already in progress on this node."
    };
    Ok(Reply::empty().warn(text).with_status(Status::Accepted))
}
