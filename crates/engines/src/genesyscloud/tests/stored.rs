//! What an earlier release has stored.

use super::*;

#[tokio::test]
async fn what_was_stored_once_can_always_be_read() {
    let harness = Harness::new(engine()).await;
    for (name, text) in [
        ("config", include_str!("../golden/stored/config-v1.json")),
        ("role/app", include_str!("../golden/stored/role-v1.json")),
        ("shared/app", include_str!("../golden/stored/shared-v1.json")),
        ("static-role/kept", include_str!("../golden/stored/static-role-v1.json")),
        ("static-client/c-3", include_str!("../golden/stored/static-client-v1.json")),
    ] {
        harness.view().changes().create(name, text.trim_end().as_bytes().to_vec()).commit().await.expect("it is new");
    }
    let config = harness.read("config").await["data"].take();
    assert_eq!((&config["client_id"], &config["region"]), (&json!("c-1"), &json!("eu-west-1")));
    let role = harness.read("role/app").await["data"].take();
    assert_eq!((&role["credential_type"], &role["ttl"]), (&json!("access_token"), &json!(3600)));
    let kept = harness.read("static-role/kept").await["data"].take();
    assert_eq!((&kept["oauth_client_id"], &kept["access_token_validity"]), (&json!("c-3"), &json!(600)));
    let view = harness.view();
    let shared =
        entry::find::<entry::SharedEntry>(&view, "shared/app").await.expect("it reads").expect("it is there").0;
    assert_eq!((shared.client_id.as_str(), shared.recipe.validity_secs), ("c-2", 600));
    let owner = entry::find::<entry::StaticClientEntry>(&view, "static-client/c-3").await.expect("it reads");
    assert_eq!(owner.map(|(owner, _)| owner.role).as_deref(), Some("kept"));
}
