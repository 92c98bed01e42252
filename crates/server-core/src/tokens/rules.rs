//! Who may make which token: the rules of `auth/token/create` (documented Vault behavior). They look at the request and
//! at the token that makes it, and touch no storage.

use std::collections::BTreeMap;
use std::time::Duration;

use framework::field::whole_seconds;
use framework::{Context, Error, Field, FieldSet, FieldValue, Input, fields};
use secret::Secret;

use super::Stored;
use super::kind::Kind;
use super::roles::Role;
use crate::cidr::Cidr;
use crate::keys::ROOT_NAMESPACE;
use crate::policies::{DEFAULT, RESERVED, ROOT, sanitize_name};
use crate::ttl::{self, Wish};
use framework::glob;

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
        /// The kind of token: service, or batch for one that is not stored, and cannot be renewed or revoked.
        r#type: String = String::new(),
        /// Name of the entity alias to make the token for; only through a role that allows it.
        entity_alias: String = String::new(),
    }
}

/// The same through a role.
pub(super) struct CreateByRole {
    pub(super) role_name: String,
    pub(super) token: Create,
}

impl FieldSet for CreateByRole {
    fn fields() -> Vec<Field> {
        let role_name = Field {
            name: "role_name",
            description: "Name of the role.".to_owned(),
            kind: <String as FieldValue>::KIND,
            is_required: true,
            is_secret: false,
        };
        [vec![role_name], Create::fields()].concat()
    }

    fn decode(input: &mut Input) -> Result<Self, Error> {
        Ok(Self { role_name: input.take("role_name")?, token: Create::decode(input)? })
    }
}

/// Whether the path itself makes orphans.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Orphan {
    Allowed,
    NeedsSudo,
}

/// Who makes a token, and through what.
pub(super) struct Maker<'m> {
    /// Where the token is made.
    pub(super) namespace: &'m str,
    /// The namespace of the token that makes it: the same, or one above it.
    pub(super) home: &'m str,
    pub(super) parent: &'m Stored,
    pub(super) is_sudo: bool,
    pub(super) orphan: Orphan,
    pub(super) role: Option<&'m Role>,
    /// The kind of what is made.
    pub(super) kind: Kind,
}

