use serde_json::json;

use super::*;

#[test]
fn what_is_kept_of_a_secret_is_never_printed() {
    let grant = Grant::new("thing", &json!({ "password": "hunter2" })).expect("it encodes");
    let time = Timestamp::from_unix_nanos(0);
    let held = Held::new("thing", grant.data.clone(), time, time);
    assert!(!format!("{grant:?} {held:?}").contains("hunter2"));
    assert_eq!(held.data::<serde_json::Value>().expect("it decodes"), json!({ "password": "hunter2" }));
    assert!(held.data::<Vec<u8>>().is_err(), "it is an object");
}

#[test]
fn what_is_too_long_is_refused() {
    let fits = "x".repeat(LEASE_DATA_BYTES_MAX - 2);
    assert!(Grant::new("thing", &fits).is_ok());
    assert!(Grant::new("thing", &(fits + "x")).is_err());
}
