//! The one suite that every store must pass: each promise of [`Storage`] as a test of its own.
//!
//! A store's crate writes `storage::conformance!(make)` in its tests; `make` is an async function without arguments
//! that gives an empty store, and beside it whatever must live as long (a folder, a server):
//! `async fn make() -> (Arc<dyn Storage>, Guard)`. The crate needs `tokio` for it. Each property is a public function
//! here, so that it can also be run alone or through a wrapper.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::{Batch, CommitId, Entry, Item, Key, Outcome, Receipt, Revision, Scan, Snapshot, Storage};

pub mod commits;
pub mod copies;
pub mod limits;
pub mod losses;
pub mod model;
pub mod pages;
pub mod watches;

/// Makes one test for each property of the suite. See [the module](mod@crate::conformance).
#[macro_export]
macro_rules! conformance {
    ($make:path) => {
        $crate::conformance! { @tests $make;
            commits: [
                an_acknowledged_write_is_read_at_once,
                an_empty_value_is_not_an_absent_one,
                values_and_keys_of_any_bytes_come_back,
                a_read_answers_in_the_order_of_its_keys,
                an_absent_expectation_refuses_a_key_that_is_there,
                a_revision_expectation_refuses_any_other_revision,
                an_empty_range_expectation_sees_its_bounds,
                a_batch_may_fill_a_range_that_it_expects_to_be_empty,
                a_batch_that_conflicts_writes_nothing,
                a_batch_goes_through_as_one,
                a_revision_never_comes_back,
                a_batch_sent_again_is_a_conflict,
                positions_ascend,
                concurrent_increments_lose_none,
                concurrent_commits_of_unlike_keys_all_go_through,
                one_of_two_creators_wins,
                a_dropped_commit_is_never_half,
                a_deleted_key_is_absent,
            ],
            pages: [
                keys_come_in_byte_order,
                pages_resume_where_they_ended,
                a_resumed_scan_survives_changes_between_pages,
                ranges_include_their_start_and_exclude_their_end,
                a_prefix_of_highest_bytes_has_no_end,
                folders_are_folded,
                any_byte_can_be_the_delimiter,
                a_full_folder_is_one_item,
                keys_alone_come_with_their_revisions,
                entries_of_a_page_are_whole,
                a_page_of_large_values_ends_early,
            ],
            limits: [
                a_batch_that_breaks_a_rule_is_refused,
                a_batch_at_the_bounds_goes_through,
                questions_outside_their_bounds_are_refused,
            ],
            watches: [
                a_watch_tells_every_change_in_order,
                a_watch_from_the_past_leaves_no_gap,
                an_idle_watch_tells_progress,
                an_old_position_is_gone_or_whole,
                a_position_ahead_of_the_store_is_gone,
                watches_miss_nothing_of_many_writers,
                a_wait_for_a_change_can_be_given_up,
            ],
            copies: [
                an_export_is_complete_and_ordered,
                an_empty_store_exports_nothing,
                an_export_does_not_see_later_writes,
                an_export_is_of_one_position,
            ],
            losses: [
                a_lost_answer_is_cleared_up,
                a_conflict_without_a_loss_stays_one,
                a_lost_delete_stays_unknown,
                an_overwritten_trace_stays_unknown,
                a_store_that_stays_away_leaves_it_unknown,
                increments_survive_lost_answers,
            ],
            model: [a_store_agrees_with_a_naive_model],
        }
    };
    (@tests $make:path; $($module:ident: [$($name:ident),* $(,)?]),* $(,)?) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let (store, _guard) = $make().await;
                $crate::conformance::$module::$name(store).await;
            }
        )*)*
    };
}

/// A key of this text.
fn key(text: &str) -> Key {
    Key::new(text.as_bytes().to_vec()).expect("the suite names no empty or endless key")
}

/// An id that no other batch of this process has.
fn id() -> CommitId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    CommitId(u128::from(NEXT.fetch_add(1, Ordering::Relaxed)).to_be_bytes())
}

/// Commits what must go through.
async fn commit(store: &Arc<dyn Storage>, batch: &Batch) -> Receipt {
    match store.commit(batch).await.expect("the store answers") {
        Outcome::Committed(receipt) => receipt,
        outcome => unreachable!("{outcome:?} for {batch:?}"),
    }
}

/// Creates a key; its revision.
async fn create(store: &Arc<dyn Storage>, name: &str, value: &'static str) -> Revision {
    commit(store, &Batch::new(id()).create(key(name), value)).await.revision
}

/// Replaces a key that is there; its new revision.
async fn put(store: &Arc<dyn Storage>, name: &str, value: &'static str) -> Revision {
    let at = revision(store, name).await.expect("the key is there");
    commit(store, &Batch::new(id()).replace(key(name), at, value)).await.revision
}

/// Deletes a key that is there.
async fn delete(store: &Arc<dyn Storage>, name: &str) {
    let at = revision(store, name).await.expect("the key is there");
    commit(store, &Batch::new(id()).delete(key(name), at)).await;
}

async fn read(store: &Arc<dyn Storage>, names: &[&str]) -> Snapshot {
    let keys: Vec<Key> = names.iter().map(|name| key(name)).collect();
    store.read(&keys).await.expect("the store answers")
}

async fn entry(store: &Arc<dyn Storage>, name: &str) -> Option<Entry> {
    read(store, &[name]).await.entries.into_iter().next().flatten()
}

async fn value(store: &Arc<dyn Storage>, name: &str) -> Option<Bytes> {
    entry(store, name).await.map(|entry| entry.value)
}

async fn revision(store: &Arc<dyn Storage>, name: &str) -> Option<Revision> {
    entry(store, name).await.map(|entry| entry.revision)
}

/// Every item of a scan, page after page, each page checked against its limit.
async fn pages(store: &Arc<dyn Storage>, scan: &Scan) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut scan = scan.clone();
    loop {
        let page = store.scan(&scan).await.expect("the store answers");
        assert!(page.items.len() <= scan.limit, "{} items in a page of {}", page.items.len(), scan.limit);
        if let Some(next) = &page.next {
            assert!(!page.items.is_empty() && *next > scan.range.start, "a page that does not end must advance");
        }
        items.extend(page.items);
        let Some(next) = page.next else { return items };
        scan = scan.resume(next);
    }
}
