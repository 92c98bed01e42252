//! The end of a login in a browser. What the provider gives the browser comes here as a query, which the client passes
//! on, or as a form, which the browser posts; then the client comes for the token by itself.

use framework::view::CommitError;
use framework::{Context, Error, Path, Reply, Stored, fields};
use secret::Secret;

use super::auth_url::is_allowed;
use super::begun::{Begun, StateKey};
use super::exchange::{Brought, Exchange, Refusal};
use super::{FAILED, NOT_CONFIGURED, NOT_VERIFIED, finished};
use crate::jwt::Jwt;
use crate::jwt::claims::Identified;
use crate::jwt::entry::{ConfigEntry, RoleType, find_config, find_role};
use crate::jwt::login::{Wanted, admit, check_network, identified};
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

/// A login as far as its state says it.
struct Opened {
    begun: Begun,
    key: StateKey,
    config: ConfigEntry,
    stored_config: Stored,
}

/// The same with the role that it is for.
struct Found {
    begun: Begun,
    key: StateKey,
    wanted: Wanted,
}

async fn finish(method: &Jwt, context: &Context, input: Back) -> Result<Reply, Error> {
    let opened = opened(context, &input.state).await?;
    // Before anything that came along is believed, a refusal included.
    if !opened.begun.is_begun_with(&input.client_nonce) {
        return Err(Error::invalid("invalid client_nonce"));
    }
    check_refusal(&input)?;
    let found = opened.found(context).await?;
    let end = finished::find(context, &found.begun).await?;
    let (identified, known) = match end {
        // It is over, or waits for the client; what was verified for a role counts for that alone.
        Some((entry, stored)) => (entry.identified_for(&found.wanted.stored).ok_or_else(expired)?, Some(stored)),
        None => (verified(method, context, &found, input).await?, None),
    };
    let login = admit(context, &found.wanted, identified)?;
    // Of two who come this far with one state one gets a token; the other is asked for again, and finds that it is over.
    let changes = finished::finish(context, &found.begun, known.as_ref(), None)?;
    Ok(login.with_changes(changes)?.into())
}

async fn post(method: &Jwt, context: &Context, input: Back) -> Result<Reply, Error> {
    let opened = opened(context, &input.state).await?;
    check_refusal(&input)?;
    let found = opened.found(context).await?;
    if finished::find(context, &found.begun).await?.is_some() {
        return Err(expired());
    }
    let identified = verified(method, context, &found, input).await?;
    let vouched = Some((identified, &found.wanted.stored));
    match finished::finish(context, &found.begun, None, vouched)?.commit().await {
        Ok(_) => Ok(Reply::body("text/html; charset=utf-8", PAGE)),
        Err(CommitError::Conflict) => Err(expired()),
        Err(CommitError::Failed(error)) => Err(error),
    }
}

async fn opened(context: &Context, state: &str) -> Result<Opened, Error> {
    let (config, stored_config) =
        find_config(&context.view).await?.ok_or_else(|| Error::invalid("could not load configuration"))?;
    if config.oidc_client_id.is_empty() {
        return Err(Error::invalid(NOT_CONFIGURED));
    }
    let key = StateKey::of(&config)?;
    let begun = key.open(state, context.now().unix_secs()).ok_or_else(expired)?;
    Ok(Opened { begun, key, config, stored_config })
}

/// What the provider says in place of vouching for somebody. It has come through the browser: it is shown as data, and
/// bounded.
fn check_refusal(input: &Back) -> Result<(), Error> {
    if input.error.is_empty() {
        return Ok(());
    }
    let said = [input.error.as_str(), &input.error_description].into_iter().filter(|it| !it.is_empty());
    let said: String = said.collect::<Vec<_>>().join(": ").chars().filter(|it| !it.is_control()).take(500).collect();
    Err(Error::Invalid(format!("{FAILED} {said}").into()))
}

impl Opened {
    async fn found(self, context: &Context) -> Result<Found, Error> {
        let Self { begun, key, config, stored_config } = self;
        let role = find_role(&context.view, &begun.role).await?.filter(|(role, _)| role.role_type == RoleType::Oidc);
        let (role, stored) = role.ok_or_else(|| Error::Invalid(format!("{FAILED} Role could not be found").into()))?;
        check_network(context, &role)?;
        if !is_allowed(&begun.redirect_uri, &role.allowed_redirect_uris) {
            return Err(Error::Invalid(format!("{FAILED} The role no longer allows the redirect_uri.").into()));
        }
        let wanted = Wanted { name: begun.role.clone(), role, stored, config, stored_config };
        Ok(Found { begun, key, wanted })
    }
}

/// What was brought of what the configuration asks a provider for. A browser may have had it answer with something else,
/// which has been proven less.
fn brought(config: &ConfigEntry, input: Back) -> Result<Brought, Error> {
    let brought = match config.asks_for_code() {
        true => input.code.map(Brought::Code),
        false => input.id_token.map(Brought::IdToken),
    };
    let brought = brought.filter(|brought| match brought {
        Brought::Code(text) | Brought::IdToken(text) => !text.expose().is_empty(),
    });
    brought.ok_or_else(|| Error::Invalid(format!("{FAILED} No code or id_token received.").into()))
}

/// Who the user is, once it is proven that the provider says so, and that the role lets them in.
async fn verified(method: &Jwt, context: &Context, found: &Found, input: Back) -> Result<Identified, Error> {
    let Found { begun, key, wanted } = found;
    let Wanted { role, config, stored_config, .. } = wanted;
    let brought = brought(config, input)?;
    let provider = method.providers.of(context, config, stored_config.revision())?;
    let document = provider.document(&context.env).await.map_err(|why| refused(&Refusal::Unverified(why)))?;
    let exchange = Exchange { context, config, role, provider: &provider, document: &document, begun, key };
    let claims = exchange.claims(brought).await.map_err(|why| {
        if let Refusal::Ask(source) = &why {
            tracing::warn!(why = outbound::chain(source), "a provider could not be asked about a code");
        }
        refused(&why)
    })?;
    identified(wanted, &claims)
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
