//! The configuration: whose signatures count, and the OpenID provider for logins in a browser. Each write replaces all of
//! it. What it names outside is asked before it is stored, so that a mistake shows at once.

use data_encoding::HEXLOWER;
use framework::input::Nothing;
use framework::view::encode;
use framework::{Coercion, Context, Error, FieldKind, FieldValue, Path, Reply, fields, retry};
use jose::{Algorithm, PublicKey};
use outbound::Trust;
use secret::Secret;
use serde_json::{Map, Value, json};

use super::Jwt;
use super::bounds::{self, PAIRS_MAX, PUBLIC_KEYS_MAX};
use super::entry::{CONFIG, ConfigEntry, JwksPair, find_config};
use super::provider::{FetchError, Remote, Source};

/// The longest PEM text of authorities or a key, in bytes: all public authorities together have a quarter of it.
const PEM_BYTES_MAX: usize = 1024 * 1024;

fields! {
    /// Whose signatures count. What is absent is empty afterwards.
    struct WriteConfig {
        /// What the iss of tokens must be. Not looked at when empty.
        bound_issuer: String = String::new(),
        /// The role of logins that name none.
        default_role: String = String::new(),
        /// The authorities, in PEM, that the server of jwks_url is verified against. The system's when empty.
        jwks_ca_pem: String = String::new(),
        /// Several places with keys: a list of objects with jwks_url and jwks_ca_pem.
        jwks_pairs: JwksPairs = JwksPairs::default(),
        /// Where the keys are, as a JSON Web Key Set.
        jwks_url: String = String::new(),
        /// What tokens may be signed with. Everything with key pairs when empty.
        jwt_supported_algs: Vec<String> = Vec::new(),
        /// Public keys or certificates in PEM.
        jwt_validation_pubkeys: Vec<String> = Vec::new(),
        /// Whether the namespace of a login in a browser is told in its state, not in the URL that it comes back to.
        namespace_in_state: bool = true,
        /// What the provider knows this server by. For logins in a browser.
        oidc_client_id: String = String::new(),
        /// What this server proves itself to the provider with.
        oidc_client_secret: Option<Secret<String>> => secret,
        /// The authorities, in PEM, that the provider's server is verified against. The system's when empty.
        oidc_discovery_ca_pem: String = String::new(),
        /// The OpenID provider: its issuer, as it says itself, without .well-known.
        oidc_discovery_url: String = String::new(),
        /// How the provider answers in a browser: query or form_post.
        oidc_response_mode: String = String::new(),
        /// What the provider answers with: code, id_token or both. With a code when empty.
        oidc_response_types: Vec<String> = Vec::new(),
        /// Settings for one provider's own interfaces, none of which this server asks.
        provider_config: Option<Map<String, Value>>,
        /// Is kept, and changes nothing: of a certificate only its key is read.
        unsupported_critical_cert_extensions: Vec<String> = Vec::new(),
    }
}

/// A list of places with keys.
#[derive(Default)]
struct JwksPairs(Vec<JwksPair>);

impl FieldValue for JwksPairs {
    const KIND: FieldKind = FieldKind::Any;

    fn coerce(value: Value) -> Result<Self, Coercion> {
        let expected = || Coercion("expected a list of objects with jwks_url and jwks_ca_pem".to_owned());
        let value = match value {
            Value::String(text) if text.is_empty() => Value::Array(Vec::new()),
            Value::String(text) => serde_json::from_str(&text).map_err(|_| expected())?,
            value => value,
        };
        serde_json::from_value(value).map(Self).map_err(|_| expected())
    }
}

pub(super) fn path() -> Path<Jwt> {
    Path::new("config", "Whose signatures count.")
        .read(read, "Show the configuration, without the client's secret.")
        .update(write, "Set the configuration.")
}

async fn read(_: &Jwt, context: &Context, _: Nothing) -> Result<Reply, Error> {
    let (config, _) = find_config(&context.view).await?.ok_or(Error::NotFound)?;
    Ok(Reply::data(show(&config)))
}

