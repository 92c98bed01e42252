//! `metadata/`: the names of secrets, and what is known of each: its settings, its versions, free text.

use std::collections::BTreeMap;
use std::ops::Range;

use framework::field::SignedNanos;
use framework::view::{CommitError, EntryPage, Revision, View, encode, from_stored};
use framework::{Change, Context, Error, FieldValue, Path, Reply, Segment, fields, retry};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::Versioned;
use super::entry::{Config, Found, HISTORIES, History, Record, State, history_name, load, load_with_config};
use super::marks::{self, Marks};
use super::page::{Entries, PAGE_RECORDS, Page, entries_of, page_name};
use super::sweep::{Job, PATIENCE, Task, line_id, remove, remove_all};
use crate::secrets::{Folder, Location, SecretPath};

/// How often a read starts again because pages that it was about to read have gone meanwhile.
const READ_TRIES: usize = 3;
/// The most versions of a secret that goes in one commit, with its pages and all of its fingerprints.
const REMOVED_AT_ONCE_MAX: u64 = 45;
/// How many pages of records are in memory at once.
const PAGES_READ: usize = 50;
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
        /// How many versions are kept, from 0 to 24000; 0 is the mount's number.
        max_versions: Option<u32>,
        /// Whether every write must carry a check-and-set parameter, even if the mount does not ask for it.
        cas_required: Option<bool>,
        /// Whether every write here must carry metadata_cas, even if the mount does not ask for it.
        metadata_cas_required: Option<bool>,
        /// After how long a new version is deleted, if the mount does not say sooner; 0s leaves it to the mount.
        delete_version_after: Option<SignedNanos>,
        /// Free text by key, in place of what is there: at most 64 pairs.
        custom_metadata: Option<Map<String, Value>>,
        /// The write is refused unless this is the present current_metadata_version; 0 before the first write.
        metadata_cas: Option<u64>,
    }
}

fields! {
    /// Merges into what is known of a secret; null resets a field.
    struct PatchMetadata {
        /// Location of the secret.
        path: SecretPath,
        /// How many versions are kept, from 0 to 24000; 0 is the mount's number.
        max_versions: Change<u32>,
        /// Whether every write must carry a check-and-set parameter, even if the mount does not ask for it.
        cas_required: Change<bool>,
        /// Whether every write here must carry metadata_cas, even if the mount does not ask for it.
        metadata_cas_required: Change<bool>,
        /// After how long a new version is deleted, if the mount does not say sooner; 0s leaves it to the mount.
        delete_version_after: Change<SignedNanos>,
        /// Free text by key; null removes a key.
        custom_metadata: Change<Map<String, Value>>,
        /// The write is refused unless this is the present current_metadata_version.
        metadata_cas: Option<u64>,
    }
}

pub(super) fn item() -> Path<Versioned> {
    Path::new("metadata/{path}", "Names of secrets, and what is known of each.")
        .param("path", Segment::Rest, "Location of the secret.")
        .exists::<Location>(exists)
        .harmless_reads()
        .read::<Location>(read, "Read what is known of a secret: its settings and versions.")
        .update::<WriteMetadata>(write, "Change what is known of a secret; it needs no version yet.")
        .patch::<PatchMetadata>(patch, "Merge into what is known of a secret (RFC 7396).")
        .delete::<Location>(delete, "Remove a secret with all of its versions for good.")
        .list::<Folder>(list, "List the secrets and folders in a folder.")
        .scan::<Folder>(scan, "List all secrets below a folder that the caller may read or list, however deep.")
}

async fn exists(_: &Versioned, context: &Context, input: Location) -> Result<bool, Error> {
    Ok(load(&context.view, &input.path).await?.is_some())
}

async fn read(_: &Versioned, context: &Context, input: Location) -> Result<Reply, Error> {
    for _ in 0..READ_TRIES {
        let Found { history, .. } = load(&context.view, &input.path).await?.ok_or(Error::NotFound)?;
        if let Some(records) = all_records(context, &input.path, &history).await? {
            return show(&history, records);
        }
    }
    Err(Error::world("read what is known of a secret", "a page of its history is not stored"))
}

