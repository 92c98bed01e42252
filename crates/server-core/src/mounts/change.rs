//! Enabling, tuning and disabling mounts. Every change rewrites the namespace's epoch entry in the same commit.

use std::collections::BTreeMap;

use barrier::Changes;
use env::Env;
use framework::view::{COMMIT_TRIES, to_stored};
use framework::{Error, Kind, Namespace};
use storage::{Expectation, Key, KeyRange};

use super::entry::{AtEntry, LiveEntry, LiveState, Settings, Tuning};
use super::{Mounts, PATH_BYTES_MAX, PATH_SEGMENTS_MAX};
use crate::keys;
use crate::leases::sweep::Sweep;
use crate::store::{Found, Lost, decode, encode};
use crate::tokens::logins::Ending;

/// The word in the due index's keys.
pub(crate) const DUE_KIND: &str = "mount";
/// Paths that a new mount cannot take: they belong to the core whether something is mounted there or not.
const RESERVED: [&str; 5] = ["sys/", "auth/", "cubbyhole/", "identity/", "audit/"];
/// Mounts that cannot be disabled, moved or replaced.
const PERMANENT: [&str; 4] = ["system", "cubbyhole", "identity", "token"];

/// Whether mounts of this type are part of every namespace.
pub(crate) fn is_permanent(engine_type: &str) -> bool {
    PERMANENT.contains(&engine_type)
}

/// A mount to be made.
pub(crate) struct NewMount {
    pub(crate) kind: Kind,
    /// As the operator wrote it.
    pub(crate) path: String,
    pub(crate) engine_type: String,
    pub(crate) description: String,
    pub(crate) options: BTreeMap<String, String>,
    pub(crate) is_local: bool,
    pub(crate) is_seal_wrap: bool,
    pub(crate) has_external_entropy_access: bool,
    pub(crate) tuning: Tuning,
}

/// The stored parts of a new mount.
pub(super) struct Parts {
    pub(super) at: (Key, Vec<u8>),
    pub(super) fresh: [(Key, Vec<u8>); 2],
    /// Which mount has the accessor. Drawn from few enough that another one may have it.
    pub(super) accessor: (Key, Vec<u8>),
}

