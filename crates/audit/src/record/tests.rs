//! Records as Vault's readers expect them.

use framework::reply::{Lease, WrapInfo};
use framework::testing::{golden, object};
use secret::Secret;
use serde_json::json;

use super::*;
use crate::chain::Key;
use crate::settings::Settings;

fn device(options: &[(&str, &str)]) -> Device {
    let mut options: BTreeMap<_, _> =
        options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    options.insert("file_path".to_owned(), "discard".to_owned());
    let settings =
        Settings::parse("file", &options, &crate::Rules { may_have_prefix: true, ..crate::Rules::default() })
            .expect("the options are sound");
    let name = api::audit::ChainName { device: "d".into(), boot: "b".into(), node: "n".into(), term: 1 };
    Device::start(&settings, b"salt", name, Key::new(b"key"), std::sync::Arc::default()).expect("there is a thread")
}

/// The record as JSON with its keys in their order, one a line.
fn shown(record: Vec<u8>) -> String {
    let text = String::from_utf8([record, b"}".to_vec()].concat()).expect("a record is text");
    let _valid: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    text
}

fn both(device: &Device, operation: Operation, data: Value, result: Result<&Reply, &str>) -> String {
    let metadata = [("team".to_owned(), "blue".to_owned())].into();
    let caller = Caller {
        token: "hvs.TOKEN",
        client_id: "entity-1".to_owned(),
        accessor: "accessor-1",
        display_name: "token",
        policies: vec!["default", "reader"],
        token_policies: vec!["default", "reader"],
        identity_policies: Vec::new(),
        metadata: Some(&metadata),
        entity_id: "entity-1",
        token_type: "service",
        token_ttl: Duration::from_secs(3600),
        token_issue_time: Timestamp::from_unix_secs(1_600_000_000),
    };
    let granting = Granting { name: "reader", namespace_id: "abcde", namespace_path: "team/" };
    let granting = if result.is_ok() { vec![granting] } else { Vec::new() };
    let judged = Judged { is_allowed: result.is_ok(), granting };
    let clear = ["clear".to_owned()];
    let place = Place {
        point: "secret/".into(),
        kind: "kv",
        accessor: "kv_12345678",
        class: "secret",
        clear_request_keys: &clear,
        clear_reply_keys: &clear,
    };
    let request = Request {
        id: "00000000-0000-4000-8000-000000000000",
        operation,
        path: "secret/data/app",
        token: "hvs.TOKEN",
        data: &object(data),
        remote: Some("[::ffff:192.0.2.1]:4711".parse().expect("an address")),
        wrap_ttl: None,
        namespace: Some(&Namespace { id: "root".to_owned(), path: String::new() }),
        headers: &[
            ("x-plain".to_owned(), vec!["seen".to_owned()], false),
            ("x-secret".to_owned(), vec!["a".to_owned(), "b".to_owned()], true),
        ],
        place: Some(&place),
        judged: Some(&judged),
    };
    let about = about(device, &request, Some(&CallerText::new(device, &caller)));
    let time = Timestamp::from_unix_secs(1_700_000_000);
    let first = super::request(device, time, &about, result.err());
    let second = reply(device, time, &about, operation, Some(&place), result);
    [shown(first), shown(second)].join("\n")
}

