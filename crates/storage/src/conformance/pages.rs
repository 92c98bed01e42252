//! Ordered pages: bounds, resuming, folding, leaving values out.

use std::sync::Arc;

use super::{commit, create, delete, id, key, pages, put};
use crate::{Batch, Delimiter, Item, Key, KeyRange, SCAN_BYTES_MAX, Scan, Storage, VALUE_BYTES_MAX, WRITES_MAX};

/// Stores an empty value under each name, a full batch at a time.
async fn fill(store: &Arc<dyn Storage>, names: impl IntoIterator<Item = String>) {
    let names: Vec<String> = names.into_iter().collect();
    for names in names.chunks(WRITES_MAX) {
        let batch = names.iter().fold(Batch::new(id()), |batch, name| batch.create(key(name), "v"));
        commit(store, &batch).await;
    }
}

async fn fill_with(store: &Arc<dyn Storage>, names: &[&str]) {
    fill(store, names.iter().map(|name| (*name).to_owned())).await;
}

/// What a scan lists in pages of `limit`; a folder is marked by `>` in front.
async fn list(store: &Arc<dyn Storage>, scan: &Scan, limit: usize) -> Vec<String> {
    let scan = Scan { limit, ..scan.clone() };
    pages(store, &scan).await.iter().map(line).collect()
}

fn line(item: &Item) -> String {
    let name = String::from_utf8_lossy(item.key().as_bytes()).into_owned();
    if matches!(item, Item::Folder(_)) { format!(">{name}") } else { name }
}

/// Keys come in byte order, whatever order they were written in and however they would sort as text.
pub async fn keys_come_in_byte_order(store: Arc<dyn Storage>) {
    let mut keys: Vec<Key> =
        [&b"b"[..], b"a", b"a\0", b"a/", b"a-", b"aa", b"A", b"\xff", b"\0", b"\xc3\xa4", b"z", b"a\xff"]
            .iter()
            .map(|bytes| Key::new(bytes.to_vec()).expect("short enough"))
            .collect();
    for key in &keys {
        commit(&store, &Batch::new(id()).create(key.clone(), "")).await;
    }
    keys.sort_by(|left, right| left.as_bytes().cmp(right.as_bytes()));
    let all = KeyRange { start: Key::new(vec![0]).expect("one byte"), end: None };
    for limit in [1, 2, 5, 100] {
        let found = pages(&store, &Scan::range(all.clone(), limit)).await;
        assert_eq!(found.iter().map(|item| item.key().clone()).collect::<Vec<_>>(), keys, "in pages of {limit}");
    }
}

/// A page holds no more than its limit and says where the next one starts; together they are the whole range.
pub async fn pages_resume_where_they_ended(store: Arc<dyn Storage>) {
    fill(&store, (0..250).map(|number| format!("k{number:03}"))).await;
    let expected: Vec<String> = (0..250).map(|number| format!("k{number:03}")).collect();
    for limit in [1, 7, 125, 249, 250, 251] {
        assert_eq!(list(&store, &Scan::prefix(&key("k"), 1), limit).await, expected, "in pages of {limit}");
    }
    let page = store.scan(&Scan::prefix(&key("k"), 250)).await.expect("the store answers");
    assert_eq!((page.items.len(), page.next), (250, None), "a page that ends with its range says so");
}

/// Keys that come and go between pages disturb no others.
pub async fn a_resumed_scan_survives_changes_between_pages(store: Arc<dyn Storage>) {
    fill_with(&store, &["a", "b", "c", "d", "e"]).await;
    let scan = Scan::range(KeyRange { start: key("a"), end: None }, 2);
    let first = store.scan(&scan).await.expect("the store answers");
    for name in ["a", "b", "c"] {
        delete(&store, name).await;
    }
    fill_with(&store, &["aa", "bb", "dd"]).await;
    let rest = list(&store, &scan.resume(first.next.expect("there is more")), 10).await;
    assert!(rest == ["d", "dd", "e"] || rest == ["bb", "d", "dd", "e"], "{rest:?}");
}

/// The start of a range is in it, its end is not; a prefix ends where the next one begins.
pub async fn ranges_include_their_start_and_exclude_their_end(store: Arc<dyn Storage>) {
    fill_with(&store, &["a", "a/b", "a0", "b", "b/", "c"]).await;
    let check = async |start: &str, end: Option<&str>, expected: &[&str]| {
        let range = KeyRange { start: key(start), end: end.map(key) };
        assert_eq!(list(&store, &Scan::range(range, 1), 10).await, expected, "{start}..{end:?}");
    };
    check("a", Some("b"), &["a", "a/b", "a0"]).await;
    check("a/", Some("a0"), &["a/b"]).await;
    check("b", None, &["b", "b/", "c"]).await;
    check("b/", Some("b/"), &[]).await;
    check("c", Some("a"), &[]).await;
    check("d", None, &[]).await;
    assert_eq!(list(&store, &Scan::prefix(&key("a"), 1), 10).await, ["a", "a/b", "a0"]);
    assert_eq!(list(&store, &Scan::prefix(&key("a/"), 1), 10).await, ["a/b"]);
}

