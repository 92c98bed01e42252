//! `metadata/`: the names of secrets, and what is known of each: its settings, its versions, free text.

use std::collections::BTreeMap;

use framework::field::SignedNanos;
use framework::view::{CommitError, Revision, encode, from_stored, to_stored};
use framework::{Change, Context, Error, FieldValue, Path, Reply, Segment, fields, retry};
use serde_json::{Map, Value, json};

use super::data::remove;
use super::entry::{DataRevisions, Found, HISTORIES, History, history_name, load};
use super::{REMOVALS_MAX, Versioned};
use crate::secrets::{Folder, Location, SecretPath};

/// The most custom metadata that a secret has, in pairs (documented Vault behavior).
const CUSTOM_PAIRS_MAX: usize = 64;
/// The longest key of custom metadata, in bytes.
const CUSTOM_KEY_BYTES_MAX: usize = 128;
/// The longest value of custom metadata, in bytes.
const CUSTOM_VALUE_BYTES_MAX: usize = 512;

fields! {
    /// Changes what is known of a secret.
    struct WriteMetadata {
        /// Location of the secret.
        path: SecretPath,
        /// How many versions are kept, from 0 to 128; 0 is the mount's number.
        max_versions: Option<u32>,
        /// Whether every write must carry a check-and-set parameter, even if the mount does not ask for it.
        cas_required: Option<bool>,
        /// After how long a new version is deleted, if the mount does not say sooner; 0s leaves it to the mount.
        delete_version_after: Option<SignedNanos>,
        /// Free text by key, in place of what is there: at most 64 pairs.
        custom_metadata: Option<BTreeMap<String, String>>,
    }
}

fields! {
    /// Merges into what is known of a secret; null resets a field.
    struct PatchMetadata {
        /// Location of the secret.
        path: SecretPath,
        /// How many versions are kept, from 0 to 128; 0 is the mount's number.
        max_versions: Change<u32>,
        /// Whether every write must carry a check-and-set parameter, even if the mount does not ask for it.
        cas_required: Change<bool>,
        /// After how long a new version is deleted, if the mount does not say sooner; 0s leaves it to the mount.
        delete_version_after: Change<SignedNanos>,
        /// Free text by key; null removes a key.
        custom_metadata: Change<Map<String, Value>>,
    }
}

pub(super) fn item() -> Path<Versioned> {
    Path::new("metadata/{path}", "Names of secrets, and what is known of each.")
        .param("path", Segment::Rest, "Location of the secret.")
        .exists::<Location>(exists)
        .read::<Location>(read, "Read what is known of a secret: its settings and versions.")
        .update::<WriteMetadata>(write, "Change what is known of a secret; it needs no version yet.")
        .patch::<PatchMetadata>(patch, "Merge into what is known of a secret (RFC 7396).")
        .delete::<Location>(delete, "Remove a secret with all of its versions for good.")
        .list::<Folder>(list, "List the secrets and folders in a folder.")
}

async fn exists(_: &Versioned, context: &Context, input: Location) -> Result<bool, Error> {
    Ok(load(&context.view, &input.path).await?.is_some())
}

async fn read(_: &Versioned, context: &Context, input: Location) -> Result<Reply, Error> {
    let Found { history, .. } = load(&context.view, &input.path).await?.ok_or(Error::NotFound)?;
    let versions: Map<_, _> =
        history.versions.iter().map(|version| (version.number.to_string(), version.show())).collect();
    let mut shown = history.settings.show();
    shown["created_time"] = json!(from_stored(history.created));
    shown["updated_time"] = json!(from_stored(history.updated));
    shown["current_version"] = json!(history.current);
    shown["oldest_version"] = json!(history.oldest);
    shown["custom_metadata"] = history.show_custom();
    shown["versions"] = Value::Object(versions);
    Ok(Reply::data(shown))
}

async fn write(_: &Versioned, context: &Context, input: WriteMetadata) -> Result<Reply, Error> {
    retry!(_ => {
        let found = load(&context.view, &input.path).await?;
        let known = found.as_ref().map(|found| found.revision);
        let mut history = found.map_or_else(|| History::new(context.now()), |found| found.history);
        if let Some(count) = input.max_versions {
            history.settings.set_max_versions(count)?;
        }
        if let Some(required) = input.cas_required {
            history.settings.cas_required = required;
        }
        if let Some(after) = input.delete_version_after {
            history.settings.set_delete_after(after);
        }
        if let Some(custom) = &input.custom_metadata {
            history.custom.clone_from(custom);
        }
        save(context, &input.path, known, history).await
    })?;
    Ok(Reply::empty())
}

