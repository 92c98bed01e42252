//! Quotas go with what they are for: with their mount, and with their namespace.

use barrier::Changes;
use framework::Error;
use framework::view::COMMIT_TRIES;
use storage::{Key, KeyRange};

use super::entry::{Kind, NameEntry, QuotasEntry, RuleEntry, parse_spot};
use crate::keys;
use crate::store::{Lost, Store, decode, encode};

/// How many quotas one commit removes: each is two entries.
const PAGE: usize = 40;

/// Removes the quotas of a mount that is being removed. Nobody can add one any more.
pub(crate) async fn forget_mount(store: &Store, ns: &str, uuid: &str) -> Result<(), Error> {
    forget(store, &keys::quotas_of_mount(ns, uuid)?, |key, prefix| parse_spot(key, prefix).map(|(kind, _)| kind)).await
}

/// Removes the quotas of a namespace that is being removed, and of whatever was mounted in it.
pub(crate) async fn forget_namespace(store: &Store, ns: &str) -> Result<(), Error> {
    let kind = |key: &Key, prefix: &Key| {
        let rest = std::str::from_utf8(key.as_bytes().get(prefix.as_bytes().len()..)?).ok()?;
        let kind = rest.split('/').nth(1)?;
        Kind::ALL.into_iter().find(|it| it.name() == kind)
    };
    forget(store, &keys::quotas_of_namespace(ns)?, kind).await
}

async fn forget(store: &Store, prefix: &Key, kind: impl Fn(&Key, &Key) -> Option<Kind>) -> Result<(), Error> {
    let range = KeyRange::prefix(prefix);
    let mut lost = 0;
    loop {
        if store.keys(range.clone(), 1).await?.0.is_empty() {
            return Ok(());
        }
        let all = store.get::<QuotasEntry>(&keys::QUOTAS).await?;
        let (known, mut all) = all.map(|all| (Some(all.revision), all.value)).unwrap_or_default();
        let (page, _) = store.page(range.clone(), PAGE).await?;
        let mut changes = Changes::new();
        for (key, opened) in page {
            let Some(kind) = kind(&key, prefix) else {
                changes.delete(key, opened.revision);
                continue;
            };
            let name = decode::<RuleEntry>(&key, &opened)?.value.name;
            let name_key = keys::quota_name(kind.name(), &name)?;
            let named = store.get::<NameEntry>(&name_key).await?;
            // Another one may have the name by now.
            if let Some(named) = named.filter(|named| named.value.key(kind).is_ok_and(|at| at == key)) {
                changes.delete(name_key, named.revision);
                all.set_count(kind, all.count(kind).saturating_sub(1));
            }
            changes.delete(key, opened.revision);
        }
        changes.set(keys::QUOTAS.clone(), known, encode(&all)?);
        match store.commit(changes).await {
            Ok(_) => lost = 0,
            Err(Lost::Race(_)) if lost < COMMIT_TRIES => lost += 1,
            Err(Lost::Race(_)) => return Err(framework::view::contended()),
            Err(Lost::Failed(error)) => return Err(error),
        }
    }
}
