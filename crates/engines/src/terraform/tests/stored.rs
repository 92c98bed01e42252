//! Entries as they were stored once.

use super::*;

#[tokio::test]
async fn what_was_stored_once_can_always_be_read() {
    let harness = Harness::new(engine()).await;
    for (place, text) in [
        ("config", include_str!("../golden/stored/config-v1.json")),
        ("role/ci", include_str!("../golden/stored/role-v1.json")),
        ("role/org", include_str!("../golden/stored/single-v1.json")),
    ] {
        harness
            .view()
            .changes()
            .create(place, text.trim_end().as_bytes().to_vec())
            .commit()
            .await
            .expect("it is stored");
    }
    let config = json!({ "address": "https://tfe.example.test", "base_path": "/api/v2/", "explicit_max_ttl": 3600,
        "token_owner_type": "team", "owner_id": "team-1", "last_vault_rotation": "2026-11-23T10:00:00Z" });
    assert_eq!(harness.read("config").await["data"], config);
    let role = json!({ "name": "ci", "ttl": 60, "max_ttl": 3600, "description": "ci", "organization": "acme",
        "team_id": "team-1", "credential_type": "team" });
    assert_eq!(harness.read("role/ci").await["data"], role);
    let single = json!({ "organization": "acme", "role": "org", "team_id": "", "token": "stored", "token_id": "at-1" });
    assert_eq!(harness.read("creds/org").await["data"], single);
}
