//! Token roles: which tokens whoever may write `auth/token/create/<role>` can make, whatever their own policies are.
//!
//! A role is settings alone. It dies without taking its tokens along, but without it they are renewed no more.

use std::time::Duration;

use barrier::Changes;
use framework::Error;
use framework::View;
use framework::view::{COMMIT_TRIES, Listing};
use serde::{Deserialize, Serialize};
use storage::{Expectation, Key, Revision};

use super::Tokens;
use super::kind::KindRule;
use crate::cidr::Cidr;
use crate::keys;
use crate::policies::{DEFAULT, ROOT};
use crate::store::{Lost, encode};
use framework::glob;

pub(super) mod paths;

/// What is stored of a role. Times in seconds, zero for none.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct RoleEntry {
    pub(super) v: u32,
    /// Lower case, sorted, without doubles, as are all lists of names here.
    pub(super) allowed_policies: Vec<String>,
    pub(super) allowed_policies_glob: Vec<String>,
    pub(super) disallowed_policies: Vec<String>,
    pub(super) disallowed_policies_glob: Vec<String>,
    pub(super) allowed_entity_aliases: Vec<String>,
    pub(super) is_orphan: bool,
    pub(super) is_renewable: bool,
    pub(super) path_suffix: String,
    pub(super) period_secs: u64,
    pub(super) explicit_max_ttl_secs: u64,
    pub(super) bound_cidrs: Vec<Cidr>,
    /// 0 is without limit.
    pub(super) num_uses: u64,
    pub(super) kind: KindRule,
    pub(super) has_no_default_policy: bool,
    /// Which settings were last written by their older names: those show them too.
    pub(super) older_names: OlderNames,
}

/// Settings that have an older name.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct OlderNames {
    pub(super) period: bool,
    pub(super) explicit_max_ttl: bool,
    pub(super) bound_cidrs: bool,
}

/// A role as it was when it was read.
pub(crate) struct Role {
    pub(super) name: String,
    pub(super) entry: RoleEntry,
    pub(super) key: Key,
    pub(super) revision: Revision,
}

impl Default for RoleEntry {
    fn default() -> Self {
        Self {
            v: 1,
            allowed_policies: Vec::new(),
            allowed_policies_glob: Vec::new(),
            disallowed_policies: Vec::new(),
            disallowed_policies_glob: Vec::new(),
            allowed_entity_aliases: Vec::new(),
            is_orphan: false,
            is_renewable: true,
            path_suffix: String::new(),
            period_secs: 0,
            explicit_max_ttl_secs: 0,
            bound_cidrs: Vec::new(),
            num_uses: 0,
            kind: KindRule::default(),
            has_no_default_policy: false,
            older_names: OlderNames::default(),
        }
    }
}

impl RoleEntry {
    pub(super) fn period(&self) -> Duration {
        Duration::from_secs(self.period_secs)
    }

    pub(super) fn explicit_max_ttl(&self) -> Duration {
        Duration::from_secs(self.explicit_max_ttl_secs)
    }

    /// Whether it says anything about policies. If not, the rules without a role hold.
    pub(super) fn limits_policies(&self) -> bool {
        self.has_allowed() || !self.disallowed_policies.is_empty() || !self.disallowed_policies_glob.is_empty()
    }

    fn has_allowed(&self) -> bool {
        !self.allowed_policies.is_empty() || !self.allowed_policies_glob.is_empty()
    }

    fn disallows(&self, name: &str) -> bool {
        self.disallowed_policies.iter().any(|it| it == name) || glob::matches_any(&self.disallowed_policies_glob, name)
    }

