//! The behaviors of `docs/clients.md` through vaultrs, each a function of its own.
//!
//! `vaultrs-suite list` prints the names. `vaultrs-suite NAME=URL …` runs each NAME against the server at its URL, and
//! prints one line: `ok NAME`, or `FAILED NAME: why`. The environment says how to get in: `SUITE_ROOT_TOKEN`, and
//! `SUITE_AUTHORITY` for HTTPS. It uses vaultrs alone: no request may be written by hand.

#![expect(clippy::print_stdout, reason = "its lines are read by the tests")]

use std::pin::Pin;

use anyhow::{Context as _, Result, anyhow};
use vaultrs::error::ClientError;

mod access;
mod errors;
mod kv;
mod logins;
mod node;
mod server;
mod tokens;
mod wrapping;

use server::Server;

/// How each behavior is called.
type Behavior = fn(Server) -> Pin<Box<dyn Future<Output = Result<()>> + Send>>;

macro_rules! behaviors {
    ($($part:ident::$name:ident),* $(,)?) => {
        &[$((stringify!($name), |server| Box::pin($part::$name(server)))),*]
    };
}

const BEHAVIORS: &[(&str, Behavior)] = behaviors![
    node::initialize_and_unseal,
    node::sealed_is_down,
    node::tls_with_own_authority,
    node::health,
    access::mounts,
    access::mount_move,
    access::mount_missing,
    access::auth_methods,
    access::policies,
    logins::userpass,
    logins::identity_entities,
    logins::identity_groups,
    logins::identity_merge,
    logins::approle,
    logins::approle_secret_ids,
    logins::approle_wrapped,
    tokens::token_create,
    tokens::token_orphan,
    tokens::token_roles,
    tokens::token_batch,
    tokens::token_periodic,
    tokens::token_use_limit,
    tokens::token_lookup,
    tokens::token_renewal,
    tokens::token_revocation,
    tokens::token_unknown,
    kv::kv1,
    kv::kv2_versions,
    kv::kv2_check_and_set,
    kv::kv2_deleted_versions,
    kv::kv2_metadata,
    kv::kv2_list,
    kv::kv2_configuration,
    kv::kv_missing,
    kv::kv_values_survive,
    wrapping::wrap_and_unwrap,
    wrapping::wrap_lookup,
    wrapping::unwrap_once,
    wrapping::cubbyhole,
    wrapping::tools_random,
    errors::permission_denied,
    errors::unknown_route,
    errors::unsupported_operation,
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["list"] {
        BEHAVIORS.iter().for_each(|(name, _)| println!("{name}"));
        return Ok(());
    }
    // vaultrs brings none along.
    let provider = rustls::crypto::aws_lc_rs::default_provider().install_default();
    provider.map_err(|_| anyhow!("there is a provider already"))?;
    for argument in &arguments {
        let (name, url) = argument.split_once('=').with_context(|| format!("not NAME=URL: {argument}"))?;
        match run(name, url).await {
            Ok(()) => println!("ok {name}"),
            Err(why) => println!("FAILED {name}: {}", describe(&why)),
        }
    }
    Ok(())
}

/// Why, on one line; with what the server said, which vaultrs's own text leaves out.
fn describe(why: &anyhow::Error) -> String {
    let said = match why.downcast_ref() {
        Some(ClientError::APIError { errors, .. }) => errors.join(" "),
        _ => String::new(),
    };
    format!("{why:#} {said}").split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn run(name: &str, url: &str) -> Result<()> {
    let known = BEHAVIORS.iter().find(|(known, _)| *known == name);
    let (_, behavior) = known.context("there is no such behavior")?;
    // A task of its own: where vaultrs panics on a reply, that is this behavior's failure and not the suite's end.
    tokio::spawn(behavior(Server::new(url))).await.context("panicked")?
}