impl Mounts {
    /// Mounts an engine.
    pub(crate) async fn enable(&self, namespace: &Namespace, mut new: NewMount) -> Result<(), Error> {
        let ns = namespace.id.as_str();
        new.path = parse_path(&new.path)?;
        self.check_type(&mut new)?;
        check_reserved(new.kind, &new.path)?;
        for _ in 0..COMMIT_TRIES {
            self.check_free(namespace, new.kind, &new.path).await?;
            let parts = parts(&self.env, ns, &new)?;
            let mut changes = self.epoch_change(ns).await?;
            expect_free(&mut changes, namespace, new.kind, &new.path)?;
            changes.put(parts.at.0, parts.at.1);
            changes.create(parts.accessor.0, parts.accessor.1);
            for (key, value) in parts.fresh {
                changes.put_fresh(key, value);
            }
            match self.store.commit(changes).await {
                Ok(_) => return Ok(()),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }

    /// Changes a mount's settings; `change` may refuse.
    pub(crate) async fn tune(
        &self,
        ns: &str,
        kind: Kind,
        path: &str,
        change: impl Fn(&mut Settings) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for _ in 0..COMMIT_TRIES {
            let mount = self.at(ns, kind, path).await?.ok_or_else(|| missing(kind, path))?;
            let key = keys::mount(ns, &mount.uuid)?;
            let found = self.store.get::<Settings>(&key).await?.ok_or_else(|| missing(kind, path))?;
            if found.value.path != path {
                // Moved between the two reads: look again at what is at the path.
                continue;
            }
            let mut settings = found.value;
            change(&mut settings)?;
            // An option that the engine does not know must not be stored.
            self.make(&settings.engine_type, &settings.options)?;
            let mut changes = self.epoch_change(ns).await?;
            changes.expect(Expectation::At(mount.liveness.0.clone(), mount.liveness.1));
            changes.replace(key, found.revision, encode(&settings)?);
            match self.store.commit(changes).await {
                Ok(_) => return Ok(()),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }

    /// Marks a mount for removal: from the reply on nothing is found at its path. Its data is swept afterwards, from
    /// the line in the due index. No error when nothing is mounted there.
    pub(crate) async fn disable(&self, ns: &str, kind: Kind, path: &str) -> Result<(), Error> {
        let path = parse_path(path)?;
        let at_key = keys::mount_at(ns, kind, &path)?;
        for _ in 0..COMMIT_TRIES {
            let Some(at) = self.store.get::<AtEntry>(&at_key).await? else { return Ok(()) };
            let uuid = at.value.uuid.as_str();
            let (settings_key, live_key) = (keys::mount(ns, uuid)?, keys::mount_live(ns, uuid)?);
            let [settings, live] = self.store.get_all([settings_key.clone(), live_key.clone()]).await?;
            let (Some(settings), Some(live)) = (settings, live) else { continue };
            let settings: Found<Settings> = decode(&settings_key, &settings)?;
            if is_permanent(&settings.value.engine_type) {
                return Err(Error::Invalid(format!("cannot disable \"{path}\": it is part of the server").into()));
            }
            let mut changes = self.epoch_change(ns).await?;
            changes.delete(at_key.clone(), at.revision);
            changes.delete(settings_key, settings.revision);
            let accessor_key = keys::mount_accessor(ns, &settings.value.accessor)?;
            if let [Some(revision)] = self.store.revisions_of([accessor_key.clone()]).await? {
                changes.delete(accessor_key, revision);
            }
            let marked = LiveEntry { v: 1, state: LiveState::Removing, settings: Some(Box::new(settings.value)) };
            changes.replace(live_key, live.revision, encode(&marked)?);
            let now = to_stored(self.env.now().into());
            changes.create(keys::due(now, ns, DUE_KIND, uuid)?, Vec::new());
            changes.create(Sweep::Mount(uuid.to_owned()).line(ns, now)?, Vec::new());
            if kind == Kind::Auth {
                changes.create(Ending::Removed(uuid.to_owned()).line(ns, now)?, Vec::new());
            }
            match self.store.commit(changes).await {
                Ok(_) => return Ok(()),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }

    /// Changes that expect the namespace to live and rewrite its epoch.
    pub(super) async fn epoch_change(&self, ns: &str) -> Result<Changes, Error> {
        let (live_key, epoch_key) = (keys::namespace_live(ns)?, keys::mounts_epoch(ns)?);
        let [live, epoch] = self.store.revisions_of([live_key.clone(), epoch_key.clone()]).await?;
        let (Some(live), Some(epoch)) = (live, epoch) else { return Err(Error::NotFound) };
        let mut changes = Changes::new();
        changes.expect(Expectation::At(live_key, live));
        changes.replace(epoch_key, epoch, Vec::new());
        Ok(changes)
    }

    fn check_type(&self, new: &mut NewMount) -> Result<(), Error> {
        for (alias, version) in [("kv-v1", "1"), ("kv-v2", "2")] {
            if new.engine_type == alias {
                "kv".clone_into(&mut new.engine_type);
                new.options.insert("version".to_owned(), version.to_owned());
            }
        }
        let type_name = new.engine_type.as_str();
        if type_name != "kv" && new.options.get("version").is_some_and(|version| !version.is_empty()) {
            return Err(Error::Invalid(
                format!("secrets engine \"{type_name}\" does not allow setting a version").into(),
            ));
        }
        let Some(known) = self.types.iter().find(|it| it.name == type_name && it.kind == new.kind) else {
            let ours = self.types.iter().filter(|it| it.kind == new.kind && !is_permanent(it.name));
            let ours: Vec<_> = ours.map(|it| it.name).collect();
            let what = match new.kind {
                Kind::Secrets => "secrets engine",
                Kind::Auth => "auth method",
            };
            let have = if ours.is_empty() { "none".to_owned() } else { ours.join(", ") };
            let text =
                format!("plugin not found in the catalog: no {what} of the type \"{type_name}\"; there are: {have}");
            return Err(Error::Invalid(text.into()));
        };
        if is_permanent(known.name) {
            return Err(Error::Invalid(format!("mount type of \"{type_name}\" is not mountable").into()));
        }
        (known.make)(&new.options).map(drop)
    }

    /// Says which mount is in the way, if one is. What really keeps mounts from nesting are the expectations of the
    /// commit; this gives the error its text.
    pub(super) async fn check_free(&self, namespace: &Namespace, kind: Kind, path: &str) -> Result<(), Error> {
        let ns = namespace.id.as_str();
        if let Some(key) = namespace_in_the_way(namespace, kind, path)?
            && self.store.revisions_of([key]).await? != [None]
        {
            let first = path.split('/').next().unwrap_or_default();
            return Err(Error::Invalid(format!("path is already in use at {first}/: a namespace").into()));
        }
        let mut same_or_above = above(path);
        same_or_above.push(path.to_owned());
        let keys = same_or_above.iter().map(|at| keys::mount_at(ns, kind, at)).collect::<Result<Vec<_>, _>>()?;
        let taken = self.store.revisions(&keys).await?;
        if let Some((at, _)) = same_or_above.iter().zip(taken).find(|(_, revision)| revision.is_some()) {
            return Err(Error::Invalid(format!("path is already in use at {}{at}", prefix(kind)).into()));
        }
        let here = keys::mount_at(ns, kind, path)?;
        let (below, _) = self.store.keys(KeyRange::prefix(&here), 1).await?;
        let Some((key, _)) = below.first() else { return Ok(()) };
        let start = here.as_bytes().len() - path.len();
        let at = String::from_utf8_lossy(key.as_bytes().get(start..).unwrap_or_default()).into_owned();
        Err(Error::Invalid(format!("existing mount at {}{at}", prefix(kind)).into()))
    }
}

/// The error of everything that names a mount that is not there. Terraform looks for these words.
pub(crate) fn missing(kind: Kind, path: &str) -> Error {
    let what = match kind {
        Kind::Secrets => "secret engine mount",
        Kind::Auth => "auth engine",
    };
    Error::Invalid(format!("No {what} at {path}").into())
}

/// The mounts that every namespace starts with, and its epoch.
pub(crate) fn initial(env: &Env, ns: &str) -> Result<Vec<(Key, Vec<u8>)>, Error> {
    let mut entries = vec![(keys::mounts_epoch(ns)?, Vec::new())];
    let mounts = [
        (Kind::Secrets, "sys/", "system", "system endpoints used for control, policy and debugging"),
        (Kind::Secrets, "identity/", "identity", "identity store"),
        (Kind::Secrets, "cubbyhole/", "cubbyhole", "per-token private secret storage"),
        (Kind::Auth, "token/", "token", "token based credentials"),
    ];
    for (kind, path, engine_type, description) in mounts {
        let new = NewMount {
            kind,
            path: path.to_owned(),
            engine_type: engine_type.to_owned(),
            description: description.to_owned(),
            options: BTreeMap::new(),
            is_local: engine_type == "cubbyhole",
            is_seal_wrap: false,
            has_external_entropy_access: false,
            tuning: Tuning::default(),
        };
        let parts = parts(env, ns, &new)?;
        entries.extend([parts.at, parts.accessor]);
        entries.extend(parts.fresh);
    }
    Ok(entries)
}

/// The entries of a new mount.
pub(super) fn parts(env: &Env, ns: &str, new: &NewMount) -> Result<Parts, Error> {
    let uuid = env.uuid();
    let [a, b, c, d] = env.random::<4>();
    let accessor = format!("{}_{a:02x}{b:02x}{c:02x}{d:02x}", accessor_prefix(new));
    let settings = Settings {
        v: 1,
        kind: keys::kind_name(new.kind).to_owned(),
        path: new.path.clone(),
        engine_type: new.engine_type.clone(),
        uuid: uuid.clone(),
        accessor: accessor.clone(),
        description: new.description.clone(),
        options: new.options.clone(),
        is_local: new.is_local,
        is_seal_wrap: new.is_seal_wrap,
        has_external_entropy_access: new.has_external_entropy_access,
        upgrading_from: String::new(),
        tuning: new.tuning.clone(),
    };
    Ok(Parts {
        at: (keys::mount_at(ns, new.kind, &new.path)?, encode(&AtEntry { v: 1, uuid: uuid.clone() })?),
        accessor: (keys::mount_accessor(ns, &accessor)?, encode(&AtEntry { v: 1, uuid: uuid.clone() })?),
        fresh: [
            (keys::mount(ns, &uuid)?, encode(&settings)?),
            (keys::mount_live(ns, &uuid)?, encode(&LiveEntry::LIVE)?),
        ],
    })
}

/// Auth methods carry `auth_` in front of their accessor, as clients expect.
fn accessor_prefix(new: &NewMount) -> String {
    match new.kind {
        Kind::Secrets => new.engine_type.clone(),
        Kind::Auth => format!("auth_{}", new.engine_type),
    }
}

/// A mount path as it is stored: no `/` in front, one at the end.
pub(crate) fn parse_path(text: &str) -> Result<String, Error> {
    let path = text.trim_matches('/');
    let invalid = |why: String| Error::Invalid(format!("invalid mount path: {why}").into());
    if path.is_empty() {
        return Err(invalid("it is empty".to_owned()));
    }
    if path.len() >= PATH_BYTES_MAX {
        return Err(invalid(format!("it has {} bytes, the most is {}", path.len(), PATH_BYTES_MAX - 1)));
    }
    if path.split('/').count() > PATH_SEGMENTS_MAX {
        return Err(invalid(format!("it has more than {PATH_SEGMENTS_MAX} segments")));
    }
    if path.split('/').any(|segment| segment.is_empty() || segment == "." || segment == "..") {
        return Err(invalid("a segment is empty, \".\" or \"..\"".to_owned()));
    }
    if path.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(invalid("it holds white space or a control character".to_owned()));
    }
    Ok([path, "/"].concat())
}

pub(super) fn check_reserved(kind: Kind, path: &str) -> Result<(), Error> {
    if kind == Kind::Auth {
        return Ok(());
    }
    match RESERVED.iter().find(|reserved| path.starts_with(**reserved)) {
        Some(reserved) if *reserved == path && *reserved != "auth/" && *reserved != "audit/" => {
            Err(Error::Invalid(format!("path is already in use at {path}").into()))
        }
        Some(reserved) => {
            Err(Error::Invalid(format!("cannot mount under \"{reserved}\": it belongs to the server").into()))
        }
        None => Ok(()),
    }
}

/// Expects that nothing is in the way of a mount: none at, above or below its path, and no namespace. A path leads to the
/// one or to the other, never to both.
pub(super) fn expect_free(changes: &mut Changes, namespace: &Namespace, kind: Kind, path: &str) -> Result<(), Error> {
    let ns = namespace.id.as_str();
    changes.expect(Expectation::NoneIn(KeyRange::prefix(&keys::mount_at(ns, kind, path)?)));
    for above in above(path) {
        changes.expect(Expectation::Absent(keys::mount_at(ns, kind, &above)?));
    }
    if let Some(key) = namespace_in_the_way(namespace, kind, path)? {
        changes.expect(Expectation::Absent(key));
    }
    Ok(())
}

/// Where the namespace would be that takes a path of secrets engines away; auth methods are never in the way of one.
fn namespace_in_the_way(namespace: &Namespace, kind: Kind, path: &str) -> Result<Option<Key>, Error> {
    let Some((first, _)) = path.split_once('/').filter(|_| kind == Kind::Secrets) else { return Ok(None) };
    keys::namespace_at(&[namespace.path.as_str(), first, "/"].concat()).map(Some)
}

/// The paths above a mount path: `a/b/c/` gives `a/` and `a/b/`.
pub(super) fn above(path: &str) -> Vec<String> {
    let inner = path.trim_end_matches('/');
    inner.match_indices('/').filter_map(|(index, _)| inner.get(..=index)).map(str::to_owned).collect()
}

/// How a mount path is told to the operator.
pub(crate) fn prefix(kind: Kind) -> &'static str {
    match kind {
        Kind::Secrets => "",
        Kind::Auth => "auth/",
    }
}
