//! What a directory sends, and what people type who are looked for in one: any bytes are refused or read, and a text that is
//! escaped is that text.

#![no_main]

use ldap::{Filter, dn, filter, is_message};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = is_message(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = (Filter::parse(text), dn::common_name(text));
    // A longer filter than anybody has is refused.
    if (1..=1_000).contains(&text.len()) {
        let escaped = format!("(uid={})", filter::escape(text));
        assert_eq!(Filter::parse(&escaped), Ok(Filter::equal("uid", text)));
        assert!(dn::is_dn(&format!("uid={},dc=example", dn::escape(text))));
    }
});
