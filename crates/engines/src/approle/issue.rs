//! Secret ids: made by the server, or chosen by whoever asks; and the list of their accessors.
//!
//! A secret id is told once, in the reply that makes it. What is stored finds it, and cannot be turned back into it.

use std::collections::BTreeMap;
use std::time::Duration;

use api::Timestamp;
use framework::cidr::{Cidr, WrittenCidr, networks_of};
use framework::field::whole_seconds;
use framework::terms::networks;
use framework::view::{Listing, Revision, ViewChanges, encode, from_stored, to_stored};
use framework::{Context, Error, Field, FieldSet, Input, Path, Reply, fields, retry};
use secret::Secret;
use serde_json::json;

use super::entry::{
    AccessorEntry, RoleEntry, Salt, SecretEntry, accessor_place, accessors_of, find_role, no_such_role,
    remove_accessor, role_place, secret_place,
};
use super::roles::{Named, at};
use super::sweep::Work;
use super::{AppRole, bounds};

fields! {
    /// What a secret id is to be like; what is absent is as the role says.
    struct Wanted {
        /// Networks from which alone the secret id can be used, within those of the role.
        cidr_list: Vec<String> = Vec::new(),
        /// Texts that come into the metadata of its tokens: an object, as JSON or as text.
        metadata: BTreeMap<String, String> = BTreeMap::new(),
        /// How often the secret id can be used, no more than the role says; 0 is without limit.
        num_uses: Option<u64>,
        /// Networks that its tokens are bound to, within those of the role.
        token_bound_cidrs: Vec<String> = Vec::new(),
        /// How long the secret id lasts, no longer than the role says; 0 is for ever.
        ttl: Option<Duration>,
    }
}

fields! {
    /// A secret id of one's own choice.
    struct Chosen {
        /// The secret id, of at most 4096 bytes.
        secret_id: Option<Secret<String>> => secret,
    }
}

/// A request for a new secret id.
struct Generate {
    named: Named,
    wanted: Wanted,
}

/// A request to take a secret id.
struct Custom {
    named: Named,
    chosen: Chosen,
    wanted: Wanted,
}

fields! {
    /// Which accessors to list.
    struct ListOf {
        /// Name of the role, in upper or lower case.
        role_name: String,
        /// Lists only the accessors after this one.
        after: String = String::new(),
        /// The most accessors to list; all when zero or less.
        limit: i64 = 0,
    }
}

impl FieldSet for Generate {
    fn fields() -> Vec<Field> {
        [Named::fields(), Wanted::fields()].concat()
    }

    fn decode(input: &mut Input) -> Result<Self, Error> {
        Ok(Self { named: Named::decode(input)?, wanted: Wanted::decode(input)? })
    }
}

impl FieldSet for Custom {
    fn fields() -> Vec<Field> {
        [Named::fields(), Chosen::fields(), Wanted::fields()].concat()
    }

    fn decode(input: &mut Input) -> Result<Self, Error> {
        Ok(Self { named: Named::decode(input)?, chosen: Chosen::decode(input)?, wanted: Wanted::decode(input)? })
    }
}

pub(super) fn generated() -> Path<AppRole> {
    at("role/{role_name}/secret-id", "The secret ids of a role.")
        .update(generate, "Make a secret id.")
        .list(list, "List the accessors of the role's secret ids.")
}

pub(super) fn custom() -> Path<AppRole> {
    at("role/{role_name}/custom-secret-id", "Secret ids of one's own choice.").update(take, "Take this as a secret id.")
}

async fn list(_: &AppRole, context: &Context, input: ListOf) -> Result<Reply, Error> {
    let name = bounds::role_name(&input.role_name)?;
    let (role, _) = find_role(&context.view, &name).await?.ok_or_else(|| no_such_role(&name))?;
    let listing = Listing::new(input.after, input.limit);
    Ok(Reply::list(context.view.list(&accessors_of(&role.id), &listing).await?))
}

async fn generate(_: &AppRole, context: &Context, input: Generate) -> Result<Reply, Error> {
    let secret_id = Secret::new(context.env.uuid());
    issue(context, &input.named.role_name, &secret_id, &input.wanted).await
}

async fn take(_: &AppRole, context: &Context, input: Custom) -> Result<Reply, Error> {
    let secret_id = bounds::secret_id(input.chosen.secret_id)?;
    let secret_id = secret_id.ok_or_else(|| Error::invalid("missing secret_id"))?;
    issue(context, &input.named.role_name, &secret_id, &input.wanted).await
}

