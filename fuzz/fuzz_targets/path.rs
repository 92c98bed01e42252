//! Request paths: what is accepted has no segment that two parties could understand differently.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &str| {
    let Ok(path) = http_api::decode_path(raw) else { return };
    assert!(path.starts_with('/'));
    assert!(!path.contains("//"));
    assert!(path.split('/').all(|segment| segment != "." && segment != ".."));
    assert!(!path.chars().any(char::is_control));
});
