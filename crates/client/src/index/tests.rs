//! Which states survive a newer one.

use data_encoding::BASE64;
use reqwest::header::{HeaderMap, HeaderValue};

use super::Seen;

/// What is told after replies with these states, decoded.
fn told(states: &[&str]) -> Vec<String> {
    let seen = Seen::default();
    for state in states {
        let text = if state.starts_with("v1:") { BASE64.encode(state.as_bytes()) } else { (*state).to_owned() };
        let mut reply = HeaderMap::new();
        reply.append(api::header::INDEX, HeaderValue::try_from(text).expect("a header"));
        seen.learn(&reply);
    }
    let decoded = |state: HeaderValue| match BASE64.decode(state.as_bytes()) {
        Ok(bytes) => String::from_utf8(bytes).expect("text"),
        Err(_) => state.to_str().expect("text").to_owned(),
    };
    seen.states().into_iter().map(decoded).collect()
}

#[test]
fn the_newest_state_is_told() {
    assert_eq!(told(&[]), [""; 0]);
    assert_eq!(told(&["v1:c:1:0:aa", "v1:c:2:0:bb"]), ["v1:c:2:0:bb"]);
    assert_eq!(told(&["v1:c:2:0:bb", "v1:c:1:0:aa"]), ["v1:c:2:0:bb"], "a slower node does not set us back");
    assert_eq!(told(&["v1:c:2:0:bb", "v1:c:2:0:bb"]), ["v1:c:2:0:bb"]);
}

#[test]
fn states_that_do_not_contain_each_other_are_told_together() {
    assert_eq!(told(&["v1:c:2:1:aa", "v1:c:1:2:bb"]), ["v1:c:2:1:aa", "v1:c:1:2:bb"]);
    assert_eq!(told(&["v1:c:1:0:aa", "v1:d:1:0:bb", "v1:c:3:0:cc"]), ["v1:d:1:0:bb", "v1:c:3:0:cc"]);
    assert_eq!(told(&["v1:c:1:0:aa", "v1:d:1:0:bb", "v1:e:1:0:cc"]), ["v1:d:1:0:bb", "v1:e:1:0:cc"]);
}

#[test]
fn a_form_that_is_not_known_is_passed_on_as_it_is() {
    assert_eq!(told(&["v1:c:1:0:aa", "opaque"]), ["opaque"]);
    assert_eq!(told(&["opaque", "v1:c:1:0:aa"]), ["v1:c:1:0:aa"]);
}
