//! Password policies: any text gives a policy or an error that says why.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(error) = password::PasswordPolicy::parse(text) {
        assert!(!error.to_string().is_empty());
    }
});
