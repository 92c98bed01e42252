//! What is stored, byte for byte: entries of this form must always open.

use framework::testing::Harness;
use serde_json::json;

use super::engine;

const CONFIG: &str = include_str!("../golden/stored/config.json");
const ROLE: &str = include_str!("../golden/stored/role.json");

#[tokio::test]
async fn what_was_stored_once_still_opens() {
    let harness = Harness::new(engine()).await;
    let view = harness.view();
    let changes = view.changes().create("config", CONFIG.trim_end().as_bytes().to_vec());
    let changes = changes.create("role/app", ROLE.trim_end().as_bytes().to_vec());
    changes.commit().await.expect("an empty store takes it");
    let config = harness.read("config").await["data"].take();
    assert_eq!((&config["default_role"], &config["jwt_supported_algs"]), (&json!("app"), &json!(["EdDSA"])));
    let role = harness.read("role/app").await["data"].take();
    assert_eq!((&role["bound_claims"], &role["policies"]), (&json!({ "team": ["a*"] }), &json!(["p"])));
    assert_eq!((&role["role_type"], &role["bound_claims_type"]), (&json!("jwt"), &json!("glob")));
    // The token was made by another program, with the private key that belongs to the configured one (RFC 8037 §A).
    let data = json!({ "jwt": include_str!("../golden/stored/token.txt").trim_end() });
    let login = harness.write("login", data).await;
    assert_eq!(login["login"]["metadata"], json!({ "role": "app", "t": "abc" }), "{login}");
}
