//! What can be said of a role, and how it is shown.

use std::collections::BTreeMap;
use std::time::Duration;

use framework::field::{SignedNanos, whole_seconds};
use framework::terms::{OlderFields, Spelling, TokenFields};
use framework::{Error, Field, FieldSet, Input, fields};
use serde_json::{Map, Value, json};

use super::bounds;
use super::entry::{CallbackMode, Matching, RoleEntry, RoleType};

/// Nanoseconds of a second.
const NANOS_PER_SEC: i64 = 1_000_000_000;

fields! {
    /// What a role has beside the settings of tokens.
    pub(super) struct Own {
        /// URLs that a login in a browser may come back to.
        allowed_redirect_uris: Option<Vec<String>>,
        /// Audiences (aud), one of which a token must be for. Without any, a token must be for nobody in particular.
        bound_audiences: Option<Vec<String>>,
        /// The older name of token_bound_cidrs.
        bound_cidrs: Option<Vec<String>>,
        /// Claims with the value, or a list of values, that they must have. A name that starts with / is a JSON pointer.
        bound_claims: Option<Map<String, Value>>,
        /// How values of bound_claims are compared: string for as they are, glob for with * for anything.
        bound_claims_type: Option<String>,
        /// The subject (sub) that a token must have.
        bound_subject: Option<String>,
        /// Who takes what the provider gives a browser: client for the client, direct for this server, which the client then
        /// asks at oidc/poll.
        callback_mode: Option<String>,
        /// Claims with the names under which they are noted with the token.
        claim_mappings: Option<BTreeMap<String, String>>,
        /// What clocks may differ by, in seconds: 0 for 60, -1 for nothing.
        clock_skew_leeway: Option<SignedNanos>,
        /// How long a token without exp is valid, in seconds: 0 for 150, -1 for not at all.
        expiration_leeway: Option<SignedNanos>,
        /// The claim with the groups, a list of names: of external groups with such an alias at this mount.
        groups_claim: Option<String>,
        /// For how long an authentication at the provider counts, for logins in a browser; 0 for any.
        max_age: Option<Duration>,
        /// The older name of token_max_ttl.
        max_ttl: Option<Duration>,
        /// How long before exp a token without nbf and iat is valid, in seconds: 0 for 150, -1 for not at all.
        not_before_leeway: Option<SignedNanos>,
        /// The older name of token_num_uses.
        num_uses: Option<u64>,
        /// Where the browser comes here by itself: do not ask there whether its user has begun the login.
        oidc_disable_confirmation: Option<bool>,
        /// What a login in a browser asks for beside openid.
        oidc_scopes: Option<Vec<String>>,
        /// The older name of token_period.
        period: Option<Duration>,
        /// The older name of token_policies.
        policies: Option<Vec<String>>,
        /// With callback_mode=direct: how often clients are told to ask; 0 for every 5 seconds.
        poll_interval: Option<Duration>,
        /// How one logs in: jwt with a token, oidc in a browser. It is oidc unless it is said each time.
        role_type: Option<String>,
        /// The older name of token_ttl.
        ttl: Option<Duration>,
        /// The claim that says who it is.
        user_claim: Option<String>,
        /// Whether user_claim can be a JSON pointer.
        user_claim_json_pointer: Option<bool>,
        /// Is kept, and changes nothing: claims are never logged.
        verbose_oidc_logging: Option<bool>,
    }
}

/// What is said of a role; what is absent stays.
pub(super) struct RoleFields {
    own: Own,
    token: TokenFields,
    spelling: Spelling,
}

impl FieldSet for RoleFields {
    fn fields() -> Vec<Field> {
        [Own::fields(), TokenFields::fields()].concat()
    }

    fn decode(input: &mut Input) -> Result<Self, Error> {
        let (mut own, mut token) = (Own::decode(input)?, TokenFields::decode(input)?);
        let spelling = token.take_older(OlderFields {
            bound_cidrs: own.bound_cidrs.take(),
            max_ttl: own.max_ttl.take(),
            num_uses: own.num_uses.take(),
            period: own.period.take(),
            policies: own.policies.take(),
            ttl: own.ttl.take(),
        });
        Ok(Self { own, token, spelling })
    }
}

impl RoleFields {
    /// Takes over what is said of a role. What kind it is and how claims are compared goes back to the usual where it is
    /// not said (documented Vault behavior).
    ///
    /// # Errors
    /// [`Error::Invalid`] for what makes no sense, alone or together.
    pub(super) fn apply(&self, role: &mut RoleEntry) -> Result<(), Error> {
        let own = &self.own;
        role.terms.apply(&self.token)?;
        role.role_type = role_type(own.role_type.as_deref().unwrap_or_default())?;
        role.bound_claims_type = matching(own.bound_claims_type.as_deref().unwrap_or_default())?;
        for (field, ours, asked) in [
            ("user_claim", &mut role.user_claim, &own.user_claim),
            ("bound_subject", &mut role.bound_subject, &own.bound_subject),
            ("groups_claim", &mut role.groups_claim, &own.groups_claim),
        ] {
            if let Some(asked) = asked {
                *ours = bounds::text(field, asked)?;
            }
        }
        for (field, ours, asked) in [
            ("bound_audiences", &mut role.bound_audiences, &own.bound_audiences),
            ("allowed_redirect_uris", &mut role.allowed_redirect_uris, &own.allowed_redirect_uris),
            ("oidc_scopes", &mut role.oidc_scopes, &own.oidc_scopes),
        ] {
            if let Some(asked) = asked {
                *ours = bounds::list(field, asked)?;
            }
        }
        for (ours, asked) in [
            (&mut role.expiration_leeway, own.expiration_leeway),
            (&mut role.not_before_leeway, own.not_before_leeway),
            (&mut role.clock_skew_leeway, own.clock_skew_leeway),
        ] {
            *ours = asked.map_or(*ours, whole_secs);
        }
        if let Some(claims) = &own.bound_claims {
            role.bound_claims = bounds::bound_claims(claims)?;
        }
        if let Some(mappings) = &own.claim_mappings {
            role.claim_mappings = bounds::claim_mappings(mappings)?;
        }
        role.is_user_claim_pointer = own.user_claim_json_pointer.unwrap_or(role.is_user_claim_pointer);
        role.is_verbose = own.verbose_oidc_logging.unwrap_or(role.is_verbose);
        role.max_age_secs = own.max_age.map_or(role.max_age_secs, whole_seconds);
        role.callback_mode = own.callback_mode.as_deref().map_or(Ok(role.callback_mode), callback_mode)?;
        role.is_unconfirmed = own.oidc_disable_confirmation.unwrap_or(role.is_unconfirmed);
        role.poll_secs = own.poll_interval.map_or(role.poll_secs, whole_seconds);
        role.older_names.apply(&self.spelling);
        check(role)
    }
}

