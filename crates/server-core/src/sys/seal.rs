//! `sys/init`, `sys/seal-status`, `sys/unseal`, `sys/seal`: answered while sealed, without a token where there can be
//! none.

use barrier::seal::{InitOptions, SealStatus, decode_share};
use data_encoding::{BASE64, HEXLOWER};
use framework::input::Nothing;
use framework::{Context, Error, Path, Reply, fields};
use secret::{Secret, SecretBytes};
use serde_json::{Value, json};

use super::SealPart;
use crate::node::Node;
use crate::pgp;
use crate::seals::from_unseal;

pub(super) fn paths() -> Vec<Path<SealPart>> {
    vec![
        Path::new("init", "Whether the server is initialized, and how it becomes so.")
            .while_sealed()
            .urgent()
            .root_only()
            .read(read_init, "Tell whether the server is initialized.")
            .update(write_init, "Initialize the server; the keys and the root token are shown this once."),
        Path::new("seal-status", "The state of the seal.")
            .while_sealed()
            .urgent()
            .root_only()
            .read(read_status, "Show the state of the seal."),
        Path::new("unseal", "Takes the shares of the unseal key, one at a time.")
            .while_sealed()
            .urgent()
            .root_only()
            .update(write_unseal, "Enter a share, or drop those entered so far."),
        Path::new("seal", "Locks the keys away.").sudo().urgent().root_only().update(write_seal, "Seal this node."),
    ]
}

fields! {
    /// How to initialize.
    struct Init {
        /// How many shares the unseal key is split into, 1 to 255. For the Shamir seal.
        secret_shares: i64 = 0,
        /// How many shares unseal.
        secret_threshold: i64 = 0,
        /// Ignored: how many shares would be stored.
        stored_shares: i64 = 0,
        /// How many shares the recovery key is split into. For seals that unseal unattended.
        recovery_shares: i64 = 0,
        /// How many recovery shares authorize.
        recovery_threshold: i64 = 0,
        /// PGP keys in base64, one for each share, which is encrypted to it.
        pgp_keys: Option<Vec<String>>,
        /// PGP keys in base64, one for each recovery share, which is encrypted to it.
        recovery_pgp_keys: Option<Vec<String>>,
        /// A PGP key in base64 that the root token is encrypted to.
        root_token_pgp_key: Option<String>,
    }
}

fields! {
    /// One step of unsealing.
    struct Unseal {
        /// A share of the unseal key, in hexadecimal or base64.
        key: Secret<String> = Secret::new(String::new()) => secret,
        /// Drop the shares entered so far.
        reset: bool = false,
        /// Whether to move to another seal. Not supported.
        migrate: bool = false,
    }
}

async fn read_init(part: &SealPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    let is_initialized = part.seals.control.is_initialized().await;
    let is_initialized = is_initialized.map_err(|source| Error::world("read the seal entry", source))?;
    Ok(Reply::data(json!({ "initialized": is_initialized })).bare())
}

async fn write_init(part: &SealPart, context: &Context, input: Init) -> Result<Reply, Error> {
    let env = &context.env;
    part.seals.check_uninitialized().await?;
    let (texts, recovery_texts) = (input.pgp_keys.unwrap_or_default(), input.recovery_pgp_keys.unwrap_or_default());
    pgp::check_count(&texts, input.secret_shares)?;
    pgp::check_count(&recovery_texts, input.recovery_shares)?;
    let (shares, recovery_shares) = (texts.len(), recovery_texts.len());
    let root_text = input.root_token_pgp_key.filter(|text| !text.is_empty());
    // Before anything is done: a key that is not one must not be found out when the shares can be shown no more.
    let texts = texts.into_iter().chain(recovery_texts).chain(root_text).collect();
    let mut keys = part.seals.attempts.pgp.read(texts).await?;
    let root_key = keys.drain(shares + recovery_shares..).next();
    let recovery_keys = keys.split_off(shares);
    let options = InitOptions {
        secret_shares: input.secret_shares,
        secret_threshold: input.secret_threshold,
        recovery_shares: input.recovery_shares,
        recovery_threshold: input.recovery_threshold,
    };
    let made = part.seals.init(&options, None).await?;
    let shares = pgp::covered(made.shares, &keys, env)?;
    let recovery_shares = pgp::covered(made.recovery_shares, &recovery_keys, env)?;
    let root_token = match root_key {
        Some(key) => Secret::new(BASE64.encode(pgp::encrypted(&key, made.root_token.expose(), env)?.expose())),
        None => made.root_token,
    };
    let mut body = json!({
        "keys": hex(&shares),
        "keys_base64": base64(&shares),
        "root_token": root_token.expose(),
    });
    if !recovery_shares.is_empty()
        && let Some(body) = body.as_object_mut()
    {
        body.insert("recovery_keys".to_owned(), hex(&recovery_shares));
        body.insert("recovery_keys_base64".to_owned(), base64(&recovery_shares));
    }
    Ok(Reply::data(body).bare())
}

fn hex(shares: &[SecretBytes]) -> Value {
    shares.iter().map(|share| HEXLOWER.encode(share.expose())).collect()
}

fn base64(shares: &[SecretBytes]) -> Value {
    shares.iter().map(|share| BASE64.encode(share.expose())).collect()
}

async fn read_status(part: &SealPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    let status = part.seals.control.status().await.map_err(from_unseal)?;
    Ok(part.status_reply(&status))
}

async fn write_unseal(part: &SealPart, context: &Context, input: Unseal) -> Result<Reply, Error> {
    if input.migrate {
        return Err(Error::invalid("seal migration is not supported in this release"));
    }
    if input.reset {
        let status = part.seals.control.reset().await.map_err(from_unseal)?;
        return Ok(part.status_reply(&status));
    }
    if input.key.expose().is_empty() {
        return Err(Error::invalid("'key' must be specified in request body as JSON, or 'reset' set to true"));
    }
    if !part.seals.control.barrier().is_sealed() {
        return read_status(part, context, Nothing).await;
    }
    let share = decode_share(input.key.expose());
    let share = share.map_err(|why| Error::Invalid(why.to_string().into()))?;
    let status = part.seals.unseal(share).await?;
    Ok(part.status_reply(&status))
}

async fn write_seal(part: &SealPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    part.seals.seal().await;
    Ok(Reply::empty())
}

impl SealPart {
    /// What `sys/seal-status` and `sys/unseal` answer. The cluster is named only while unsealed.
    fn status_reply(&self, status: &SealStatus) -> Reply {
        let mut body = status_body(status, &self.node);
        if let (Ok(cluster), Some(body)) = (self.seals.identity.cluster(), body.as_object_mut()) {
            body.insert("cluster_name".to_owned(), json!(cluster.name));
            body.insert("cluster_id".to_owned(), json!(cluster.id));
        }
        Reply::data(body).bare()
    }
}

/// What a node tells of its seal.
pub(crate) fn status_body(status: &SealStatus, node: &Node) -> Value {
    let mut body = json!({
        "type": status.kind.name(),
        "initialized": status.initialized,
        "sealed": status.sealed,
        "t": status.threshold,
        "n": status.shares,
        "progress": status.progress,
        "nonce": status.nonce,
        "version": node.api_version,
        "strongroom_version": node.version,
        "build_date": node.build_date,
        "migration": false,
        "recovery_seal": status.recovery_seal,
        "storage_type": node.storage_type,
    });
    if let Some(body) = body.as_object_mut().filter(|_| status.recovery_seal) {
        body.insert("recovery_seal_type".to_owned(), json!("shamir"));
    }
    body
}
