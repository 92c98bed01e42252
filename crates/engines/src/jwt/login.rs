//! Logging in with a token, and what a renewal asks.
//!
//! The order of the checks and their texts are Vault's. What is asked of others is asked for the operator's configuration
//! alone, and before that a token must at least have the form of one.

use framework::cidr;
use framework::terms::TokenTerms;
use framework::{Alias, Context, Error, Login, Path, Renewing, Reply, Stored, fields};
use jose::Unproven;
use secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bounds::role_name;
use super::claims::Identified;
use super::entry::{CONFIG, ConfigEntry, RoleEntry, RoleType, find_config, find_role, role_place};
use super::provider::Unverified;
use super::token::{Expected, audiences};
use super::{Jwt, token};

/// The longest name of a role that is repeated in a complaint, in bytes: less than the shortest signed token has.
const SHOWN_BYTES_MAX: usize = 64;

/// What is noted of a login.
#[derive(Serialize, Deserialize)]
struct Note {
    role: String,
}

fields! {
    /// Somebody who wants in.
    struct Enter {
        /// A claim from elsewhere can be asked for with this token, at one provider; it is not looked at here.
        distributed_claim_access_token: Option<Secret<String>> => secret,
        /// The signed token.
        jwt: Option<Secret<String>> => secret,
        /// The role. That of the configuration when absent.
        role: Option<String>,
    }
}

fields! {
    /// Names a role.
    pub(super) struct ByRole {
        /// The role. That of the configuration when absent.
        role: Option<String>,
    }
}

/// A role that a login is for, and what it was read from.
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) role: RoleEntry,
    pub(super) stored: Stored,
    pub(super) config: ConfigEntry,
    pub(super) stored_config: Stored,
}

pub(super) fn path() -> Path<Jwt> {
    Path::new("login", "Log in with a signed token.").unauthenticated().role::<ByRole>(role).update(enter, "Log in.")
}

/// Which role a login is for, as far as it is there.
pub(super) async fn role(_: &Jwt, context: &Context, input: ByRole) -> Result<Option<String>, Error> {
    let name = match input.role.filter(|name| !name.is_empty()) {
        Some(name) => name,
        None => find_config(&context.view).await?.map(|(config, _)| config.default_role).unwrap_or_default(),
    };
    let Ok(name) = role_name(&name) else { return Ok(None) };
    Ok(context.view.get(&role_place(&name)).await?.map(|_| name))
}

async fn enter(method: &Jwt, context: &Context, input: Enter) -> Result<Reply, Error> {
    let found = find_config(&context.view).await?;
    let (config, stored_config) = found.ok_or_else(|| Error::invalid("could not load configuration"))?;
    let named = input.role.filter(|name| !name.is_empty()).unwrap_or_else(|| config.default_role.clone());
    if named.is_empty() {
        return Err(Error::invalid("missing role"));
    }
    let unknown = || Error::Invalid(format!("role {}could not be found", shown(&named)).into());
    let name = role_name(&named).map_err(|_| unknown())?;
    let (role, stored) = find_role(&context.view, &name).await?.ok_or_else(unknown)?;
    if role.role_type == RoleType::Oidc {
        return Err(Error::invalid("role with oidc role_type is not allowed"));
    }
    let text = input.jwt.filter(|text| !text.expose().is_empty()).ok_or_else(|| Error::invalid("missing token"))?;
    check_network(context, &role)?;
    let wanted = Wanted { name, role, stored, config, stored_config };
    let claims = validated(method, context, &wanted, text.expose().trim()).await?;
    Ok(admit(context, &wanted, identified(&wanted, &claims)?)?.into())
}

/// What was sent as a role's name, where it can be one: anything else came to the wrong place, and may be a secret.
fn shown(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./*".contains(&byte);
    let is_name = name.len() <= SHOWN_BYTES_MAX && name.bytes().all(is_plain);
    if is_name { format!("{name:?} ") } else { String::new() }
}

/// Before anything is looked at that came along.
pub(super) fn check_network(context: &Context, role: &RoleEntry) -> Result<(), Error> {
    let remote = context.connection.remote.map(|remote| remote.ip().to_canonical());
    if cidr::admit(&role.terms.bound_cidrs, remote) { Ok(()) } else { Err(Error::Denied) }
}

/// The claims of a token that is valid here and now for this role.
async fn validated(method: &Jwt, context: &Context, wanted: &Wanted, text: &str) -> Result<Value, Error> {
    let Wanted { role, config, .. } = wanted;
    let refused = |why: &dyn std::fmt::Display| Error::Invalid(format!("error validating token: {why}").into());
    let unverified = |why: &dyn std::fmt::Display| refused(&format_args!("error verifying token signature: {why}"));
    let unproven = Unproven::parse(text).ok_or_else(|| unverified(&"the token is malformed"))?;
    let provider = method.providers.of(context, config, wanted.stored_config.revision())?;
    match provider.prove(&context.env, &unproven).await {
        Ok(()) => {}
        Err(busy @ Unverified::Busy) => return Err(Error::Busy(busy.to_string().into())),
        Err(why) => return Err(unverified(&why)),
    }
    let claims =
        unproven.unproven_claims().ok_or_else(|| unverified(&"its claims are no JSON object within bounds"))?;
    let claims = Value::Object(claims);
    let expected = Expected {
        issuer: &config.bound_issuer,
        subject: &role.bound_subject,
        audiences: &role.bound_audiences,
        algorithms: &config.jwt_supported_algs,
        expiration_leeway: role.expiration_leeway,
        not_before_leeway: role.not_before_leeway,
        clock_skew_leeway: role.clock_skew_leeway,
        now_secs: context.now().unix_secs(),
    };
    token::check(&claims, unproven.algorithm, &expected).map_err(|why| refused(&why))?;
    // What was made for somebody else's service is no proof here, unless the role says that it is.
    if role.bound_audiences.is_empty() && audiences(&claims).is_ok_and(|audiences| !audiences.is_empty()) {
        return Err(Error::invalid("audience claim found in JWT but no audiences bound to the role"));
    }
    Ok(claims)
}

/// Who has these claims, if they are those of the role.
pub(super) fn identified(wanted: &Wanted, claims: &Value) -> Result<Identified, Error> {
    Identified::by(claims, &wanted.role).map_err(|why| Error::Invalid(why.to_string().into()))
}

/// The login of somebody whom the role lets in.
pub(super) fn admit(context: &Context, wanted: &Wanted, identified: Identified) -> Result<Login, Error> {
    let Wanted { name, role, stored, stored_config, .. } = wanted;
    let Identified { user, metadata, groups } = identified;
    let login = Login::new(&user, role.terms.clone(), &Note { role: name.clone() })?;
    let mut login = Login { metadata, ..login }.with_metadata("role", name);
    login.alias = Some(Alias { name: user, metadata: Some(login.metadata.clone()) });
    let login = login.in_groups(groups).with_role(name);
    let login = login.decided_from(&context.view, &role_place(name), &stored.value)?;
    login.decided_from(&context.view, CONFIG, &stored_config.value)
}

/// A role that is gone does not keep its tokens alive; otherwise they get what it says now.
pub(super) async fn renew(_: &Jwt, context: &Context, renewing: Renewing) -> Result<TokenTerms, Error> {
    let Note { role: name } = renewing.data()?;
    let found = find_role(&context.view, &name).await?;
    let (role, _) = found.ok_or_else(|| Error::Invalid(format!("role {name} does not exist during renewal").into()))?;
    Ok(role.terms)
}
