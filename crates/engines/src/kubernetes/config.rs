//! The cluster: written, and shown without the reviewer's token.

use framework::input::Nothing;
use framework::view::encode;
use framework::{Context, Error, Path, Reply, fields, retry};
use jose::KeySet;
use outbound::{Trust, parse_url};
use secret::Secret;
use serde_json::json;

use super::Kubernetes;
use super::entry::{CONFIG, ConfigEntry, find_config};

/// The longest URL and issuer, and the longest reviewer's token, in bytes.
const TEXT_BYTES_MAX: usize = 2_048;
const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// The longest text of authorities and of keys together, in bytes.
const PEM_BYTES_MAX: usize = 128 * 1024;

fields! {
    /// The cluster; what is absent is as if it had never been written.
    struct Settings {
        /// Whether a token's issuer is not looked at; it is not, unless this is false.
        disable_iss_validation: bool = true,
        /// Whether the authority and token of this server's own pod are not used.
        disable_local_ca_jwt: bool = false,
        /// The issuer that tokens must have where it is looked at.
        issuer: String = String::new(),
        /// Authorities of the cluster's API, PEM. That of this pod when absent, else the system's.
        kubernetes_ca_cert: String = String::new(),
        /// Where the cluster's API is: a URL, or host and port.
        kubernetes_host: String = String::new(),
        /// Public keys or certificates, PEM; with any, tokens must be signed by one of them.
        pem_keys: Vec<String> = Vec::new(),
        /// A token for the TokenReview API. That of this pod when absent, else the one that logs in.
        token_reviewer_jwt: Option<Secret<String>> => secret,
        /// Whether annotations of accounts become metadata of their aliases.
        use_annotations_as_alias_metadata: bool = false,
    }
}

pub(super) fn path() -> Path<Kubernetes> {
    Path::new("config", "The cluster that is asked.")
        .read(read, "Show the cluster, without the reviewer's token.")
        .update(write, "Set the cluster.")
}

async fn read(_: &Kubernetes, context: &Context, _: Nothing) -> Result<Reply, Error> {
    let (config, _) = find_config(&context.view).await?.ok_or(Error::NotFound)?;
    Ok(Reply::data(json!({
        "disable_iss_validation": config.disables_issuer,
        "disable_local_ca_jwt": config.disables_local,
        "issuer": config.issuer,
        "kubernetes_ca_cert": config.ca_cert,
        "kubernetes_host": config.host,
        "pem_keys": config.pem_keys,
        "token_reviewer_jwt_set": !config.reviewer_jwt.is_empty(),
        "use_annotations_as_alias_metadata": config.uses_annotations,
    })))
}

async fn write(_: &Kubernetes, context: &Context, input: Settings) -> Result<Reply, Error> {
    let entry = checked(input)?;
    retry!(_ => {
        let known = find_config(&context.view).await?.map(|(_, stored)| stored.revision());
        context.view.changes().put(CONFIG, known, encode(&entry)?).commit().await?;
        Ok(Reply::empty())
    })
}

fn checked(input: Settings) -> Result<ConfigEntry, Error> {
    let reviewer = input.token_reviewer_jwt.map(Secret::into_exposed).unwrap_or_default();
    let pem_bytes: usize = input.pem_keys.iter().map(String::len).sum();
    if input.issuer.len() > TEXT_BYTES_MAX || reviewer.len() > TOKEN_BYTES_MAX {
        return Err(Error::invalid("the issuer or the reviewer's token is too long"));
    }
    if pem_bytes + input.kubernetes_ca_cert.len() > PEM_BYTES_MAX {
        return Err(Error::Invalid(format!("authorities and keys have at most {PEM_BYTES_MAX} bytes together").into()));
    }
    if Trust::from_pem(&input.kubernetes_ca_cert).is_err() {
        return Err(Error::invalid("failed to parse 'kubernetes_ca_cert'"));
    }
    if KeySet::from_pems(input.pem_keys.iter().map(String::as_str)).is_err() {
        return Err(Error::invalid("data does not contain any valid RSA or ECDSA public keys"));
    }
    Ok(ConfigEntry {
        v: 1,
        host: host(&input.kubernetes_host)?,
        ca_cert: input.kubernetes_ca_cert,
        reviewer_jwt: reviewer.trim().to_owned(),
        pem_keys: input.pem_keys,
        issuer: input.issuer,
        disables_issuer: input.disable_iss_validation,
        disables_local: input.disable_local_ca_jwt,
        uses_annotations: input.use_annotations_as_alias_metadata,
    })
}

/// The URL of the cluster; a host without a scheme is asked over TLS.
fn host(text: &str) -> Result<String, Error> {
    let text = text.trim().trim_end_matches('/');
    if text.is_empty() {
        return Err(Error::invalid("no host provided"));
    }
    let url = if text.contains("://") { text.to_owned() } else { ["https://", text].concat() };
    match parse_url(&url) {
        Ok(_) if url.len() <= TEXT_BYTES_MAX => Ok(url),
        _ => Err(Error::invalid("kubernetes_host must be a URL, or a host with or without a port")),
    }
}
