//! What the tokens of a login are given: the `token_*` fields that users and roles of all auth methods have.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::cidr::{self, Cidr};
use crate::error::Error;
use crate::field::whole_seconds;
use crate::fields;

mod older;

pub use older::{OlderFields, OlderNames, Spelling};

/// The most policies or networks that one user or role can have.
const ITEMS_MAX: usize = 256;
/// The longest name of a policy, in bytes.
const POLICY_BYTES_MAX: usize = 512;
/// The policy that every token has unless it is unwanted.
const DEFAULT: &str = "default";

fields! {
    /// What the tokens of a login are given; what is absent stays.
    pub struct TokenFields {
        /// Networks from which alone somebody can log in and use the token.
        token_bound_cidrs: Option<Vec<String>>,
        /// The most that renewals can reach, counted from the login; it does not change with later settings.
        token_explicit_max_ttl: Option<Duration>,
        /// The most that renewals can reach, as it is set at the renewal.
        token_max_ttl: Option<Duration>,
        /// Whether to leave the policy named default out.
        token_no_default_policy: Option<bool>,
        /// How often the token can be used; 0 is without limit.
        token_num_uses: Option<u64>,
        /// Makes the token periodic: each renewal lasts this long, without an end.
        token_period: Option<Duration>,
        /// Names of the policies.
        token_policies: Option<Vec<String>>,
        /// How long the token lasts at first. The mount's default when absent.
        token_ttl: Option<Duration>,
        /// The kind of token: service, batch, or default for what the mount says.
        token_type: Option<String>,
    }
}

/// What the tokens of a login are given. Times in seconds, zero for none.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct TokenTerms {
    /// Networks from which alone somebody can log in and use the token.
    pub bound_cidrs: Vec<Cidr>,
    /// The most that renewals can reach, whatever is set later.
    pub explicit_max_ttl_secs: u64,
    /// The most that renewals can reach.
    pub max_ttl_secs: u64,
    /// Whether `default` is left out.
    pub has_no_default_policy: bool,
    /// 0 is without limit.
    pub num_uses: u64,
    /// Not zero: renewed for this long each time.
    pub period_secs: u64,
    /// Lower case, sorted, without doubles.
    pub policies: Vec<String>,
    /// What the token lasts at first.
    pub ttl_secs: u64,
    /// Which kind of token.
    pub kind: TokenKind,
}

/// What a user or role says of the kind of its tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenKind {
    /// What the mount says.
    #[default]
    Default,
    /// Stored.
    Service,
    /// Not stored.
    Batch,
    /// Stored, unless the mount says otherwise.
    DefaultService,
    /// Not stored, unless the mount says otherwise.
    DefaultBatch,
}

impl TokenKind {
    const ALL: [Self; 5] = [Self::Default, Self::Service, Self::Batch, Self::DefaultService, Self::DefaultBatch];

    /// The word that the API uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Service => "service",
            Self::Batch => "batch",
            Self::DefaultService => "default-service",
            Self::DefaultBatch => "default-batch",
        }
    }

    /// The kind of a word of the API, or `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = if text.is_empty() { "default" } else { text };
        Self::ALL.into_iter().find(|kind| kind.name() == text)
    }

    /// Whether its tokens are batch tokens where the mount leaves the choice to it.
    #[must_use]
    pub const fn is_batch(self) -> bool {
        matches!(self, Self::Batch | Self::DefaultBatch)
    }
}

impl TokenFields {
    /// A request that says nothing of it.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            token_bound_cidrs: None,
            token_explicit_max_ttl: None,
            token_max_ttl: None,
            token_no_default_policy: None,
            token_num_uses: None,
            token_period: None,
            token_policies: None,
            token_ttl: None,
            token_type: None,
        }
    }
}

impl TokenTerms {
    /// Takes over what a request says (documented Vault behavior).
    ///
    /// # Errors
    /// [`Error::Invalid`] for what makes no sense, alone or together.
    pub fn apply(&mut self, fields: &TokenFields) -> Result<(), Error> {
        if let Some(texts) = &fields.token_bound_cidrs {
            self.bound_cidrs = networks("token_bound_cidrs", texts)?;
        }
        if let Some(names) = &fields.token_policies {
            self.policies = policies(names)?;
        }
        if let Some(word) = &fields.token_type {
            let text = "invalid 'token_type' value: must be \"default\", \"service\", \"batch\", \"default-service\" or \
                        \"default-batch\"";
            self.kind = TokenKind::parse(word).ok_or_else(|| Error::invalid(text))?;
        }
        for (ours, asked) in [
            (&mut self.explicit_max_ttl_secs, fields.token_explicit_max_ttl),
            (&mut self.max_ttl_secs, fields.token_max_ttl),
            (&mut self.period_secs, fields.token_period),
            (&mut self.ttl_secs, fields.token_ttl),
        ] {
            *ours = asked.map_or(*ours, whole_seconds);
        }
        self.has_no_default_policy = fields.token_no_default_policy.unwrap_or(self.has_no_default_policy);
        self.num_uses = fields.token_num_uses.unwrap_or(self.num_uses);
        self.check()
    }