/// Stores what is needed to know a secret id again, as long as the role is what it was when that was decided.
async fn issue(
    context: &Context,
    role_name: &str,
    secret_id: &Secret<String>,
    wanted: &Wanted,
) -> Result<Reply, Error> {
    let name = bounds::role_name(role_name)?;
    let (cidrs, token_cidrs) =
        (networks("cidr_list", &wanted.cidr_list)?, networks("token_bound_cidrs", &wanted.token_bound_cidrs)?);
    bounds::metadata(&wanted.metadata)?;
    let (now, accessor) = (context.now(), context.env.uuid());
    retry!(_ => {
        let (role, of_role) = find_role(&context.view, &name).await?.ok_or_else(|| no_such_role(&name))?;
        let (num_uses, ttl) = limits(&role, wanted, context.mount.max_lease_ttl)?;
        let entry = SecretEntry {
            v: 1,
            accessor: accessor.clone(),
            created: to_stored(now),
            updated: to_stored(now),
            expires: expiry(now, ttl),
            ttl_secs: ttl.as_secs(),
            num_uses,
            metadata: wanted.metadata.clone(),
            cidrs: narrowed(&cidrs, &networks_of(&role.bound_cidrs))?,
            token_cidrs: narrowed(&token_cidrs, &role.terms.bound_cidrs)?,
        };
        let salt = Salt::of_roles(&context.view).await?;
        let hash = salt.secret_id(&role.id, secret_id);
        let changes = context.view.changes().expect_at(&role_place(&name), of_role.revision());
        let (changes, known) = match context.view.get(&secret_place(&role.id, &hash)).await? {
            None => (changes, None),
            Some(stored) => {
                let known: SecretEntry = stored.json()?;
                if !known.is_expired(now) {
                    return Err(Error::invalid("secret_id is already registered").into());
                }
                let changes = remove_accessor(&context.view, changes, &role.id, &known.accessor).await?;
                (changes, Some(stored.revision()))
            }
        };
        store(changes, &role, (&hash, known), &entry)?.commit().await?;
        Ok(told(secret_id, &entry))
    })
}

/// Over what is known to be there and over, or where nothing is.
fn store<'v>(
    changes: ViewChanges<'v>,
    role: &RoleEntry,
    (hash, known): (&str, Option<Revision>),
    entry: &SecretEntry,
) -> Result<ViewChanges<'v>, Error> {
    let of_accessor = encode(&AccessorEntry { v: 1, hash: hash.to_owned() })?;
    let changes = changes
        .put(&secret_place(&role.id, hash), known, encode(entry)?)
        .create(&accessor_place(&role.id, &entry.accessor), of_accessor);
    if entry.expires == 0 {
        return Ok(changes);
    }
    let work = Work::Expired { role: role.id.clone(), hash: hash.to_owned(), accessor: Some(entry.accessor.clone()) };
    Ok(changes.due(from_stored(entry.expires), &entry.accessor, encode(&work)?))
}

fn told(secret_id: &Secret<String>, entry: &SecretEntry) -> Reply {
    let reply = Reply::data(json!({
        "secret_id": secret_id.expose(),
        "secret_id_accessor": entry.accessor,
        "secret_id_num_uses": entry.num_uses,
        "secret_id_ttl": entry.ttl_secs,
    }));
    reply.with_accessor(entry.accessor.clone())
}

/// How often and how long: what is asked for, within what the role says; the mount's longest time holds for both.
fn limits(role: &RoleEntry, wanted: &Wanted, longest: Duration) -> Result<(u64, Duration), Error> {
    if !role.binds_secret_id {
        return Err(Error::invalid("bind_secret_id is not set on the role"));
    }
    // Zero is without limit, and so the most.
    let is_over = |asked: u64, of_role: u64| of_role > 0 && (asked == 0 || asked > of_role);
    if wanted.num_uses.is_some_and(|asked| is_over(asked, role.secret_id_num_uses)) {
        return Err(Error::invalid("num_uses cannot be higher than the role's secret_id_num_uses"));
    }
    let ttl_secs = wanted.ttl.map(whole_seconds);
    if ttl_secs.is_some_and(|asked| is_over(asked, role.secret_id_ttl_secs)) {
        return Err(Error::invalid("ttl cannot be longer than the role's secret_id_ttl"));
    }
    let ttl = Duration::from_secs(ttl_secs.unwrap_or(role.secret_id_ttl_secs));
    Ok((wanted.num_uses.unwrap_or(role.secret_id_num_uses), ttl.min(longest)))
}

/// When it ends, as stored; 0 for never.
fn expiry(now: Timestamp, ttl: Duration) -> i64 {
    let nanos = i64::try_from(ttl.as_nanos()).unwrap_or(i64::MAX);
    if nanos == 0 { 0 } else { to_stored(now).saturating_add(nanos) }
}

fn narrowed(asked: &[WrittenCidr], role: &[Cidr]) -> Result<Vec<WrittenCidr>, Error> {
    bounds::within(&networks_of(asked), role)?;
    Ok(asked.to_vec())
}
