//! The end of a login in a browser. What the provider gives the browser comes here as a query, which the client passes
//! on, or as a form, which the browser posts; then the client comes for the token by itself.

use framework::{Context, Error, Path, Reply, fields};
use secret::Secret;
use serde_json::Value;

use super::begun::{Begun, StateKey};
use super::exchange::{Brought, Exchange, Refusal};
use super::{FAILED, NOT_CONFIGURED, NOT_VERIFIED, finished};
use crate::jwt::Jwt;
use crate::jwt::entry::{RoleType, find_config, find_role};
use crate::jwt::login::{Wanted, admit_by, check_network};
use crate::jwt::provider::Unverified;

/// What the browser shows after a form was posted: no word of it comes from outside.
const PAGE: &str = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Signed in</title></head>\n\
    <body><p>You are signed in. This window can be closed.</p></body></html>\n";

fields! {
    /// What a browser brings back from the provider, and the client has kept.
    struct Back {
        /// What the client began with.
        client_nonce: String = String::new(),
        /// The provider's code.
        code: Option<Secret<String>> => secret,
        /// Why the provider refuses.
        error: String = String::new(),
        /// The same for people.
        error_description: String = String::new(),
        /// The provider's identity token, without a code.
        id_token: Option<Secret<String>> => secret,
        /// The login's state.
        state: String = String::new(),
    }
}

pub(in crate::jwt) fn path() -> Path<Jwt> {
    Path::new("oidc/callback", "Finish a login in a browser.")
        .unauthenticated()
        .read(finish, "Log in with what the provider has given the browser.")
        .update(post, "Take what the provider has the browser post; the client then reads with the state alone.")
}

/// A login as far as its state says it, and what it needs.
struct Found {
    begun: Begun,
    key: StateKey,
    wanted: Wanted,
}

async fn finish(method: &Jwt, context: &Context, input: Back) -> Result<Reply, Error> {
    let found = found(context, &input).await?;
    if !found.begun.is_begun_with(&input.client_nonce) {
        return Err(Error::invalid("invalid client_nonce"));
    }
    let end = finished::find(context, &found.begun).await?;
    let (claims, known) = match end {
        // It is over, or waits for the client; what was verified for a role counts for that alone.
        Some((entry, stored)) => (entry.claims_for(&found.wanted.stored).ok_or_else(expired)?, Some(stored)),
        None => (verified(method, context, &found, brought(input)?).await?, None),
    };
    let login = admit_by(context, &found.wanted, &claims)?;
    if !finished::finish(context, &found.begun, known.as_ref(), None).await? {
        return Err(expired());
    }
    Ok(login.into())
}

async fn post(method: &Jwt, context: &Context, input: Back) -> Result<Reply, Error> {
    let found = found(context, &input).await?;
    if finished::find(context, &found.begun).await?.is_some() {
        return Err(expired());
    }
    let claims = verified(method, context, &found, brought(input)?).await?;
    if !finished::finish(context, &found.begun, None, Some((claims, &found.wanted.stored))).await? {
        return Err(expired());
    }
    Ok(Reply::body("text/html; charset=utf-8", PAGE))
}

async fn found(context: &Context, input: &Back) -> Result<Found, Error> {
    let (config, stored_config) =
        find_config(&context.view).await?.ok_or_else(|| Error::invalid("could not load configuration"))?;
    if config.oidc_client_id.is_empty() {
        return Err(Error::invalid(NOT_CONFIGURED));
    }
    let key = StateKey::of(&config)?;
    let begun = key.open(&input.state, context.now().unix_secs()).ok_or_else(expired)?;
    if !input.error.is_empty() {
        // What is said here has come through the browser: it is shown as data, and bounded.
        let said = [input.error.as_str(), &input.error_description].into_iter().filter(|it| !it.is_empty());
        let said: String =
            said.collect::<Vec<_>>().join(": ").chars().filter(|it| !it.is_control()).take(500).collect();
        return Err(Error::Invalid(format!("{FAILED} {said}").into()));
    }
    let role = find_role(&context.view, &begun.role).await?.filter(|(role, _)| role.role_type == RoleType::Oidc);
    let (role, stored) = role.ok_or_else(|| Error::Invalid(format!("{FAILED} Role could not be found").into()))?;
    check_network(context, &role)?;
    let wanted = Wanted { name: begun.role.clone(), role, stored, config, stored_config };
    Ok(Found { begun, key, wanted })
}

fn brought(input: Back) -> Result<Brought, Error> {
    let some = |text: &Secret<String>| !text.expose().is_empty();
    let code = input.code.filter(some).map(Brought::Code);
    let brought = code.or_else(|| input.id_token.filter(some).map(Brought::IdToken));
    brought.ok_or_else(|| Error::Invalid(format!("{FAILED} No code or id_token received.").into()))
}

/// What the provider says of the user, once it is proven that it is the provider.
async fn verified(method: &Jwt, context: &Context, found: &Found, brought: Brought) -> Result<Value, Error> {
    let Found { begun, key, wanted } = found;
    let Wanted { role, config, stored_config, .. } = wanted;
    let provider = method.providers.of(context, config, stored_config.revision())?;
    let document = provider.document(&context.env).await.map_err(|why| refused(&Refusal::Unverified(why)))?;
    let exchange = Exchange { context, config, role, provider: &provider, document: &document, begun, key };
    exchange.claims(brought).await.map_err(|why| {
        if let Refusal::Ask(source) = &why {
            tracing::warn!(why = outbound::chain(source), "a provider could not be asked about a code");
        }
        refused(&why)
    })
}

fn refused(why: &Refusal) -> Error {
    if let Refusal::Unverified(busy @ Unverified::Busy) = why {
        return Error::Busy(busy.to_string().into());
    }
    let text = match why {
        Refusal::NoEndpoint | Refusal::Ask(_) | Refusal::Refused(..) => {
            format!("{FAILED} Error exchanging oidc code: {why}.")
        }
        why => format!("{NOT_VERIFIED} {why}"),
    };
    Error::Invalid(text.into())
}

fn expired() -> Error {
    Error::Invalid(format!("{FAILED} Expired or missing OAuth state.").into())
}
