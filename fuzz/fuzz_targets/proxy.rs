//! Headers of the PROXY protocol: a whole one lies within the bytes, and reads the same whatever follows it.

#![no_main]

use http_api::{ProxyHeader, read_proxy_header as read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let header = read(bytes);
    let ProxyHeader::Complete { length, .. } = header else { return };
    assert!(length <= bytes.len());
    assert_eq!(read(&bytes[..length]), header);
    assert_eq!(read(&bytes[..length - 1]), ProxyHeader::Incomplete);
});
