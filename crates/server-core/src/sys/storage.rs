//! `sys/storage/…`: backups of the store, and what clients of Raft snapshots are told.

use backup::{Lineage, Proof, Sum};
use data_encoding::HEXLOWER;
use framework::input::Nothing;
use framework::{Context, Error, Path, Reply, fields};
use serde_json::json;

use crate::backups::{Backups, Claim};

/// No client guesses a meaning from it: the bytes are for a file.
const CONTENT_TYPE: &str = "application/octet-stream";
/// What whoever asks for a Raft snapshot is to do.
const NO_RAFT: &str = "this server has no Raft storage: make a backup with \"strongroom operator backup save FILE\", \
                       or read sys/storage/backup, and see \"strongroom operator backup restore -help\"";

pub(super) fn paths() -> Vec<Path<Backups>> {
    vec![
        Path::new("storage/backup", "A backup of the whole store, encrypted as it is stored.")
            .sudo()
            .root_only()
            .read(read, "Make one while the server goes on."),
        Path::new("storage/backup-verify", "Whether a backup is one that this cluster has made.")
            .sudo()
            .root_only()
            .update(verify, "Compare what a backup says of its origin with the cluster's key."),
        Path::new("storage/raft/snapshot", "Snapshots of Raft storage, which this server does not have.")
            .root_only()
            .read(no_raft, "Refused, with a pointer to backups.")
            .update(no_raft, "Refused, with a pointer to backups."),
        Path::new("storage/raft/snapshot-force", "Snapshots of Raft storage, which this server does not have.")
            .root_only()
            .update(no_raft, "Refused, with a pointer to backups."),
    ]
}

fields! {
    /// What the frames of a backup say.
    struct Origin {
        /// The lineage in its header.
        lineage: String,
        /// The sum of its last section, in hexadecimal digits.
        sum: String,
        /// How many entries it has.
        entries: u64,
        /// The term that its MAC names.
        term: u32,
        /// Its MAC, in hexadecimal digits.
        mac: String,
    }
}

async fn read(backups: &Backups, _: &Context, _: Nothing) -> Result<Reply, Error> {
    Ok(Reply::stream(CONTENT_TYPE, backups.begin().await?))
}

async fn verify(backups: &Backups, _: &Context, input: Origin) -> Result<Reply, Error> {
    let (sum, mac) = (hex(&input.sum, "sum")?, hex(&input.mac, "mac")?);
    let lineage = Lineage::try_from(input.lineage).map_err(Error::invalid)?;
    let claim = Claim { lineage, sum, entries: input.entries, proof: Proof { term: input.term, mac } };
    let finding = backups.judge(&claim).await?;
    Ok(Reply::data(json!({ "genuine": finding.is_genuine, "same_cluster": finding.is_of_this_cluster })))
}

fn hex(text: &str, name: &str) -> Result<Sum, Error> {
    let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| Error::Invalid(format!("{name} must have 64 hexadecimal digits").into()))
}

async fn no_raft(_: &Backups, _: &Context, _: Nothing) -> Result<Reply, Error> {
    Err(Error::invalid(NO_RAFT))
}