/// All records with their numbers; none when pages have gone meanwhile, or are lost.
async fn all_records(
    context: &Context,
    path: &SecretPath,
    history: &History,
) -> Result<Option<Vec<(u64, Record)>>, Error> {
    let (known, inline_from) = (history.known(), history.inline_from());
    let mut records = Vec::new();
    if known.start < inline_from {
        let name = |number: u64| page_name(path, &history.generation, number / PAGE_RECORDS);
        // Pages end where the history's own records begin.
        let (mut start, end) = (name(known.start), name(inline_from));
        loop {
            let EntryPage { entries, next } = context.view.entries_between(&start, &end, PAGES_READ).await?;
            for (_, stored) in entries {
                let page: Page = stored?.json()?;
                records.extend(page.numbered().filter(|(number, _)| known.contains(number)).map(|(n, it)| (n, *it)));
            }
            match next {
                Some(next) => start = next,
                None => break,
            }
        }
    }
    records.extend((inline_from..).zip(history.records.iter().copied()));
    Ok(Some(records).filter(|records| records.len() as u64 == known.end - known.start))
}

/// As text, since there may be many versions: none of them becomes a tree of values.
fn show(history: &History, mut records: Vec<(u64, Record)>) -> Result<Reply, Error> {
    let mut shown = history.settings.show();
    shown.extend(show_history(history));
    // Last of the sorted keys, so that the text can be put together by hand.
    let mut text = api::json::to_string(&shown).map_err(encoding)?;
    text.pop();
    text.push_str(",\"versions\":{");
    records.sort_by_cached_key(|(number, _)| number.to_string());
    for (index, (number, record)) in records.iter().enumerate() {
        let separator = if index == 0 { "" } else { "," };
        let version = json!({
            "created_time": from_stored(record.created),
            "deletion_time": record.show_deleted(),
            "destroyed": record.state == State::Destroyed,
        });
        text.push_str(&format!("{separator}\"{number}\":{version}"));
    }
    text.push_str("}}");
    Ok(Reply::raw(RawValue::from_string(text).map_err(encoding)?))
}

/// What is known of a secret as a whole.
pub(super) fn show_history(history: &History) -> Map<String, Value> {
    Map::from_iter([
        ("created_time".to_owned(), json!(from_stored(history.created))),
        ("updated_time".to_owned(), json!(from_stored(history.updated))),
        ("current_version".to_owned(), json!(history.current)),
        ("current_metadata_version".to_owned(), json!(history.metadata_version)),
        ("oldest_version".to_owned(), json!(history.oldest)),
        ("custom_metadata".to_owned(), history.show_custom()),
    ])
}

fn encoding(source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::world("encode what is known of a secret", source)
}

async fn write(_: &Versioned, context: &Context, input: WriteMetadata) -> Result<Reply, Error> {
    let custom = input.custom_metadata.as_ref().map(parse_custom).transpose()?;
    let config = retry!(_ => {
        let (config, found) = load_with_config(&context.view, &input.path).await?;
        check_metadata_cas(&config, found.as_ref(), input.metadata_cas)?;
        let known = found.as_ref().map(|found| found.revision);
        let mut history = found.map_or_else(|| History::new(context), |found| found.history);
        let settings = &mut history.settings;
        settings.set_max_versions(input.max_versions.unwrap_or(settings.max_versions))?;
        settings.cas_required = input.cas_required.unwrap_or(settings.cas_required);
        settings.metadata_cas_required = input.metadata_cas_required.unwrap_or(settings.metadata_cas_required);
        if let Some(after) = input.delete_version_after {
            settings.set_delete_after(not_negative(after)?);
        }
        if let Some(custom) = &custom {
            history.custom.clone_from(custom);
        }
        save(context, &input.path, known, history).await?;
        Ok(config)
    })?;
    Ok(overruled(&config, [input.cas_required, input.metadata_cas_required]))
}