/// What has to hold for a role as a whole.
fn check(role: &RoleEntry) -> Result<(), Error> {
    if role.user_claim.is_empty() {
        return Err(Error::invalid("a user claim must be defined on the role"));
    }
    let is_bound = !role.bound_audiences.is_empty()
        || !role.bound_subject.is_empty()
        || !role.bound_claims.is_empty()
        || !role.terms.bound_cidrs.is_empty();
    match role.role_type {
        // Otherwise whatever the provider signs for anybody would log in.
        RoleType::Jwt if !is_bound => {
            Err(Error::invalid("must have at least one bound constraint when creating/updating a role"))
        }
        RoleType::Oidc if role.allowed_redirect_uris.is_empty() => {
            Err(Error::invalid("'allowed_redirect_uris' must be set if 'role_type' is 'oidc' or unspecified."))
        }
        _ => Ok(()),
    }
}

fn role_type(word: &str) -> Result<RoleType, Error> {
    match word {
        "" | "oidc" => Ok(RoleType::Oidc),
        "jwt" => Ok(RoleType::Jwt),
        word => Err(Error::Invalid(format!("invalid 'role_type': {}", bounds::plain(word)).into())),
    }
}

fn matching(word: &str) -> Result<Matching, Error> {
    match word {
        "" | "string" => Ok(Matching::String),
        "glob" => Ok(Matching::Glob),
        word => Err(Error::Invalid(format!("invalid 'bound_claims_type': {}", bounds::plain(word)).into())),
    }
}

fn callback_mode(word: &str) -> Result<CallbackMode, Error> {
    match word {
        "" | "client" => Ok(CallbackMode::Client),
        "direct" => Ok(CallbackMode::Direct),
        word => Err(Error::Invalid(format!("invalid 'callback_mode': {}", bounds::plain(word)).into())),
    }
}

/// Seconds of a leeway. Parts of one count as a whole one: 0 stands for the usual, and less than 0 for nothing.
fn whole_secs(SignedNanos(nanos): SignedNanos) -> i64 {
    let (secs, part) = (nanos / NANOS_PER_SEC, nanos % NANOS_PER_SEC);
    secs + part.signum()
}

/// A role as it is read. Lists and maps that nobody has set are null (documented Vault behavior).
pub(super) fn show(role: &RoleEntry) -> Map<String, Value> {
    let list = |items: &[String]| if items.is_empty() { Value::Null } else { json!(items) };
    let role_type = match role.role_type {
        RoleType::Jwt => "jwt",
        RoleType::Oidc => "oidc",
    };
    let matching = match role.bound_claims_type {
        Matching::String => "string",
        Matching::Glob => "glob",
    };
    let bound_claims = if role.bound_claims.is_empty() { Value::Null } else { json!(role.bound_claims) };
    let claim_mappings = if role.claim_mappings.is_empty() { Value::Null } else { json!(role.claim_mappings) };
    let own = [
        ("allowed_redirect_uris", list(&role.allowed_redirect_uris)),
        ("bound_audiences", list(&role.bound_audiences)),
        ("bound_claims", bound_claims),
        ("bound_claims_type", json!(matching)),
        ("bound_subject", json!(role.bound_subject)),
        ("claim_mappings", claim_mappings),
        ("clock_skew_leeway", json!(role.clock_skew_leeway)),
        ("expiration_leeway", json!(role.expiration_leeway)),
        ("groups_claim", json!(role.groups_claim)),
        ("max_age", json!(role.max_age_secs)),
        ("not_before_leeway", json!(role.not_before_leeway)),
        ("oidc_scopes", list(&role.oidc_scopes)),
        ("role_type", json!(role_type)),
        ("user_claim", json!(role.user_claim)),
        ("user_claim_json_pointer", json!(role.is_user_claim_pointer)),
        ("verbose_oidc_logging", json!(role.is_verbose)),
    ];
    let mut shown = role.terms.show();
    shown.extend(own.map(|(name, value)| (name.to_owned(), value)));
    // Vault's roles do not have these.
    if role.callback_mode == CallbackMode::Direct || role.is_unconfirmed {
        let mode = if role.callback_mode == CallbackMode::Direct { "direct" } else { "client" };
        let direct = [
            ("callback_mode", json!(mode)),
            ("oidc_disable_confirmation", json!(role.is_unconfirmed)),
            ("poll_interval", json!(role.poll_secs)),
        ];
        shown.extend(direct.map(|(name, value)| (name.to_owned(), value)));
    }
    role.older_names.show(&mut shown);
    shown
}
