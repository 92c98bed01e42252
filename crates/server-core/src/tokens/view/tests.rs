use std::collections::BTreeMap;

use framework::reply::Data;
use serde_json::{Value, json};

use super::{Shown, lookup};
use crate::tokens::entry::{State, TokenEntry, TokenState};
use crate::tokens::kind::Kind;

const SECOND: i64 = 1_000_000_000;

fn entry() -> TokenEntry {
    TokenEntry {
        v: 1,
        state: State::Live,
        policies: vec!["app".to_owned(), "default".to_owned()],
        path: "auth/token/create".to_owned(),
        meta: None,
        display_name: "token".to_owned(),
        num_uses: 0,
        created: 0,
        ttl_secs: 0,
        explicit_max_ttl_secs: 0,
        period_secs: 0,
        is_renewable: true,
        parent: None,
        accessor: "handle".to_owned(),
        entity_id: String::new(),
        role: String::new(),
        bound_cidrs: Vec::new(),
        mount: String::new(),
        login_role: None,
        epoch: String::new(),
        note: None,
    }
}

/// The text of a lookup at the tenth second.
fn shown(entry: &TokenEntry, state: &TokenState) -> String {
    let shown = Shown {
        namespace_path: "",
        kind: Kind::Service,
        entry,
        state,
        id: "hvs.<a>",
        is_orphan: true,
        uses: 0,
        identity_policies: &[],
    };
    match lookup(&shown, 10 * SECOND).unwrap().data {
        Some(Data::Raw(text)) => text.get().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn everything_that_is_known_is_shown_in_the_order_of_the_alphabet() {
    let entry = TokenEntry {
        meta: Some(BTreeMap::from([("team".to_owned(), "a&b".to_owned())])),
        ttl_secs: 100,
        period_secs: 100,
        role: "ci".to_owned(),
        bound_cidrs: vec![serde_json::from_value(json!("10.0.0.0/8")).unwrap()],
        ..entry()
    };
    let state = TokenState { v: 1, expires: Some(105 * SECOND), renewed: Some(5 * SECOND) };
    let text = shown(&entry, &state);
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(api::json::to_string(&value).unwrap(), text, "sorted, and escaped as everywhere");
    let expected = json!({
        "accessor": "handle", "bound_cidrs": ["10.0.0.0/8"], "creation_time": 0, "creation_ttl": 100,
        "display_name": "token", "entity_id": "", "expire_time": "1970-01-01T00:01:45Z", "explicit_max_ttl": 0,
        "id": "hvs.<a>", "issue_time": "1970-01-01T00:00:00Z", "last_renewal": "1970-01-01T00:00:05Z",
        "last_renewal_time": 5, "meta": {"team": "a&b"}, "num_uses": 0, "orphan": true, "path": "auth/token/create",
        "period": 100, "policies": ["app", "default"], "renewable": true, "role": "ci", "ttl": 95, "type": "service",
    });
    assert_eq!(value, expected);
}

#[test]
fn a_token_for_ever_shows_neither_issue_time_nor_whether_it_is_renewable() {
    let text = shown(&entry(), &TokenState { v: 1, expires: None, renewed: None });
    let expected = json!({
        "accessor": "handle", "creation_time": 0, "creation_ttl": 0, "display_name": "token", "entity_id": "",
        "expire_time": null, "explicit_max_ttl": 0, "id": "hvs.<a>", "meta": null, "num_uses": 0, "orphan": true,
        "path": "auth/token/create", "policies": ["app", "default"], "ttl": 0, "type": "service",
    });
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
}
