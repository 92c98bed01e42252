//! Revocation lists: handed in, or fetched from where they lie, and fetched again when the next one is due. A list revokes
//! serial numbers whoever made the certificate, as in Vault: two spellings of an authority's name must not save anybody.
//!
//! For what is handed in an operator vouches. What is fetched has to be signed by its authority, if a role trusts one of
//! that name, and from then on by that key: whoever answers in the place of the authority must not make revoked
//! certificates good again.

use std::time::Duration;

use api::Timestamp;
use framework::view::{CommitError, Due, encode, from_stored, to_stored};
use framework::{Context, Error, Page, Path, Reply, Segment, Stored, fields, retry};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use x509::{PublicKey, RevocationList, Serial, pem};

use super::entry::{LISTS, ListEntry, find_list, list_place};
use super::{Cert, find};
use crate::names;

/// How many lists one mount has: each is read at a login that finds a role.
const LISTS_MAX: usize = 64;
/// The longest URL, in bytes.
const URL_BYTES_MAX: usize = 2_048;
/// When a list is fetched again that does not say when the next one comes out.
const REFETCH_USUALLY: Duration = Duration::from_secs(3_600);
/// How late a list is fetched again at the latest, whatever it says of the next one.
const REFETCH_LATEST: Duration = Duration::from_secs(24 * 3_600);
/// When a list is fetched again that could not be fetched, or is already of yesterday.
const REFETCH_SOON: Duration = Duration::from_secs(300);

fields! {
    /// Names a list.
    struct Named {
        /// Name of the revocation list, in upper or lower case.
        name: String,
    }
}

fields! {
    /// What is written of a list.
    struct WriteList {
        /// Name of the revocation list, in upper or lower case.
        name: String,
        /// The list, PEM or the Base64 of DER. When the next one comes out does not matter.
        crl: Option<String>,
        /// Where the list lies, in place of the list itself: it is fetched now, and again when the next one is due.
        url: Option<String>,
    }
}

/// What a line of the due index is about: a list is to be fetched.
#[derive(Serialize, Deserialize)]
struct Work {
    list: String,
}

pub(super) fn list() -> Path<Cert> {
    Path::new("crls", "All revocation lists.").list(list_lists, "List the names of revocation lists.")
}

pub(super) fn item() -> Path<Cert> {
    Path::new("crls/{name}", "One revocation list.")
        .folded_param("name", Segment::Name, "Name of the revocation list, in upper or lower case.")
        .read(read, "Show which serial numbers are revoked.")
        .update(write, "Add or replace a revocation list.")
        .delete(delete, "Remove a revocation list: what it revokes is good again.")
}

fn check_name(name: &str) -> Result<String, Error> {
    if name.trim().is_empty() {
        return Err(Error::invalid("\"name\" parameter cannot be empty"));
    }
    names::check("revocation list", name)
}

async fn list_lists(_: &Cert, context: &Context, input: Page) -> Result<Reply, Error> {
    Ok(Reply::list(context.view.list(LISTS, &input.listing()).await?))
}

fn no_such_list(name: &str) -> Error {
    Error::Invalid(format!("no such CRL {name}").into())
}

async fn read(_: &Cert, context: &Context, input: Named) -> Result<Reply, Error> {
    let name = check_name(&input.name)?;
    let (list, _) = find_list(&context.view, &name).await?.ok_or_else(|| no_such_list(&name))?;
    let serials = list.unpack()?.into_iter().map(|serial| (Serial::of(&serial).to_string(), json!({})));
    let serials: Map<String, Value> = serials.collect();
    let valid_until = list.next_update.and_then(at_second).map(|time| time.to_string());
    let cdp = if list.url.is_empty() { Value::Null } else { json!({ "url": list.url, "valid_until": valid_until }) };
    Ok(Reply::data(json!({ "cdp": cdp, "serials": serials })))
}

