//! What is stored, byte for byte: entries of this form must always open.

use framework::testing::Harness;
use serde_json::json;

use super::{engine, log_in_from};

/// A mount as it was stored once: a role `app` with the role id `of-app` and the secret id `s1`.
const STORED: &[(&str, &str)] = &[
    ("salt", include_str!("../golden/stored/salt.json")),
    ("role/app", include_str!("../golden/stored/role.json")),
    ("role-id/{of-app}", include_str!("../golden/stored/role-id.json")),
    ("secret/{id}/{s1}", include_str!("../golden/stored/secret.json")),
    ("accessor/{id}/11111111-2222-4333-8444-555555555555", include_str!("../golden/stored/accessor.json")),
];

/// The hashes were made by another program: Python's `hmac` with the salt, over the kind, a NUL byte and the rest.
const HASHES: &[(&str, &str)] = &[
    ("{id}", "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"),
    ("{of-app}", "7e3dc984deda2d00362329edfdc317fe0ad574f77ba5af509e0636c4ddbd5051"),
    ("{s1}", "4f7f7a2c0e4afffc750fb99261521e14a0021cb64f853ad86d3acdc173129896"),
];

#[tokio::test]
async fn what_was_stored_once_still_opens() {
    let harness = Harness::new(engine()).await;
    let view = harness.view();
    let mut changes = view.changes();
    for (name, text) in STORED {
        let name = HASHES.iter().fold((*name).to_owned(), |name, (word, hash)| name.replace(word, hash));
        changes = changes.create(&name, text.trim_end().as_bytes().to_vec());
    }
    changes.commit().await.expect("an empty store takes it");
    let data = json!({ "role_id": "of-app", "secret_id": "s1" });
    let login = log_in_from(&harness, "127.0.0.1", data).await["login"].take();
    assert_eq!(login["metadata"], json!({ "k": "v", "role_name": "app" }));
    assert_eq!(login["terms"]["token_policies"], json!(["a"]));
    let seen = harness.write(
        "role/app/secret-id-accessor/lookup",
        json!({ "secret_id_accessor": "11111111-2222-4333-8444-555555555555" }),
    );
    let seen = seen.await["data"].take();
    assert_eq!((&seen["secret_id_num_uses"], &seen["cidr_list"]), (&json!(6), &json!(["127.0.0.0/8"])));
    assert_eq!(seen["creation_time"], "2026-01-02T03:04:05Z");
}
