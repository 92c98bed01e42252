//! The first step of a login: somebody with a Vault token asks for a code for an application.
//!
//! Until the client and its redirect URI are known to belong together, nothing may be told to that URI; errors carry codes
//! of their own for these two, so that whoever shows the page keeps them to itself.

use framework::{Context, Namespace};
use secret::Secret;

use super::entry::{Challenge, ClientEntry, ClientKind, CodeEntry, Method, ProviderEntry};
use super::redirect;
use super::refusal::{Code, Refusal, refuse};
use super::scopes::OPENID;
use crate::identity::Who;
use crate::oidc::Oidc;

/// The longest nonce and the longest state, in bytes.
const TEXT_BYTES_MAX: usize = 2_048;
/// The longest list of scopes of a request, in bytes. What it grants has to fit into an access token.
const SCOPE_BYTES_MAX: usize = 4_096;
/// How long verifiers and challenges are (RFC 7636 §4.1, §4.2).
pub(super) const VERIFIER_BYTES: std::ops::RangeInclusive<usize> = 43..=128;

/// A request for a code. What came twice, or as something else than text, is not among it.
#[derive(Default)]
pub(in crate::oidc) struct Asked {
    pub(in crate::oidc) client_id: String,
    pub(in crate::oidc) redirect_uri: String,
    pub(in crate::oidc) response_type: String,
    pub(in crate::oidc) scope: String,
    pub(in crate::oidc) state: String,
    pub(in crate::oidc) nonce: String,
    pub(in crate::oidc) max_age: String,
    pub(in crate::oidc) code_challenge: String,
    pub(in crate::oidc) code_challenge_method: String,
    pub(in crate::oidc) request: String,
    pub(in crate::oidc) request_uri: String,
}

/// What a request asks for, without who asks.
struct Wanted {
    scopes: Vec<String>,
    nonce: Option<String>,
    challenge: Option<Challenge>,
    max_age_secs: Option<i64>,
}

impl Oidc {
    /// A code for an application, about the entity behind the caller's token.
    pub(in crate::oidc) async fn authorize(
        &self,
        context: &Context,
        name: &str,
        asked: &Asked,
    ) -> Result<Secret<String>, Refusal> {
        let ns = context.namespace.id.as_str();
        let provider = self.provider(ns, name).await?;
        let provider = provider.ok_or_else(|| refuse(Code::InvalidRequest, "provider not found"))?;
        // A code that no token can come of is none.
        self.issuer_of(&context.namespace, name, &provider)?;
        let client = self.client_asking(ns, &provider, asked).await?;
        let wanted = asked.wanted(&client)?;
        let who = self.somebody(ns, &context.caller.entity_id).await?;
        let who =
            who.ok_or_else(|| refuse(Code::AccessDenied, "identity entity must be associated with the request"))?;
        self.check_assigned(ns, &who, &client, Code::AccessDenied).await?;
        let auth_time = match (wanted.max_age_secs, context.caller.issued) {
            (None, _) => None,
            (Some(secs), Some(issued)) if self.now_secs().saturating_sub(issued.unix_secs()) <= secs => {
                Some(issued.unix_secs())
            }
            _ => return Err(refuse(Code::MaxAgeViolation, "active re-authentication is required by max_age")),
        };
        let entry = CodeEntry {
            v: 1,
            provider: name.to_owned(),
            client_id: client.client_id,
            redirect_uri: asked.redirect_uri.clone(),
            entity_id: who.entity.id,
            scopes: provider.granted(&wanted.scopes),
            nonce: wanted.nonce,
            auth_time,
            challenge: wanted.challenge,
            expires: 0,
            spent: None,
        };
        Ok(self.put_code(ns, entry).await?)
    }

