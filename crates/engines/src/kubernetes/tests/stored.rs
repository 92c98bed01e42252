//! What is stored, byte for byte: entries of this form must always open.

use framework::testing::Harness;
use serde_json::json;

use super::engine;

/// A mount as it was stored once.
const STORED: &[(&str, &str)] = &[
    ("config", include_str!("../golden/stored/config.json")),
    ("role/web", include_str!("../golden/stored/role.json")),
];

#[tokio::test]
async fn what_was_stored_once_still_opens() {
    let harness = Harness::new(engine()).await;
    let view = harness.view();
    let mut changes = view.changes();
    for (name, text) in STORED {
        changes = changes.create(name, text.trim_end().as_bytes().to_vec());
    }
    changes.commit().await.expect("an empty store takes it");
    let config = harness.read("config").await["data"].take();
    assert_eq!(
        (&config["kubernetes_host"], &config["token_reviewer_jwt_set"]),
        (&json!("https://a:6443"), &json!(true))
    );
    let role = harness.read("role/web").await["data"].take();
    assert_eq!(
        (&role["alias_name_source"], &role["bound_service_account_names"]),
        (&json!("serviceaccount_name"), &json!(["w*"]))
    );
    assert_eq!((&role["policies"], &role["audience"]), (&json!(["a"]), &json!("us")));
}
