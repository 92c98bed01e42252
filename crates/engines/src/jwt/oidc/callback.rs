//! The end of a login in a browser. What the provider gives the browser comes here as a query, which the client passes
//! on, or as a form, which the browser posts, or, where the role says so, as a query that the browser brings itself. In
//! the latter two the client comes for the token by itself.

use framework::view::CommitError;
use framework::{Context, Error, Path, Reply, Stored, fields};
use secret::Secret;

use super::auth_url::{is_allowed, own_machine};
use super::begun::{Begun, StateKey};
use super::confirmation::{self, Form};
use super::exchange::{Brought, Exchange, Refusal};
use super::finished::{self, FinishedEntry};
use super::{FAILED, NOT_CONFIGURED, NOT_VERIFIED};
use crate::jwt::Jwt;
use crate::jwt::claims::Identified;
use crate::jwt::entry::{CallbackMode, ConfigEntry, RoleType, find_config, find_role};
use crate::jwt::login::{Wanted, admit, check_network, identified};
use crate::jwt::provider::Unverified;

fields! {
    /// What a browser brings back from the provider, and the client has kept.
    struct Back {
        /// What the client began with.
        client_nonce: String = String::new(),
        /// The provider's code.
        code: Option<Secret<String>> => secret,
        /// That the user has said that the login is theirs.
        confirmation: String = String::new(),
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
pub(super) struct Opened {
    pub(super) begun: Begun,
    key: StateKey,
    config: ConfigEntry,
    stored_config: Stored,
}

/// The same with the role that it is for.
pub(super) struct Found {
    pub(super) begun: Begun,
    key: StateKey,
    pub(super) wanted: Wanted,
}

async fn finish(method: &Jwt, context: &Context, input: Back) -> Result<Reply, Error> {
    let opened = opened(context, &input.state).await?;
    let nonce = opened.begun.is_begun_with(&input.client_nonce);
    let found = opened.found(context).await;
    if let Ok(found) = &found
        && found.wanted.role.callback_mode == CallbackMode::Direct
    {
        return vouch(method, context, found, input, Form::Get).await;
    }
    // Before anything that came along is believed, a refusal included.
    if !nonce {
        return Err(Error::invalid("invalid client_nonce"));
    }
    check_refusal(&input)?;
    let found = found?;
    check_network(context, &found.wanted.role)?;
    match finished::find(context, &found.begun).await? {
        Some(end) => admit_vouched(context, &found, end),
        None => {
            let identified = verified(method, context, &found, input).await?;
            admit_once(context, &found, identified, None)
        }
    }
}

async fn post(method: &Jwt, context: &Context, input: Back) -> Result<Reply, Error> {
    let found = opened(context, &input.state).await?.found(context).await?;
    if found.wanted.role.callback_mode == CallbackMode::Client {
        check_network(context, &found.wanted.role)?;
    }
    vouch(method, context, &found, input, Form::Post).await
}

/// Takes what the provider has given the browser, so that the client can come for the token by itself. Where it is the
/// browser that has come here, its user is asked first whether they have begun this: the URL may be somebody else's.
async fn vouch(method: &Jwt, context: &Context, found: &Found, input: Back, form: Form) -> Result<Reply, Error> {
    check_refusal(&input)?;
    let Wanted { role, stored, .. } = &found.wanted;
    if finished::find(context, &found.begun).await?.is_some() {
        return Err(expired());
    }
    // On its own machine a client passes on what it has taken from the browser.
    let is_from_client = role.callback_mode == CallbackMode::Client && own_machine(&found.begun.redirect_uri).is_some();
    if !is_from_client && !role.is_unconfirmed && input.confirmation.is_empty() {
        let given = [("code", &input.code), ("id_token", &input.id_token)];
        let given = given.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?.expose().as_str())));
        let given: Vec<_> = given.chain([("state", input.state.as_str())]).collect();
        return Ok(confirmation::page(&found.begun, form, &given));
    }
    let identified = verified(method, context, found, input).await?;
    match finished::finish(context, &found.begun, None, Some((identified, stored)))?.commit().await {
        Ok(_) => Ok(confirmation::done()),
        Err(CommitError::Conflict) => Err(expired()),
        Err(CommitError::Failed(error)) => Err(error),
    }
}

/// Lets somebody in for whom the provider has vouched before; what was verified for a role counts for that alone.
pub(super) fn admit_vouched(
    context: &Context,
    found: &Found,
    (entry, stored): (FinishedEntry, Stored),
) -> Result<Reply, Error> {
    let identified = entry.identified_for(&found.wanted.stored).ok_or_else(expired)?;
    admit_once(context, found, identified, Some(&stored))
}

/// Of two who come this far with one state one gets a token; the other is asked for again, and finds that it is over.
fn admit_once(
    context: &Context,
    found: &Found,
    identified: Identified,
    known: Option<&Stored>,
) -> Result<Reply, Error> {
    let login = admit(context, &found.wanted, identified)?;
    let changes = finished::finish(context, &found.begun, known, None)?;
    Ok(login.with_changes(changes)?.into())
}

pub(super) async fn opened(context: &Context, state: &str) -> Result<Opened, Error> {
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
    pub(super) async fn found(self, context: &Context) -> Result<Found, Error> {
        let Self { begun, key, config, stored_config } = self;
        let role = find_role(&context.view, &begun.role).await?.filter(|(role, _)| role.role_type == RoleType::Oidc);
        let (role, stored) = role.ok_or_else(|| Error::Invalid(format!("{FAILED} Role could not be found").into()))?;
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
