use super::*;

const NOW: Duration = Duration::from_secs(100);

fn counted(found: u64, next: Duration) -> Arc<Count> {
    let count = Count::default();
    *count.tally() = Tally { found: Some(found), next, ..Tally::default() };
    Arc::new(count)
}

#[test]
fn what_is_being_made_and_what_was_made_takes_a_place() {
    let count = counted(1, NOW);
    let first = count.enter(3, NOW).expect("one of three");
    let second = count.enter(3, NOW).expect("two of three");
    assert_eq!(count.enter(3, NOW).err(), Some(Full::Perhaps));
    drop(first);
    assert_eq!(count.enter(3, NOW).err(), Some(Full::Perhaps), "whatever has become of it");
    drop(second);
    let tally = count.tally();
    assert_eq!((tally.made, tally.open), (2, 0));
}

#[test]
fn counting_again_waits_until_it_has_rested() {
    let count = counted(3, NOW);
    assert_eq!(count.enter(3, NOW - Duration::from_nanos(1)).err(), Some(Full::ForNow));
    assert_eq!(count.enter(3, NOW).err(), Some(Full::Perhaps));
    assert_eq!(
        Arc::new(Count::default()).enter(3, Duration::ZERO).err(),
        Some(Full::Perhaps),
        "nobody has counted yet"
    );
}