/// A prefix that cannot be raised reaches to the end of the store.
pub async fn a_prefix_of_highest_bytes_has_no_end(store: Arc<dyn Storage>) {
    let high = Key::new(vec![0xff, 0xff]).expect("two bytes");
    let higher = Key::new(vec![0xff, 0xff, 0xff]).expect("three bytes");
    commit(&store, &Batch::new(id()).create(high.clone(), "").create(higher.clone(), "").create(key("a"), "")).await;
    let found = pages(&store, &Scan::prefix(&high, 1)).await;
    assert_eq!(found.iter().map(|item| item.key().clone()).collect::<Vec<_>>(), [high, higher]);
}

/// What shares a folder is one item; a key beside a folder of its name is another; the folder's own entry is in it.
pub async fn folders_are_folded(store: Arc<dyn Storage>) {
    fill_with(&store, &["t/a", "t/a/b", "t/a/c", "t/a/d/e", "t/b/", "t/b/x", "t/c", "t/d//e", "t", "u/x"]).await;
    let scan = Scan::prefix(&key("t/"), 1).folders(2);
    for limit in [1, 2, 3, 100] {
        assert_eq!(list(&store, &scan, limit).await, ["t/a", ">t/a/", ">t/b/", "t/c", ">t/d/"], "in pages of {limit}");
    }
    let deeper = Scan::prefix(&key("t/a/"), 1).folders(4);
    assert_eq!(list(&store, &deeper, 2).await, ["t/a/b", "t/a/c", ">t/a/d/"]);
    let top = Scan::range(KeyRange { start: key("a"), end: None }, 1).folders(0);
    assert_eq!(list(&store, &top, 1).await, ["t", ">t/", ">u/"]);
    let past_all = Scan::prefix(&key("t/"), 100).folders(100);
    assert_eq!(list(&store, &past_all, 100).await.len(), 8, "an offset behind every key folds nothing");
}

/// Another byte than `/` folds as well.
pub async fn any_byte_can_be_the_delimiter(store: Arc<dyn Storage>) {
    fill_with(&store, &["a.b", "a.c", "a/b", "b"]).await;
    let range = KeyRange { start: key("a"), end: None };
    let scan = Scan { delimiter: Some(Delimiter { byte: b'.', offset: 0 }), ..Scan::range(range, 10) };
    assert_eq!(list(&store, &scan, 10).await, [">a.", "a/b", "b"]);
}

/// A folder of thousands of keys costs one item, so that a page of folders is a page however full they are.
pub async fn a_full_folder_is_one_item(store: Arc<dyn Storage>) {
    fill(&store, (0..3_000).map(|number| format!("big/{number:05}"))).await;
    fill_with(&store, &["big", "bigger/x", "small"]).await;
    let scan = Scan::range(KeyRange { start: key("a"), end: None }, 10).folders(0).keys_only();
    let page = store.scan(&scan).await.expect("the store answers");
    assert_eq!(page.items.iter().map(line).collect::<Vec<_>>(), ["big", ">big/", ">bigger/", "small"]);
    assert_eq!(page.next, None);
}

/// A page without values tells the keys and their revisions.
pub async fn keys_alone_come_with_their_revisions(store: Arc<dyn Storage>) {
    let first = create(&store, "a", "1").await;
    create(&store, "b", "1").await;
    let second = put(&store, "b", "2").await;
    let found = pages(&store, &Scan::range(KeyRange { start: key("a"), end: None }, 10).keys_only()).await;
    assert_eq!(found, [Item::Key(key("a"), first), Item::Key(key("b"), second)]);
}

/// A page with values tells all of each entry.
pub async fn entries_of_a_page_are_whole(store: Arc<dyn Storage>) {
    let batch = Batch::new(id()).create(key("a"), "value");
    let receipt = commit(&store, &batch).await;
    let page = store.scan(&Scan::prefix(&key("a"), 1)).await.expect("the store answers");
    let [Item::Entry(entry)] = &page.items[..] else { unreachable!("one entry was stored: {page:?}") };
    assert_eq!((&entry.key, &entry.value[..]), (&key("a"), &b"value"[..]));
    assert_eq!((entry.revision, entry.commit), (receipt.revision, batch.id));
}

/// A page of large values ends early instead of filling the memory, and loses none.
pub async fn a_page_of_large_values_ends_early(store: Arc<dyn Storage>) {
    let count = 2 * SCAN_BYTES_MAX / VALUE_BYTES_MAX + 2;
    for number in 0..count {
        let value = vec![b'v'; VALUE_BYTES_MAX];
        commit(&store, &Batch::new(id()).create(key(&format!("k{number:02}")), value)).await;
    }
    let scan = Scan::prefix(&key("k"), 1_000);
    let page = store.scan(&scan).await.expect("the store answers");
    assert!(page.items.len() <= SCAN_BYTES_MAX / VALUE_BYTES_MAX + 1, "{} items", page.items.len());
    assert!(page.next.is_some());
    assert_eq!(pages(&store, &scan).await.len(), count);
}
