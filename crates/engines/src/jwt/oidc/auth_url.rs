//! Where to send the browser. Whoever asks for a role that is not there, or wants it to come back to where the role does
//! not allow, gets an empty URL (documented Vault behavior): clients of Vault have texts of their own for that.

use framework::{Context, Error, Path, Reply, fields};
use outbound::Url;
use serde_json::json;

use super::begun::{Begun, StateKey};
use super::{FAILED, FORM_POST, NOT_CONFIGURED};
use crate::jwt::Jwt;
use crate::jwt::bounds::role_name;
use crate::jwt::entry::{CODE, CallbackMode, ConfigEntry, RoleEntry, RoleType, find_config, find_role};
use crate::jwt::login::{ByRole, role};
use crate::jwt::provider::{Document, Unverified};

/// The longest URL to come back to, and the longest nonce of a client, in bytes.
const REDIRECT_BYTES_MAX: usize = 2_048;
const NONCE_BYTES_MAX: usize = 512;
/// How often a client is told to ask whether a login is finished, where the role does not say it, in seconds.
const POLL_SECS: u64 = 5;

fields! {
    /// Somebody who wants to log in with a browser.
    struct Begin {
        /// Something that only the client knows and will come back with. None may come then when absent. Needed where the
        /// provider has the browser post.
        client_nonce: String = String::new(),
        /// Where the provider sends the browser to: one of the role's allowed_redirect_uris.
        redirect_uri: String = String::new(),
        /// The role. That of the configuration when absent.
        role: Option<String>,
    }
}

pub(in crate::jwt) fn path() -> Path<Jwt> {
    Path::new("oidc/auth_url", "Begin a login in a browser.")
        .unauthenticated()
        .role::<ByRole>(role)
        .update(begin, "Tell the URL of the provider that the browser has to go to.")
}

async fn begin(method: &Jwt, context: &Context, input: Begin) -> Result<Reply, Error> {
    let (config, stored) =
        find_config(&context.view).await?.ok_or_else(|| Error::invalid("could not load configuration"))?;
    if config.oidc_client_id.is_empty() {
        return Err(Error::invalid(NOT_CONFIGURED));
    }
    let named = input.role.filter(|name| !name.is_empty()).unwrap_or_else(|| config.default_role.clone());
    if named.is_empty() {
        return Err(Error::invalid("missing role"));
    }
    if input.redirect_uri.is_empty() {
        return Err(Error::invalid("missing redirect_uri"));
    }
    if input.redirect_uri.len() > REDIRECT_BYTES_MAX || input.client_nonce.len() > NONCE_BYTES_MAX {
        let text = format!("redirect_uri has at most {REDIRECT_BYTES_MAX} bytes, client_nonce {NONCE_BYTES_MAX}");
        return Err(Error::Invalid(text.into()));
    }
    let nowhere = || Reply::data(json!({ "auth_url": "" }));
    let Ok(name) = role_name(&named) else { return Ok(nowhere()) };
    let Some((role, _)) = find_role(&context.view, &name).await? else { return Ok(nowhere()) };
    let (redirect_uri, namespace) = match config.has_namespace_in_state {
        true => without_namespace(&input.redirect_uri),
        false => (input.redirect_uri, None),
    };
    if role.role_type != RoleType::Oidc || !is_allowed(&redirect_uri, &role.allowed_redirect_uris) {
        return Ok(nowhere());
    }
    let is_direct = role.callback_mode == CallbackMode::Direct;
    if is_direct && input.client_nonce.is_empty() {
        return Err(Error::invalid("missing client_nonce"));
    }
    // What the browser posts waits here for whoever knows the state, which is in URLs that many see.
    if config.oidc_response_mode == FORM_POST && input.client_nonce.is_empty() {
        return Err(Error::invalid("missing client_nonce, which a login with the response mode form_post has to have"));
    }
    let provider = method.providers.of(context, &config, stored.revision())?;
    let document = provider.document(&context.env).await.map_err(|why| match why {
        Unverified::Busy => Error::Busy(why.to_string().into()),
        why => Error::Invalid(format!("{FAILED} No answer from the provider: {why}.").into()),
    })?;
    let mut begun = Begun::new(&context.env, context.now().unix_secs(), &name, &redirect_uri, &input.client_nonce);
    // The browser, and not the client, may be who brings here what the provider has given it.
    if is_direct || config.oidc_response_mode == FORM_POST {
        begun.from = context.connection.remote.map(|it| it.ip().to_canonical().to_string()).unwrap_or_default();
    }
    let state = StateKey::of(&config)?.seal(&begun)?;
    let url = url(&config, &role, &document, &begun, (&state, namespace.as_deref()))?;
    let mut told = json!({ "auth_url": url.as_str() });
    if is_direct {
        let secs = if role.poll_secs == 0 { POLL_SECS } else { role.poll_secs };
        told["poll_interval"] = json!(secs.to_string());
        told["state"] = json!(state);
    }
    Ok(Reply::data(told))
}