    async fn client_asking(&self, ns: &str, provider: &ProviderEntry, asked: &Asked) -> Result<ClientEntry, Refusal> {
        if asked.client_id.is_empty() {
            return Err(refuse(Code::InvalidRequest, "client_id parameter is required"));
        }
        let client = self.client_of_id(ns, &asked.client_id).await?;
        let client = client.ok_or_else(|| refuse(Code::InvalidClientId, "client with client_id not found"))?;
        if asked.redirect_uri.is_empty() {
            return Err(refuse(Code::InvalidRequest, "redirect_uri parameter is required"));
        }
        if !redirect::is_allowed(&asked.redirect_uri, &client.redirect_uris) {
            return Err(refuse(Code::InvalidRedirectUri, "redirect_uri is not allowed for the client"));
        }
        if !provider.serves(&client) {
            return Err(refuse(Code::UnauthorizedClient, "client is not authorized to use the provider"));
        }
        Ok(client)
    }

    /// Refuses somebody who may not use an application.
    pub(super) async fn check_assigned(
        &self,
        ns: &str,
        who: &Who,
        client: &ClientEntry,
        code: Code,
    ) -> Result<(), Refusal> {
        if self.is_assigned(ns, who, &client.assignments).await? {
            return Ok(());
        }
        Err(refuse(code, "identity entity not authorized by client assignment"))
    }
}

impl Asked {
    fn wanted(&self, client: &ClientEntry) -> Result<Wanted, Refusal> {
        let invalid = |why: &'static str| refuse(Code::InvalidRequest, why);
        if self.nonce.len().max(self.state.len()) > TEXT_BYTES_MAX {
            return Err(refuse(Code::InvalidRequest, format!("nonce and state have {TEXT_BYTES_MAX} bytes at most")));
        }
        if self.scope.len() > SCOPE_BYTES_MAX {
            return Err(refuse(Code::InvalidScope, format!("scope has {SCOPE_BYTES_MAX} bytes at most")));
        }
        let scopes: Vec<String> = self.scope.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
        if !scopes.iter().any(|scope| scope == OPENID) {
            return Err(refuse(Code::InvalidScope, "the openid scope is required"));
        }
        match self.response_type.as_str() {
            "code" => {}
            "" => return Err(invalid("response_type parameter is required")),
            _ => return Err(refuse(Code::UnsupportedResponseType, "the response type is not supported")),
        }
        if !self.request.is_empty() {
            return Err(refuse(Code::RequestNotSupported, "request parameter is not supported"));
        }
        if !self.request_uri.is_empty() {
            return Err(refuse(Code::RequestUriNotSupported, "request_uri parameter is not supported"));
        }
        let challenge = self.challenge()?;
        if challenge.is_none() && client.kind == ClientKind::Public {
            return Err(invalid("PKCE is required for public clients"));
        }
        let max_age_secs = match self.max_age.as_str() {
            "" => None,
            text => match text.parse::<i64>() {
                Ok(secs) if secs > 0 => Some(secs),
                _ => return Err(invalid("max_age must be greater than zero")),
            },
        };
        let nonce = Some(self.nonce.clone()).filter(|nonce| !nonce.is_empty());
        Ok(Wanted { scopes, nonce, challenge, max_age_secs })
    }

    fn challenge(&self) -> Result<Option<Challenge>, Refusal> {
        let invalid = |why: &'static str| refuse(Code::InvalidRequest, why);
        let method = match self.code_challenge_method.as_str() {
            "" | "plain" => Method::Plain,
            "S256" => Method::S256,
            _ => return Err(invalid("code_challenge_method must be S256 or plain")),
        };
        if self.code_challenge.is_empty() {
            // A method without a challenge is a challenge that was lost on the way.
            let is_lost = !self.code_challenge_method.is_empty();
            return if is_lost { Err(invalid("code_challenge is missing")) } else { Ok(None) };
        }
        let is_sound = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        if !VERIFIER_BYTES.contains(&self.code_challenge.len()) || !self.code_challenge.chars().all(is_sound) {
            return Err(invalid("code_challenge must have 43 to 128 letters, digits and -._~"));
        }
        Ok(Some(Challenge { method, value: self.code_challenge.clone() }))
    }
}

/// The page on which people log in and are asked; a front end's, not of the API.
pub(in crate::oidc) fn page(origin: &str, namespace: &Namespace, provider: &str) -> String {
    [origin, "/ui/vault/", &namespace.path, "identity/oidc/provider/", provider, "/authorize"].concat()
}
