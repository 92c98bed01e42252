//! `data/` and `subkeys/`: the versions of a secret themselves.

use framework::view::{CommitError, Revision, ViewChanges, encode, from_stored};
use framework::{Context, Error, FieldValue, Path, Reply, Segment, Status, Stored, fields, retry};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::Versioned;
use super::entry::{Config, Found, History, Record, ShownVersion, data_name, history_name, load, load_with_config};
use super::marks;
use super::page::{entries_of, find, load_pages, page_name, stored_entries};
use super::sweep::{self, Job, Task, line_id};
use super::versions::delete_latest;
use crate::secrets::{Location, SecretPath, canonical};

/// How often a read starts again because the version that it was about to read has gone meanwhile.
const READ_TRIES: usize = 3;
/// The most versions that one write lets go in its own commit, which has fingerprints that come and go as well: 72 at
/// most, and 4 other entries.
const TRIMMED_MAX: u64 = 16;

fields! {
    /// Names a version of a secret.
    struct ReadVersion {
        /// Location of the secret.
        path: SecretPath,
        /// Which version; the latest when 0.
        version: u64 = 0,
    }
}

fields! {
    /// Names a version of a secret, and how much of its shape to show.
    struct ReadSubkeys {
        /// Location of the secret.
        path: SecretPath,
        /// Which version; the latest when 0.
        version: u64 = 0,
        /// How many levels of objects to show; all when 0.
        depth: u64 = 0,
    }
}

fields! {
    /// Makes a version.
    struct WriteVersion {
        /// Location of the secret.
        path: SecretPath,
        /// The secret: any JSON object.
        data: Option<Map<String, Value>> => secret,
        /// With `cas`, the write is refused unless that is the number of the latest version; 0 stands for a secret
        /// that has none.
        options: Map<String, Value> = Map::new(),
    }
}

pub(super) fn item() -> Path<Versioned> {
    Path::new("data/{path}", "Secrets with their versions.")
        .param("path", Segment::Rest, "Location of the secret.")
        .exists::<Location>(exists)
        .harmless_reads()
        .read::<ReadVersion>(read, "Read a version of a secret.")
        .update::<WriteVersion>(write, "Make a new version of a secret.")
        .patch::<WriteVersion>(patch, "Make a new version of a secret by merging into the latest (RFC 7396).")
        .delete::<Location>(delete, "Delete the latest version of a secret. It can be brought back.")
}

pub(super) fn subkeys() -> Path<Versioned> {
    Path::new("subkeys/{path}", "The shape of secrets: their keys without their values.")
        .param("path", Segment::Rest, "Location of the secret.")
        .harmless_reads()
        .read::<ReadSubkeys>(read_subkeys, "Read the keys of a secret, with null in place of every value.")
}

/// Asked before a write, whose own read then finds everything cached: so it asks for the same entries.
async fn exists(_: &Versioned, context: &Context, input: Location) -> Result<bool, Error> {
    Ok(load_with_config(&context.view, &input.path).await?.1.is_some())
}

async fn read(_: &Versioned, context: &Context, input: ReadVersion) -> Result<Reply, Error> {
    let fetched = fetch(context, &input.path, input.version).await?;
    match &fetched.stored {
        Some(stored) => with_metadata(stored.text()?, &fetched.metadata()),
        None => gone("data", &fetched.metadata()),
    }
}

async fn read_subkeys(_: &Versioned, context: &Context, input: ReadSubkeys) -> Result<Reply, Error> {
    let fetched = fetch(context, &input.path, input.version).await?;
    let Some(stored) = &fetched.stored else { return gone("subkeys", &fetched.metadata()) };
    let mut object = parse(stored)?;
    blank(&mut object, input.depth);
    Ok(Reply::data(json!({ "subkeys": object, "metadata": show(&fetched.metadata())? })))
}

async fn write(_: &Versioned, context: &Context, input: WriteVersion) -> Result<Reply, Error> {
    let data = input.data.ok_or_else(|| Error::invalid("no data provided"))?;
    let (text, hashes) = (canonical(&data)?, new_hashes(context, &data)?);
    let written = retry!(attempt => {
        let (config, found) = load_with_config(&context.view, &input.path).await?;
        check_cas(&config, found.as_ref(), &input.options)?;
        let commit = NewVersion { context, path: &input.path, config, found, attempt, hashes: &hashes };
        commit.add(|changes, name, known| changes.put(name, known, text.clone())).await
    });
    Ok(Reply::data(written?))
}

