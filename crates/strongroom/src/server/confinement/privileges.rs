//! Root's rights: another user instead of root, and of the capabilities only those that this server needs.
//!
//! It must never leave a way back: real, effective and saved numbers all change, and the capabilities leave the bounding
//! set too.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt as _, chown};

use http_api::{Endpoint, UnixEndpoint};
use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, remove_capability_from_bounding_set,
    set_capabilities, set_keep_capabilities, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use super::accounts::Accounts;
use super::{ConfinementError, Outcome, lack};
use crate::server::plan::{Plan, StoragePlan};

/// Below this port a listener needs `CAP_NET_BIND_SERVICE`, where the system has not said otherwise.
const UNPRIVILEGED_PORT: u16 = 1024;
/// The mode of a storage folder that is made here; as the store makes it.
const FOLDER_MODE: u32 = 0o700;

/// Whom the server is to run as.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Account {
    pub(super) uid: Uid,
    pub(super) gid: Gid,
    /// The further groups.
    pub(super) groups: Vec<Gid>,
}

impl Account {
    /// The configured account; none when none is configured, or when the process is that already.
    pub(super) fn find(user: Option<&str>, group: Option<&str>) -> Result<Option<Self>, ConfinementError> {
        if user.is_none() && group.is_none() {
            return Ok(None);
        }
        let account = Self::among(&Accounts::read()?, user, group)?;
        if geteuid().is_root() {
            return Ok(Some(account));
        }
        if account.uid == geteuid() && account.gid == rustix::process::getegid() {
            return Ok(None);
        }
        Err(ConfinementError::NotRoot(geteuid().as_raw()))
    }

    /// The account of these names. A group alone keeps the user; a user brings its groups.
    pub(super) fn among(
        accounts: &Accounts,
        user: Option<&str>,
        group: Option<&str>,
    ) -> Result<Self, ConfinementError> {
        let group = group.map(|name| accounts.group(name)).transpose()?;
        let Some(name) = user else {
            let gid = group.unwrap_or_else(rustix::process::getegid);
            return Ok(Self { uid: geteuid(), gid, groups: Vec::new() });
        };
        let user = accounts.user(name)?;
        let gid = group.or(user.gid).ok_or_else(|| ConfinementError::Unknown {
            kind: "user",
            name: name.to_owned(),
            file: "/etc/passwd",
            hint: ", with a group",
        })?;
        Ok(Self { uid: user.uid, gid, groups: accounts.groups_of(&user) })
    }
}

/// Makes the storage folder if it is not there, for the account: it may lie where only root may make folders.
pub(super) fn give_folder(plan: &Plan, account: Option<&Account>) -> Result<(), ConfinementError> {
    let StoragePlan::Embedded { path, .. } = &plan.storage else { return Ok(()) };
    if path.exists() {
        return Ok(());
    }
    let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path);
    let given = made.and_then(|()| match account {
        Some(Account { uid, gid, .. }) => chown(path, Some(uid.as_raw()), Some(gid.as_raw())),
        None => Ok(()),
    });
    given.map_err(|source| ConfinementError::Folder { path: path.clone(), source })
}

/// Becomes the account, for good. The permitted capabilities stay for [`drop_capabilities`] to sort out.
pub(super) fn become_account(account: &Account) -> Result<(), ConfinementError> {
    let step = |action| move |source| ConfinementError::Become { action, source };
    let Account { uid, gid, groups } = account;
    set_keep_capabilities(true).map_err(step("keep capabilities over the change of the user"))?;
    set_thread_groups(groups).map_err(step("set the further groups"))?;
    set_thread_res_gid(*gid, *gid, *gid).map_err(step("become the configured group"))?;
    set_thread_res_uid(*uid, *uid, *uid).map_err(step("become the configured user"))?;
    set_keep_capabilities(false).map_err(step("keep capabilities no longer"))
}

/// Gives up every capability that the server does not need. What is left is told.
pub(super) fn drop_capabilities(plan: &Plan, outcome: &mut Outcome) {
    let held = match capabilities(None) {
        Ok(held) => held.permitted,
        Err(error) => return outcome.lacks.push(lack("capabilities cannot be read", &error)),
    };
    let kept = held & needed(plan, geteuid().is_root());
    let keep = |set| {
        let inheritable = CapabilitySet::empty();
        set_capabilities(None, CapabilitySets { effective: set, permitted: set, inheritable })
    };
    // Whoever became another user is permitted them and has none in effect.
    if let Err(error) = keep(held) {
        return outcome.lacks.push(lack("capabilities cannot be changed", &error));
    }
    // The bounding set first: the right to change it is given up below. Without that right nothing can be gained from it
    // either, once programs cannot be started.
    if held.contains(CapabilitySet::SETPCAP) {
        let others = CapabilitySet::all().difference(kept).iter_names().map(|(_, capability)| capability);
        for capability in others {
            if let Err(error) = remove_capability_from_bounding_set(capability) {
                // This kernel does not know it, so it is not there to be had.
                tracing::debug!(%error, ?capability, "a capability stays in the bounding set");
            }
        }
    }
    if let Err(error) = clear_ambient_capability_set() {
        // Kernels before 4.3 have none.
        tracing::debug!(%error, "there are no ambient capabilities to be cleared");
    }
    match keep(kept) {
        Ok(()) => outcome.holds.push(format!("capabilities: {}", names(kept))),
        Err(error) => outcome.lacks.push(lack("capabilities cannot be given up", &error)),
    }
}

/// What this configuration takes. Root that stays root keeps what lets it reach files that belong to others, because
/// they were set up in that belief; Landlock says which files.
pub(super) fn needed(plan: &Plan, is_root: bool) -> CapabilitySet {
    let mut needed = CapabilitySet::IPC_LOCK;
    for listener in &plan.listeners {
        match &listener.endpoint {
            Endpoint::Tcp(address) if (1..UNPRIVILEGED_PORT).contains(&address.port()) => {
                needed |= CapabilitySet::NET_BIND_SERVICE;
            }
            Endpoint::Unix(UnixEndpoint { user, group, .. }) if user.is_some() || group.is_some() => {
                needed |= CapabilitySet::CHOWN | CapabilitySet::FOWNER;
            }
            Endpoint::Tcp(_) | Endpoint::Unix(_) => {}
        }
    }
    if is_root {
        needed |= CapabilitySet::CHOWN | CapabilitySet::DAC_OVERRIDE | CapabilitySet::FOWNER;
    }
    needed
}

pub(super) fn names(set: CapabilitySet) -> String {
    let names: Vec<_> = set.iter_names().map(|(name, _)| name.to_ascii_lowercase()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(" ") }
}
