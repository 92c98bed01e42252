//! Tolerant reading: absent, null and unknown fields.

use serde_json::{from_value, json, to_value};

use super::{Envelope, ErrorBody};
use crate::status::{Health, InitReply, Mount, SealStatus};

#[test]
fn an_empty_object_and_nulls_are_an_empty_envelope() {
    let nulls = json!({
        "request_id": null, "lease_id": null, "renewable": null, "lease_duration": null, "data": null,
        "wrap_info": null, "warnings": null, "auth": null, "unknown": {"x": 1},
    });
    assert!(from_value::<Envelope>(nulls).expect("tolerated") == Envelope::default());
    assert!(from_value::<Envelope>(json!({})).expect("tolerated") == Envelope::default());
}

#[test]
fn a_login_is_read_and_printed_again() {
    let reply = json!({
        "request_id": "r", "lease_id": "", "renewable": false, "lease_duration": 0, "data": null, "warnings": ["w"],
        "auth": {"client_token": "hvs.x", "accessor": "a", "policies": ["default"], "metadata": {"username": "bob"},
                 "lease_duration": 60, "renewable": true, "token_type": "service", "mfa_requirement": null},
    });
    let envelope = from_value::<Envelope>(reply).expect("an envelope");
    let auth = envelope.auth.as_ref().expect("a login");
    assert_eq!((auth.client_token.as_str(), auth.lease_duration, auth.num_uses), ("hvs.x", 60, 0));
    let printed = to_value(&envelope).expect("a value");
    assert_eq!(printed["auth"]["token_policies"], json!([]));
    assert_eq!(printed.get("wrap_info"), None);
}

#[test]
fn error_bodies_may_lack_their_list() {
    assert!(from_value::<ErrorBody>(json!({"errors": null})).expect("tolerated").errors.is_empty());
    assert_eq!(from_value::<ErrorBody>(json!({"errors": ["a"]})).expect("tolerated").errors, ["a"]);
}

#[test]
fn status_objects_are_read() {
    let status =
        from_value::<SealStatus>(json!({"type": "shamir", "initialized": true, "sealed": true, "t": 3, "n": 5,
        "progress": 1, "nonce": "x", "version": "1.21.4", "build_date": "d", "migration": false}));
    let status = status.expect("a seal status");
    assert_eq!((status.t, status.n, status.progress, status.cluster_name), (3, 5, 1, None));
    assert_eq!(from_value::<Health>(json!({"server_time_utc": 7})).expect("health").server_time_utc, 7);
    assert!(from_value::<InitReply>(json!({"keys": ["a"], "keys_base64": null})).expect("init").keys_base64.is_empty());
    let mount = from_value::<Mount>(json!({"type": "kv", "options": {"version": "2"}, "config": {"max_lease_ttl": 5}}));
    let mount = mount.expect("a mount");
    assert_eq!(mount.options.expect("options")["version"], "2");
    assert_eq!(mount.config.max_lease_ttl, 5);
}
