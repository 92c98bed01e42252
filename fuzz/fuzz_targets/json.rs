//! Request bodies: the check and the parser agree, and what is written is read back as the same value.

#![no_main]

use api::json::{Limits, check, parse, to_vec};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let limits = Limits::default();
    let parsed = parse(data, &limits);
    assert_eq!(check(data, &limits).is_ok(), parsed.is_ok());
    let Ok(value) = parsed else { return };
    if let Err(error) = serde_json::from_slice::<serde_json::Value>(data) {
        // The one thing in which it is narrower: it stops at 128 levels.
        assert!(error.to_string().contains("recursion limit"), "accepted more than JSON: {error}");
    }
    let written = to_vec(&value).expect("a value that was read can be written");
    assert_eq!(parse(&written, &limits).as_ref(), Ok(&value));
});
