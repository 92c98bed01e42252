//! Pages of version records: what a history entry does not hold itself.
//!
//! A page has a fixed range of numbers and is named after it. Records move into pages when the history entry has too
//! many of them, and never back; a page goes when the last of its versions has gone. So a secret with few versions has
//! none, and a read or a write of one with many touches the history and at most one or two pages.

use std::collections::BTreeMap;
use std::ops::Range;

use framework::Error;
use framework::view::{Revision, View};
use serde::{Deserialize, Serialize};

use super::entry::{Format, Found, History, Record, data_name};
use crate::secrets::SecretPath;

/// How many versions have their records in one page.
pub(super) const PAGE_RECORDS: u64 = 64;
/// The most records that a history entry holds: beyond it, those of one page move out. More than the default number of
/// versions, so that most secrets have no page.
pub(super) const INLINE_RECORDS_MAX: usize = 128;

/// More entries of a kind than a range of versions has that one commit removes.
pub(super) const RANGE_ENTRIES_MAX: usize = 1_000;

/// Records of versions with neighboring numbers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Page {
    v: Format<1>,
    /// The number of the version whose record is the first.
    pub first: u64,
    pub records: Vec<Record>,
}

/// Some pages of a secret as they were read, by number.
pub(super) type Pages = BTreeMap<u64, (Page, Revision)>;

impl Page {
    pub(super) fn new(first: u64, records: Vec<Record>) -> Self {
        Self { v: Format, first, records }
    }

    /// The record of a version.
    pub(super) fn record(&self, number: u64) -> Option<&Record> {
        self.records.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// The same, to be changed.
    pub(super) fn record_mut(&mut self, number: u64) -> Option<&mut Record> {
        self.records.get_mut(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// The records with their numbers.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (u64, &Record)> {
        (self.first..).zip(&self.records)
    }
}

/// The name of a page.
pub(super) fn page_name(path: &SecretPath, generation: &str, number: u64) -> String {
    format!("page/{}\0{generation}{number:016x}", path.as_str())
}

/// The pages that hold the records of these versions, as far as there are any: those of newer versions are in the
/// history entry.
///
/// # Errors
/// When the storage fails or a page does not decode.
pub(super) async fn load_pages(
    view: &View,
    path: &SecretPath,
    history: &History,
    numbers: impl IntoIterator<Item = u64>,
) -> Result<Pages, Error> {
    let paged = numbers.into_iter().filter(|number| *number < history.inline_from());
    let mut wanted: Vec<_> = paged.map(|number| number / PAGE_RECORDS).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let names: Vec<_> = wanted.iter().map(|number| page_name(path, &history.generation, *number)).collect();
    let mut pages = Pages::new();
    for (number, stored) in wanted.into_iter().zip(view.get_list(&names).await?) {
        if let Some(stored) = stored {
            pages.insert(number, (stored.json()?, stored.revision()));
        }
    }
    Ok(pages)
}

/// The record of a version in a history or its pages.
pub(super) fn find<'a>(history: &'a History, pages: &'a Pages, number: u64) -> Option<&'a Record> {
    history.record(number).or_else(|| pages.get(&(number / PAGE_RECORDS))?.0.record(number))
}

/// What is stored of versions that go, in the words of a commit that removes it: names with their revisions.
pub(super) type Entries = Vec<(String, Revision)>;

/// The data of versions, and the pages that are about no other ones; `found` still knows the versions. `attempt`
/// counts the tries of the commit: the first believes the records, later ones ask the store, because one that was
/// restored from a copy has other revisions than the ones recorded.
///
/// # Errors
/// When the storage fails or a page does not decode.
pub(super) async fn entries_of(
    view: &View,
    path: &SecretPath,
    found: &Found,
    numbers: Range<u64>,
    attempt: usize,
) -> Result<Entries, Error> {
    let (history, generation) = (&found.history, found.history.generation.as_str());
    if attempt > 0 {
        return stored_entries(view, path, generation, numbers, RANGE_ENTRIES_MAX).await;
    }
    let pages = load_pages(view, path, history, numbers.clone()).await?;
    let mut entries = Entries::new();
    for number in numbers.clone() {
        let revision = find(history, &pages, number).and_then(|record| record.revision);
        entries.extend(revision.map(|revision| (data_name(path, generation, number), Revision(revision))));
    }
    for number in whole_pages(&numbers) {
        let page = pages.get(&number);
        entries.extend(page.map(|(_, revision)| (page_name(path, generation, number), *revision)));
    }
    Ok(entries)
}

/// The same as the store has it, known to a history or not; at most `limit` of each kind.
///
/// # Errors
/// When the storage fails.
pub(super) async fn stored_entries(
    view: &View,
    path: &SecretPath,
    generation: &str,
    numbers: Range<u64>,
    limit: usize,
) -> Result<Entries, Error> {
    let data = |number| data_name(path, generation, number);
    let mut entries = view.names_between(&data(numbers.start), &data(numbers.end), limit).await?;
    let pages = whole_pages(&numbers);
    if !pages.is_empty() {
        let page = |number| page_name(path, generation, number);
        entries.extend(view.names_between(&page(pages.start), &page(pages.end), limit).await?);
    }
    Ok(entries)
}

/// The pages whose last version is one of these: versions go from the oldest on, so the ones before have gone.
fn whole_pages(numbers: &Range<u64>) -> Range<u64> {
    numbers.start / PAGE_RECORDS..numbers.end / PAGE_RECORDS
}