async fn patch(_: &Versioned, context: &Context, input: PatchMetadata) -> Result<Reply, Error> {
    retry!(_ => {
        let Found { mut history, revision } = load(&context.view, &input.path).await?.ok_or(Error::NotFound)?;
        let mut count = history.settings.max_versions;
        input.max_versions.clone().apply(&mut count, 0);
        history.settings.set_max_versions(count)?;
        input.cas_required.clone().apply(&mut history.settings.cas_required, false);
        let mut after = SignedNanos(history.settings.delete_after);
        input.delete_version_after.clone().apply(&mut after, SignedNanos(0));
        history.settings.set_delete_after(after);
        match &input.custom_metadata {
            Change::Keep => {}
            Change::Reset => history.custom.clear(),
            Change::Set(patch) => merge_custom(&mut history.custom, patch)?,
        }
        save(context, &input.path, Some(revision), history).await
    })?;
    Ok(Reply::empty())
}

async fn delete(_: &Versioned, context: &Context, input: Location) -> Result<Reply, Error> {
    while retry!(attempt => { delete_some(context, &input.path, attempt).await })? {}
    Ok(Reply::empty())
}

async fn list(_: &Versioned, context: &Context, input: Folder) -> Result<Reply, Error> {
    let folder = format!("{HISTORIES}{}", input.name());
    Ok(Reply::list(context.view.list(&folder, &input.listing()).await?))
}

/// Removes as many of the oldest versions as one commit can, with the last of them the history itself; says whether
/// there is more. A crash in between leaves a secret that has lost its oldest versions.
async fn delete_some(context: &Context, path: &SecretPath, attempt: usize) -> Result<bool, CommitError> {
    let Some(Found { mut history, revision }) = load(&context.view, path).await? else { return Ok(false) };
    let revisions = DataRevisions::for_attempt(attempt, &context.view, path).await?;
    let dropped = history.trim(0);
    let mut changes = context.view.changes();
    for version in &dropped {
        changes = remove(changes, path, version, &revisions);
    }
    let name = history_name(path);
    let is_more = dropped.len() == REMOVALS_MAX && !history.versions.is_empty();
    let changes =
        if is_more { changes.replace(&name, revision, encode(&history)?) } else { changes.delete(&name, revision) };
    changes.commit().await?;
    Ok(is_more)
}

async fn save(
    context: &Context,
    path: &SecretPath,
    known: Option<Revision>,
    mut history: History,
) -> Result<(), CommitError> {
    check_custom(&history.custom)?;
    history.updated = to_stored(context.now());
    context.view.changes().put(&history_name(path), known, encode(&history)?).commit().await?;
    Ok(())
}

fn merge_custom(custom: &mut BTreeMap<String, String>, patch: &Map<String, Value>) -> Result<(), Error> {
    for (key, value) in patch {
        if value.is_null() {
            custom.remove(key);
            continue;
        }
        let value = String::coerce(value.clone())
            .map_err(|why| Error::Invalid(format!("a value of custom_metadata does not fit: {}", why.0).into()))?;
        custom.insert(key.clone(), value);
    }
    Ok(())
}

/// The bounds of custom metadata. The complaint names no key and no value.
fn check_custom(custom: &BTreeMap<String, String>) -> Result<(), Error> {
    let is_text = |text: &str, bytes_max: usize| text.len() <= bytes_max && !text.contains(char::is_control);
    let complaint = if custom.len() > CUSTOM_PAIRS_MAX {
        format!("custom_metadata has {} keys, the most is {CUSTOM_PAIRS_MAX}", custom.len())
    } else if !custom.keys().all(|key| !key.is_empty() && is_text(key, CUSTOM_KEY_BYTES_MAX)) {
        format!("a key of custom_metadata must have 1 to {CUSTOM_KEY_BYTES_MAX} bytes and no control characters")
    } else if !custom.values().all(|value| is_text(value, CUSTOM_VALUE_BYTES_MAX)) {
        format!("a value of custom_metadata must have at most {CUSTOM_VALUE_BYTES_MAX} bytes and no control characters")
    } else {
        return Ok(());
    };
    Err(Error::Invalid(complaint.into()))
}
