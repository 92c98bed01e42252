//! `sys/generate-root`: a new root token from shares of the unseal key or the recovery key. At this level of the API it
//! asks for no token, for whoever needs it has none; `sys/generate-root-token` is the same for those who have one.

use std::sync::Arc;

use barrier::seal::decode_share;
use framework::input::Nothing;
use framework::{Context, Error, Path, Reply, Status, fields};
use secret::{Secret, SecretBytes};
use serde_json::Value;

use super::Openness;
use crate::attempts::cover::CoverRequest;
use crate::attempts::{Attempts, Refused};

pub(super) fn paths(openness: Openness) -> Vec<Path<Arc<Attempts>>> {
    let attempt = |template| {
        Path::new(template, "The attempt to generate a root token.")
            .root_only()
            .read(read_attempt, "Show how far it is.")
            .update(write_attempt, "Begin one; the one-time password is shown this once.")
            .delete(delete_attempt, "Give it up.")
    };
    let update = |template| {
        Path::new(template, "Takes the shares that authorize a root token, one at a time.")
            .root_only()
            .update(write_update, "Give a share; with the last one comes the encoded token.")
    };
    vec![
        openness.apply(attempt("generate-root")),
        openness.apply(attempt("generate-root/attempt")),
        openness.apply(update("generate-root/update")),
        attempt("generate-root-token").sudo(),
        attempt("generate-root-token/attempt").sudo(),
        update("generate-root-token/update").sudo(),
    ]
}

fields! {
    /// How the token is to be encrypted.
    pub(crate) struct Begin {
        /// A one-time password of as many characters as `otp_length` says, that the token is combined with. One is made
        /// up when neither this nor a PGP key is given.
        otp: Secret<String> = Secret::new(String::new()) => secret,
        /// A PGP key to encrypt the token to, in base64, in place of a password.
        pgp_key: String = String::new(),
    }
}

fields! {
    /// One share.
    pub(crate) struct Give {
        /// A share of the unseal key or the recovery key, in hexadecimal or base64.
        key: Secret<String> = Secret::new(String::new()) => secret,
        /// The attempt that it is for.
        nonce: String = String::new(),
    }
}

async fn read_attempt(attempts: &Arc<Attempts>, context: &Context, _: Nothing) -> Result<Reply, Error> {
    answer(context, attempts.root_status().await)
}

async fn write_attempt(attempts: &Arc<Attempts>, context: &Context, input: Begin) -> Result<Reply, Error> {
    answer(context, attempts.begin_root(input.cover()).await)
}

async fn delete_attempt(attempts: &Arc<Attempts>, context: &Context, _: Nothing) -> Result<Reply, Error> {
    answer_nothing(context, attempts.cancel_root().await)
}

async fn write_update(attempts: &Arc<Attempts>, context: &Context, input: Give) -> Result<Reply, Error> {
    let share = input.share()?;
    answer(context, attempts.give_root(&share, &input.nonce).await)
}

impl Begin {
    pub(crate) fn cover(self) -> CoverRequest {
        CoverRequest { otp: self.otp, pgp_key: self.pgp_key }
    }
}

impl Give {
    pub(crate) fn share(&self) -> Result<SecretBytes, Error> {
        if self.key.expose().is_empty() {
            return Err(Error::invalid("'key' must be specified in request body as JSON"));
        }
        decode_share(self.key.expose()).map_err(|why| Error::Invalid(why.to_string().into()))
    }

    pub(crate) fn nonce(&self) -> &str {
        &self.nonce
    }
}

/// The answer to a step: bare where no token is asked for, as clients read it there, else in an envelope.
pub(super) fn answer(context: &Context, result: Result<Value, Refused>) -> Result<Reply, Error> {
    match result {
        Ok(body) if is_bare(context) => Ok(Reply::data(body).bare()),
        Ok(body) => Ok(Reply::data(body)),
        Err(refused) => elsewhere(context, refused),
    }
}

pub(super) fn answer_nothing(context: &Context, result: Result<(), Refused>) -> Result<Reply, Error> {
    match result {
        Ok(()) => Ok(Reply::empty()),
        Err(refused) => elsewhere(context, refused),
    }
}

fn is_bare(context: &Context) -> bool {
    ["generate-root/", "rekey/", "rekey-recovery-key/"].iter().any(|it| context.path.starts_with(it))
        || context.path == "generate-root"
}

/// Shares are with one node, so whoever has another one is told where to go.
fn elsewhere(context: &Context, refused: Refused) -> Result<Reply, Error> {
    match refused {
        Refused::Error(error) => Err(error),
        Refused::Elsewhere(address) => {
            let location = format!("{}/v1/sys/{}", address.trim_end_matches('/'), context.path);
            Ok(Reply::empty().with_status(Status::Code(307)).with_header("Location", location))
        }
    }
}
