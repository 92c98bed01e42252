//! The second step: an application exchanges a code for an ID token and an access token; and what the access token opens.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use framework::Namespace;
use secret::{Secret, is_equal};
use serde_json::{Map, Value, json};

use super::access::Access;
use super::authorize::VERIFIER_BYTES;
use super::codes::Taken;
use super::entry::{Challenge, ClientEntry, ClientKind, CodeEntry, Method, ProviderEntry};
use super::refusal::{Code, Refusal, refuse};
use crate::identity::Who;
use crate::oidc::Oidc;
use crate::tokens::create::nanos;

/// A request for tokens. What came twice, or as something else than text, is not among it.
#[derive(Default)]
pub(in crate::oidc) struct Exchange {
    pub(in crate::oidc) grant_type: String,
    pub(in crate::oidc) code: String,
    pub(in crate::oidc) redirect_uri: String,
    pub(in crate::oidc) code_verifier: String,
    pub(in crate::oidc) client_id: String,
    pub(in crate::oidc) client_secret: String,
    /// The header of that name, in which the client may have come instead (RFC 6749 §2.3.1).
    pub(in crate::oidc) authorization: Option<String>,
}

/// What an application gets.
pub(in crate::oidc) struct Tokens {
    pub(in crate::oidc) id_token: String,
    pub(in crate::oidc) access_token: Secret<String>,
    pub(in crate::oidc) access_ttl_secs: u64,
}

impl Oidc {
    /// Tokens for a code.
    pub(in crate::oidc) async fn exchange(
        &self,
        namespace: &Namespace,
        name: &str,
        asked: &Exchange,
    ) -> Result<Tokens, Refusal> {
        let ns = namespace.id.as_str();
        let provider = self.provider(ns, name).await?;
        let provider = provider.ok_or_else(|| refuse(Code::InvalidRequest, "provider not found"))?;
        let issuer = self.issuer_of(namespace, name, &provider)?;
        let client = self.client_of(ns, asked).await?;
        if !provider.serves(&client) {
            return Err(refuse(Code::InvalidClient, "client is not authorized to use the provider"));
        }
        match asked.grant_type.as_str() {
            "authorization_code" => {}
            "" => return Err(refuse(Code::InvalidRequest, "grant_type parameter is required")),
            _ => return Err(refuse(Code::UnsupportedGrantType, "unsupported grant_type value")),
        }
        if asked.code.is_empty() {
            return Err(refuse(Code::InvalidRequest, "code parameter is required"));
        }
        if asked.redirect_uri.is_empty() {
            return Err(refuse(Code::InvalidRequest, "redirect_uri parameter is required"));
        }
        // Whoever brings it uses it up, so that none can be tried with different secrets, URIs or verifiers.
        let access_ttl = Duration::from_secs(client.access_token_ttl_secs);
        let taken = self.take_code(ns, &asked.code, access_ttl).await?;
        let taken = taken.ok_or_else(|| refuse(Code::InvalidGrant, "authorization grant is invalid or expired"))?;
        check_code(&taken.code, name, &client, asked)?;
        let who = self.somebody(ns, &taken.code.entity_id).await?;
        let who =
            who.ok_or_else(|| refuse(Code::InvalidGrant, "identity entity associated with the code not found"))?;
        self.check_assigned(ns, &who, &client, Code::InvalidGrant).await?;
        self.grant(namespace, (name, &provider, &issuer), &client, &taken, &who, &asked.code).await
    }

    async fn grant(
        &self,
        namespace: &Namespace,
        (name, provider, issuer): (&str, &ProviderEntry, &str),
        client: &ClientEntry,
        taken: &Taken,
        who: &Who,
        text: &str,
    ) -> Result<Tokens, Refusal> {
        let ns = namespace.id.as_str();
        let key = self.key_in_use(ns, &client.key).await?;
        let key = key.ok_or_else(|| refuse(Code::InvalidClient, "the key of the client is gone"))?;
        if !key.admits(&client.client_id) {
            return Err(refuse(Code::InvalidClient, "client is not authorized to use the key"));
        }
        let code = &taken.code;
        let scopes = provider.granted(&code.scopes);
        let claims = self.scope_claims(ns, who, &scopes).await?;
        let mut claims = claims.map_err(|why| refuse(Code::InvalidRequest, why))?;
        let access_ttl = Duration::from_secs(client.access_token_ttl_secs);
        // Never longer than what the code's entry says, which was written before.
        let expires = self.now_nanos().saturating_add(nanos(access_ttl));
        let expires = code.spent.map_or(expires, |spent| spent.access_until.min(expires));
        let access_token = self.seal_access(&Access {
            v: 1,
            namespace: ns.to_owned(),
            provider: name.to_owned(),
            client_id: client.client_id.clone(),
            entity_id: who.entity.id.clone(),
            scopes,
            expires,
            code: taken.hash.clone(),
        })?;
        let ttl_secs = client.id_token_ttl_secs.min(key.verification_secs);
        claims.extend(self.about(namespace, who, issuer, &client.client_id, ttl_secs));
        let mut claim = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        claim("at_hash", json!(key.algorithm.half_hash(access_token.expose())));
        claim("c_hash", json!(key.algorithm.half_hash(text)));
        if let Some(nonce) = &code.nonce {
            claim("nonce", json!(nonce));
        }
        if let Some(secs) = code.auth_time {
            claim("auth_time", json!(secs));
        }
        Ok(Tokens { id_token: key.sign(&claims)?, access_token, access_ttl_secs: access_ttl.as_secs() })
    }

