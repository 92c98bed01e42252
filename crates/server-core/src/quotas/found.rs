//! Counting the leases that are stored: those of engines by their keys alone, tokens by their entries.
//!
//! Everything is looked at that the quota can be for, page by page, and asked which quota holds for it: a narrower one
//! takes what it is for away from the wider ones. It ends as soon as the quota is full.

use std::sync::Arc;

use framework::{Error, Kind as EngineKind, Namespace};
use storage::{Key, KeyRange};

use super::counts::LeaseCount;
use super::{Quotas, State};
use crate::keys;
use crate::mounts::is_permanent;
use crate::store::decode;
use crate::tokens::entry::TokenEntry;

/// How many keys one storage call asks for.
const PAGE: usize = 500;

/// What is counted, and how far that has come.
struct Search<'q> {
    state: &'q State,
    quota: &'q LeaseCount,
    found: u64,
    /// What was asked about last, and whether the quota is for it: leases are sorted by path.
    last: Option<Asked>,
}

/// What a quota may be for.
struct Asked {
    /// Without a `/` at the end.
    path: String,
    /// Of a login's token.
    role: Option<String>,
    is_counted: bool,
}

impl Asked {
    fn is_about(&self, path: &str, role: Option<&str>) -> bool {
        self.path == path && self.role.as_deref() == role
    }
}

impl Search<'_> {
    fn is_full(&self) -> bool {
        self.found >= self.quota.most
    }
}

impl Quotas {
    /// How many leases there are that the quota is for, and not more than it allows.
    pub(super) async fn find_leases(&self, state: &State, quota: &LeaseCount) -> Result<u64, Error> {
        let mut search = Search { state, quota, found: 0, last: None };
        let namespace = self.mounts.namespaces.of_work(&quota.ns).await?;
        if let Some(uuid) = &quota.mount {
            // Whatever there is of a mount that is gone is on its way out.
            let Some(mount) = self.mounts.load(&quota.ns, uuid).await? else { return Ok(0) };
            let is_login = mount.engine.kind() == EngineKind::Auth && !is_permanent(&mount.settings.engine_type);
            let tokens = match mount.engine.kind() {
                EngineKind::Auth if is_login => Some(keys::mount_tokens(&namespace.id, uuid)?),
                EngineKind::Auth => Some(keys::all_of(&namespace.id, "token")?),
                _ => None,
            };
            self.search(&mut search, &namespace, &mount.point(), tokens).await?;
            return Ok(search.found);
        }
        let tokens = keys::all_of(&namespace.id, "token")?;
        self.search(&mut search, &namespace, "", Some(tokens)).await?;
        let mut after = String::new();
        while quota.is_inheritable && !search.is_full() {
            let page = self.mounts.namespaces.ids_below(&namespace.path, &after, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            last.clone_into(&mut after);
            for (path, id) in page {
                let below = Arc::new(Namespace { id, path });
                let tokens = keys::all_of(&below.id, "token")?;
                search.last = None;
                self.search(&mut search, &below, "", Some(tokens)).await?;
            }
        }
        Ok(search.found)
    }

    /// Goes through what is below a path of a namespace, and through the tokens that `tokens` names.
    async fn search(
        &self,
        search: &mut Search<'_>,
        namespace: &Namespace,
        below: &str,
        tokens: Option<Key>,
    ) -> Result<(), Error> {
        let head = keys::leases(&namespace.id, "")?.as_bytes().len();
        let mut range = Some(KeyRange::prefix(&keys::leases(&namespace.id, below)?));
        while let Some(from) = range.take().filter(|_| !search.is_full()) {
            let (page, next) = self.store.keys(from.clone(), PAGE).await?;
            for (key, _) in page {
                let path = key.as_bytes().get(head..).and_then(|rest| std::str::from_utf8(rest).ok());
                let Some((path, _hash)) = path.and_then(|path| path.rsplit_once('/')) else { continue };
                self.weigh(search, namespace, path, None).await?;
            }
            range = next.map(|next| KeyRange { start: next, ..from });
        }
        let mut range = tokens.map(|tokens| KeyRange::prefix(&tokens));
        while let Some(from) = range.take().filter(|_| !search.is_full()) {
            let (page, next) = self.store.keys(from.clone(), PAGE).await?;
            let hashes = page.iter().filter_map(|(key, _)| crate::leases::sweep::last(key));
            let tokens = hashes.map(|hash| keys::token(&namespace.id, &hash)).collect::<Result<Vec<_>, _>>()?;
            for (key, opened) in tokens.iter().zip(self.store.get_list(&tokens).await?) {
                let Some(opened) = opened else { continue };
                let entry = decode::<TokenEntry>(key, &opened)?.value;
                if entry.ttl_secs > 0 && !entry.is_wrapping() {
                    self.weigh(search, namespace, &entry.path, entry.login_role.as_deref()).await?;
                }
            }
            range = next.map(|next| KeyRange { start: next, ..from });
        }
        Ok(())
    }

    async fn weigh(
        &self,
        search: &mut Search<'_>,
        namespace: &Namespace,
        path: &str,
        role: Option<&str>,
    ) -> Result<(), Error> {
        let path = path.trim_matches('/');
        let is_counted = match &search.last {
            Some(last) if last.is_about(path, role) => last.is_counted,
            _ => {
                let holds = self.lease_count(search.state, &namespace.id, path, role).await?;
                let is_counted = holds.is_some_and(|quota| quota.id == search.quota.id);
                let (path, role) = (path.to_owned(), role.map(str::to_owned));
                search.last = Some(Asked { path, role, is_counted });
                is_counted
            }
        };
        if is_counted && !search.is_full() {
            search.found += 1;
        }
        Ok(())
    }
}
