//! The parser of policies and configurations: any text gives a tree or an error, and what it calls JSON is JSON.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match hcl::parse(text) {
        Ok(body) => drop(body.duplicate()),
        // An error names a place in the text, so that its author finds it.
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
