//! The endpoints of the authorization code flow. They take forms, JSON and queries alike, and answer as OAuth 2.0 and OpenID
//! Connect say, without an envelope.

use framework::field::{Coercion, FieldKind};
use framework::{Context, Error, FieldValue, Path, Reply, Segment, fields};
use serde_json::{Value, json};

use crate::oidc::Oidc;
use crate::oidc::provider::authorize::Asked;
use crate::oidc::provider::exchange::Exchange;
use crate::oidc::provider::refusal::{Code, of_authorize, of_token, of_userinfo, refuse};

/// The header that carries credentials of OAuth.
const AUTHORIZATION: &str = "authorization";

pub(super) fn paths() -> Vec<Path<Oidc>> {
    let row = |template, about| Path::new(template, about).param("name", Segment::Name, "Name of the provider.");
    vec![
        row("oidc/provider/{name}/authorize", "The first step of a login: a code for a client.")
            .read(authorize, "Make a code about the entity behind the caller's token.")
            .update(authorize, "Make a code about the entity behind the caller's token."),
        row("oidc/provider/{name}/token", "The second step: tokens for a code.")
            .unauthenticated()
            .takes_authorization()
            .update(token, "Exchange a code for an ID token and an access token."),
        row("oidc/provider/{name}/userinfo", "What an access token opens. It comes in the header Authorization.")
            .unauthenticated()
            .takes_authorization()
            .read(userinfo, "Tell of the person who logged in what the scopes say.")
            .update(userinfo, "Tell of the person who logged in what the scopes say."),
    ]
}

/// A parameter of OAuth: text, once. Anything else is told as OAuth tells it, by the handler.
#[derive(Default)]
struct Once {
    text: String,
    is_odd: bool,
}

impl FieldValue for Once {
    const KIND: FieldKind = FieldKind::String;
    const IS_REQUIRED: bool = false;

    fn coerce(value: Value) -> Result<Self, Coercion> {
        Ok(match value {
            Value::String(text) => Self { text, is_odd: false },
            Value::Number(number) => Self { text: number.to_string(), is_odd: false },
            _ => Self { text: String::new(), is_odd: true },
        })
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}

fields! {
    /// A request for a code.
    struct Authorize {
        /// Name of the provider.
        name: String,
        /// Id of the client.
        client_id: Once,
        /// Where the person is to be sent back to; one of those of the client.
        redirect_uri: Once,
        /// code.
        response_type: Once,
        /// Names of scopes with spaces between them, openid among them.
        scope: Once,
        /// Any text, which comes back.
        state: Once,
        /// Any text, which comes back in the ID token.
        nonce: Once,
        /// How long ago the caller's token may have been made, in seconds.
        max_age: Once,
        /// What the code's verifier must fit (PKCE); public clients have to send it.
        code_challenge: Once,
        /// S256, or plain, which it is when absent.
        code_challenge_method: Once,
        /// Not supported.
        request: Once,
        /// Not supported.
        request_uri: Once,
    }
}

fields! {
    /// A code with all that makes it good.
    struct Token {
        /// Name of the provider.
        name: String,
        /// authorization_code.
        grant_type: Once,
        /// The code.
        code: Once => secret,
        /// As in the request for the code.
        redirect_uri: Once,
        /// What the challenge of the request for the code comes from.
        code_verifier: Once => secret,
        /// Id of the client, if it does not come in the header Authorization.
        client_id: Once,
        /// Its secret, if it does not come in that header.
        client_secret: Once => secret,
    }
}

fields! {
    /// Which provider.
    struct OfProvider {
        /// Name of the provider.
        name: String,
    }
}

async fn authorize(oidc: &Oidc, context: &Context, input: Authorize) -> Result<Reply, Error> {
    let all = [
        &input.client_id,
        &input.redirect_uri,
        &input.response_type,
        &input.scope,
        &input.state,
        &input.nonce,
        &input.max_age,
        &input.code_challenge,
        &input.code_challenge_method,
        &input.request,
        &input.request_uri,
    ];
    if all.iter().any(|parameter| parameter.is_odd) {
        return of_authorize(refuse(Code::InvalidRequest, TWICE), &input.state.text);
    }
    let asked = Asked {
        client_id: input.client_id.text,
        redirect_uri: input.redirect_uri.text,
        response_type: input.response_type.text,
        scope: input.scope.text,
        state: input.state.text,
        nonce: input.nonce.text,
        max_age: input.max_age.text,
        code_challenge: input.code_challenge.text,
        code_challenge_method: input.code_challenge_method.text,
        request: input.request.text,
        request_uri: input.request_uri.text,
    };
    match oidc.authorize(context, &input.name, &asked).await {
        Ok(code) => Ok(Reply::data(json!({ "code": code.expose(), "state": asked.state })).bare()),
        Err(refusal) => of_authorize(refusal, &asked.state),
    }
}

async fn token(oidc: &Oidc, context: &Context, input: Token) -> Result<Reply, Error> {
    let all = [
        &input.grant_type,
        &input.code,
        &input.redirect_uri,
        &input.code_verifier,
        &input.client_id,
        &input.client_secret,
    ];
    if all.iter().any(|parameter| parameter.is_odd) || context.headers.all(AUTHORIZATION).len() > 1 {
        return of_token(refuse(Code::InvalidRequest, TWICE));
    }
    let asked = Exchange {
        grant_type: input.grant_type.text,
        code: input.code.text,
        redirect_uri: input.redirect_uri.text,
        code_verifier: input.code_verifier.text,
        client_id: input.client_id.text,
        client_secret: input.client_secret.text,
        authorization: context.headers.first(AUTHORIZATION).map(str::to_owned),
    };
    match oidc.exchange(&context.namespace, &input.name, &asked).await {
        Ok(tokens) => {
            let body = json!({
                "token_type": "Bearer",
                "access_token": tokens.access_token.expose(),
                "id_token": tokens.id_token,
                "expires_in": tokens.access_ttl_secs,
            });
            Ok(Reply::data(body).bare().with_header("Pragma", "no-cache"))
        }
        Err(refusal) => of_token(refusal),
    }
}

async fn userinfo(oidc: &Oidc, context: &Context, input: OfProvider) -> Result<Reply, Error> {
    let bearer = context.headers.first(AUTHORIZATION).and_then(|header| header.split_once(' '));
    let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    let Some(token) = bearer else {
        return of_userinfo(refuse(Code::InvalidToken, "access token is required in the header Authorization"));
    };
    match oidc.userinfo(&context.namespace, &input.name, token).await {
        Ok(claims) => Ok(Reply::data(claims.into()).bare()),
        Err(refusal) => of_userinfo(refusal),
    }
}

/// RFC 6749 §3.1, §3.2.
const TWICE: &str = "a parameter is no text, or is there more than once";
