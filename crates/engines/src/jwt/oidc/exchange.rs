//! With what the browser has brought, asks the provider who it is: the code against tokens, the identity token verified
//! (OpenID Connect Core §3.1.3), and what else the provider tells of the user.

use data_encoding::BASE64;
use framework::Context;
use jose::{Algorithm, Unproven};
use outbound::{Request, form};
use secret::{Secret, SecretString};
use serde_json::Value;

use super::begun::{Begun, StateKey};
use crate::jwt::entry::{ConfigEntry, RoleEntry};
use crate::jwt::provider::{Document, Provider, Unverified};
use crate::jwt::token::{self, Expected, Invalid, audiences, time};

/// What a provider's answer may be.
const LIMITS: api::json::Limits = api::json::Limits {
    depth: 32,
    string_bytes: 512 * 1024,
    object_entries: 10_000,
    array_elements: 50_000,
    tokens: 100_000,
};
/// What clocks may differ by where the role does not say it, in seconds.
const CLOCK_SKEW_SECS: i64 = 60;

/// Why nobody is logged in.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// The provider has no such place.
    #[error("the provider has no token_endpoint")]
    NoEndpoint,
    /// The provider does not answer.
    #[error("the provider could not be asked")]
    Ask(#[source] outbound::Error),
    /// The provider takes no such code, from us.
    #[error("the provider refused the code: status {0}{1}")]
    Refused(u16, String),
    /// The provider's answer has no identity token.
    #[error("the provider's answer has no id_token")]
    NoToken,
    /// It has none of a form that can be verified.
    #[error("the id_token is malformed")]
    Malformed,
    /// Nobody is known to have signed it.
    #[error("verifying the signature: {0}")]
    Unverified(Unverified),
    /// It is not valid here and now.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// It is another provider's.
    #[error("the id_token is of another issuer")]
    Issuer,
    /// It is another application's.
    #[error("the id_token is for another client")]
    Client,
    /// It has no end.
    #[error("the id_token has no exp")]
    NoEnd,
    /// It is of another login.
    #[error("the id_token has another nonce")]
    Nonce,
    /// It does not belong to what came with it.
    #[error("the id_token is not that of the access token")]
    AccessToken,
    /// The user has proven who they are too long ago.
    #[error("the authentication at the provider is older than max_age")]
    TooOld,
}

/// What the browser has brought. Has no `Debug`.
pub(super) enum Brought {
    Code(Secret<String>),
    IdToken(Secret<String>),
}

/// What a login is finished with.
pub(super) struct Exchange<'e> {
    pub(super) context: &'e Context,
    pub(super) config: &'e ConfigEntry,
    pub(super) role: &'e RoleEntry,
    pub(super) provider: &'e Provider,
    pub(super) document: &'e Document,
    pub(super) begun: &'e Begun,
    pub(super) key: &'e StateKey,
}