    /// The client that asks, believed: a confidential one has shown its secret. Nobody is told which half was wrong. A
    /// secret of a public one proves nothing, and a header of another scheme is for somebody on the way.
    async fn client_of(&self, ns: &str, asked: &Exchange) -> Result<ClientEntry, Refusal> {
        let (id, secret) = match asked.authorization.as_deref().filter(|header| is_basic(header)) {
            None => (asked.client_id.clone(), asked.client_secret.clone()),
            Some(header) => {
                let (id, secret) =
                    basic(header).ok_or_else(|| refuse(Code::InvalidRequest, "malformed authorization header"))?;
                if !asked.client_secret.is_empty() || (!asked.client_id.is_empty() && asked.client_id != id) {
                    return Err(refuse(Code::InvalidRequest, "more than one way of client authentication is used"));
                }
                (id, secret)
            }
        };
        if id.is_empty() {
            return Err(refuse(Code::InvalidRequest, "client_id parameter is required"));
        }
        let client = self.client_of_id(ns, &id).await?;
        let is_believed = client.as_ref().is_some_and(|client| match client.kind {
            ClientKind::Public => true,
            ClientKind::Confidential => is_equal(&client.client_secret, &secret),
        });
        client.filter(|_| is_believed).ok_or_else(|| refuse(Code::InvalidClient, "client failed to authenticate"))
    }

    /// What an access token tells of the person who logged in.
    pub(in crate::oidc) async fn userinfo(
        &self,
        namespace: &Namespace,
        name: &str,
        token: &str,
    ) -> Result<Map<String, Value>, Refusal> {
        let ns = namespace.id.as_str();
        let invalid = |why: &'static str| refuse(Code::InvalidToken, why);
        let access = self.open_access(token).await?;
        let access = access.filter(|access| access.expires > self.now_nanos() && access.namespace == ns);
        let access = access.ok_or_else(|| invalid("access token is expired, malformed, or invalid"))?;
        if !access.code.is_empty() && self.is_revoked(ns, &access.code).await? {
            return Err(invalid("access token is expired, malformed, or invalid"));
        }
        if access.provider != name {
            return Err(invalid("access token was not issued by the provider"));
        }
        let provider = self.provider(ns, name).await?.ok_or_else(|| invalid("provider not found"))?;
        let client = self.client_of_id(ns, &access.client_id).await?.filter(|client| provider.serves(client));
        let client = client.ok_or_else(|| invalid("client is not authorized to use the provider"))?;
        let who = self.somebody(ns, &access.entity_id).await?;
        let who = who.ok_or_else(|| invalid("identity entity associated with the access token not found"))?;
        self.check_assigned(ns, &who, &client, Code::InvalidToken).await?;
        let claims = self.scope_claims(ns, &who, &provider.granted(&access.scopes)).await?;
        let mut claims = claims.map_err(|_| invalid("the scopes of the access token have conflicting claims"))?;
        claims.insert("sub".to_owned(), json!(who.entity.id));
        Ok(claims)
    }
}

/// Whether a code is for this exchange.
fn check_code(code: &CodeEntry, provider: &str, client: &ClientEntry, asked: &Exchange) -> Result<(), Refusal> {
    let invalid = |why: &'static str| Err(refuse(Code::InvalidGrant, why));
    if code.provider != provider {
        return invalid("authorization code was not issued by the provider");
    }
    if code.client_id != client.client_id {
        return invalid("authorization code was not issued to the client");
    }
    if code.redirect_uri != asked.redirect_uri {
        return invalid("redirect_uri does not match that of the authorization request");
    }
    match &code.challenge {
        Some(challenge) if challenge.is_met_by(&asked.code_verifier) => Ok(()),
        Some(_) => invalid("invalid code_verifier for the code_challenge"),
        // Somebody has taken the challenge away on the way (RFC 9700 §4.8.2).
        None if !asked.code_verifier.is_empty() => invalid("there was no code_challenge for the code_verifier"),
        None => Ok(()),
    }
}

impl Challenge {
    fn is_met_by(&self, verifier: &str) -> bool {
        if !VERIFIER_BYTES.contains(&verifier.len()) {
            return false;
        }
        match self.method {
            Method::Plain => is_equal(&self.value, verifier),
            Method::S256 => {
                let hash = digest(&SHA256, verifier.as_bytes());
                is_equal(&self.value, BASE64URL_NOPAD.encode(hash.as_ref()))
            }
        }
    }
}

/// Id and secret of a client in a header, each encoded as in a form (RFC 6749 §2.3.1, RFC 7617 §2).
fn basic(header: &str) -> Option<(String, String)> {
    let (_, rest) = header.split_once(' ')?;
    let bytes = BASE64.decode(rest.trim().as_bytes()).ok()?;
    let text = Secret::new(String::from_utf8(bytes).ok()?);
    let (id, secret) = text.expose().split_once(':')?;
    Some((form(id)?, form(secret)?))
}

fn is_basic(header: &str) -> bool {
    header.split(' ').next().is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic"))
}

/// A text as forms encode it.
fn form(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                *data_encoding::HEXLOWER_PERMISSIVE.decode(&digits).ok()?.first()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}
