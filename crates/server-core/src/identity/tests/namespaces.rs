//! Identity is a namespace's own: what one knows, no other does.

use serde_json::json;

use super::{Bench, denied, id, invalid};

async fn two(bench: &Bench) {
    for name in ["mine", "theirs"] {
        let made = bench.root().write(&format!("sys/namespaces/{name}"), json!({})).await;
        assert!(made["data"]["id"].is_string(), "{made}");
    }
}

#[tokio::test]
async fn names_ids_and_accessors_of_another_namespace_are_unknown() {
    let bench = Bench::new().await;
    two(&bench).await;
    let (mine, theirs) = (bench.root().within("mine"), bench.root().within("theirs"));
    let entity = id(&mine.write("identity/entity", json!({ "name": "bob" })).await);
    let group = id(&mine.write("identity/group", json!({ "name": "team", "member_entity_ids": [entity] })).await);
    let accessor = mine.read("sys/auth").await["data"]["token/"]["accessor"].take();
    let other = id(&theirs.write("identity/entity", json!({ "name": "bob" })).await);
    assert_ne!(entity, other, "the same name, somebody else");
    let shown = mine.read("identity/entity/name/bob").await["data"].take();
    assert_eq!(shown["namespace_id"], bench.root().read("sys/namespaces/mine").await["data"]["id"]);
    for path in [format!("identity/entity/id/{entity}"), format!("identity/group/id/{group}")] {
        assert!(theirs.read(&path).await["refused"].is_string(), "{path}");
        assert!(bench.root().read(&path).await["refused"].is_string(), "{path}");
    }
    let alias = json!({ "name": "x", "mount_accessor": accessor });
    let refused = theirs.write("identity/entity-alias", alias).await;
    assert_eq!(refused, invalid(&format!("invalid mount accessor {accessor}")));
    let member = theirs.write("identity/group", json!({ "name": "x", "member_entity_ids": [entity] })).await;
    assert_eq!(member, invalid(&format!("invalid entity ID {entity:?}")));
    let child = theirs.write("identity/group", json!({ "name": "x", "member_group_ids": [group] })).await;
    assert_eq!(child, invalid(&format!("invalid member group ID {group:?}")));
}

#[tokio::test]
async fn a_token_s_entity_gives_it_rights_by_the_policies_of_its_own_namespace() {
    let bench = Bench::new().await;
    two(&bench).await;
    let (root, mine) = (bench.root(), bench.root().within("mine"));
    let text = "path \"mine/kv/*\" { capabilities = [\"read\"] }";
    for (client, text) in [(&root, text), (&mine, "path \"kv/{{identity.entity.name}}\" { capabilities = [\"read\"] }")]
    {
        client.write("sys/policies/acl/reader", json!({ "policy": text })).await;
        let role = json!({ "allowed_entity_aliases": ["*"], "orphan": true, "allowed_policies": ["default"] });
        assert_eq!(client.write("auth/token/roles/person", role).await, json!({}));
    }
    mine.write("sys/mounts/kv", json!({ "type": "kv" })).await;
    for name in ["bob", "secret"] {
        mine.write(&format!("kv/{name}"), json!({ "a": 1 })).await;
    }
    for (client, name, sees) in [(&root, "above", ["bob", "secret"].as_slice()), (&mine, "bob", &["bob"])] {
        let made = client.write("auth/token/create/person", json!({ "entity_alias": name })).await["auth"].take();
        let (token, entity) =
            (made["client_token"].as_str().expect("a token"), made["entity_id"].as_str().expect("an id"));
        let person = bench.with(token).within("mine");
        assert_eq!(person.read("kv/bob").await, denied(), "{name} before");
        let about = json!({ "name": name, "policies": ["reader"] });
        assert_eq!(client.write(&format!("identity/entity/id/{entity}"), about).await, json!({}));
        for secret in ["bob", "secret"] {
            let may = person.read(&format!("kv/{secret}")).await != denied();
            assert_eq!(may, sees.contains(&secret), "{name} reads {secret}");
        }
        assert_eq!(client.write(&format!("identity/entity/id/{entity}"), json!({ "disabled": true })).await, json!({}));
        assert_eq!(person.read("kv/bob").await, denied(), "{name} disabled");
    }
}

#[tokio::test]
async fn a_token_made_in_a_namespace_below_has_no_entity_of_the_one_above() {
    let bench = Bench::new().await;
    two(&bench).await;
    let root = bench.root();
    let role = json!({ "allowed_entity_aliases": ["*"], "orphan": true, "allowed_policies": ["maker"] });
    root.write("auth/token/roles/person", role).await;
    let text = "path \"mine/auth/token/create\" { capabilities = [\"update\", \"sudo\"] }";
    root.write("sys/policies/acl/maker", json!({ "policy": text })).await;
    let above = root.create("create/person", json!({ "entity_alias": "bob" })).await;
    assert_ne!(bench.with(&above).lookup().await["entity_id"], json!(""));
    let below = bench.with(&above).within("mine").create("create", json!({ "policies": "default" })).await;
    assert_eq!(bench.with(&below).within("mine").lookup().await["entity_id"], json!(""));
}