/// A URL without its parameter `namespace`, and what that says: the provider then needs to know one URL for all
/// namespaces (documented Vault behavior).
fn without_namespace(text: &str) -> (String, Option<String>) {
    let Ok(mut url) = Url::parse(text) else { return (text.to_owned(), None) };
    let namespace = url.query_pairs().find(|(name, _)| name == "namespace").map(|(_, value)| value.into_owned());
    if namespace.is_none() {
        return (text.to_owned(), None);
    }
    let rest: Vec<_> = url
        .query_pairs()
        .filter(|(name, _)| name != "namespace")
        .map(|(n, v)| (n.into_owned(), v.into_owned()))
        .collect();
    url.set_query(None);
    if !rest.is_empty() {
        url.query_pairs_mut().extend_pairs(rest);
    }
    (url.to_string(), namespace)
}

/// A URL of a program on the user's own machine; none for any other.
pub(super) fn own_machine(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "http")?;
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")).then_some(url)
}

/// Whether a role allows a URL: as it stands there; that of a program on the user's own machine at any port (RFC 8252
/// §7.3).
pub(super) fn is_allowed(asked: &str, allowed: &[String]) -> bool {
    let without_port = |text: &str| {
        let mut url = own_machine(text)?;
        url.set_port(None).is_ok().then_some(url)
    };
    let own = without_port(asked);
    allowed.iter().any(|it| it == asked || (own.is_some() && without_port(it) == own))
}

/// The authentication request (OpenID Connect Core §3.1.2.1).
fn url(
    config: &ConfigEntry,
    role: &RoleEntry,
    document: &Document,
    begun: &Begun,
    (state, namespace): (&str, Option<&str>),
) -> Result<Url, Error> {
    let key = StateKey::of(config)?;
    let mut state = state.to_owned();
    if let Some(namespace) = namespace.filter(|namespace| !namespace.is_empty()) {
        state = format!("{state},ns={namespace}");
    }
    let endpoint = document.authorization_endpoint.clone();
    let mut url = endpoint
        .ok_or_else(|| Error::Invalid(format!("{FAILED} The provider has no authorization_endpoint.").into()))?;
    let mut scopes = vec!["openid"];
    for scope in &role.oidc_scopes {
        if !scopes.contains(&scope.as_str()) {
            scopes.push(scope);
        }
    }
    let types =
        if config.oidc_response_types.is_empty() { CODE.to_owned() } else { config.oidc_response_types.join(" ") };
    let mut pairs = url.query_pairs_mut();
    pairs.append_pair("client_id", &config.oidc_client_id);
    pairs.append_pair("redirect_uri", &begun.redirect_uri);
    pairs.append_pair("response_type", &types);
    pairs.append_pair("scope", &scopes.join(" "));
    pairs.append_pair("state", &state);
    pairs.append_pair("nonce", &key.nonce(begun));
    if config.asks_for_code() {
        pairs.append_pair("code_challenge", &key.challenge(begun));
        pairs.append_pair("code_challenge_method", "S256");
    }
    if config.oidc_response_mode == FORM_POST {
        pairs.append_pair("response_mode", FORM_POST);
    }
    if role.max_age_secs > 0 {
        pairs.append_pair("max_age", &role.max_age_secs.to_string());
    }
    drop(pairs);
    Ok(url)
}

#[cfg(test)]
mod tests {
    //! Where a browser may come back to.

    use super::{is_allowed, without_namespace};

    #[test]
    fn a_browser_comes_back_only_to_where_the_role_allows() {
        let allowed =
            ["https://a.test/cb", "http://localhost:8250/oidc/callback", "http://127.0.0.1/x"].map(str::to_owned);
        for (asked, is_fine) in [
            ("https://a.test/cb", true),
            ("https://a.test:444/cb", false),
            ("https://a.test/cb?x=y", false),
            ("https://a.test/cb/", false),
            ("http://a.test/cb", false),
            ("http://localhost:8250/oidc/callback", true),
            ("http://localhost:9999/oidc/callback", true),
            ("http://localhost:9999/other", false),
            ("https://localhost:9999/oidc/callback", false),
            ("http://localhost.evil.test:8250/oidc/callback", false),
            ("http://localhost@evil.test/oidc/callback", false),
            ("http://user@localhost:8250/oidc/callback", false),
            ("http://127.0.0.1:1234/x", true),
            ("http://127.0.0.2:1234/x", false),
            ("", false),
        ] {
            assert_eq!(is_allowed(asked, &allowed), is_fine, "{asked}");
        }
    }

    #[test]
    fn the_namespace_is_taken_out_of_a_url() {
        for (url, rest, namespace) in [
            ("https://a.test/cb", "https://a.test/cb", None),
            ("https://a.test/cb?namespace=n%2F1", "https://a.test/cb", Some("n/1")),
            ("https://a.test/cb?a=b&namespace=x&c=d", "https://a.test/cb?a=b&c=d", Some("x")),
            ("no URL", "no URL", None),
        ] {
            assert_eq!(without_namespace(url), (rest.to_owned(), namespace.map(str::to_owned)), "{url}");
        }
    }
}
