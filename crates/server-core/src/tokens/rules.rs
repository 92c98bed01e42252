//! Who may make which token: the rules of `auth/token/create` (documented Vault behavior). They look at the request and
//! at the token that makes it, and touch no storage.

use std::collections::BTreeMap;
use std::time::Duration;

use framework::{Context, Error, fields};
use secret::Secret;

use super::Stored;
use super::entry::TokenEntry;
use crate::policies::{DEFAULT, RESERVED, ROOT, sanitize_name};
use crate::ttl::{self, Wish};

/// The most metadata that a token may carry, keys and values together.
const META_BYTES_MAX: usize = 16 * 1024;
/// The most policies that a token may carry.
const POLICIES_MAX: usize = 256;
/// The longest custom token id and display name.
const TEXT_BYTES_MAX: usize = 1024;

fields! {
    /// What a new token is to be.
    pub(super) struct Create {
        /// The token's text, chosen by the caller. Needs the root policy or sudo.
        id: Option<Secret<String>> => secret,
        /// Names of the policies. The parent's when absent.
        policies: Option<Vec<String>>,
        /// Free text to be kept with the token, shown by lookups and written to audit records.
        meta: Option<BTreeMap<String, String>>,
        /// Whether the token is to have no parent. Needs the root policy or sudo.
        no_parent: bool = false,
        /// Whether to leave the policy named default out.
        no_default_policy: bool = false,
        /// How long the token lasts. The mount's default when absent.
        ttl: Option<Duration>,
        /// The older name of ttl.
        lease: Option<Duration>,
        /// The most that renewals can reach, counted from creation.
        explicit_max_ttl: Duration = Duration::ZERO,
        /// Makes the token periodic: each renewal lasts this long, without an end. Needs the root policy or sudo.
        period: Duration = Duration::ZERO,
        /// Shown by lookups and audit records, behind the word token and a hyphen.
        display_name: String = String::new(),
        /// How often the token can be used; 0 is without limit.
        num_uses: u64 = 0,
        /// Whether the token can be renewed.
        renewable: bool = true,
        /// The kind of token: service is the one kind that this release makes.
        r#type: String = String::new(),
        /// The entity alias to make the token for. Refused until identity exists.
        entity_alias: String = String::new(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Orphan {
    Allowed,
    NeedsSudo,
}

impl Create {
    /// Times in whole seconds, as they are stored and shown. Rounded up: half a second must not become the zero that
    /// means no limit.
    pub(super) fn in_whole_seconds(mut self) -> Self {
        let whole = |time: Duration| Duration::from_secs(time.as_secs() + u64::from(time.subsec_nanos() > 0));
        self.ttl = self.ttl.map(whole);
        self.lease = self.lease.map(whole);
        self.explicit_max_ttl = whole(self.explicit_max_ttl);
        self.period = whole(self.period);
        self
    }
}

pub(super) fn check_create(input: &Create, parent: &TokenEntry, is_sudo: bool, orphan: Orphan) -> Result<(), Error> {
    let needs_sudo = |what: &str| Error::Invalid(format!("root or sudo privileges required to {what}").into());
    if parent.num_uses > 0 {
        return Err(Error::invalid("restricted use token cannot generate child tokens"));
    }
    if !input.entity_alias.is_empty() {
        return Err(Error::invalid("'entity_alias' cannot be used: identity is not available in this release"));
    }
    match input.r#type.as_str() {
        "" | "service" | "default" | "default-service" => {}
        "batch" | "default-batch" => {
            return Err(Error::invalid("batch tokens are not available in this release: use the type \"service\""));
        }
        _ => return Err(Error::invalid("invalid 'token_type' value: must be \"service\"")),
    }
    if let Some(id) = input.id.as_ref().map(Secret::expose).filter(|id| !id.is_empty()) {
        if !is_sudo {
            return Err(needs_sudo("specify token id"));
        }
        check_id(id)?;
    }
    if input.no_parent && orphan == Orphan::NeedsSudo && !is_sudo {
        return Err(needs_sudo("create orphan token"));
    }
    if !input.period.is_zero() && !is_sudo {
        return Err(needs_sudo("create periodic token"));
    }
    if input.display_name.len() > TEXT_BYTES_MAX {
        return Err(Error::Invalid(format!("display_name is longer than {TEXT_BYTES_MAX} bytes").into()));
    }
    let meta = input.meta.iter().flatten().map(|(key, value)| key.len() + value.len()).sum::<usize>();
    if meta > META_BYTES_MAX {
        return Err(Error::Invalid(format!("meta has {meta} bytes, the most is {META_BYTES_MAX}").into()));
    }
    Ok(())
}

/// Rules of custom ids (documented Vault behavior): nothing that could be taken for one of the server's own.
pub(crate) fn check_id(id: &str) -> Result<(), Error> {
    if let Some(prefix) = ["hvs.", "hvb.", "hvr.", "s."].iter().find(|prefix| id.starts_with(**prefix)) {
        return Err(Error::Invalid(format!("custom token ID cannot have the '{prefix}' prefix").into()));
    }
    if id.contains('.') {
        return Err(Error::invalid("custom token ID cannot have a '.' in the value"));
    }
    if id.len() > TEXT_BYTES_MAX {
        return Err(Error::Invalid(format!("custom token ID is longer than {TEXT_BYTES_MAX} bytes").into()));
    }
    Ok(())
}

/// The policies of a child: those asked for, or the parent's; never more than the parent has, unless the caller has
/// `sudo`. The same holds for `default`, which is added unless unwanted.
pub(super) fn child_policies(input: &Create, parent: &TokenEntry, is_sudo: bool) -> Result<Vec<String>, Error> {
    let asked = input.policies.as_deref().unwrap_or_default();
    let asked: Vec<_> = asked.iter().map(|name| sanitize_name(name)).filter(|name| !name.is_empty()).collect();
    if asked.len() > POLICIES_MAX {
        return Err(Error::Invalid(format!("{} policies, the most is {POLICIES_MAX}", asked.len()).into()));
    }
    if let Some(name) = asked.iter().find(|name| RESERVED.contains(&name.as_str())) {
        return Err(Error::Invalid(format!("cannot assign policy \"{name}\"").into()));
    }
    if !is_sudo && asked.iter().any(|name| !parent.policies.contains(name)) {
        return Err(Error::invalid("child policies must be subset of parent"));
    }
    let is_inherited = asked.is_empty();
    let mut policies = if is_inherited { parent.policies.clone() } else { asked };
    if policies.iter().any(|name| name == ROOT) {
        if !parent.is_root() {
            return Err(Error::invalid("root tokens may not be created without parent token being root"));
        }
        return Ok(vec![ROOT.to_owned()]);
    }
    if input.no_default_policy {
        // Named, it is wanted all the same.
        policies.retain(|name| name != DEFAULT || !is_inherited);
    } else if is_sudo || parent.policies.iter().any(|name| name == DEFAULT) {
        policies.push(DEFAULT.to_owned());
    }
    policies.sort();
    policies.dedup();
    Ok(policies)
}

pub(super) fn child_ttl(
    context: &Context,
    input: &Create,
    policies: &[String],
    parent: &Stored,
) -> Result<(Duration, Vec<String>), Error> {
    let asked = input.ttl.or(input.lease).unwrap_or_default();
    let is_root = policies.iter().any(|name| name == ROOT);
    if is_root && asked.is_zero() && input.period.is_zero() && input.explicit_max_ttl.is_zero() {
        if parent.state.value.expires.is_some() {
            return Err(Error::invalid("expiring root tokens cannot create non-expiring root tokens"));
        }
        return Ok((Duration::ZERO, Vec::new()));
    }
    let granted = ttl::grant(Wish {
        asked,
        period: input.period,
        explicit_max: input.explicit_max_ttl,
        default_ttl: context.mount.default_lease_ttl,
        max_ttl: context.mount.max_lease_ttl,
        ..Wish::default()
    });
    let granted = granted.ok_or_else(|| Error::invalid("the TTLs of this mount leave no time for a token"))?;
    Ok((granted.ttl, granted.warnings))
}

/// `token-<name>` with everything but letters, digits and hyphens replaced (documented Vault behavior).
pub(super) fn child_display_name(asked: &str) -> String {
    if asked.is_empty() {
        return "token".to_owned();
    }
    let clean: String = asked.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("token-{}", clean.strip_suffix('-').unwrap_or(&clean))
}