async fn write(method: &Cert, context: &Context, input: WriteList) -> Result<Reply, Error> {
    let name = check_name(&input.name)?;
    let given = (input.crl.filter(|text| !text.is_empty()), input.url.filter(|text| !text.is_empty()));
    let (bytes, url) = match given {
        (Some(text), None) => (text.into_bytes(), String::new()),
        (None, Some(url)) => (fetched(method, &url).await?, url),
        (Some(_), Some(_)) => return Err(Error::invalid("specify only one of 'crl' or 'url'")),
        (None, None) => return Err(Error::invalid("one of 'crl' or 'url' must be specified")),
    };
    let mut list = parse(&bytes, url, context.now()).map_err(|why| Error::Invalid(why.into()))?;
    if !list.url.is_empty() {
        let signer = signer(context, &bytes, None).await?;
        list.signer = signer.map_err(|why| Error::Invalid(why.into()))?;
    }
    retry!(_ => {
        let known = find_list(&context.view, &name).await?.map(|(_, stored)| stored);
        if known.is_none() && context.view.page(LISTS, LISTS_MAX).await?.len() >= LISTS_MAX {
            return Err(Error::Invalid(format!("a mount has at most {LISTS_MAX} revocation lists").into()).into());
        }
        store(context, &name, &list, known.as_ref(), None).await?;
        Ok(Reply::empty())
    })
}

async fn fetched(method: &Cert, url: &str) -> Result<Vec<u8>, Error> {
    if url.len() > URL_BYTES_MAX {
        return Err(Error::Invalid(format!("the URL of a revocation list has at most {URL_BYTES_MAX} bytes").into()));
    }
    let fetched = method.outside.fetch_list(url).await;
    fetched.map_err(|why| Error::Invalid(format!("failed to fetch the CRL: {why}").into()))
}

/// Stores a list, and with it the promise to fetch it again.
async fn store(
    context: &Context,
    name: &str,
    list: &ListEntry,
    known: Option<&Stored>,
    due: Option<&Due>,
) -> Result<(), CommitError> {
    let mut changes = context.view.changes();
    if let Some(due) = due {
        changes = changes.done(due);
    }
    changes = changes.put(&list_place(name), known.map(Stored::revision), encode(list)?);
    if list.fetch_at != 0 {
        let work = encode(&Work { list: name.to_owned() })?;
        changes = changes.due(from_stored(list.fetch_at), &context.env.uuid(), work);
    }
    changes.commit().await.map(drop)
}

/// A list in any of its forms, as DER.
fn der(bytes: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    let decoded = pem::revocation_list(bytes).or_else(|| data_encoding::BASE64.decode(bytes.trim_ascii()).ok());
    decoded.map_or(bytes.into(), Into::into)
}

/// The key that has signed a list that was fetched, as Base64 of DER: that of `known`, if it is of a list that is replaced,
/// or of an authority of that name which a role trusts. Empty where there is neither; why it is not to be believed where
/// none of them has signed it.
async fn signer(context: &Context, bytes: &[u8], known: Option<&ListEntry>) -> Result<Result<String, String>, Error> {
    let bytes = der(bytes);
    let Ok(list) = RevocationList::parse(&bytes) else { return Ok(Err("failed to parse CRL".to_owned())) };
    let mut keys = find::keys_of(context, list.issuer).await?;
    if let Some(known) = known.filter(|known| !known.signer.is_empty()) {
        keys.insert(known.signer.clone());
    }
    if keys.is_empty() {
        return Ok(Ok(String::new()));
    }
    let has_signed = |key: &&String| {
        let key = data_encoding::BASE64.decode(key.as_bytes()).ok();
        key.is_some_and(|key| PublicKey::parse(&key).is_ok_and(|key| list.is_signed_by(&key)))
    };
    let signer = keys.iter().find(has_signed).cloned();
    Ok(signer.ok_or_else(|| "the CRL is not signed by the authority that it is of".to_owned()))
}

/// What is stored of a list: PEM, the Base64 of DER, or DER.
fn parse(bytes: &[u8], url: String, now: Timestamp) -> Result<ListEntry, String> {
    let refuse = || "failed to parse CRL".to_owned();
    let der = der(bytes);
    let list = RevocationList::parse(&der).map_err(|_| refuse())?;
    let serials = list.serials().collect::<Result<Vec<_>, _>>().map_err(|_| refuse())?;
    let serials = ListEntry::pack(serials.into_iter()).ok_or("the CRL has more serial numbers than can be stored")?;
    let (this_update, next_update) = (list.this_update, list.next_update);
    let mut entry = ListEntry { v: 1, url, fetch_at: 0, next_update, serials, this_update, signer: String::new() };
    if !entry.url.is_empty() {
        entry.fetch_at = to_stored(next_fetch(entry.next_update, now));
    }
    Ok(entry)
}