    fn check(&self) -> Result<(), Error> {
        if self.max_ttl_secs > 0 && self.ttl_secs > self.max_ttl_secs {
            return Err(Error::invalid("'token_ttl' cannot be greater than 'token_max_ttl'"));
        }
        if self.kind.is_batch() && self.period_secs > 0 {
            let text = "'token_type' cannot be 'batch' or 'default_batch' when set to generate periodic tokens";
            return Err(Error::invalid(text));
        }
        if self.kind.is_batch() && self.num_uses > 0 {
            let text =
                "'token_type' cannot be 'batch' or 'default_batch' when set to generate tokens with limited use count";
            return Err(Error::invalid(text));
        }
        Ok(())
    }

    /// The fields as they are read.
    #[must_use]
    pub fn show(&self) -> Map<String, Value> {
        let fields = [
            ("token_bound_cidrs", json!(cidr::texts(&self.bound_cidrs))),
            ("token_explicit_max_ttl", json!(self.explicit_max_ttl_secs)),
            ("token_max_ttl", json!(self.max_ttl_secs)),
            ("token_no_default_policy", json!(self.has_no_default_policy)),
            ("token_num_uses", json!(self.num_uses)),
            ("token_period", json!(self.period_secs)),
            ("token_policies", json!(self.policies)),
            ("token_ttl", json!(self.ttl_secs)),
            ("token_type", json!(self.kind.name())),
        ];
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Whether a token that was made with these policies would get the same today; `default` is not looked at
    /// (documented Vault behavior).
    #[must_use]
    pub fn still_gives(&self, policies: &[String]) -> bool {
        let rest = |names: &[String]| names.iter().filter(|name| *name != DEFAULT).cloned().collect::<Vec<_>>();
        rest(&self.policies) == rest(policies)
    }
}

/// Takes over what came by the older name of a field, unless it came by the newer one as well. Says whether it was by the
/// older, if it came at all: what was last written by its older name is shown by both (documented Vault behavior).
pub fn or_older<T>(newer: &mut Option<T>, older: Option<T>) -> Option<bool> {
    if newer.is_some() {
        return Some(false);
    }
    *newer = older;
    newer.is_some().then_some(true)
}

/// Policies as they are stored: trimmed, lower case, sorted, without doubles.
fn policies(names: &[String]) -> Result<Vec<String>, Error> {
    let mut names: Vec<_> = names.iter().map(|name| crate::path::fold(name)).filter(|name| !name.is_empty()).collect();
    names.sort();
    names.dedup();
    if names.len() > ITEMS_MAX || names.iter().any(|name| name.len() > POLICY_BYTES_MAX) {
        let text = format!("at most {ITEMS_MAX} policies, with names of {POLICY_BYTES_MAX} bytes");
        return Err(Error::Invalid(text.into()));
    }
    Ok(names)
}

/// The networks of a field of this name: [`Cidr`]s, or [`WrittenCidr`](cidr::WrittenCidr)s where they are shown as they
/// were written.
///
/// # Errors
/// [`Error::Invalid`] when there are too many, or one is none.
pub fn networks<T: FromStr>(field: &str, texts: &[String]) -> Result<Vec<T>, Error> {
    if texts.len() > ITEMS_MAX {
        return Err(Error::Invalid(format!("at most {ITEMS_MAX} networks in '{field}'").into()));
    }
    let networks = texts.iter().filter(|text| !text.trim().is_empty()).map(|text| text.trim().parse());
    // What was sent is not repeated: it may be anything.
    let text = || format!("'{field}' must hold IP addresses and networks such as 10.0.0.0/8");
    networks.collect::<Result<Vec<_>, _>>().map_err(|_| Error::Invalid(text().into()))
}

#[cfg(test)]
mod tests;
