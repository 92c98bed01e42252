//! The rows of `auth/token/roles`.

use std::time::Duration;

use framework::field::whole_seconds;
use framework::view::Listing;
use framework::{Context, Error, Path, Reply, Segment, fields};
use serde_json::{Value, json};

use super::RoleEntry;
use crate::cidr::Cidr;
use crate::policies::sanitize_name;
use crate::tokens::Tokens;
use crate::tokens::kind::KindRule;

/// The most names that one list of a role may hold.
const NAMES_MAX: usize = 1_000;
/// The longest name in a list, and the longest suffix.
const NAME_BYTES_MAX: usize = 512;
/// The shortest path suffix (documented Vault behavior).
const SUFFIX_BYTES_MIN: usize = 3;

fields! {
    /// A role, by its name.
    struct RoleName {
        /// Name of the role.
        role_name: String,
    }
}

fields! {
    /// Which names to list.
    struct ListRoles {
        /// Lists only the names after this one.
        after: String = String::new(),
        /// The most names to list; all when zero or less.
        limit: i64 = 0,
    }
}

fields! {
    /// What a role is to be. What is left out stays as it is.
    struct WriteRole {
        /// Name of the role.
        role_name: String,
        /// Names of the policies that tokens may have, whatever those of their maker are. All of them when none are asked.
        allowed_policies: Option<Vec<String>>,
        /// The same, with an asterisk for anything. They allow what is asked for and add nothing by themselves.
        allowed_policies_glob: Option<Vec<String>>,
        /// Names of policies that no token may have.
        disallowed_policies: Option<Vec<String>>,
        /// The same, with an asterisk for anything.
        disallowed_policies_glob: Option<Vec<String>>,
        /// Whether the tokens have no parent.
        orphan: Option<bool>,
        /// Whether the tokens can be renewed; true unless set.
        renewable: Option<bool>,
        /// Put behind the path of the tokens: word characters, hyphens and dots, from a word character to another.
        path_suffix: Option<String>,
        /// Names of the entity aliases that tokens may be made for, with an asterisk for anything.
        allowed_entity_aliases: Option<Vec<String>>,
        /// Makes the tokens periodic: each renewal lasts this long, without an end.
        token_period: Option<Duration>,
        /// The older name of token_period.
        period: Option<Duration>,
        /// The most that renewals can reach, counted from creation.
        token_explicit_max_ttl: Option<Duration>,
        /// The older name of token_explicit_max_ttl.
        explicit_max_ttl: Option<Duration>,
        /// Networks from which alone the tokens can be used.
        token_bound_cidrs: Option<Vec<String>>,
        /// The older name of token_bound_cidrs.
        bound_cidrs: Option<Vec<String>>,
        /// How often each token can be used; 0 is without limit.
        token_num_uses: Option<u64>,
        /// The kind of the tokens: service, batch, or default-service or default-batch, which leave the choice to whoever makes one.
        token_type: Option<String>,
        /// Whether not to add the policy named default.
        token_no_default_policy: Option<bool>,
    }
}

pub(in crate::tokens) fn list() -> Path<Tokens> {
    Path::new("roles", "The roles that tokens can be made by.").list(list_roles, "List the names of the roles.")
}

pub(in crate::tokens) fn item() -> Path<Tokens> {
    Path::new("roles/{role_name}", "A role: which tokens can be made by its name.")
        .param("role_name", Segment::Name, "Name of the role.")
        .exists::<RoleName>(exists)
        .read(read_role, "Show a role.")
        .update(write_role, "Make a role, or change some of its settings.")
        .delete(delete_role, "Remove a role. Its tokens live on, and can be renewed no more.")
}

async fn list_roles(tokens: &Tokens, context: &Context, input: ListRoles) -> Result<Reply, Error> {
    let listing = Listing::new(input.after, input.limit);
    Ok(Reply::list(tokens.role_names(&context.namespace.id, &listing).await?))
}

