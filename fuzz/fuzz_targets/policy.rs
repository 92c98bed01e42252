//! Policies: any text gives a policy or an error that says where.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(error) = policy::Policy::parse("fuzz", text) {
        assert!(!error.to_string().is_empty());
    }
});