/// What kind of token a request makes.
pub(super) fn kind(input: &Create, role: Option<&Role>) -> Result<Kind, Error> {
    let ours = "invalid 'token_type' value: must be \"service\" or \"batch\"";
    let asked = Kind::parse(&input.r#type).ok_or_else(|| Error::invalid(ours))?;
    Ok(role.map(|role| role.entry.kind).unwrap_or_default().decide(asked))
}

impl Create {
    /// Times in whole seconds, as they are stored and shown.
    pub(super) fn in_whole_seconds(mut self) -> Self {
        let whole = |time| Duration::from_secs(whole_seconds(time));
        self.ttl = self.ttl.map(whole);
        self.lease = self.lease.map(whole);
        self.explicit_max_ttl = whole(self.explicit_max_ttl);
        self.period = whole(self.period);
        self
    }
}

impl Maker<'_> {
    /// Refuses what the caller may not ask for.
    pub(super) fn check(&self, input: &Create) -> Result<(), Error> {
        let needs_sudo = |what: &str| Error::Invalid(format!("root or sudo privileges required to {what}").into());
        if self.parent.entry.value.num_uses > 0 {
            return Err(Error::invalid("restricted use token cannot generate child tokens"));
        }
        self.check_alias(&input.entity_alias)?;
        if let Some(id) = input.id.as_ref().map(Secret::expose).filter(|id| !id.is_empty()) {
            if !self.is_sudo {
                return Err(needs_sudo("specify token id"));
            }
            check_id(id)?;
        }
        // A role says itself whether its tokens are orphans.
        if input.no_parent && self.role.is_none() && self.orphan == Orphan::NeedsSudo && !self.is_sudo {
            return Err(needs_sudo("create orphan token"));
        }
        if !input.period.is_zero() && !self.is_sudo {
            return Err(needs_sudo("create periodic token"));
        }
        if self.kind == Kind::Batch {
            self.check_batch(input)?;
        }
        check_bounds(input)
    }

    /// What a token that is not stored cannot have.
    fn check_batch(&self, input: &Create) -> Result<(), Error> {
        let asked = [
            ("explicit_max_ttl", !input.explicit_max_ttl.is_zero()),
            ("num_uses", self.num_uses(input) > 0),
            ("period", !input.period.is_zero()),
            ("id", input.id.as_ref().is_some_and(|id| !id.expose().is_empty())),
        ];
        match asked.into_iter().find(|(_, is_asked)| *is_asked) {
            Some((what, _)) => Err(Error::Invalid(format!("batch tokens cannot have \"{what}\" set").into())),
            None => Ok(()),
        }
    }

    fn check_alias(&self, alias: &str) -> Result<(), Error> {
        if alias.is_empty() {
            return Ok(());
        }
        let Some(role) = self.role else {
            return Err(Error::invalid("'entity_alias' is only allowed in combination with token role"));
        };
        if !glob::matches_any(&role.entry.allowed_entity_aliases, &alias.to_lowercase()) {
            return Err(Error::invalid("invalid 'entity_alias' value"));
        }
        Ok(())
    }

    pub(super) fn is_orphan(&self, input: &Create) -> bool {
        self.role.map_or(input.no_parent, |role| role.entry.is_orphan)
    }

    /// Only orphans, and tokens of a role, shake off the networks of the token that makes them (documented Vault
    /// behavior). What never ends is bound to none, or one move of the network would lock everybody out for good.
    pub(super) fn bound_cidrs(&self, input: &Create, ttl: Duration) -> Vec<Cidr> {
        match self.role {
            _ if ttl.is_zero() => Vec::new(),
            Some(role) => role.entry.bound_cidrs.clone(),
            None if self.is_orphan(input) => Vec::new(),
            None => self.parent.entry.value.bound_cidrs.clone(),
        }
    }

    pub(super) fn num_uses(&self, input: &Create) -> u64 {
        lesser(input.num_uses, self.role.map_or(0, |role| role.entry.num_uses))
    }

    /// A role's period means nothing to a token that cannot be renewed.
    pub(super) fn period(&self, input: &Create) -> Duration {
        if self.kind == Kind::Batch {
            return Duration::ZERO;
        }
        lesser(input.period, self.role.map(|role| role.entry.period()).unwrap_or_default())
    }

    pub(super) fn explicit_max_ttl(&self, input: &Create) -> Duration {
        lesser(input.explicit_max_ttl, self.role.map(|role| role.entry.explicit_max_ttl()).unwrap_or_default())
    }

    /// The policies of the new token, sorted; at most [`POLICIES_MAX`] beside `default`.
    pub(super) fn policies(&self, input: &Create) -> Result<Vec<String>, Error> {
        let asked = input.policies.as_deref().unwrap_or_default();
        let asked: Vec<_> = asked.iter().map(|name| sanitize_name(name)).filter(|name| !name.is_empty()).collect();
        let parent = &self.parent.entry.value;
        let mut policies = match self.role.filter(|role| role.entry.limits_policies()) {
            Some(role) => role.entry.policies(asked, &parent.policies, input.no_default_policy)?,
            None => self.subset(asked, input.no_default_policy)?,
        };
        if let Some(name) = policies.iter().find(|name| RESERVED.contains(&name.as_str())) {
            return Err(Error::Invalid(format!("cannot assign policy \"{name}\"").into()));
        }
        if policies.iter().any(|name| name == ROOT) {
            if self.namespace != ROOT_NAMESPACE {
                return Err(Error::invalid("root tokens can be made in the root namespace only"));
            }
            if !parent.is_root() {
                return Err(Error::invalid("root tokens may not be created without parent token being root"));
            }
            if self.kind == Kind::Batch {
                return Err(Error::invalid("batch tokens cannot be root tokens"));
            }
            return Ok(vec![ROOT.to_owned()]);
        }
        if input.no_default_policy {
            policies.retain(|name| name != DEFAULT);
        }
        policies.sort();
        policies.dedup();
        let named = policies.iter().filter(|name| *name != DEFAULT).count();
        if named > POLICIES_MAX {
            return Err(Error::Invalid(format!("{named} policies, the most is {POLICIES_MAX}").into()));
        }
        Ok(policies)
    }

    /// The policies of a child: those asked for, or the parent's; never more than the parent has, unless the caller has
    /// `sudo`. The same holds for `default`, which is added unless unwanted.
    fn subset(&self, asked: Vec<String>, no_default: bool) -> Result<Vec<String>, Error> {
        let parent = &self.parent.entry.value.policies;
        if self.home != self.namespace {
            return self.abroad(asked, no_default);
        }
        if !self.is_sudo && asked.iter().any(|name| !parent.contains(name)) {
            return Err(Error::invalid("child policies must be subset of parent"));
        }
        let adds_default = !no_default && !self.role.is_some_and(|role| role.entry.has_no_default_policy);
        // What is inherited is what the parent has, whoever asks.
        let (is_inherited, has_default) = (asked.is_empty(), parent.iter().any(|name| name == DEFAULT));
        let mut policies = if is_inherited { parent.clone() } else { asked };
        if adds_default && (has_default || (self.is_sudo && !is_inherited)) {
            policies.push(DEFAULT.to_owned());
        }
        Ok(policies)
    }

    /// The policies of a token in a namespace below that of the token that makes it. The parent's names mean others there,
    /// so that none can be inherited or compared: without `sudo` there is `default` alone.
    fn abroad(&self, mut asked: Vec<String>, no_default: bool) -> Result<Vec<String>, Error> {
        if asked.is_empty() {
            let text = "policies must be named: those of the parent token are of another namespace";
            return Err(Error::invalid(text));
        }
        if !self.is_sudo && asked.iter().any(|name| name != DEFAULT) {
            return Err(Error::invalid("child policies must be subset of parent"));
        }
        if !no_default && !self.role.is_some_and(|role| role.entry.has_no_default_policy) {
            asked.push(DEFAULT.to_owned());
        }
        Ok(asked)
    }

    /// How long the token lasts at first, with what the caller should know about it. Zero is for ever.
    pub(super) fn ttl(
        &self,
        context: &Context,
        input: &Create,
        policies: &[String],
    ) -> Result<(Duration, Vec<String>), Error> {
        let asked = input.ttl.or(input.lease).unwrap_or_default();
        let (period, explicit_max) = (self.period(input), self.explicit_max_ttl(input));
        let is_root = policies.iter().any(|name| name == ROOT);
        if is_root && asked.is_zero() && period.is_zero() && explicit_max.is_zero() {
            if self.parent.state.value.expires.is_some() {
                return Err(Error::invalid("expiring root tokens cannot create non-expiring root tokens"));
            }
            return Ok((Duration::ZERO, Vec::new()));
        }
        let granted = ttl::grant(Wish {
            asked,
            period,
            explicit_max,
            default_ttl: context.mount.default_lease_ttl,
            max_ttl: context.mount.max_lease_ttl,
            ..Wish::default()
        });
        let granted = granted.ok_or_else(|| Error::invalid("the TTLs of this mount leave no time for a token"))?;
        Ok((granted.ttl, granted.warnings))
    }
}

/// The lesser of two limits, each of which may be zero for none.
pub(super) fn lesser<T: Ord + Default>(one: T, other: T) -> T {
    match (one == T::default(), other == T::default()) {
        (true, _) => other,
        (_, true) => one,
        (false, false) => one.min(other),
    }
}

fn check_bounds(input: &Create) -> Result<(), Error> {
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

/// `token-<name>` with everything but letters, digits and hyphens replaced (documented Vault behavior).
pub(super) fn child_display_name(asked: &str) -> String {
    if asked.is_empty() {
        return "token".to_owned();
    }
    let clean: String = asked.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("token-{}", clean.strip_suffix('-').unwrap_or(&clean))
}