async fn patch(_: &Versioned, context: &Context, input: PatchMetadata) -> Result<Reply, Error> {
    let config = retry!(_ => {
        let (config, found) = load_with_config(&context.view, &input.path).await?;
        let found = found.ok_or(Error::NotFound)?;
        check_metadata_cas(&config, Some(&found), input.metadata_cas)?;
        let Found { mut history, revision, .. } = found;
        let settings = &mut history.settings;
        let mut count = settings.max_versions;
        input.max_versions.clone().apply(&mut count, 0);
        settings.set_max_versions(count)?;
        input.cas_required.clone().apply(&mut settings.cas_required, false);
        input.metadata_cas_required.clone().apply(&mut settings.metadata_cas_required, false);
        match input.delete_version_after {
            Change::Keep => {}
            Change::Reset => settings.delete_after = 0,
            Change::Set(after) => settings.set_delete_after(not_negative(after)?),
        }
        match &input.custom_metadata {
            Change::Keep => {}
            Change::Reset => history.custom.clear(),
            Change::Set(patch) => merge_custom(&mut history.custom, patch)?,
        }
        save(context, &input.path, Some(revision), history).await?;
        Ok(config)
    })?;
    let given = |change: &Change<bool>| if let Change::Set(value) = change { Some(*value) } else { None };
    Ok(overruled(&config, [given(&input.cas_required), given(&input.metadata_cas_required)]))
}

/// Refuses a write that expects another state of what is known than there is, or that should expect one and does not.
fn check_metadata_cas(config: &Config, found: Option<&Found>, cas: Option<u64>) -> Result<(), Error> {
    let own = found.is_some_and(|found| found.history.settings.metadata_cas_required);
    let current = found.map_or(0, |found| found.history.metadata_version);
    match cas {
        None if config.settings.metadata_cas_required || own => {
            Err(Error::invalid("metadata check-and-set parameter required for this call"))
        }
        Some(cas) if cas != current => {
            Err(Error::invalid("metadata check-and-set parameter did not match the current metadata version"))
        }
        _ => Ok(()),
    }
}

/// Says so when a secret is set free of what the mount demands all the same.
fn overruled(config: &Config, given: [Option<bool>; 2]) -> Reply {
    let demanded = [
        ("cas_required", config.settings.cas_required),
        ("metadata_cas_required", config.settings.metadata_cas_required),
    ];
    let overruled = demanded.into_iter().zip(given).filter(|((_, is_on), given)| *is_on && *given == Some(false));
    overruled.fold(Reply::empty(), |reply, ((name, _), _)| {
        reply.warn(format!("\"{name}\" is false for this secret, but the mount demands it: it stays in effect"))
    })
}

/// Only a mount can switch off what the secrets in it ask for.
fn not_negative(after: SignedNanos) -> Result<SignedNanos, Error> {
    if after.0 < 0 { Err(Error::invalid("delete_version_after of a secret cannot be negative")) } else { Ok(after) }
}

/// In one commit when little is stored. Otherwise the history goes first, with a line in the due index from which the
/// rest is taken up if this node does not come to it.
async fn delete(_: &Versioned, context: &Context, input: Location) -> Result<Reply, Error> {
    let (view, path) = (&context.view, &input.path);
    let (at, id) = (context.now().plus(PATIENCE), line_id(context));
    let left = retry!(attempt => {
        let Some(found) = load(view, path).await? else { return Ok(None) };
        let Found { history, revision, .. } = &found;
        let changes = view.changes().delete(&history_name(path), *revision);
        let changes = marks::change(changes, view, path, &mut history.clone(), attempt, Marks::clear).await?;
        let numbers = history.sweep_from.unwrap_or(history.known().start)..history.current + 1;
        if numbers.end - numbers.start <= REMOVED_AT_ONCE_MAX {
            let entries = everything_of(view, path, &found, numbers, attempt).await?;
            remove(changes, entries).commit().await?;
            return Ok(None);
        }
        let job = Job::new(path, &history.generation, Task::Remove);
        let receipt = changes.due(at, &id, job.note()?).commit().await?;
        Ok(Some((found.history.generation, receipt.revision)))
    })?;
    if let Some((generation, revision)) = left {
        remove_all(view, path, &generation, &view.promised(at, &id, revision)?).await?;
    }
    Ok(Reply::empty())
}

