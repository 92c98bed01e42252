//! Making, changing and deleting namespaces.
//!
//! A namespace lives while its liveness entry is there. Everything that is added in it expects that entry, so that
//! nothing of what is still under way when it is deleted can be left behind: the deletion takes the entry away in the
//! commit that also puts a line into the due index, from which [`super::sweep`] clears away the rest.

use std::collections::BTreeMap;

use barrier::Changes;
use framework::view::{COMMIT_TRIES, to_stored};
use framework::{Error, Kind, Namespace};
use serde_json::{Map, Value};
use storage::{Expectation, KeyRange};

use super::entry::{AtEntry, LiveEntry, RemovingEntry};
use super::{Namespaces, name};
use crate::keys;
use crate::mounts::change::initial;
use crate::policies::Policies;
use crate::store::{Found, Lost, encode};

/// The word in the due index's keys.
pub(crate) const DUE_KIND: &str = "namespace";
/// How many pairs of an operator's own a namespace carries, and how long they may be, as for the metadata of secrets.
const METADATA_PAIRS_MAX: usize = 64;
const METADATA_KEY_BYTES_MAX: usize = 128;
const METADATA_VALUE_BYTES_MAX: usize = 512;

/// What came of a deletion.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Deleted {
    /// It is being cleared away; nothing in it is answered any more.
    InProgress,
    /// There was none.
    Nothing,
}

