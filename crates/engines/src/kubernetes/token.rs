//! What the token of a service account says of itself, in either of its forms: projected, or of the older secrets.

use jose::{Algorithm, KeySet, Unproven};
use serde_json::{Map, Value};

use super::entry::ConfigEntry;

/// How far the clocks of cluster and server may be apart, in seconds.
const LEEWAY_SECS: i64 = 60;
/// The issuer of the older tokens, where none is set (documented Vault behavior).
const ISSUER_USUAL: &str = "kubernetes/serviceaccount";

/// A service account, as a token names it. Nothing of it is proven.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Account {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
    /// The secret that an older token is from.
    pub(super) secret_name: String,
}

impl Account {
    /// The account that a token names; none when it names none, or is not what this server can check of it: its
    /// signature where there are keys, its issuer where that counts, its audience and its time.
    pub(super) fn of(text: &str, config: &ConfigEntry, audience: &str, now: i64) -> Option<Self> {
        let token = Unproven::parse(text)?;
        // No cluster signs with anything else.
        token.algorithm.filter(|algorithm| *algorithm != Algorithm::EdDsa)?;
        if !config.pem_keys.is_empty() {
            let keys = KeySet::from_pems(config.pem_keys.iter().map(String::as_str)).ok()?;
            if !keys.proves(&token) {
                return None;
            }
        }
        let claims = token.unproven_claims()?;
        let issuer = if config.issuer.is_empty() { ISSUER_USUAL } else { &config.issuer };
        let is_of_issuer = config.disables_issuer || claims.get("iss").and_then(Value::as_str) == Some(issuer);
        let is_for = audience.is_empty() || names_audience(claims.get("aud"), audience);
        if !is_of_issuer || !is_for || !is_of_now(&claims, now) {
            return None;
        }
        Self::projected(&claims).or_else(|| Self::legacy(&claims))
    }

    fn projected(claims: &Map<String, Value>) -> Option<Self> {
        let inside = claims.get("kubernetes.io")?;
        let account = inside.get("serviceaccount")?;
        Self::new(inside.get("namespace"), account.get("name"), account.get("uid"), inside.pointer("/secret/name"))
    }

    fn legacy(claims: &Map<String, Value>) -> Option<Self> {
        let of = |name: &str| claims.get(&["kubernetes.io/serviceaccount/", name].concat());
        Self::new(of("namespace"), of("service-account.name"), of("service-account.uid"), of("secret.name"))
    }

    fn new(
        namespace: Option<&Value>,
        name: Option<&Value>,
        uid: Option<&Value>,
        secret: Option<&Value>,
    ) -> Option<Self> {
        /// The longest of the names, in bytes: Kubernetes' own bound.
        const NAME_BYTES_MAX: usize = 253;
        let text = |value: Option<&Value>| value?.as_str().map(str::to_owned);
        let is_name = |text: &String| {
            let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
            let is_word = text.starts_with(|c: char| c.is_ascii_alphanumeric());
            is_word && text.len() <= NAME_BYTES_MAX && text.bytes().all(is_plain)
        };
        // Names stand in paths of the cluster's API: nothing else may.
        let (namespace, name) = (text(namespace).filter(is_name)?, text(name).filter(is_name)?);
        let uid = text(uid).filter(|uid| !uid.is_empty() && uid.len() <= NAME_BYTES_MAX)?;
        let secret_name = text(secret).filter(|name| name.len() <= NAME_BYTES_MAX).unwrap_or_default();
        Some(Self { namespace, name, uid, secret_name })
    }

    /// What the cluster calls it.
    pub(super) fn username(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }
}

fn names_audience(claim: Option<&Value>, audience: &str) -> bool {
    match claim {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(many)) => many.iter().any(|one| one == audience),
        _ => false,
    }
}

/// The older tokens have no times; the cluster will look at them, too.
fn is_of_now(claims: &Map<String, Value>, now: i64) -> bool {
    #[expect(clippy::cast_possible_truncation, reason = "it saturates, and a time that far away is as good")]
    let time = |name: &str| claims.get(name).map(|value| value.as_f64().map(|time| time as i64));
    let is_fine =
        |time: Option<Option<i64>>, fits: &dyn Fn(i64) -> bool| time.is_none_or(|time| time.is_some_and(fits));
    is_fine(time("exp"), &|at| now <= at.saturating_add(LEEWAY_SECS))
        && is_fine(time("nbf"), &|at| now >= at.saturating_sub(LEEWAY_SECS))
}