    /// The policies of a token of this role, which may be others than its maker has (documented Vault behavior): those
    /// asked for, if they are allowed; else all that are allowed by name; else, where the role only forbids, the
    /// maker's. `default` is added to any of them, unless it is unwanted or forbidden.
    pub(super) fn policies(
        &self,
        asked: Vec<String>,
        maker: &[String],
        no_default: bool,
    ) -> Result<Vec<String>, Error> {
        let adds_default = !no_default && !self.has_no_default_policy && !self.disallows(DEFAULT);
        let with_default = |mut names: Vec<String>| {
            if adds_default && !names.iter().any(|name| name == DEFAULT || name == ROOT) {
                names.push(DEFAULT.to_owned());
            }
            names
        };
        let is_asked = !asked.is_empty();
        let policies = with_default(match (is_asked, self.has_allowed()) {
            (true, _) => asked,
            (false, true) => self.allowed_policies.clone(),
            (false, false) => maker.to_vec(),
        });
        if is_asked && self.has_allowed() {
            let allowed = with_default(self.allowed_policies.clone());
            let globs = &self.allowed_policies_glob;
            if policies.iter().any(|name| !allowed.contains(name) && !glob::matches_any(globs, name)) {
                let (asked, allowed, globs) = (quoted(&policies), quoted(&allowed), quoted(globs));
                let text = format!(
                    "token policies ({asked}) must be subset of the role's allowed policies ({allowed}) or glob policies ({globs})"
                );
                return Err(Error::Invalid(text.into()));
            }
        }
        match policies.iter().find(|name| self.disallows(name)) {
            Some(name) => Err(Error::Invalid(format!("token policy \"{name}\" is disallowed by this role").into())),
            None => Ok(policies),
        }
    }
}

/// A list as Go's `%q` prints it.
fn quoted(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
    format!("[{}]", names.join(" "))
}

impl Role {
    /// What a commit that relies on the role expects.
    pub(super) fn expectation(&self) -> Expectation {
        Expectation::At(self.key.clone(), self.revision)
    }
}

impl Tokens {
    /// A role as it is now.
    pub(super) async fn role(&self, namespace: &str, name: &str) -> Result<Option<Role>, Error> {
        let key = keys::token_role(namespace, name)?;
        let found = self.store.get::<RoleEntry>(&key).await?;
        Ok(found.map(|found| Role { name: name.to_owned(), entry: found.value, key, revision: found.revision }))
    }

    /// Makes a role, or changes what is there.
    async fn change_role(
        &self,
        namespace: &str,
        name: &str,
        change: impl Fn(&mut RoleEntry) -> Result<(), Error>,
    ) -> Result<RoleEntry, Error> {
        let (key, live) = (keys::token_role(namespace, name)?, keys::namespace_live(namespace)?);
        for _ in 0..COMMIT_TRIES {
            let [alive] = self.store.revisions_of([live.clone()]).await?;
            let (mut entry, known) = match self.role(namespace, name).await? {
                Some(role) => (role.entry, Some(role.revision)),
                None => (RoleEntry::default(), None),
            };
            change(&mut entry)?;
            let mut changes = Changes::new();
            changes.expect(Expectation::At(live.clone(), alive.ok_or(Error::NotFound)?));
            changes.set(key.clone(), known, encode(&entry)?);
            match self.store.commit(changes).await {
                Ok(_) => return Ok(entry),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }

    /// Removes a role; no error when there is none.
    async fn delete_role(&self, namespace: &str, name: &str) -> Result<(), Error> {
        let key = keys::token_role(namespace, name)?;
        for _ in 0..COMMIT_TRIES {
            // The revision alone: what is there need not be readable to be removed.
            let [Some(known)] = self.store.revisions_of([key.clone()]).await? else { return Ok(()) };
            let mut changes = Changes::new();
            changes.delete(key.clone(), known);
            match self.store.commit(changes).await {
                Ok(_) => return Ok(()),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }

    /// The names of the roles, sorted.
    async fn role_names(&self, namespace: &str, listing: &Listing) -> Result<Vec<String>, Error> {
        let roles = View::new(self.store.barrier().clone(), keys::token_roles(namespace), Vec::new());
        roles.list("", listing).await
    }
}
