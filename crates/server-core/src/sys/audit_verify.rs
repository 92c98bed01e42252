//! `sys/audit-verify`: what `audit verify` asks the server. The key of the chains stays here: whoever reads a file sends
//! the hashes of its records, and is told whether the MACs beside them were made by this cluster.

use api::audit;
use data_encoding::BASE64URL_NOPAD;
use framework::view::Listing;
use framework::{Context, Error, Path, Reply, fields};
use serde_json::json;

use crate::audit_log::AuditLog;
use crate::audit_log::heads::{CHECKED_MAX, Claim};

pub(super) fn paths() -> Vec<Path<AuditLog>> {
    vec![
        Path::new("audit-verify", "Whether records of audit devices are as this cluster wrote them.")
            .sudo()
            .root_only()
            .read(heads, "Show how far the chains of records have come, oldest first.")
            .update(check, "Compare hashes of records with their MACs."),
    ]
}

fields! {
    /// Which chains to show.
    struct Page {
        /// Show what is behind this.
        after: String = String::new(),
        /// The most to be shown.
        limit: u64 = 0,
    }
}

fields! {
    /// Records to be checked.
    struct Check {
        /// The key that they name.
        term: u32,
        /// For each the SHA-256 of what its MAC covers, a point, and the MAC, both in base64url; with commas between them.
        records: String,
    }
}

async fn heads(log: &AuditLog, _: &Context, input: Page) -> Result<Reply, Error> {
    let limit = usize::try_from(input.limit).ok().filter(|limit| *limit > 0);
    let (heads, next) = log.heads(&Listing { after: input.after, limit }).await?;
    let head = |it: crate::audit_log::heads::Committed| {
        json!({
            "device": it.name.device, "boot": it.name.boot, "node": it.name.node, "term": it.name.term,
            "seq": it.seq, "mac": it.mac, "time": it.written.to_string(),
        })
    };
    Ok(Reply::data(json!({ "heads": heads.into_iter().map(head).collect::<Vec<_>>(), "next": next })))
}

async fn check(log: &AuditLog, _: &Context, input: Check) -> Result<Reply, Error> {
    let claims = input.records.split(',').map(claim).collect::<Option<Vec<_>>>();
    let claims =
        claims.ok_or_else(|| Error::invalid("a record is the hash, a point, and the MAC, both in base64url"))?;
    if claims.len() > CHECKED_MAX {
        return Err(Error::Invalid(format!("at most {CHECKED_MAX} records are checked at once").into()));
    }
    let genuine = log.count_genuine(input.term, &claims).await?;
    Ok(Reply::data(json!({ "genuine": genuine })))
}

fn claim(text: &str) -> Option<Claim> {
    let (hash, mac) = text.split_once('.')?;
    let hash = BASE64URL_NOPAD.decode(hash.as_bytes()).ok()?.try_into().ok()?;
    Some((hash, audit::mac_from(mac)?))
}
