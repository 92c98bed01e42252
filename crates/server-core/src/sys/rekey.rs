//! `sys/rekey` and `sys/rekey-recovery-key`: new shares by authority of the old ones, without a token at this level of the
//! API; `sys/rotate/root` and `sys/rotate/recovery` are the same for those who have one (OpenBao).

use std::sync::Arc;

use barrier::seal::Target;
use framework::input::Nothing;
use framework::{Context, Error, Path, Reply, fields};

use super::Openness;
use super::generate_root::{Give, answer, answer_nothing};
use crate::attempts::Attempts;
use crate::attempts::rekey::RekeyRequest;

/// For one of the two keys.
pub(crate) struct RekeyPart {
    pub(crate) attempts: Arc<Attempts>,
    pub(crate) target: Target,
}

/// The templates of one form.
struct Rows {
    init: &'static str,
    backup: &'static str,
    update: &'static str,
    verify: &'static str,
    openness: Openness,
}

pub(super) fn barrier_paths(openness: Openness) -> Vec<Path<RekeyPart>> {
    let open =
        Rows { init: "rekey/init", backup: "rekey/backup", update: "rekey/update", verify: "rekey/verify", openness };
    let closed = Rows {
        init: "rotate/root/init",
        backup: "rotate/root/backup",
        update: "rotate/root/update",
        verify: "rotate/root/verify",
        openness: Openness::Sudo,
    };
    [open, closed].iter().flat_map(paths).collect()
}

pub(super) fn recovery_paths(openness: Openness) -> Vec<Path<RekeyPart>> {
    let open = Rows {
        init: "rekey-recovery-key/init",
        backup: "rekey/recovery-key-backup",
        update: "rekey-recovery-key/update",
        verify: "rekey-recovery-key/verify",
        openness,
    };
    let closed = Rows {
        init: "rotate/recovery/init",
        backup: "rotate/recovery/backup",
        update: "rotate/recovery/update",
        verify: "rotate/recovery/verify",
        openness: Openness::Sudo,
    };
    [open, closed].iter().flat_map(paths).collect()
}

fn paths(rows: &Rows) -> Vec<Path<RekeyPart>> {
    let init = Path::new(rows.init, "The attempt to replace the keys that people hold.")
        .root_only()
        .with_delete_body()
        .read(read_init, "Show how far it is.")
        .update(write_init, "Begin one.")
        .delete(delete_init, "Give it up.");
    let update = Path::new(rows.update, "Takes the shares that authorize new ones, one at a time.")
        .root_only()
        .update(write_update, "Give a share; with the last one come the new ones, this once.");
    let verify = Path::new(rows.verify, "Takes the new shares back, before they count.")
        .root_only()
        .read(read_verify, "Show how far that is.")
        .update(write_verify, "Give one of the new shares; with the last one they count.")
        .delete(delete_verify, "Begin to verify anew.");
    let backup = Path::new(rows.backup, "Copies of new shares, encrypted to PGP keys.")
        .root_only()
        .read(read_backup, "Show the copies of the last rekey that asked for them.")
        .delete(delete_backup, "Delete them.");
    // What was handed out before is not for whoever gives a share.
    let backup = if rows.openness == Openness::Sudo { backup.sudo() } else { backup };
    [init, update, verify].map(|path| rows.openness.apply(path)).into_iter().chain([backup]).collect()
}

fields! {
    /// What is to be made.
    struct Init {
        /// How many shares the new key is split into, 1 to 255.
        secret_shares: i64 = 0,
        /// How many of them are needed.
        secret_threshold: i64 = 0,
        /// Ignored: how many shares would be stored.
        stored_shares: i64 = 0,
        /// Whether the new keys count only after enough of them were given back.
        require_verification: bool = false,
        /// PGP keys in base64, one for each new share, which is encrypted to it.
        pgp_keys: Option<Vec<String>>,
        /// Whether to keep a copy of the encrypted shares.
        backup: bool = false,
    }
}

fields! {
    /// Which attempt is given up.
    struct Cancel {
        /// Its nonce; needed for ten minutes after its begin.
        nonce: String = String::new(),
    }
}

async fn read_init(part: &RekeyPart, context: &Context, _: Nothing) -> Result<Reply, Error> {
    answer(context, part.attempts.rekey_status(part.target).await)
}

async fn write_init(part: &RekeyPart, context: &Context, input: Init) -> Result<Reply, Error> {
    let request = RekeyRequest {
        shares: input.secret_shares,
        threshold: input.secret_threshold,
        needs_verification: input.require_verification,
        pgp_keys: input.pgp_keys.unwrap_or_default(),
        has_backup: input.backup,
    };
    answer(context, part.attempts.begin_rekey(part.target, request).await)
}

async fn delete_init(part: &RekeyPart, context: &Context, input: Cancel) -> Result<Reply, Error> {
    answer_nothing(context, part.attempts.cancel_rekey(part.target, &input.nonce).await)
}

async fn write_update(part: &RekeyPart, context: &Context, input: Give) -> Result<Reply, Error> {
    let share = input.share()?;
    answer(context, part.attempts.give_rekey(part.target, &share, input.nonce()).await)
}

async fn read_backup(part: &RekeyPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    Ok(Reply::data(part.attempts.backup(part.target).await?).mirrored())
}

async fn delete_backup(part: &RekeyPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    part.attempts.delete_backup(part.target).await?;
    Ok(Reply::empty())
}

async fn read_verify(part: &RekeyPart, context: &Context, _: Nothing) -> Result<Reply, Error> {
    answer(context, part.attempts.verify_status(part.target).await)
}

async fn write_verify(part: &RekeyPart, context: &Context, input: Give) -> Result<Reply, Error> {
    let share = input.share()?;
    answer(context, part.attempts.verify_rekey(part.target, &share, input.nonce()).await)
}

async fn delete_verify(part: &RekeyPart, context: &Context, _: Nothing) -> Result<Reply, Error> {
    answer(context, part.attempts.restart_verification(part.target).await)
}