fn show(config: &ConfigEntry) -> Value {
    let pairs = config.jwks_pairs.iter().map(|it| json!({ "jwks_url": it.jwks_url, "jwks_ca_pem": it.jwks_ca_pem }));
    json!({
        "bound_issuer": config.bound_issuer,
        "default_role": config.default_role,
        "jwks_ca_pem": config.jwks_ca_pem,
        "jwks_pairs": pairs.collect::<Vec<_>>(),
        "jwks_url": config.jwks_url,
        "jwt_supported_algs": config.jwt_supported_algs.iter().map(|it| it.name()).collect::<Vec<_>>(),
        "jwt_validation_pubkeys": config.jwt_validation_pubkeys,
        "namespace_in_state": config.has_namespace_in_state,
        "oidc_client_id": config.oidc_client_id,
        "oidc_discovery_ca_pem": config.oidc_discovery_ca_pem,
        "oidc_discovery_url": config.oidc_discovery_url,
        "oidc_response_mode": config.oidc_response_mode,
        "oidc_response_types": config.oidc_response_types,
        "provider_config": {},
        "unsupported_critical_cert_extensions": config.unsupported_critical_cert_extensions,
    })
}

async fn write(_: &Jwt, context: &Context, input: WriteConfig) -> Result<Reply, Error> {
    let config = entry_of(context, input)?;
    check_outside(&config).await?;
    retry!(_ => {
        let known = context.view.get(CONFIG).await?.map(|stored| stored.revision());
        context.view.changes().put(CONFIG, known, encode(&config)?).commit().await?;
        Ok(Reply::empty())
    })
}

fn entry_of(context: &Context, input: WriteConfig) -> Result<ConfigEntry, Error> {
    let secret = input.oidc_client_secret.map(Secret::into_exposed).unwrap_or_default();
    let config = ConfigEntry {
        v: 1,
        jwks_url: input.jwks_url,
        jwks_ca_pem: input.jwks_ca_pem,
        jwks_pairs: input.jwks_pairs.0,
        oidc_discovery_url: input.oidc_discovery_url,
        oidc_discovery_ca_pem: input.oidc_discovery_ca_pem,
        jwt_validation_pubkeys: input.jwt_validation_pubkeys,
        bound_issuer: bounds::text("bound_issuer", &input.bound_issuer)?,
        default_role: framework::path::fold(&bounds::text("default_role", &input.default_role)?),
        jwt_supported_algs: algorithms(&input.jwt_supported_algs)?,
        oidc_client_id: bounds::text("oidc_client_id", &input.oidc_client_id)?,
        oidc_client_secret: bounds::text("oidc_client_secret", &secret)?,
        oidc_response_mode: input.oidc_response_mode,
        oidc_response_types: input.oidc_response_types,
        has_namespace_in_state: input.namespace_in_state,
        unsupported_critical_cert_extensions: bounds::list(
            "unsupported_critical_cert_extensions",
            &input.unsupported_critical_cert_extensions,
        )?,
        state_key: HEXLOWER.encode(&context.env.random::<32>()),
    };
    check_sources(&config)?;
    check_answers(&config)?;
    if let Some(settings) = input.provider_config.filter(|settings| !settings.is_empty()) {
        let named = settings.get("provider").and_then(Value::as_str).map(bounds::plain).unwrap_or("none named");
        let text = format!(
            "invalid provider_config: no provider's own interface is asked ({named}): leave it empty, and have the \
             provider put groups into the token or userinfo"
        );
        return Err(Error::Invalid(text.into()));
    }
    Ok(config)
}

fn algorithms(names: &[String]) -> Result<Vec<Algorithm>, Error> {
    let unknown = |name: &String| {
        Error::Invalid(
            format!("invalid jwt_supported_algs: unsupported signing algorithm {:?}", bounds::plain(name)).into(),
        )
    };
    let mut found = Vec::new();
    for name in names.iter().take(Algorithm::ALL.len() * 2) {
        let algorithm = Algorithm::parse(name).ok_or_else(|| unknown(name))?;
        if !found.contains(&algorithm) {
            found.push(algorithm);
        }
    }
    Ok(found)
}

