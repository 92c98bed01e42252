//! Durations: what is read and printed again means the same.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(nanos) = api::duration::parse_signed(text) else { return };
    let printed = api::duration::format_signed(nanos);
    assert_eq!(api::duration::parse_signed(&printed), Ok(nanos), "{text:?} was printed as {printed:?}");
    if let Ok(duration) = api::duration::parse(text) {
        assert_eq!(duration.as_nanos(), u128::from(nanos.unsigned_abs()));
    }
});
