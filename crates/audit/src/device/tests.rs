//! Devices from their options to their files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use api::audit::{Line, read};

use super::*;

const KEY: [u8; 32] = [3; 32];

fn name() -> ChainName {
    ChainName { device: "d".to_owned(), boot: "b".to_owned(), node: "n".to_owned(), term: 1 }
}

fn device(path: &Path, more: &[(&str, &str)]) -> Device {
    let mut options: BTreeMap<_, _> =
        more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    options.insert("file_path".to_owned(), path.display().to_string());
    let settings = Settings::parse("file", &options, &crate::Rules::default()).expect("the options are sound");
    Device::start(&settings, b"salt", name(), Key::new(&KEY), Arc::default()).expect("there is a thread")
}

async fn write(device: &Device, record: &str) -> bool {
    Device::submit(std::iter::once((device, record.as_bytes().to_vec()))).await
}

/// The lines of a file, each checked to be the next of its chain.
fn chained(text: &str) -> Vec<Line<'_>> {
    let lines: Vec<_> = text.lines().map(|line| read(line.as_bytes()).expect("a record")).collect();
    let mut prev = None;
    for (seq, line) in (1..).zip(&lines) {
        assert_eq!((line.link.seq, line.link.prev), (seq, prev));
        assert_eq!(Key::new(&KEY).mac(&secret::sha256(line.covered)), line.link.mac);
        prev = Some(line.link.mac);
    }
    lines
}

#[tokio::test]
async fn records_are_appended_and_chained() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    for options in [&[][..], &[("fsync", "true")]] {
        let _old = fs::remove_file(&path);
        let device = device(&path, options);
        assert!(device.head().is_none());
        for record in ["{\"a\":1", "{\"b\":2", "{\"c\":3"] {
            assert!(write(&device, record).await);
        }
        let text = fs::read_to_string(&path).expect("it was written");
        let lines = chained(&text);
        assert_eq!(lines.len(), 3);
        let last = lines.last().expect("three").link.mac;
        assert_eq!(device.head(), Some(Head { name: name(), seq: 3, mac: last }));
    }
}

#[tokio::test]
async fn many_at_once_are_written_each_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    let device = Arc::new(device(&path, &[]));
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..20 {
        let device = Arc::clone(&device);
        tasks.spawn(async move {
            for number in 0..50 {
                assert!(write(&device, &format!("{{\"id\":\"{task}/{number}\"")).await);
            }
        });
    }
    tasks.join_all().await;
    let text = fs::read_to_string(&path).expect("it was written");
    assert_eq!(chained(&text).len(), 1000);
}

#[tokio::test]
async fn a_file_that_was_moved_is_written_until_it_is_reopened() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, moved) = (folder.path().join("log"), folder.path().join("log.1"));
    let device = device(&path, &[]);
    assert!(write(&device, "{\"a\":1").await);
    fs::rename(&path, &moved).expect("it is there");
    assert!(write(&device, "{\"b\":2").await);
    assert!(!path.exists());
    device.reopen();
    assert!(write(&device, "{\"c\":3").await);
    let text = [fs::read_to_string(&moved), fs::read_to_string(&path)].map(|text| text.expect("written")).concat();
    assert_eq!(chained(&text).len(), 3, "one chain over both files");
}

#[tokio::test]
async fn a_deleted_file_is_made_again_and_a_folder_that_is_gone_is_a_failure_until_it_is_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let inner = folder.path().join("inner");
    let path = inner.join("log");
    fs::create_dir(&inner).expect("made");
    let device = device(&path, &[]);
    assert!(write(&device, "{\"a\":1").await);
    fs::remove_file(&path).expect("it is there");
    assert!(write(&device, "{\"b\":2").await);
    assert!(path.exists());
    fs::remove_dir_all(&inner).expect("it is there");
    assert!(!write(&device, "{\"c\":3").await);
    assert!(device.failure().is_some());
    fs::create_dir(&inner).expect("made");
    assert!(write(&device, "{\"d\":4").await);
    let text = fs::read_to_string(&path).expect("written");
    let link = read(text.trim_end().as_bytes()).expect("a record").link;
    assert_eq!((link.seq, link.lost), (3, 1), "the chain tells of the one that was lost");
    assert!(device.failure().is_none());
}

#[tokio::test]
async fn a_full_disk_takes_nothing() {
    let device = device(Path::new("/dev/full"), &[]);
    assert!(!write(&device, "{\"a\":1").await);
    let failure = device.failure().expect("it is known why");
    assert_eq!(failure.kind(), std::io::ErrorKind::StorageFull);
    assert!(device.head().is_none());
}

#[tokio::test]
async fn a_line_that_a_crash_cut_is_ended_and_told_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    fs::write(&path, "{\"type\":\"requ").expect("written");
    let device = device(&path, &[]);
    assert!(write(&device, "{\"a\":1").await && write(&device, "{\"b\":2").await);
    let text = fs::read_to_string(&path).expect("written");
    let lines: Vec<_> = text.lines().collect();
    let is_after_torn = |line: &str| read(line.as_bytes()).map(|line| line.link.is_after_torn);
    assert_eq!(lines.into_iter().map(is_after_torn).collect::<Vec<_>>(), [None, Some(true), Some(false)]);
}

#[tokio::test]
async fn modes_are_as_wanted() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    for (name, before, mode, expected) in [
        ("new", None, None, 0o600),
        ("wanted", None, Some("0640"), 0o640),
        ("changed", Some(0o644), Some("0600"), 0o600),
        ("kept", Some(0o640), Some("0000"), 0o640),
    ] {
        let path = folder.path().join(name);
        if let Some(before) = before {
            fs::write(&path, "").expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(before)).expect("ours");
        }
        let options: Vec<_> = mode.iter().map(|mode| ("mode", *mode)).collect();
        assert!(write(&device(&path, &options), "{\"a\":1").await);
        assert_eq!(fs::metadata(&path).expect("made").permissions().mode() & 0o777, expected, "{name}");
    }
}

#[tokio::test]
async fn a_device_that_is_closed_writes_what_it_has_taken_and_no_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    let device = device(&path, &[]);
    let records = (0..200).map(|number| (&device, format!("{{\"id\":{number}").into_bytes()));
    let receipts: Vec<_> = records.map(|record| Device::submit(std::iter::once(record))).collect();
    device.close().await;
    assert_eq!(chained(&fs::read_to_string(&path).expect("it was written")).len(), receipts.len());
    assert_eq!((device.backlog().records, write(&device, "{\"late\":1").await), (0, false));
    device.close().await;
}
