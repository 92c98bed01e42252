//! `identity/oidc/provider`: issuers, and what each publishes without a token.

use framework::view::{LIST_NAMES_MAX, Listing};
use framework::{Context, Error, Path, Reply, Segment, fields};
use jose::Algorithm;
use serde_json::{Value, json};
use storage::READ_KEYS_MAX;

use super::well_known::{CACHE_SECS, key_set, public};
use super::{Listed, too_much};
use crate::identity::paths::{ByName, ns};
use crate::oidc::provider::authorize::page;
use crate::oidc::provider::entry::ProviderEntry;
use crate::oidc::provider::providers::ProviderChange;
use crate::oidc::provider::scopes::OPENID;
use crate::oidc::signing::{ALGORITHMS, DEFAULT};
use crate::oidc::{Kind, Oidc, lists};

pub(super) fn paths() -> Vec<Path<Oidc>> {
    let row = |template, about| Path::new(template, about).param("name", Segment::Name, "Name of the provider.");
    vec![
        Path::new("oidc/provider", "All providers.").list(list, "List the names, with what is known of each."),
        row("oidc/provider/{name}", "One provider: an issuer with the clients and scopes that it serves.")
            .exists::<ByName>(exists)
            .read(read, "Show the provider.")
            .update(write, "Make or change the provider.")
            .delete(delete, "Remove the provider: its codes and access tokens are refused from then on."),
        row("oidc/provider/{name}/.well-known/openid-configuration", "Where everything of a provider is.")
            .unauthenticated()
            .read(discovery, "Show it as OpenID Connect Discovery says."),
        row("oidc/provider/{name}/.well-known/keys", "The public keys of a provider.")
            .unauthenticated()
            .read(keys, "Show them as a JSON Web Key Set."),
    ]
}

fields! {
    /// A provider to be made or changed.
    struct Write {
        /// Name of the provider.
        name: String,
        /// Scheme, host, and perhaps port, for the claim iss. Empty for the cluster's own address.
        issuer: Option<String>,
        /// Ids of the clients that it serves; * for all. None when absent at first.
        allowed_client_ids: Option<Vec<String>>,
        /// Names of the scopes that may be asked for, beside openid.
        scopes_supported: Option<Vec<String>>,
    }
}

fields! {
    /// A part of the list.
    struct List {
        /// Only providers that serve the client of this id.
        allowed_client_id: Option<String>,
        /// Goes on behind this name, whether or not it is still there.
        after: String = String::new(),
        /// The most to list; all when zero or less.
        limit: i64 = 0,
    }
}

async fn exists(oidc: &Oidc, context: &Context, input: ByName) -> Result<bool, Error> {
    Ok(oidc.provider(ns(context), &input.name).await?.is_some())
}

fn about(oidc: &Oidc, context: &Context, name: &str, provider: &ProviderEntry) -> Value {
    json!({
        // Nothing where none is known: whoever sets it has to see the rest.
        "issuer": oidc.issuer_of(&context.namespace, name, provider).unwrap_or_default(),
        "allowed_client_ids": provider.allowed_client_ids,
        "scopes_supported": provider.scopes_supported,
    })
}

async fn read(oidc: &Oidc, context: &Context, input: ByName) -> Result<Reply, Error> {
    let provider = oidc.provider(ns(context), &input.name).await?.ok_or(Error::NotFound)?;
    Ok(Reply::data(about(oidc, context, &input.name, &provider)))
}

async fn write(oidc: &Oidc, context: &Context, input: Write) -> Result<Reply, Error> {
    let change = ProviderChange {
        issuer: input.issuer,
        allowed_client_ids: input.allowed_client_ids,
        scopes_supported: input.scopes_supported,
    };
    let conflict = oidc.write_provider(ns(context), &input.name, &change).await?;
    let reply = Reply::empty();
    Ok(match conflict {
        None => reply,
        Some(conflict) => reply.warn(format!(
            "Found scope templates with conflicting top-level keys: {conflict}. Whoever asks for both gets an error."
        )),
    })
}

async fn delete(oidc: &Oidc, context: &Context, input: ByName) -> Result<Reply, Error> {
    oidc.delete_provider(ns(context), &input.name).await?;
    Ok(Reply::empty())
}

async fn list(oidc: &Oidc, context: &Context, input: List) -> Result<Reply, Error> {
    let limit = usize::try_from(input.limit).ok().filter(|limit| *limit > 0);
    let mut listed = Listed::new(limit);
    let mut listing = Listing { after: input.after, limit: Some(READ_KEYS_MAX) };
    // The limit is how many are shown, not how many are looked at.
    for _ in 0..LIST_NAMES_MAX / READ_KEYS_MAX {
        let names = oidc.names(ns(context), Kind::Provider, Some(DEFAULT), &listing).await?;
        let found = oidc.all_named::<ProviderEntry>(ns(context), Kind::Provider, &names).await?;
        for (name, found) in names.iter().zip(found) {
            let built_in = || (name == DEFAULT).then(|| ProviderEntry::new(name));
            let Some(provider) = found.map(|found| found.value).or_else(built_in) else { continue };
            if input.allowed_client_id.as_ref().is_none_or(|id| lists(&provider.allowed_client_ids, id)) {
                listed.add(name, about(oidc, context, name, &provider))?;
            }
            if listed.is_full() {
                return Ok(listed.into());
            }
        }
        let is_last = names.len() < READ_KEYS_MAX;
        match names.into_iter().next_back().filter(|_| !is_last) {
            Some(last) => listing.after = last,
            None => return Ok(listed.into()),
        }
    }
    Err(too_much())
}

async fn discovery(oidc: &Oidc, context: &Context, input: ByName) -> Result<Reply, Error> {
    let provider = oidc.provider(ns(context), &input.name).await?.ok_or(Error::NotFound)?;
    let issuer = oidc.issuer_of(&context.namespace, &input.name, &provider)?;
    let scopes: Vec<_> = provider.scopes_supported.iter().map(String::as_str).chain([OPENID]).collect();
    let document = json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/keys"),
        "authorization_endpoint": page(oidc.origin(&provider)?, &context.namespace, &input.name),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "id_token_signing_alg_values_supported": ALGORITHMS.map(Algorithm::name),
        "response_types_supported": ["code"],
        "scopes_supported": scopes,
        "claims_supported": [],
        "subject_types_supported": ["public"],
        "grant_types_supported": ["authorization_code"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["plain", "S256"],
    });
    public(&document, CACHE_SECS)
}

async fn keys(oidc: &Oidc, context: &Context, input: ByName) -> Result<Reply, Error> {
    key_set(&oidc.published_by(ns(context), &input.name).await?)
}
