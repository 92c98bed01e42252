use std::collections::BTreeSet;
use std::sync::Arc;

use framework::Load;

use super::line::TENANTS;
use super::{Admission, AdmissionLimits, Admitted, Place, Turn, URGENT_IN_WORK_MAX};
use crate::status::Refusal;

fn admission(in_work: usize, queued: usize) -> (Arc<Admission>, Arc<Load>) {
    let load = Arc::new(Load::default());
    let limits = AdmissionLimits { in_work, queued, ..AdmissionLimits::default() };
    (Admission::new(limits, &env::simulated::env(3).0, Arc::clone(&load)), load)
}

fn now(admission: &Arc<Admission>, is_urgent: bool) -> Place {
    match admission.enter(1, || is_urgent) {
        Ok(Admitted::Now(place)) => place,
        other => panic!("{other:?}"),
    }
}

fn later(admission: &Arc<Admission>) -> Turn {
    match admission.enter(1, || false) {
        Ok(Admitted::Later(turn)) => turn,
        other => panic!("{other:?}"),
    }
}

fn retry_secs(admission: &Arc<Admission>) -> u64 {
    match admission.enter(1, || false) {
        Err(Refusal::Overloaded { retry_secs }) => retry_secs,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_is_counted_for_its_first_segment() {
    let (admission, _) = admission(1, 1);
    let of = |namespace, path| admission.tenant(namespace, path);
    let same = [of("a", "x/y"), of("/a/", "z"), of("a/b", "x"), of("", "a/kv/c"), of("root", "a"), of("/", "/a/b")];
    assert_eq!(same, [same[0]; 6]);
    let (one, other) = (of("", "kv/data/a"), of("", "auth/token/create"));
    assert_ne!(one, other, "this seed keeps the two apart");
    assert_eq!([of("", ""), of("root", ""), of("/", "/")], [of("", ""); 3]);
}

#[test]
fn made_up_names_fall_on_a_fixed_number_of_tenants() {
    let (admission, _) = admission(1, 1);
    let numbers: BTreeSet<_> = (0..10_000).map(|name| admission.tenant(&format!("made-up-{name}"), "")).collect();
    assert_eq!((numbers.first(), numbers.last()), (Some(&0), Some(&(TENANTS - 1))));
    assert_eq!(numbers.len(), TENANTS, "names spread over all of them");
}

#[test]
fn urgent_requests_have_places_of_their_own() {
    let (admission, load) = admission(1, 0);
    let _first = now(&admission, false);
    assert!(admission.look(1, || false).is_err());
    assert!(admission.look(1, || true).is_ok());
    let urgent: Vec<_> = (0..URGENT_IN_WORK_MAX).map(|_| now(&admission, true)).collect();
    assert_eq!(load.in_work.value(), 1 + u64::try_from(URGENT_IN_WORK_MAX).unwrap());
    assert!(matches!(admission.enter(1, || true), Err(Refusal::Overloaded { .. })), "these have a bound, too");
    drop(urgent);
    drop(now(&admission, true));
    assert_eq!((load.in_work.value(), load.refused.count()), (1, 2));
}

#[test]
fn whether_a_request_is_urgent_is_asked_only_when_there_is_no_place() {
    let (admission, _) = admission(1, 0);
    assert!(admission.look(1, || panic!("there is a place")).is_ok());
    assert!(admission.enter(1, || panic!("there is a place")).is_ok());
}

#[test]
fn clients_are_told_to_come_back_at_different_times() {
    let (admission, load) = admission(1, 0);
    let _first = now(&admission, false);
    assert_eq!([(); 4].map(|()| retry_secs(&admission)), [1, 2, 3, 1]);
    assert_eq!((load.refused.count(), load.waited.count()), (4, 0));
}

#[tokio::test]
async fn a_place_goes_to_whoever_waits_however_the_one_before_ends() {
    let (admission, load) = admission(1, 10);
    let first = now(&admission, false);
    let (gone, called, patient) = (later(&admission), later(&admission), later(&admission));
    assert_eq!((load.in_work.value(), load.queued.value(), load.waited.count()), (1, 3, 3));
    // One gives up before it is called, one after it was called and before it heard.
    drop(gone);
    drop(first);
    assert_eq!((load.in_work.value(), load.queued.value()), (1, 1));
    drop(called);
    assert_eq!((load.in_work.value(), load.queued.value()), (1, 0));
    drop(patient.await);
    assert_eq!((load.in_work.value(), load.queued.value()), (0, 0));
}
