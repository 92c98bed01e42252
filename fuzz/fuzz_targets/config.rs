//! Configuration files: any text gives a configuration with its warnings, or an error that says where.

#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom::config::{Source, parse};

fuzz_target!(|text: &str| {
    let source = Source { name: "fuzz.hcl".to_owned(), text: text.to_owned() };
    if let Err(error) = parse(&[source]) {
        assert!(!error.to_string().is_empty());
    }
});