async fn exists(tokens: &Tokens, context: &Context, input: RoleName) -> Result<bool, Error> {
    Ok(tokens.role(&context.namespace.id, &input.role_name).await?.is_some())
}

async fn read_role(tokens: &Tokens, context: &Context, input: RoleName) -> Result<Reply, Error> {
    let role = tokens.role(&context.namespace.id, &input.role_name).await?.ok_or(Error::NotFound)?;
    Ok(Reply::data(shown(&role.name, &role.entry)))
}

async fn write_role(tokens: &Tokens, context: &Context, input: WriteRole) -> Result<Reply, Error> {
    let change = |entry: &mut RoleEntry| input.apply(entry);
    let entry = tokens.change_role(&context.namespace.id, &input.role_name, change).await?;
    if entry.explicit_max_ttl() > context.mount.max_lease_ttl {
        let (own, most) = (entry.explicit_max_ttl_secs, context.mount.max_lease_ttl.as_secs());
        let text = format!("token_explicit_max_ttl of {own} seconds is longer than the mount's maximum of {most}");
        return Ok(Reply::empty().warn(text));
    }
    Ok(Reply::empty())
}

async fn delete_role(tokens: &Tokens, context: &Context, input: RoleName) -> Result<Reply, Error> {
    tokens.delete_role(&context.namespace.id, &input.role_name).await?;
    Ok(Reply::empty())
}

impl WriteRole {
    fn apply(&self, entry: &mut RoleEntry) -> Result<(), Error> {
        for (name, given, kept) in [
            ("allowed_policies", &self.allowed_policies, &mut entry.allowed_policies),
            ("allowed_policies_glob", &self.allowed_policies_glob, &mut entry.allowed_policies_glob),
            ("disallowed_policies", &self.disallowed_policies, &mut entry.disallowed_policies),
            ("disallowed_policies_glob", &self.disallowed_policies_glob, &mut entry.disallowed_policies_glob),
            ("allowed_entity_aliases", &self.allowed_entity_aliases, &mut entry.allowed_entity_aliases),
        ] {
            if let Some(names) = given {
                *kept = sanitized(name, names)?;
            }
        }
        entry.is_orphan = self.orphan.unwrap_or(entry.is_orphan);
        entry.is_renewable = self.renewable.unwrap_or(entry.is_renewable);
        entry.num_uses = self.token_num_uses.unwrap_or(entry.num_uses);
        entry.has_no_default_policy = self.token_no_default_policy.unwrap_or(entry.has_no_default_policy);
        if let Some(suffix) = &self.path_suffix {
            check_suffix(suffix)?;
            entry.path_suffix.clone_from(suffix);
        }
        if let Some(text) = &self.token_type {
            let ours = "\"service\", \"batch\", \"default-service\" or \"default-batch\"";
            let unknown = || Error::Invalid(format!("invalid token_type \"{text}\": must be {ours}").into());
            entry.kind = KindRule::parse(text).ok_or_else(unknown)?;
        }
        self.apply_older(entry)?;
        check_kind(entry)
    }

    /// The settings with two names. The newer one wins; what was written by the older one is shown by both.
    fn apply_older(&self, entry: &mut RoleEntry) -> Result<(), Error> {
        let older = &mut entry.older_names;
        for (newer, old, kept, is_older) in [
            (self.token_period, self.period, &mut entry.period_secs, &mut older.period),
            (
                self.token_explicit_max_ttl,
                self.explicit_max_ttl,
                &mut entry.explicit_max_ttl_secs,
                &mut older.explicit_max_ttl,
            ),
        ] {
            if let Some(time) = newer.or(old) {
                *kept = whole_seconds(time);
                *is_older = newer.is_none();
            }
        }
        if let Some(texts) = self.token_bound_cidrs.as_ref().or(self.bound_cidrs.as_ref()) {
            check_count("token_bound_cidrs", texts.len())?;
            let cidrs = texts.iter().map(|text| text.parse::<Cidr>()).collect::<Result<_, _>>();
            entry.bound_cidrs = cidrs.map_err(|why| Error::Invalid(format!("token_bound_cidrs: {why}").into()))?;
            older.bound_cidrs = self.token_bound_cidrs.is_none();
        }
        Ok(())
    }
}

