//! `sys/capabilities`, `-self` and `-accessor`: what a token may do on a path.

use framework::{Context, Error, Path, Reply, fields};
use secret::Secret;
use serde_json::{Map, json};

use crate::tokens::{Resolved, Tokens};

/// The most paths that one question may hold.
const PATHS_MAX: usize = 1_000;

pub(super) fn paths() -> Vec<Path<Tokens>> {
    vec![
        Path::new("capabilities-self", "What the caller's token may do on some paths.")
            .update(of_self, "Show the capabilities."),
        Path::new("capabilities", "What a token may do on some paths.").update(of_token, "Show the capabilities."),
        Path::new("capabilities-accessor", "What the token of an accessor may do on some paths.")
            .update(of_accessor, "Show the capabilities."),
    ]
}

fields! {
    /// Some paths.
    struct OfSelf {
        /// The paths.
        paths: Option<Vec<String>>,
        /// The older name of paths.
        path: Option<Vec<String>>,
        /// Ignored: it is the caller's own token that is asked about.
        token: Option<Secret<String>> => secret,
    }
}

fields! {
    /// Some paths and a token.
    struct OfToken {
        /// The token.
        token: Secret<String> = Secret::new(String::new()) => secret,
        /// The paths.
        paths: Option<Vec<String>>,
        /// The older name of paths.
        path: Option<Vec<String>>,
    }
}

fields! {
    /// Some paths and an accessor.
    struct OfAccessor {
        /// The token's accessor.
        accessor: String = String::new(),
        /// The paths.
        paths: Option<Vec<String>>,
        /// The older name of paths.
        path: Option<Vec<String>>,
    }
}

async fn of_self(tokens: &Tokens, context: &Context, input: OfSelf) -> Result<Reply, Error> {
    let token = tokens.caller(context).await?;
    answer(&token, context, input.paths.or(input.path))
}

async fn of_token(tokens: &Tokens, context: &Context, input: OfToken) -> Result<Reply, Error> {
    if input.token.expose().is_empty() {
        return Err(Error::invalid("missing token"));
    }
    let token = tokens.resolve_in(&context.namespace, input.token.expose()).await;
    let token = token.map_err(|error| match error {
        Error::Denied => Error::invalid("invalid token"),
        error => error,
    })?;
    answer(&token, context, input.paths.or(input.path))
}

async fn of_accessor(tokens: &Tokens, context: &Context, input: OfAccessor) -> Result<Reply, Error> {
    if input.accessor.is_empty() {
        return Err(Error::invalid("missing accessor"));
    }
    let ns = context.namespace.id.as_str();
    let unknown = || Error::DeniedBecause("invalid accessor".into());
    let (hash, _) = tokens.by_accessor(ns, &input.accessor).await?.ok_or_else(unknown)?;
    let token = tokens.resolve_hash(ns, &hash).await.map_err(|error| match error {
        // It has gone between the two looks.
        Error::Denied => unknown(),
        error => error,
    })?;
    answer(&token, context, input.paths.or(input.path))
}

fn answer(token: &Resolved, context: &Context, paths: Option<Vec<String>>) -> Result<Reply, Error> {
    let paths = paths.unwrap_or_default();
    if paths.is_empty() {
        return Err(Error::invalid("paths must be supplied"));
    }
    if paths.len() > PATHS_MAX {
        return Err(Error::Invalid(format!("{} paths, the most is {PATHS_MAX}", paths.len()).into()));
    }
    let mut data = Map::new();
    for path in &paths {
        let capabilities = token.acl.capabilities(&context.namespace.full_path(path.trim_start_matches('/')));
        if paths.len() == 1 {
            data.insert("capabilities".to_owned(), json!(capabilities));
        }
        data.insert(path.clone(), json!(capabilities));
    }
    Ok(Reply::data(data.into()).mirrored())
}