async fn patch(_: &Versioned, context: &Context, input: WriteVersion) -> Result<Reply, Error> {
    let patch = Value::Object(input.data.ok_or_else(|| Error::invalid("no data provided"))?);
    retry!(attempt => {
        let (config, found) = load_with_config(&context.view, &input.path).await?;
        let found = found.ok_or(Error::NotFound)?;
        check_cas(&config, Some(&found), &input.options)?;
        let (history, number) = (&found.history, found.history.current);
        let latest = history.record(number).ok_or(Error::NotFound)?;
        if latest.is_gone(context.now()) {
            // Not below "metadata", as a read has it: so it is in Vault.
            let shown = show(&history.show_alone(number, latest))?;
            return Ok(Reply::data(shown).with_status(Status::Gone));
        }
        // Gone in between: the commit would conflict, so try again at once.
        let name = data_name(&input.path, &history.generation, number);
        let Some(stored) = context.view.get(&name).await? else { return Err(CommitError::Conflict) };
        let mut object = Value::Object(parse(&stored)?);
        merge(&mut object, patch.clone());
        let object = object.as_object().ok_or_else(|| Error::invalid("no data provided"))?;
        let (text, hashes) = (canonical(object)?, new_hashes(context, object)?);
        let commit = NewVersion { context, path: &input.path, config, found: Some(found), attempt, hashes: &hashes };
        commit.add(|changes, name, known| changes.put(name, known, text)).await.map(Reply::data)
    })
}

async fn delete(_: &Versioned, context: &Context, input: Location) -> Result<Reply, Error> {
    delete_latest(context, &input.path).await
}

/// The hashes of the values that lines are made for.
fn new_hashes(context: &Context, object: &Map<String, Value>) -> Result<Vec<String>, Error> {
    if context.view.makes_fingerprints() { context.view.hashes_of(object) } else { Ok(Vec::new()) }
}

/// Everything that one try to make a version has read.
struct NewVersion<'a> {
    context: &'a Context,
    path: &'a SecretPath,
    config: Config,
    found: Option<Found>,
    attempt: usize,
    /// Of the values in the new version.
    hashes: &'a [String],
}

impl NewVersion<'_> {
    /// Commits the version, whose text `store` adds, and the removal of those that are too many; gives back what the
    /// API shows of it.
    async fn add<'v>(
        self,
        store: impl FnOnce(ViewChanges<'v>, &str, Option<Revision>) -> ViewChanges<'v>,
    ) -> Result<Value, CommitError>
    where
        Self: 'v,
    {
        let Self { context, path, config, found, attempt, hashes } = self;
        let (view, now) = (&context.view, context.now());
        let known = found.as_ref().map(|found| found.revision);
        let mut history = found.as_ref().map_or_else(|| History::new(context), |found| found.history.clone());
        let delete_after = config.delete_after(&history.settings);
        let record = history.add_version(now, delete_after);
        let number = history.current;
        let shown = show(&history.show_alone(number, &record))?;
        let mut changes = view.changes();
        if let Some(at) = record.deleted {
            let job = Job::new(path, &history.generation, Task::Expire(number));
            changes = changes.due(from_stored(at), &line_id(context), job.note()?);
        }
        changes = self::trim(changes, context, path, found.as_ref(), &mut history, &config, attempt).await?;
        let oldest = history.known().start;
        changes = marks::change(changes, view, path, &mut history, attempt, |marks| {
            marks.keep_from(oldest);
            marks.add(hashes, number);
        })
        .await?;
        if let Some((number, page)) = history.spill() {
            changes = changes.create(&page_name(path, &history.generation, number), encode(&page)?);
        }
        let name = data_name(path, &history.generation, number);
        // Nothing, but for an entry that nobody knows of any more, which the new version then replaces.
        let stray = if attempt == 0 {
            None
        } else {
            let numbers = number..number + 1;
            let entries = stored_entries(view, path, &history.generation, numbers, 1).await?;
            entries.into_iter().find_map(|(entry, revision)| (entry == name).then_some(revision))
        };
        let changes = changes.put(&history_name(path), known, encode(&history)?);
        store(changes, &name, stray).commit().await?;
        Ok(shown)
    }
}

/// Lets the versions go that are too many: what is stored of them goes in the same commit, or, when that is too much
/// for one, from a line in the due index. A sweep that is under way already takes what goes now along.
async fn trim<'v>(
    changes: ViewChanges<'v>,
    context: &Context,
    path: &SecretPath,
    found: Option<&Found>,
    history: &mut History,
    config: &Config,
    attempt: usize,
) -> Result<ViewChanges<'v>, Error> {
    let gone = history.trim(config.versions_kept(&history.settings));
    let Some(found) = found.filter(|_| !gone.is_empty() && history.sweep_from.is_none()) else { return Ok(changes) };
    if gone.end - gone.start <= TRIMMED_MAX {
        return Ok(sweep::remove(changes, entries_of(&context.view, path, found, gone, attempt).await?));
    }
    history.sweep_from = Some(gone.start);
    let job = Job::new(path, &history.generation, Task::Trim);
    Ok(changes.due(context.now(), &line_id(context), job.note()?))
}

/// A version as a read finds it.
struct Fetched {
    history: History,
    number: u64,
    record: Record,
    /// None when it is deleted or destroyed.
    stored: Option<Stored>,
}