impl Namespaces {
    /// Makes a namespace right below another. If it is there already, only its metadata is replaced, where some is given.
    pub(crate) async fn create(
        &self,
        parent: &Namespace,
        name: &str,
        custom_metadata: Option<BTreeMap<String, String>>,
    ) -> Result<(), Error> {
        let path = name::path_below(&parent.path, name)?;
        check_metadata(custom_metadata.iter().flatten())?;
        for _ in 0..COMMIT_TRIES {
            let changes = match (self.entry(&path).await?, &custom_metadata) {
                (Some(found), _) if found.value.is_removing => return Err(removing()),
                (Some(_), None) => return Ok(()),
                (Some(found), Some(custom_metadata)) => {
                    let at = AtEntry { custom_metadata: custom_metadata.clone(), ..found.value.clone() };
                    self.replace(&path, &found, &at)?
                }
                (None, _) => self.creation(parent, &path, custom_metadata.clone().unwrap_or_default()).await?,
            };
            match self.store.commit(changes).await {
                Ok(_) => return Ok(()),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }

    /// Merges into the metadata of a namespace: `null` takes a pair away.
    pub(crate) async fn patch(&self, parent: &Namespace, name: &str, merge: &Map<String, Value>) -> Result<(), Error> {
        let path = name::path_below(&parent.path, name)?;
        for _ in 0..COMMIT_TRIES {
            let found = self.entry(&path).await?.ok_or(Error::NotFound)?;
            if found.value.is_removing {
                return Err(removing());
            }
            let mut at = found.value.clone();
            for (key, value) in merge {
                match value {
                    Value::Null => drop(at.custom_metadata.remove(key)),
                    Value::String(text) => drop(at.custom_metadata.insert(key.clone(), text.clone())),
                    Value::Number(_) | Value::Bool(_) => {
                        drop(at.custom_metadata.insert(key.clone(), value.to_string()));
                    }
                    Value::Array(_) | Value::Object(_) => {
                        return Err(Error::Invalid(format!("custom_metadata: \"{key}\" is no text").into()));
                    }
                }
            }
            check_metadata(&at.custom_metadata)?;
            match self.store.commit(self.replace(&path, &found, &at)?).await {
                Ok(_) => return Ok(()),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }

    /// Deletes a namespace that has none below it. From the reply on nothing in it is answered, and all its tokens are
    /// refused; what it held is cleared away afterwards.
    pub(crate) async fn delete(&self, parent: &Namespace, name: &str) -> Result<Deleted, Error> {
        let path = name::path_below(&parent.path, name)?;
        for _ in 0..COMMIT_TRIES {
            let Some(found) = self.entry(&path).await? else { return Ok(Deleted::Nothing) };
            if found.value.is_removing {
                return Ok(Deleted::InProgress);
            }
            let children = self.children(&path)?;
            if !self.store.keys(children.clone(), 1).await?.0.is_empty() {
                return Err(Error::Invalid(
                    format!("cannot delete the namespace \"{path}\": it has namespaces below it").into(),
                ));
            }
            let id = found.value.id.clone();
            let live = keys::namespace_live(&id)?;
            let [revision] = self.store.revisions_of([live.clone()]).await?;
            let Some(revision) = revision else { continue };
            let mut changes = self.replace(&path, &found, &AtEntry { is_removing: true, ..found.value.clone() })?;
            changes.expect(Expectation::NoneIn(children));
            changes.delete(live, revision);
            changes.create(keys::namespace_removing(&id)?, encode(&RemovingEntry { v: 1, path: path.clone() })?);
            let now = to_stored(self.env.now().into());
            changes.create(keys::due(now, &id, DUE_KIND, &id)?, Vec::new());
            match self.store.commit(changes).await {
                Ok(_) => return Ok(Deleted::InProgress),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }

    /// Everything that a namespace begins with, in one commit: it is there wholly, or not at all.
    async fn creation(
        &self,
        parent: &Namespace,
        path: &str,
        custom_metadata: BTreeMap<String, String>,
    ) -> Result<Changes, Error> {
        let above = keys::namespace_live(&parent.id)?;
        let [revision] = self.store.revisions_of([above.clone()]).await?;
        let id = self.env.base62(name::ID_CHARACTERS);
        let name = path.strip_prefix(&parent.path).unwrap_or(path);
        let mounts = KeyRange::prefix(&keys::mount_at(&parent.id, Kind::Secrets, name)?);
        if let (Some((key, _)), _) =
            self.store.keys(mounts.clone(), 1).await.map(|(page, _)| (page.into_iter().next(), ()))?
        {
            let start = mounts.start.as_bytes().len() - name.len();
            let at = String::from_utf8_lossy(key.as_bytes().get(start..).unwrap_or_default()).into_owned();
            return Err(Error::Invalid(format!("existing mount at {at}").into()));
        }
        let mut changes = Changes::new();
        // Gone: the parent was deleted while this was under way.
        changes.expect(Expectation::At(above, revision.ok_or(Error::Denied)?));
        changes.expect(Expectation::NoneIn(mounts));
        changes.expect(Expectation::Absent(keys::namespace_removing(&id)?));
        let at = AtEntry { v: 1, id: id.clone(), is_removing: false, custom_metadata };
        changes.create(keys::namespace_at(path)?, encode(&at)?);
        changes.create(keys::namespace_live(&id)?, encode(&LiveEntry::at(path))?);
        let (policy, text) = Policies::initial(&id)?;
        changes.create(policy, text);
        for (key, value) in initial(&self.env, &id)? {
            changes.create(key, value);
        }
        Ok(changes)
    }

    pub(super) fn replace(&self, path: &str, found: &Found<AtEntry>, at: &AtEntry) -> Result<Changes, Error> {
        let mut changes = Changes::new();
        changes.replace(keys::namespace_at(path)?, found.revision, encode(at)?);
        Ok(changes)
    }
}

fn removing() -> Error {
    Error::invalid("the namespace is being deleted: try again when it is gone")
}

fn check_metadata<'a>(pairs: impl IntoIterator<Item = (&'a String, &'a String)>) -> Result<(), Error> {
    let mut count = 0;
    for (key, value) in pairs {
        count += 1;
        let is_plain = |text: &str| !text.chars().any(char::is_control);
        if key.is_empty() || key.len() > METADATA_KEY_BYTES_MAX || !is_plain(key) {
            let text = format!(
                "custom_metadata: a key has 1 to {METADATA_KEY_BYTES_MAX} bytes, none of them control characters"
            );
            return Err(Error::Invalid(text.into()));
        }
        if value.len() > METADATA_VALUE_BYTES_MAX || !is_plain(value) {
            let text = format!(
                "custom_metadata: a value has at most {METADATA_VALUE_BYTES_MAX} bytes, none of them control characters"
            );
            return Err(Error::Invalid(text.into()));
        }
    }
    if count > METADATA_PAIRS_MAX {
        return Err(Error::Invalid(format!("custom_metadata: {count} pairs, the most is {METADATA_PAIRS_MAX}").into()));
    }
    Ok(())
}
