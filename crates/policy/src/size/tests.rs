use std::time::SystemTime;

use crate::{Acl, Policy};

fn bytes(text: &str) -> usize {
    let policy = Policy::parse("p", text).unwrap();
    Acl::compile([("", &policy)], SystemTime::UNIX_EPOCH).unwrap().bytes()
}

#[test]
fn everything_that_can_be_made_long_counts() {
    let long = "x".repeat(1000);
    let least = bytes("path \"a\" { capabilities = [\"read\"] }");
    for text in [
        format!("path \"{long}\" {{ capabilities = [\"read\"] }}"),
        format!("path \"{long}/*\" {{ capabilities = [\"read\"] }}"),
        format!("path \"a\" {{ capabilities = [\"read\"] allowed_parameters = {{ \"{long}\" = [] }} }}"),
        format!("path \"a\" {{ capabilities = [\"read\"] allowed_parameters = {{ \"b\" = [\"{long}\"] }} }}"),
        format!("path \"a\" {{ capabilities = [\"read\"] denied_parameters = {{ \"b\" = [\"{long}\"] }} }}"),
        format!("path \"a\" {{ capabilities = [\"read\"] required_parameters = [\"{long}\"] }}"),
    ] {
        assert!(bytes(&text) >= least + 1000, "{text}");
    }
    let many: String = (0..100).map(|number| format!("path \"a{number}\" {{ capabilities = [\"read\"] }}\n")).collect();
    assert!(bytes(&many) > 90 * (least - bytes("")));
}