/// When the next list is due; soon if it should be there already.
fn next_fetch(next_update: Option<i64>, now: Timestamp) -> Timestamp {
    let soon = now.plus(REFETCH_SOON);
    let due = next_update.map_or(now.plus(REFETCH_USUALLY), |at| at_second(at).unwrap_or(soon));
    due.min(now.plus(REFETCH_LATEST)).max(soon)
}

/// `None` for a time that cannot be stored.
fn at_second(seconds: i64) -> Option<Timestamp> {
    const NANOS_OF_SECOND: i64 = 1_000_000_000;
    seconds.checked_mul(NANOS_OF_SECOND).map(from_stored)
}

async fn delete(_: &Cert, context: &Context, input: Named) -> Result<Reply, Error> {
    let name = check_name(&input.name)?;
    let mut was_there = false;
    retry!(_ => {
        let found = find_list(&context.view, &name).await?;
        let Some((_, stored)) = found else {
            // Somebody else was faster.
            return if was_there { Ok(Reply::empty()) } else { Err(no_such_list(&name).into()) };
        };
        was_there = true;
        context.view.changes().delete(&list_place(&name), stored.revision()).commit().await?;
        Ok(Reply::empty())
    })
}

/// Fetches a list whose time has come. One that cannot be fetched stays as it was, and is tried again a little later.
pub(super) async fn refetch(method: &Cert, context: &Context, due: Due) -> Result<(), Error> {
    let Work { list: name } = due.note()?;
    let found = find_list(&context.view, &name).await?;
    // Removed, replaced, or fetched by somebody else: then there is another line.
    let Some((list, stored)) =
        found.filter(|(list, _)| list.fetch_at != 0 && from_stored(list.fetch_at) <= context.now())
    else {
        return settled(context.view.changes().done(&due).commit().await.map(drop));
    };
    let fetched = match method.outside.fetch_list(&list.url).await {
        Ok(bytes) => newer(context, &bytes, &list).await?,
        Err(why) => Err(why),
    };
    let (entry, failure) = match fetched {
        Ok(entry) => (entry, None),
        Err(why) => (ListEntry { fetch_at: to_stored(context.now().plus(REFETCH_SOON)), ..list }, Some(why)),
    };
    settled(store(context, &name, &entry, Some(&stored), Some(&due)).await)?;
    match failure {
        None => Ok(()),
        Some(why) => Err(Error::world("fetch a revocation list of the cert method", why)),
    }
}

/// What was fetched in place of a list, if it is of the same authority and not older.
async fn newer(context: &Context, bytes: &[u8], known: &ListEntry) -> Result<Result<ListEntry, String>, Error> {
    let entry = match parse(bytes, known.url.clone(), context.now()) {
        Ok(entry) => entry,
        Err(why) => return Ok(Err(why)),
    };
    if entry.this_update < known.this_update {
        return Ok(Err("the CRL is older than the one before".to_owned()));
    }
    Ok(signer(context, bytes, Some(known)).await?.map(|signer| ListEntry { signer, ..entry }))
}

/// Somebody else was faster: if there is still something to do, there is still a line.
fn settled(outcome: Result<(), CommitError>) -> Result<(), Error> {
    match outcome {
        Ok(()) | Err(CommitError::Conflict) => Ok(()),
        Err(CommitError::Failed(error)) => Err(error),
    }
}

/// Serial numbers of all lists of a mount.
pub(super) struct Revoked(Vec<Vec<Vec<u8>>>);

impl Revoked {
    /// Reads all lists.
    pub(super) async fn read(context: &Context) -> Result<Self, Error> {
        let (mut lists, mut next) = (Vec::new(), Some(LISTS.to_owned()));
        // A page ends with its bytes as well as with its count: whoever takes one for all lets the revoked in.
        while let Some(from) = next.take() {
            let page = context.view.entries_between(&from, super::entry::LISTS_END, LISTS_MAX).await?;
            next = page.next;
            for (_, stored) in page.entries {
                // One that does not open might revoke anybody.
                lists.push(stored?.json::<ListEntry>()?.unpack()?);
            }
        }
        Ok(Self(lists))
    }

    /// Whether one of the lists names it.
    pub(super) fn names(&self, serial: Serial<'_>) -> bool {
        self.0.iter().flatten().any(|it| it == serial.bytes())
    }
}