#[test]
fn records_are_as_they_were() {
    let device = device(&[]);
    let data = json!({ "data": { "password": "CANARY" }, "clear": "seen", "options": { "cas": 1 } });
    let raw = serde_json::value::RawValue::from_string(r#"{"data":{"k":"CANARY"},"n":1}"#.to_owned()).expect("JSON");
    let auth = Auth {
        client_token: Secret::new("hvs.CANARY".to_owned()),
        accessor: "CANARY".to_owned(),
        policies: vec!["default".to_owned()],
        token_policies: vec!["default".to_owned()],
        identity_policies: Vec::new(),
        metadata: None,
        ttl: Duration::from_secs(60),
        renewable: true,
        entity_id: String::new(),
        token_type: "service",
        is_orphan: false,
        num_uses: 3,
    };
    let wrap_info = WrapInfo {
        token: Secret::new("hvs.CANARY".to_owned()),
        accessor: "CANARY".to_owned(),
        ttl: Duration::from_secs(60),
        creation_time: Timestamp::from_unix_secs(1_700_000_000),
        creation_path: "secret/data/app".to_owned(),
        wrapped_accessor: Some("CANARY".to_owned()),
    };
    let lease = Lease { id: "secret/data/app/1".to_owned(), ..Lease::default() };
    let replies = [
        ("write", Operation::Update, data, Ok(Reply::empty().warn("careful"))),
        ("read", Operation::Read, json!({}), Ok(Reply::raw(raw).with_lease(lease))),
        ("denied", Operation::Delete, json!({}), Err("permission denied")),
        ("token", Operation::Update, json!({}), Ok(Reply::from(auth))),
        ("wrapped", Operation::Read, json!({}), Ok(Reply { wrap_info: Some(wrap_info), ..Reply::default() })),
        ("body", Operation::Read, json!({}), Ok(Reply::body("text/plain", "CANARY"))),
    ];
    let mut text = String::new();
    for (name, operation, data, result) in replies {
        text += &format!("# {name}\n{}\n", both(&device, operation, data, result.as_ref().map_err(|it| *it)));
    }
    assert!(!text.contains("CANARY") && !text.contains("hvs."), "nothing that is secret stands in clear");
    golden(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/golden/records.txt")), &text);
}

#[test]
fn a_login_is_by_the_one_who_is_let_in() {
    let device = device(&[]);
    let request = Request {
        id: "1",
        operation: Operation::Update,
        path: "auth/x/login",
        token: "",
        data: &Map::new(),
        remote: None,
        wrap_ttl: None,
        namespace: None,
        headers: &[],
        place: None,
        judged: None,
    };
    let auth = Auth {
        client_token: Secret::new("t".to_owned()),
        accessor: String::new(),
        policies: vec!["p".to_owned()],
        token_policies: Vec::new(),
        identity_policies: Vec::new(),
        metadata: None,
        ttl: Duration::ZERO,
        renewable: false,
        entity_id: String::new(),
        token_type: "batch",
        is_orphan: true,
        num_uses: 0,
    };
    let about = about(&device, &request, None);
    let record = reply(&device, Timestamp::UNIX_EPOCH, &about, Operation::Update, None, Ok(&Reply::from(auth)));
    let record: Value = serde_json::from_str(&shown(record)).expect("JSON");
    assert_eq!(record["auth"], record["response"]["auth"]);
    assert_eq!(record["auth"]["policies"], json!(["p"]));
}

#[test]
fn options_change_what_is_clear() {
    let raw = device(&[("log_raw", "true"), ("prefix", "@cee: ")]);
    let text = {
        let about = about(
            &raw,
            &Request {
                id: "1",
                operation: Operation::Read,
                path: "p",
                token: "hvs.T",
                data: &object(json!({ "a": "b" })),
                remote: None,
                wrap_ttl: None,
                namespace: None,
                headers: &[],
                place: None,
                judged: None,
            },
            None,
        );
        String::from_utf8(super::request(&raw, Timestamp::UNIX_EPOCH, &about, None)).expect("text")
    };
    assert!(
        text.starts_with("@cee: {\"time\"") && text.contains("\"hvs.T\"") && text.contains("{\"a\":\"b\"}"),
        "{text}"
    );
    let clear = both(&device(&[("hmac_accessor", "false")]), Operation::Read, json!({}), Ok(&Reply::empty()));
    assert!(clear.contains("\"accessor\":\"accessor-1\"") && !clear.contains("hvs.T"), "{clear}");
}

#[test]
fn lists_can_be_left_out() {
    let keys = Reply::list(vec!["a".to_owned(), "b".to_owned()]);
    let info = json!({ "keys": ["a"], "key_info": { "a": { "x": "y" } }, "other": "z" });
    let raw = serde_json::value::RawValue::from_string(info.to_string()).expect("JSON");
    let device = device(&[("elide_list_responses", "true")]);
    let data = |operation, reply: &Reply| {
        let text = both(&device, operation, json!({}), Ok(reply));
        let record: Value = serde_json::from_str(text.lines().last().expect("two records")).expect("JSON");
        record["response"]["data"].clone()
    };
    assert_eq!(data(Operation::List, &keys), json!({ "keys": 2 }));
    let hashed = device.hasher().hash("z");
    for reply in [Reply::data(info), Reply::raw(raw)] {
        assert_eq!(data(Operation::List, &reply), json!({ "keys": 1, "key_info": 1, "other": hashed }));
    }
    assert_eq!(data(Operation::Read, &keys)["keys"].as_array().map(Vec::len), Some(2));
}
