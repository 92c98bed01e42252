//! What is stored, byte for byte: entries of this form must always open.

use serde_json::json;

use super::{CLIENT, der, harness, log_in, refused};

/// A mount as it was stored once: a role `web`, settings, and a list that revokes the serial number 9.
const STORED: &[(&str, &str)] = &[
    ("cert/web", include_str!("../golden/stored/role.json")),
    ("config", include_str!("../golden/stored/config.json")),
    ("crl/main", include_str!("../golden/stored/list.json")),
];

#[tokio::test]
async fn what_was_stored_once_still_opens() {
    let harness = harness().await;
    let view = harness.view();
    let mut changes = view.changes();
    for (name, text) in STORED {
        changes = changes.create(name, text.trim_end().as_bytes().to_vec());
    }
    changes.commit().await.expect("an empty store takes it");
    let login = log_in(&harness, &[&der(CLIENT)], json!({ "name": "web" })).await["login"].take();
    assert_eq!(login["terms"]["token_policies"], json!(["a"]));
    assert_eq!(login["metadata"]["1-2-3-4-5"], "blue");
    assert_eq!(harness.read("crls/main").await["data"]["serials"], json!({ "9": {} }));
    assert_eq!(harness.read("config").await["data"]["ocsp_cache_size"], 7);
    let old = log_in(&harness, &[&der(super::VERSION_1)], json!({ "name": "web" })).await;
    let text = "no chain matching all constraints could be found for this login certificate";
    assert_eq!(old, refused(text), "number 9 is revoked");
}
