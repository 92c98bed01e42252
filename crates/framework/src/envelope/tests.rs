use std::collections::BTreeMap;
use std::time::Duration;

use api::Timestamp;
use serde_json::json;
use serde_json::value::RawValue;

use super::encode;
use crate::mfa::{MfaChoice, MfaRequirement};
use crate::reply::{Auth, Lease, Reply, WrapInfo};
use crate::testing::golden;

fn raw(text: &str) -> Reply {
    Reply::raw(RawValue::from_string(text.to_owned()).unwrap())
}

fn text(reply: &Reply) -> String {
    String::from_utf8(encode("the-id", "kv", reply).unwrap()).unwrap()
}

fn auth() -> Auth {
    Auth {
        client_token: "hvs.token".to_owned().into(),
        accessor: "accessor".into(),
        policies: vec!["default".into(), "dev".into()],
        token_policies: Vec::new(),
        identity_policies: vec!["dev".into()],
        metadata: Some(BTreeMap::from([("username".to_owned(), "bob".to_owned())])),
        ttl: Duration::from_secs(2_764_800),
        renewable: true,
        entity_id: String::new(),
        token_type: "service",
        is_orphan: true,
        num_uses: 0,
    }
}

fn requirement() -> MfaRequirement {
    let named = MfaChoice { kind: "totp", id: "m-1".into(), uses_passcode: true, name: "phone".into() };
    let nameless = MfaChoice { id: "m-2".into(), name: String::new(), ..named };
    let constraints = BTreeMap::from([("staff".to_owned(), vec![named, nameless])]);
    MfaRequirement { request_id: "r-1".into(), constraints, token_type: "service" }
}

fn wrap_info() -> WrapInfo {
    WrapInfo {
        token: "hvs.wrap".to_owned().into(),
        accessor: "accessor".into(),
        ttl: Duration::from_secs(60),
        creation_time: "2026-01-02T03:04:05.600Z".parse::<Timestamp>().unwrap(),
        creation_path: "secret/data/a".into(),
        wrapped_accessor: Some("inner".into()),
    }
}

#[test]
fn every_shape_has_its_golden() {
    let lease = Lease { id: "db/creds/x/abc".into(), renewable: true, duration: Duration::from_secs(3600) };
    let mut all = String::new();
    for (name, reply) in [
        ("data", Reply::data(json!({"b": 1, "a": "<&>"}))),
        ("raw data", raw(r#"{"n":1.10,"big":123456789012345678901234567890}"#)),
        ("lease and warnings", Reply::data(json!({"a": 1})).with_lease(lease).warn("careful")),
        ("auth", Reply::from(auth())),
        ("unfinished login", Reply::from(requirement())),
        ("wrapped", Reply { wrap_info: Some(wrap_info()), ..Reply::default() }),
        ("mirrored", Reply::data(json!({"keys": ["a"], "data": "hidden"})).mirrored()),
        ("mirrored raw", raw(r#"{"type":"kv","auth":"hidden"}"#).mirrored()),
        ("bare", Reply::data(json!({"sealed": false})).bare()),
        ("bare raw", raw(r#"{"sealed":true}"#).bare()),
    ] {
        all.push_str(&format!("{name}: {}", text(&reply)));
    }
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/envelope/golden/envelopes.txt");
    golden(&file, &all);
}

#[test]
fn every_key_is_always_there() {
    let text = text(&Reply::empty().warn("only this"));
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    for key in super::KEYS {
        assert!(value.as_object().unwrap().contains_key(key), "{key}");
    }
    assert!(value["data"].is_null() && value["auth"].is_null() && value["wrap_info"].is_null());
}

#[test]
fn our_own_client_types_read_it_back() {
    let reply = Reply { auth: Some(auth()), ..Reply::data(json!({"a": 1})) };
    let envelope: api::reply::Envelope = serde_json::from_str(&text(&reply)).unwrap();
    assert_eq!(envelope.request_id, "the-id");
    assert_eq!(envelope.mount_type.as_deref(), Some("kv"));
    let auth = envelope.auth.unwrap();
    assert_eq!((auth.client_token.as_str(), auth.lease_duration), ("hvs.token", 2_764_800));
}

#[test]
fn an_unfinished_login_reads_as_one_without_a_token() {
    let reply = Reply::from(requirement());
    assert!(!reply.is_empty());
    let envelope: api::reply::Envelope = serde_json::from_str(&text(&reply)).unwrap();
    let auth = envelope.auth.unwrap();
    assert!(auth.client_token.is_empty() && auth.accessor.is_empty());
    let choice = &auth.mfa_requirement.unwrap()["mfa_constraints"]["staff"]["any"][1];
    assert_eq!(*choice, json!({ "type": "totp", "id": "m-2", "uses_passcode": true }));
}

#[test]
fn the_id_of_a_wrapped_reply_is_empty() {
    let reply = Reply { wrap_info: Some(wrap_info()), ..Reply::default() };
    let envelope: api::reply::Envelope = serde_json::from_str(&text(&reply)).unwrap();
    assert_eq!(envelope.request_id, "");
    assert_eq!(envelope.wrap_info.unwrap().ttl, 60);
}

#[test]
fn mirrored_raw_data_that_is_no_object_is_a_mistake_of_ours() {
    assert!(encode("id", "kv", &raw("[1]").mirrored()).is_err());
}