/// What is stored of these versions, which are all that a secret has left: its last page too.
async fn everything_of(
    view: &View,
    path: &SecretPath,
    found: &Found,
    numbers: Range<u64>,
    attempt: usize,
) -> Result<Entries, Error> {
    let is_swept = found.history.sweep_from.is_none();
    let last_page_end = (numbers.end / PAGE_RECORDS + 1) * PAGE_RECORDS;
    let attempt = if is_swept { attempt } else { 1 };
    entries_of(view, path, found, numbers.start..last_page_end, attempt).await
}

async fn list(_: &Versioned, context: &Context, input: Folder) -> Result<Reply, Error> {
    let folder = format!("{HISTORIES}{}", input.name());
    Ok(Reply::list(context.view.list(&folder, &input.listing()).await?))
}

async fn scan(_: &Versioned, context: &Context, input: Folder) -> Result<Reply, Error> {
    Ok(Reply::list(input.scan_names(context, HISTORIES, "metadata/").await?))
}

async fn save(
    context: &Context,
    path: &SecretPath,
    known: Option<Revision>,
    mut history: History,
) -> Result<(), CommitError> {
    check_custom(&history.custom)?;
    history.metadata_version += 1;
    context.view.changes().put(&history_name(path), known, encode(&history)?).commit().await?;
    Ok(())
}

fn parse_custom(given: &Map<String, Value>) -> Result<BTreeMap<String, String>, Error> {
    given.iter().map(|(key, value)| Ok((key.clone(), custom_text(value)?))).collect()
}

fn merge_custom(custom: &mut BTreeMap<String, String>, patch: &Map<String, Value>) -> Result<(), Error> {
    for (key, value) in patch {
        if value.is_null() {
            custom.remove(key);
        } else {
            custom.insert(key.clone(), custom_text(value)?);
        }
    }
    Ok(())
}

/// A text, or what can stand for one: a number or a boolean.
fn custom_text(value: &Value) -> Result<String, Error> {
    String::coerce(value.clone()).map_err(|why| invalid_custom(&format!("a value does not fit: {}", why.0)))
}

/// The bounds of custom metadata. The complaint names no key and no value.
fn check_custom(custom: &BTreeMap<String, String>) -> Result<(), Error> {
    let fits = |text: &str, bytes_max: usize| (1..=bytes_max).contains(&text.len()) && !text.contains(char::is_control);
    if custom.len() > CUSTOM_PAIRS_MAX {
        let text = format!("payload must contain at most {CUSTOM_PAIRS_MAX} keys, provided {}", custom.len());
        return Err(invalid_custom(&text));
    }
    let bounds = [("key", CUSTOM_KEY_BYTES_MAX), ("value", CUSTOM_VALUE_BYTES_MAX)];
    let is_fit = [custom.keys().all(|key| fits(key, bounds[0].1)), custom.values().all(|it| fits(it, bounds[1].1))];
    match bounds.into_iter().zip(is_fit).find(|(_, is_fit)| !is_fit) {
        Some(((what, most), _)) => {
            Err(invalid_custom(&format!("a {what} must have 1 to {most} bytes and no control characters")))
        }
        None => Ok(()),
    }
}

/// The words that clients know in front.
fn invalid_custom(why: &str) -> Error {
    Error::Invalid(format!("custom_metadata validation failed: {why}").into())
}
