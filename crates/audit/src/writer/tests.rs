//! What becomes of a batch of which a part is refused, or of which nobody knows.

use std::io;
use std::sync::Mutex;

use api::audit::{ChainName, Line, read};

use super::*;
use crate::chain::Key;
use crate::receipt::Receipt;
use crate::sinks::{Failure, one_by_one};
use crate::spool::Bounds;

const KEY: [u8; 32] = [3; 32];

/// Keeps what is neither `"long"`, which it refuses, nor `"gone"`, at which it stands still, nor `"lost"`, of which nobody
/// learns whether it was kept.
struct Picky(Arc<Mutex<Vec<String>>>);

impl Sink for Picky {
    fn write(&mut self, batch: &Batch) -> Written {
        one_by_one(batch, |record| {
            let text = String::from_utf8_lossy(record).into_owned();
            let error = |why: &str| io::Error::other(why.to_owned());
            match text.get(1..7) {
                Some("\"long\"") => Err(Failure::Record(error("too long"))),
                Some("\"gone\"") => Err(Failure::Medium(error("gone"))),
                Some("\"lost\"") => Err(Failure::Unknown(error("no answer"))),
                _ => {
                    self.0.lock().expect("no panic").push(text);
                    Ok(())
                }
            }
        })
    }

    fn reopen(&mut self) {}

    fn describe(&self) -> String {
        "picky".to_owned()
    }
}

/// What one thread makes of these batches: which records were taken, what was kept, and how many were lost.
async fn written(batches: &[&[&str]]) -> (Vec<bool>, Vec<String>, u64) {
    let name = ChainName { device: "d".to_owned(), boot: "b".to_owned(), node: "n".to_owned(), term: 1 };
    let spool = Arc::new(Spool::new(Bounds { records: 99, bytes: 1 << 20 }));
    let (shared, relay) = (Arc::new(Shared::default()), Arc::new(Relay::default()));
    let kept = Arc::new(Mutex::new(Vec::new()));
    let (sink, chain) = (Box::new(Picky(Arc::clone(&kept))), Chain::new(&name, Key::new(&KEY)));
    let (ended, _) = watch::channel(false);
    let mut writer = Writer::new(sink, chain, Arc::clone(&spool), shared, relay, ended);
    let mut taken = Vec::new();
    for batch in batches {
        let mut receipts = Vec::new();
        let entries = batch.iter().map(|key| {
            let (receipt, mut slips) = Receipt::new(1);
            receipts.push(receipt);
            Entry { record: format!("{{{key:?}:1").into_bytes(), slip: slips.pop().expect("one was made") }
        });
        let entries: Vec<_> = entries.collect();
        writer.write_some(&mut entries.into_iter().peekable());
        for receipt in receipts {
            taken.push(receipt.await);
        }
    }
    let kept = kept.lock().expect("no panic").clone();
    (taken, kept, spool.backlog().lost)
}

fn line(text: &str) -> Line<'_> {
    read(text.as_bytes()).expect("a record")
}

#[tokio::test]
async fn a_record_that_is_refused_takes_no_other_with_it() {
    let batch = ["aaaa", "long", "bbbb", "long", "long", "cccc"];
    let (taken, kept, lost) = written(&[&batch, &["long"], &["dddd"]]).await;
    assert_eq!(taken, [true, false, true, false, false, true, false, true]);
    assert_eq!(lost, 4);
    let mut prev = None;
    for (seq, (text, lost)) in (1..).zip(kept.iter().zip([0, 1, 2, 1])) {
        let line = line(text);
        assert_eq!((line.link.seq, line.link.prev, line.link.lost), (seq, prev, lost), "{text}");
        assert_eq!(Key::new(&KEY).mac(&secret::sha256(line.covered)), line.link.mac);
        prev = Some(line.link.mac);
    }
    assert_eq!(kept.len(), 4);
}

#[tokio::test]
async fn a_medium_that_takes_nothing_is_not_asked_again_and_each_loss_is_counted_once() {
    let (taken, kept, lost) = written(&[&["gone", "aaaa"], &["gone", "aaaa"], &["gone"], &["bbbb"], &["cccc"]]).await;
    assert_eq!(taken, [false, false, false, false, false, true, true]);
    assert_eq!(lost, 5);
    assert_eq!(kept.iter().map(|text| line(text).link.lost).collect::<Vec<_>>(), [5, 0], "told once");
}

#[tokio::test]
async fn a_number_that_may_be_taken_is_not_used_again() {
    let (taken, kept, lost) = written(&[&["aaaa", "lost", "bbbb"], &["lost"], &["cccc"]]).await;
    assert_eq!(taken, [true, false, false, false, true]);
    let seqs: Vec<_> = kept.iter().map(|text| (line(text).link.seq, line(text).link.lost)).collect();
    // The second and the third may be there.
    assert_eq!(seqs, [(1, 0), (4, 0)]);
    assert_eq!(lost, 1);
}