impl Fetched {
    fn metadata(&self) -> ShownVersion<'_> {
        self.history.show_alone(self.number, &self.record)
    }
}

/// Finds a version, the latest when `number` is 0.
async fn fetch(context: &Context, path: &SecretPath, number: u64) -> Result<Fetched, Error> {
    for _ in 0..READ_TRIES {
        let Found { history, .. } = load(&context.view, path).await?.ok_or(Error::NotFound)?;
        let number = if number == 0 { history.current } else { number };
        if number == 0 || !history.known().contains(&number) {
            return Err(Error::NotFound);
        }
        let Some(record) = record(context, path, &history, number).await? else { continue };
        if record.is_gone(context.now()) {
            return Ok(Fetched { history, number, record, stored: None });
        }
        if let Some(stored) = context.view.get(&data_name(path, &history.generation, number)).await? {
            return Ok(Fetched { history, number, record, stored: Some(stored) });
        }
    }
    Err(Error::world("read a version of a secret", "its history names it, but it is not stored"))
}

/// The record of a known version; none when its page has gone meanwhile, or is lost.
async fn record(context: &Context, path: &SecretPath, history: &History, number: u64) -> Result<Option<Record>, Error> {
    if let Some(record) = history.record(number) {
        return Ok(Some(*record));
    }
    let pages = load_pages(&context.view, path, history, [number]).await?;
    Ok(find(history, &pages, number).copied())
}

/// Refuses a write that expects another latest version than there is, or that should expect one and does not.
fn check_cas(config: &Config, found: Option<&Found>, options: &Map<String, Value>) -> Result<(), Error> {
    let is_required = config.settings.cas_required || found.is_some_and(|found| found.history.settings.cas_required);
    let Some(cas) = options.get("cas") else {
        let refusal = || Error::invalid("check-and-set parameter required for this call");
        return if is_required { Err(refusal()) } else { Ok(()) };
    };
    // As in Vault, which decodes null and booleans into numbers too.
    let cas = match cas {
        Value::Null => Ok(0),
        Value::Bool(value) => Ok((*value).into()),
        cas => i64::coerce(cas.clone()),
    };
    let cas = cas.map_err(|_| Error::invalid("error parsing check-and-set parameter"))?;
    let current = found.map_or(0, |found| found.history.current);
    if u64::try_from(cas).ok() == Some(current) {
        Ok(())
    } else {
        Err(Error::invalid("check-and-set parameter did not match the current version"))
    }
}

/// The reply about a version whose data cannot be read: 404 with everything else that is known.
fn gone(name: &str, metadata: &ShownVersion<'_>) -> Result<Reply, Error> {
    Ok(Reply::data(json!({ name: null, "metadata": show(metadata)? })).with_status(Status::Gone))
}

fn show(metadata: &ShownVersion<'_>) -> Result<Value, Error> {
    serde_json::to_value(metadata).map_err(|source| Error::world("encode metadata", source))
}

/// A reply with the stored text passed through. What is put together is checked to be one JSON value.
fn with_metadata(text: &str, metadata: &ShownVersion<'_>) -> Result<Reply, Error> {
    let metadata = api::json::to_string(metadata).map_err(|source| Error::world("encode metadata", source))?;
    let whole = ["{\"data\":", text, ",\"metadata\":", &metadata, "}"].concat();
    let raw = RawValue::from_string(whole).map_err(|source| Error::world("put a reply together", source))?;
    Ok(Reply::raw(raw))
}

/// What a stored text may hold: it went through a listener's bounds when it was sent, which may be wider than the
/// default, and merging may have made it larger since. The size of an entry bounds it, and this depth the recursion.
const STORED_LIMITS: api::json::read::Limits = api::json::read::Limits {
    depth: 1_000,
    string_bytes: usize::MAX,
    object_entries: usize::MAX,
    array_elements: usize::MAX,
    tokens: usize::MAX,
};

/// The object in a stored text.
fn parse(stored: &Stored) -> Result<Map<String, Value>, Error> {
    match api::json::read::parse(stored.bytes(), &STORED_LIMITS) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Error::world("read a version of a secret", "what is stored is no JSON object")),
        Err(source) => Err(Error::world("read a version of a secret", source)),
    }
}

/// Replaces every value by null, objects by their own keys; `levels` of them, all when 0. The decoder's bound on
/// depth bounds the recursion.
fn blank(object: &mut Map<String, Value>, levels: u64) {
    for value in object.values_mut() {
        match value {
            Value::Object(inner) if levels != 1 && !inner.is_empty() => blank(inner, levels.saturating_sub(1)),
            value => *value = Value::Null,
        }
    }
}

/// Merges a patch into a value (RFC 7396 §2). The decoder's bound on depth bounds the recursion.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(&key);
        } else {
            merge(target.entry(key).or_insert(Value::Null), value);
        }
    }
}