/// Names as they are compared: lower case, sorted, without doubles (documented Vault behavior).
fn sanitized(list: &str, names: &[String]) -> Result<Vec<String>, Error> {
    check_count(list, names.len())?;
    if let Some(name) = names.iter().find(|name| name.len() > NAME_BYTES_MAX) {
        let text = format!("{list}: a name has {} bytes, the most is {NAME_BYTES_MAX}", name.len());
        return Err(Error::Invalid(text.into()));
    }
    let mut names: Vec<_> = names.iter().map(|name| sanitize_name(name)).filter(|name| !name.is_empty()).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

fn check_count(list: &str, count: usize) -> Result<(), Error> {
    if count > NAMES_MAX {
        return Err(Error::Invalid(format!("{list} has {count} entries, the most is {NAMES_MAX}").into()));
    }
    Ok(())
}

fn check_suffix(suffix: &str) -> Result<(), Error> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_sound = suffix.is_empty()
        || (SUFFIX_BYTES_MIN..=NAME_BYTES_MAX).contains(&suffix.len())
            && suffix.bytes().all(|byte| is_word(byte) || byte == b'-' || byte == b'.')
            && suffix.bytes().next().is_some_and(is_word)
            && suffix.bytes().next_back().is_some_and(is_word);
    if is_sound {
        return Ok(());
    }
    Err(Error::invalid(
        "invalid path_suffix: at least three letters, digits, '_', '-' or '.', with '-' and '.' only between others",
    ))
}

/// What a role of batch tokens cannot be (documented Vault behavior).
fn check_kind(entry: &RoleEntry) -> Result<(), Error> {
    if entry.kind != KindRule::Batch {
        return Ok(());
    }
    let reasons = [
        (!entry.is_orphan, "to generate non-orphan tokens"),
        (entry.period_secs > 0, "to generate periodic tokens"),
        (entry.is_renewable, "to generate renewable tokens"),
        (entry.explicit_max_ttl_secs > 0, "to generate tokens with an explicit max TTL"),
        (entry.num_uses > 0, "to generate tokens with a limited use count"),
    ];
    match reasons.into_iter().find(|(is_so, _)| *is_so) {
        Some((_, what)) => {
            Err(Error::Invalid(format!("'token_type' cannot be 'batch' when role is set {what}").into()))
        }
        None => Ok(()),
    }
}

fn shown(name: &str, entry: &RoleEntry) -> Value {
    let older = |is_older: bool, secs: u64| if is_older { secs } else { 0 };
    let mut data = json!({
        "name": name,
        "allowed_policies": entry.allowed_policies,
        "allowed_policies_glob": entry.allowed_policies_glob,
        "disallowed_policies": entry.disallowed_policies,
        "disallowed_policies_glob": entry.disallowed_policies_glob,
        "allowed_entity_aliases": entry.allowed_entity_aliases,
        "orphan": entry.is_orphan,
        "renewable": entry.is_renewable,
        "path_suffix": entry.path_suffix,
        "token_type": entry.kind.name(),
        "token_period": entry.period_secs,
        "period": older(entry.older_names.period, entry.period_secs),
        "token_explicit_max_ttl": entry.explicit_max_ttl_secs,
        "explicit_max_ttl": older(entry.older_names.explicit_max_ttl, entry.explicit_max_ttl_secs),
        "token_no_default_policy": entry.has_no_default_policy,
    });
    if let Some(fields) = data.as_object_mut() {
        if entry.num_uses > 0 {
            fields.insert("token_num_uses".to_owned(), json!(entry.num_uses));
        }
        if !entry.bound_cidrs.is_empty() {
            fields.insert("token_bound_cidrs".to_owned(), json!(entry.bound_cidrs));
            if entry.older_names.bound_cidrs {
                fields.insert("bound_cidrs".to_owned(), json!(entry.bound_cidrs));
            }
        }
    }
    data
}