/// What has to hold for the places of keys, before any of them is asked.
fn check_sources(config: &ConfigEntry) -> Result<(), Error> {
    let has_discovery = !config.oidc_discovery_url.is_empty();
    let sources = [
        has_discovery,
        !config.jwks_url.is_empty(),
        !config.jwks_pairs.is_empty(),
        !config.jwt_validation_pubkeys.is_empty(),
    ];
    if sources.iter().filter(|is_set| **is_set).count() != 1 {
        return Err(Error::invalid(
            "exactly one of 'jwt_validation_pubkeys', 'jwks_url', 'jwks_pairs' or 'oidc_discovery_url' must be set",
        ));
    }
    if config.oidc_client_id.is_empty() != config.oidc_client_secret.is_empty() {
        return Err(Error::invalid("both 'oidc_client_id' and 'oidc_client_secret' must be set for OIDC"));
    }
    if !config.oidc_client_id.is_empty() && !has_discovery {
        return Err(Error::invalid("'oidc_discovery_url' must be set for OIDC"));
    }
    if !config.jwks_pairs.is_empty() && !config.bound_issuer.is_empty() {
        return Err(Error::invalid("Bound issuer is not supported for use with 'jwks_pairs'"));
    }
    if !config.jwks_pairs.is_empty() && !config.jwks_ca_pem.is_empty() {
        return Err(Error::invalid(
            "CA PEMs must be provided as part of the 'jwks_pairs' when using multiple JWKS URLs",
        ));
    }
    if config.jwks_pairs.len() > PAIRS_MAX || config.jwt_validation_pubkeys.len() > PUBLIC_KEYS_MAX {
        let text = format!("at most {PAIRS_MAX} 'jwks_pairs' and {PUBLIC_KEYS_MAX} 'jwt_validation_pubkeys'");
        return Err(Error::Invalid(text.into()));
    }
    let pems = [&config.jwks_ca_pem, &config.oidc_discovery_ca_pem].into_iter().chain(&config.jwt_validation_pubkeys);
    let pems = pems.chain(config.jwks_pairs.iter().map(|pair| &pair.jwks_ca_pem));
    if pems.map(String::len).sum::<usize>() > PEM_BYTES_MAX {
        return Err(Error::Invalid(
            format!("certificates and keys have at most {PEM_BYTES_MAX} bytes together").into(),
        ));
    }
    for text in &config.jwt_validation_pubkeys {
        let wrong = |why| Error::Invalid(format!("error parsing public key: {why}").into());
        PublicKey::from_pem(text).map_err(wrong)?;
    }
    Ok(())
}

/// What has to hold for the answers of a provider in a browser.
fn check_answers(config: &ConfigEntry) -> Result<(), Error> {
    let types = &config.oidc_response_types;
    if types.iter().any(|it| it != "code" && it != "id_token") {
        return Err(Error::invalid("invalid response_types: 'code' and 'id_token' are the allowed values"));
    }
    match config.oidc_response_mode.as_str() {
        "" | "query" if types.iter().any(|it| it == "id_token") => {
            Err(Error::invalid("query response_mode may not be used with an id_token response_type"))
        }
        "" | "query" | "form_post" => Ok(()),
        mode => Err(Error::Invalid(format!("invalid response_mode: {:?}", bounds::plain(mode)).into())),
    }
}

/// Asks whoever the configuration names.
async fn check_outside(config: &ConfigEntry) -> Result<(), Error> {
    let invalid = |text: String| Error::Invalid(text.into());
    let single = (!config.jwks_url.is_empty())
        .then(|| JwksPair { jwks_url: config.jwks_url.clone(), jwks_ca_pem: config.jwks_ca_pem.clone() });
    for JwksPair { jwks_url, jwks_ca_pem } in single.iter().chain(&config.jwks_pairs) {
        let place = outbound::parse_url(jwks_url).map(|url| format!(" {}", outbound::shown(&url))).unwrap_or_default();
        let wrong = |why: FetchError| invalid(format!("error checking jwks URL{place}: {}", told(&why)));
        let trust =
            Trust::from_pem(jwks_ca_pem).map_err(|why| invalid(format!("error checking jwks_ca_pem: {why}")))?;
        let source = Source::keys(jwks_url).map_err(wrong)?;
        Remote::new(source, trust).map_err(wrong)?.check().await.map_err(wrong)?;
    }
    if !config.oidc_discovery_url.is_empty() {
        let wrong = |why: FetchError| invalid(format!("error checking oidc discovery URL: {}", told(&why)));
        let trust =
            Trust::from_pem(&config.oidc_discovery_ca_pem).map_err(|why| wrong(FetchError::Authorities(why)))?;
        let source = Source::discovery(&config.oidc_discovery_url).map_err(wrong)?;
        Remote::new(source, trust).map_err(wrong)?.check().await.map_err(wrong)?;
    }
    Ok(())
}

/// A failure with its causes: whoever configures a provider has to know why it cannot be asked.
fn told(error: &FetchError) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
