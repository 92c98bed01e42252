//! What is told to applications when they get nothing: an error code and a sentence, as OAuth 2.0 says, and never Vault's
//! envelope (RFC 6749 §5.2, RFC 6750 §3, OpenID Connect Core §3.1.2.6).

use std::borrow::Cow;

use framework::{Error, Reply, Status};
use serde_json::{Map, Value, json};

/// Why an application gets nothing.
#[derive(Debug)]
pub(in crate::oidc) enum Refusal {
    /// The request is to blame.
    Request(Code, Cow<'static, str>),
    /// The server is: told and logged as everywhere.
    Failed(Error),
}

/// The published error codes, and those that Vault adds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::oidc) enum Code {
    InvalidRequest,
    UnauthorizedClient,
    AccessDenied,
    UnsupportedResponseType,
    InvalidScope,
    RequestNotSupported,
    RequestUriNotSupported,
    /// Vault's: never to be told to the redirect URI.
    InvalidClientId,
    /// Vault's: never to be told to the redirect URI.
    InvalidRedirectUri,
    /// Vault's: the person has to log in again.
    MaxAgeViolation,
    InvalidClient,
    InvalidGrant,
    UnsupportedGrantType,
    InvalidToken,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Code {
    const fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::AccessDenied => "access_denied",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::InvalidClientId => "invalid_client_id",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::MaxAgeViolation => "max_age_violation",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidToken => "invalid_token",
        }
    }
}

/// A refusal of the request.
pub(in crate::oidc) fn refuse(code: Code, why: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal::Request(code, why.into())
}

/// The refusal of a code: 400. `state` comes back as the application sent it.
pub(in crate::oidc) fn of_authorize(refusal: Refusal, state: &str) -> Result<Reply, Error> {
    let (code, why) = request(refusal)?;
    let mut body = body(code, &why);
    body.insert("state".to_owned(), json!(state));
    Ok(Reply::data(body.into()).bare().with_status(Status::Code(400)))
}

/// The refusal of tokens: 400, but 401 when it is the client who is not believed (RFC 6749 §5.2).
pub(in crate::oidc) fn of_token(refusal: Refusal) -> Result<Reply, Error> {
    let (code, why) = request(refusal)?;
    let reply = Reply::data(body(code, &why).into()).bare().with_header("Pragma", "no-cache");
    Ok(match code {
        Code::InvalidClient => reply.with_status(Status::Code(401)).with_header("WWW-Authenticate", "Basic"),
        _ => reply.with_status(Status::Code(400)),
    })
}

/// The refusal of an access token: 401, with the reason in a header as well (RFC 6750 §3).
pub(in crate::oidc) fn of_userinfo(refusal: Refusal) -> Result<Reply, Error> {
    let (code, why) = request(refusal)?;
    let challenge = format!("Bearer error=\"{}\",error_description=\"{why}\"", code.name());
    let reply = Reply::data(body(code, &why).into()).bare().with_header("WWW-Authenticate", challenge);
    Ok(reply.with_status(Status::Code(401)))
}

fn request(refusal: Refusal) -> Result<(Code, Cow<'static, str>), Error> {
    match refusal {
        Refusal::Request(code, why) => Ok((code, why)),
        Refusal::Failed(error) => Err(error),
    }
}

fn body(code: Code, why: &str) -> Map<String, Value> {
    Map::from_iter([("error".to_owned(), json!(code.name())), ("error_description".to_owned(), json!(why))])
}
