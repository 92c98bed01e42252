//! What a spool takes and refuses.

use super::*;
use crate::receipt::Receipt;

fn entry(bytes: usize) -> (Receipt, Entry) {
    let (receipt, mut slips) = Receipt::new(1);
    (receipt, Entry { record: vec![0; bytes], slip: slips.pop().expect("one was made") })
}

/// Whether a record of so many bytes waits in the spool or was refused at once.
fn takes(spool: &Spool, bytes: usize) -> bool {
    let (receipt, entry) = entry(bytes);
    let before = spool.state().queue.len();
    let _roused = spool.push(entry);
    drop(receipt);
    spool.state().queue.len() > before
}

#[test]
fn it_is_bounded_in_records_and_bytes_until_they_are_written() {
    let spool = Spool::new(Bounds { records: 2, bytes: 100 });
    assert!(takes(&spool, 60) && !takes(&spool, 41) && takes(&spool, 40) && !takes(&spool, 0));
    assert_eq!((spool.take_lost(), spool.take_lost()), (2, 0));
    let work = spool.next().expect("two wait");
    assert!(!takes(&spool, 1), "what is being written still counts");
    spool.done(work.entries.len(), 100);
    assert!(takes(&spool, 1000), "a long one goes alone");
    assert!(!takes(&spool, 1));
}

#[tokio::test]
async fn a_closed_one_gives_what_it_has_and_refuses_the_rest() {
    let spool = Spool::new(Bounds { records: 9, bytes: 100 });
    let (receipt, first) = entry(1);
    assert!(!spool.push(first), "nobody sleeps");
    spool.close();
    let (late, second) = entry(1);
    assert!(!spool.push(second));
    assert!(!late.await);
    let work = spool.next().expect("one waits");
    for entry in work.entries {
        assert!(entry.slip.answer(true).is_none(), "nobody has asked yet");
    }
    assert!(receipt.await);
    assert!(spool.next().is_none());
}

#[tokio::test]
async fn one_that_takes_a_record_is_enough_and_nobody_who_forgets_it_is_waited_for() {
    let (receipt, slips) = Receipt::new(3);
    let mut slips = slips.into_iter();
    for is_taken in [false, true] {
        let _waker = slips.next().expect("three").answer(is_taken);
    }
    assert!(receipt.await, "the third has not answered yet");
    let (receipt, slips) = Receipt::new(2);
    drop(slips);
    assert!(!receipt.await);
    assert!(!Receipt::new(0).0.await, "nobody takes nothing");
}