impl Exchange<'_> {
    /// The claims of the user.
    ///
    /// # Errors
    /// When the provider does not vouch for them.
    pub(super) async fn claims(&self, brought: Brought) -> Result<Value, Refusal> {
        match brought {
            Brought::IdToken(token) => self.verified(token.expose(), None).await,
            Brought::Code(code) => {
                let answer = self.redeem(&code).await?;
                let text = |name: &str| answer.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
                let access_token = text("access_token");
                let mut claims = self.verified(text("id_token").ok_or(Refusal::NoToken)?, access_token).await?;
                if let Some(access_token) = access_token {
                    self.add_user_info(&mut claims, &SecretString::from(access_token)).await;
                }
                Ok(claims)
            }
        }
    }

    /// The tokens for a code (RFC 6749 §4.1.3). The server proves itself with name and password in a header, or in the
    /// body where the provider takes nothing else.
    async fn redeem(&self, code: &Secret<String>) -> Result<Value, Refusal> {
        let endpoint = self.document.token_endpoint.clone().ok_or(Refusal::NoEndpoint)?;
        let (id, secret) = (self.config.oidc_client_id.as_str(), self.config.oidc_client_secret.as_str());
        let verifier = self.key.verifier(self.begun);
        let mut pairs = vec![
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", &self.begun.redirect_uri),
            ("code_verifier", &verifier),
        ];
        let methods = &self.document.token_auth_methods;
        let takes = |name: &str| methods.iter().any(|it| it == name);
        let is_in_body = takes("client_secret_post") && !takes("client_secret_basic");
        if is_in_body {
            pairs.extend([("client_id", id), ("client_secret", secret)]);
        }
        let body = form(&pairs).into_bytes();
        let mut request = Request::post(endpoint, "application/x-www-form-urlencoded", body);
        if !is_in_body {
            // Both are encoded first (RFC 6749 §2.3.1).
            let both = SecretString::new(format!("{}:{}", encoded(id), encoded(secret)));
            let both = SecretString::new(BASE64.encode(both.expose().as_bytes()));
            request = request.basic(&both).map_err(Refusal::Ask)?;
        }
        let (_place, client) = self.provider.client().map_err(Refusal::Unverified)?;
        let answer = client.ask(request).await.map_err(Refusal::Ask)?;
        let body = api::json::parse(&answer.body, &LIMITS).unwrap_or(Value::Null);
        if answer.status != 200 {
            return Err(Refusal::Refused(answer.status, error_word(&body)));
        }
        Ok(body)
    }

    /// The claims of an identity token that is of this provider, for us, for this login, and valid now.
    async fn verified(&self, text: &str, access_token: Option<&str>) -> Result<Value, Refusal> {
        let unproven = Unproven::parse(text).ok_or(Refusal::Malformed)?;
        self.provider.prove(&self.context.env, &unproven).await.map_err(Refusal::Unverified)?;
        let claims = Value::Object(unproven.unproven_claims().ok_or(Refusal::Malformed)?);
        let now_secs = self.context.now().unix_secs();
        // For whom it is comes below: an audience of the role is asked for on top of ourselves.
        let expected = Expected {
            subject: &self.role.bound_subject,
            audiences: &self.role.bound_audiences,
            algorithms: &self.config.jwt_supported_algs,
            clock_skew_leeway: self.role.clock_skew_leeway,
            now_secs,
            ..Expected::default()
        };
        token::check(&claims, unproven.algorithm, &expected)?;
        let said = |name: &str| claims.get(name).and_then(Value::as_str);
        if said("iss") != Some(self.document.issuer.as_str()) {
            return Err(Refusal::Issuer);
        }
        let (audiences, client) = (audiences(&claims)?, self.config.oidc_client_id.as_str());
        let is_ours = audiences.contains(&client) && said("azp").is_none_or(|azp| azp == client);
        if !is_ours || (audiences.len() > 1 && said("azp").is_none() && self.role.bound_audiences.is_empty()) {
            return Err(Refusal::Client);
        }
        if time(&claims, "exp")? == 0 {
            return Err(Refusal::NoEnd);
        }
        if said("nonce") != Some(self.key.nonce(self.begun).as_str()) {
            return Err(Refusal::Nonce);
        }
        if let (Some(access_token), Some(hash)) = (access_token, said("at_hash"))
            && unproven.algorithm.map(|algorithm: Algorithm| algorithm.half_hash(access_token)).as_deref() != Some(hash)
        {
            return Err(Refusal::AccessToken);
        }
        self.check_age(&claims, now_secs)?;
        Ok(claims)
    }

    fn check_age(&self, claims: &Value, now_secs: i64) -> Result<(), Refusal> {
        if self.role.max_age_secs == 0 {
            return Ok(());
        }
        let skew = match self.role.clock_skew_leeway {
            0 => CLOCK_SKEW_SECS,
            secs => secs.max(0),
        };
        let age = now_secs.saturating_sub(time(claims, "auth_time")?).saturating_sub(skew);
        if u64::try_from(age).is_ok_and(|age| age > self.role.max_age_secs) { Err(Refusal::TooOld) } else { Ok(()) }
    }

    /// What the provider tells of the user beside the identity token (OpenID Connect Core §5.3). It is only of this user
    /// if it says so. A provider that does not tell is as good as one that has nothing to tell: what a role needs is then
    /// missing.
    async fn add_user_info(&self, claims: &mut Value, access_token: &SecretString) {
        let (Some(endpoint), Ok((_place, client))) = (self.document.userinfo_endpoint.clone(), self.provider.client())
        else {
            return;
        };
        let asked = match Request::get(endpoint).bearer(access_token) {
            Ok(request) => client.ask(request).await,
            Err(error) => Err(error),
        };
        let told = match asked {
            Ok(answer) if answer.status == 200 => api::json::parse(&answer.body, &LIMITS).ok(),
            Ok(answer) => {
                tracing::warn!(status = answer.status, "a provider does not tell of the user of an access token");
                None
            }
            Err(error) => {
                tracing::warn!(
                    why = outbound::chain(&error),
                    "a provider does not tell of the user of an access token"
                );
                None
            }
        };
        let (Some(Value::Object(told)), Value::Object(claims)) = (told, claims) else { return };
        if told.get("sub").is_some_and(Value::is_string) && told.get("sub") == claims.get("sub") {
            // What has been verified is not replaced.
            for (name, value) in told {
                claims.entry(name).or_insert(value);
            }
        }
    }
}

/// A text as it stands in a form.
fn encoded(text: &str) -> String {
    form(&[("", text)]).trim_start_matches('=').to_owned()
}

/// What the provider calls the error (RFC 6749 §5.2): one of a few words.
fn error_word(body: &Value) -> String {
    let is_word = |word: &&str| word.len() <= 64 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    body.get("error").and_then(Value::as_str).filter(is_word).map(|word| format!(", {word}")).unwrap_or_default()
}
