//! Entities, groups and aliases through the API, with two nodes, and with a crash in between.

use std::collections::BTreeSet;
use std::sync::Arc;

use barrier::CacheMode;
use serde_json::{Value, json};
use storage::memory::Memory;
use storage::rival::Rival;

use crate::testing::{Bench, Yielding, denied, invalid};

mod namespaces;

fn id(reply: &Value) -> String {
    reply["data"]["id"].as_str().unwrap_or_else(|| panic!("no id: {reply}")).to_owned()
}

async fn entity(bench: &Bench, about: Value) -> String {
    id(&bench.root().write("identity/entity", about).await)
}

async fn group(bench: &Bench, about: Value) -> String {
    id(&bench.root().write("identity/group", about).await)
}

/// The accessor of the mount of tokens, at which token roles know aliases.
async fn accessor(bench: &Bench) -> String {
    let mounts = bench.root().read("sys/auth").await;
    mounts["data"]["token/"]["accessor"].as_str().expect("every mount has one").to_owned()
}

/// A token of the entity that is known by this alias.
async fn token_of(bench: &Bench, alias: &str) -> String {
    let root = bench.root();
    let role = json!({ "allowed_entity_aliases": ["*"], "orphan": true, "allowed_policies": ["default"] });
    assert_eq!(root.write("auth/token/roles/person", role).await, json!({}));
    root.create("create/person", json!({ "entity_alias": alias })).await
}

#[tokio::test]
async fn an_entity_is_made_shown_changed_and_removed() {
    let bench = Bench::new().await;
    let root = bench.root();
    let made = root.write("identity/entity", json!({ "name": "Bob", "metadata": { "team": "a" } })).await;
    let bob = id(&made);
    assert_eq!(made, json!({ "data": { "id": bob, "name": "Bob", "aliases": null } }));
    assert_eq!(root.write("identity/entity", json!({ "name": "bob", "policies": ["B", "a", "b"] })).await, json!({}));
    let shown = root.read("identity/entity/name/BOB").await;
    assert_eq!(shown, root.read(&format!("identity/entity/id/{bob}")).await);
    let data = &shown["data"];
    assert_eq!((&data["name"], &data["policies"]), (&json!("Bob"), &json!(["a", "b"])));
    assert_eq!((&data["metadata"], &data["disabled"]), (&json!({ "team": "a" }), &json!(false)));
    assert_eq!((&data["aliases"], &data["namespace_id"]), (&json!([]), &json!("root")));
    assert_eq!(root.write(&format!("identity/entity/id/{bob}"), json!({ "name": "rob" })).await, json!({}));
    assert_eq!(root.read("identity/entity/name/bob").await["refused"], json!("NotFound: not found"));
    let listed = root.list("identity/entity/name").await;
    assert_eq!(listed["data"], json!({ "keys": ["rob"], "key_info": { "rob": { "id": bob } } }));
    assert_eq!(root.delete("identity/entity/name/rob").await, json!({}));
    assert!(root.list("identity/entity/id").await["data"]["keys"].as_array().is_some_and(Vec::is_empty));
    bench.settle().await;
    for left in ["entity", "due"] {
        let keys: Vec<_> =
            bench.keys("").await.into_iter().filter(|key| key.contains(&bob) && key.contains(left)).collect();
        assert!(keys.is_empty(), "{keys:?}");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let bench = Bench::new().await;
    let root = bench.root();
    entity(&bench, json!({ "name": "one" })).await;
    let two = entity(&bench, json!({ "name": "two" })).await;
    let many: serde_json::Map<_, _> = (0..65).map(|n| (n.to_string(), json!("x"))).collect();
    let cases = [
        ("identity/entity", json!({ "id": "nobody" }), "invalid entity id"),
        ("identity/entity", json!({ "id": two, "name": "ONE" }), "entity name is already in use"),
        ("identity/entity", json!({ "name": "x", "policies": ["root"] }), "policies cannot contain root"),
        ("identity/entity", json!({ "metadata": many }), "metadata must contain at most 64 key/value pairs, not 65"),
        ("identity/entity-alias", json!({ "name": "x" }), "missing mount_accessor"),
        ("identity/entity-alias", json!({ "name": "x", "mount_accessor": "kv_0" }), "invalid mount accessor \"kv_0\""),
        ("identity/lookup/entity", json!({}), "query parameters not supplied"),
        (
            "identity/lookup/entity",
            json!({ "alias_name": "x" }),
            "both 'alias_name' and 'alias_mount_accessor' needs to be set",
        ),
        (
            "identity/lookup/entity",
            json!({ "id": "x", "name": "x" }),
            "query parameter conflict; please supply distinct set of query parameters",
        ),
        ("identity/group", json!({ "type": "odd" }), "invalid group type \"odd\""),
        (
            "identity/group",
            json!({ "type": "external", "member_entity_ids": [two] }),
            "member entities can't be set manually for external groups",
        ),
        ("identity/group", json!({ "member_entity_ids": ["nobody"] }), "invalid entity ID \"nobody\""),
        ("identity/group", json!({ "member_group_ids": ["none"] }), "invalid member group ID \"none\""),
    ];
    for (path, data, text) in cases {
        assert_eq!(root.write(path, data.clone()).await, invalid(text), "{path} {data}");
    }
}

#[tokio::test]
async fn an_alias_finds_its_entity_and_moves_between_entities() {
    let bench = Bench::new().await;
    let (root, accessor) = (bench.root(), accessor(&bench).await);
    let (one, two) = (entity(&bench, json!({ "name": "one" })).await, entity(&bench, json!({ "name": "two" })).await);
    let about =
        json!({ "name": "Bob", "mount_accessor": accessor, "canonical_id": one, "custom_metadata": { "a": "b" } });
    let made = root.write("identity/entity-alias", about).await;
    let alias = id(&made);
    assert_eq!(made["data"], json!({ "id": alias, "canonical_id": one }));
    let shown = root.read(&format!("identity/entity-alias/id/{alias}")).await;
    assert_eq!(shown["data"]["mount_path"], "auth/token/");
    assert_eq!(shown["data"]["custom_metadata"], json!({ "a": "b" }));
    let by_name = json!({ "alias_name": "bob", "alias_mount_accessor": accessor });
    assert_eq!(root.write("identity/lookup/entity", by_name.clone()).await["data"]["id"], json!(one));
    let moved = json!({ "name": "bob", "mount_accessor": accessor, "canonical_id": two });
    assert_eq!(id(&root.write("identity/entity-alias", moved).await), alias, "the same alias");
    assert_eq!(root.write("identity/lookup/entity", by_name.clone()).await["data"]["id"], json!(two));
    let second = json!({ "name": "other", "mount_accessor": accessor, "canonical_id": two });
    let text = "entity already has an alias on the same mount: change that one, or choose another entity";
    assert_eq!(root.write("identity/entity-alias", second).await, invalid(text));
    let info = root.list("identity/entity/id").await["data"]["key_info"][&two]["aliases"].take();
    assert_eq!(info[0]["mount_path"], "auth/token/", "{info}");
    let info = root.list("identity/entity-alias/id").await["data"]["key_info"][&alias].take();
    assert_eq!((&info["local"], &info["custom_metadata"]), (&json!(false), &json!({ "a": "b" })), "{info}");
    assert_eq!(root.delete(&format!("identity/entity/id/{two}")).await, json!({}));
    assert_eq!(root.write("identity/lookup/entity", by_name).await, json!({}), "gone with its entity");
    assert!(root.read(&format!("identity/entity-alias/id/{alias}")).await["refused"].is_string());
}

#[tokio::test]
async fn a_token_has_the_policies_of_its_entity_as_they_are_now() {
    let bench = Bench::new().await;
    let root = bench.root();
    let token = token_of(&bench, "bob").await;
    let bob = bench.with(&token);
    let id = bob.lookup().await["entity_id"].as_str().expect("it has one").to_owned();
    assert!(!id.is_empty());
    bench.mount("kv").await;
    root.write("kv/secret", json!({ "a": 1 })).await;
    assert_eq!(bob.read("kv/secret").await, denied());
    root.write("sys/policies/acl/reader", json!({ "policy": "path \"kv/*\" { capabilities = [\"read\"] }" })).await;
    let path = format!("identity/entity/id/{id}");
    root.write(&path, json!({ "policies": ["reader"] })).await;
    assert_eq!(bob.read("kv/secret").await["data"], json!({ "a": 1 }));
    let lookup = bob.lookup().await;
    assert_eq!(lookup["identity_policies"], json!(["reader"]));
    assert_eq!(lookup["external_namespace_policies"], json!({}));
    assert_eq!(lookup["policies"], json!(["default"]));
    let of_self = bob.write("sys/capabilities-self", json!({ "paths": ["kv/secret"] })).await;
    assert_eq!(of_self["data"]["capabilities"], json!(["read"]));
    let explained = root.write("sys/policies/explain", json!({ "token": token, "path": "kv/secret" })).await;
    assert_eq!(explained["data"]["policies"], json!(["default", "reader"]), "{explained}");
    let renewed = bob.write("auth/token/renew-self", json!({})).await;
    assert_eq!(renewed["auth"]["identity_policies"], json!(["reader"]));
    assert_eq!(renewed["auth"]["policies"], json!(["default", "reader"]));
    root.write(&path, json!({ "policies": [] })).await;
    assert_eq!(bob.read("kv/secret").await, denied());
    root.write(&path, json!({ "disabled": true })).await;
    assert_eq!(bob.read("auth/token/lookup-self").await, denied());
    root.write(&path, json!({ "disabled": false })).await;
    assert!(bob.read(&path).await["data"].is_object(), "everybody may read their own entity");
    root.delete(&path).await;
    assert_eq!(bob.read("auth/token/lookup-self").await, denied());
}

#[tokio::test]
async fn a_batch_token_is_looked_at_with_each_use() {
    let bench = Bench::new().await;
    let root = bench.root();
    let role = json!({ "allowed_entity_aliases": ["*"], "orphan": true, "token_type": "batch", "renewable": false, "allowed_policies": ["default"] });
    assert_eq!(root.write("auth/token/roles/batch", role).await, json!({}));
    let token = root.create("create/batch", json!({ "entity_alias": "bob", "ttl": "1h" })).await;
    let id = bench.with(&token).lookup().await["entity_id"].as_str().expect("it has one").to_owned();
    root.write(&format!("identity/entity/id/{id}"), json!({ "disabled": true })).await;
    assert_eq!(bench.with(&token).read("auth/token/lookup-self").await, denied());
}

#[tokio::test]
async fn groups_give_policies_directly_and_through_other_groups() {
    let bench = Bench::new().await;
    let root = bench.root();
    let token = token_of(&bench, "bob").await;
    let bob = bench.with(&token);
    let entity = bob.lookup().await["entity_id"].take();
    let inner = group(&bench, json!({ "name": "inner", "policies": ["one"], "member_entity_ids": [entity] })).await;
    let outer = group(&bench, json!({ "name": "Outer", "policies": ["two"], "member_group_ids": [inner] })).await;
    assert_eq!(bob.lookup().await["identity_policies"], json!(["one", "two"]));
    let shown = root.read(&format!("identity/entity/id/{}", entity.as_str().expect("a text"))).await;
    assert_eq!(shown["data"]["direct_group_ids"], json!([inner]));
    assert_eq!(shown["data"]["inherited_group_ids"], json!([outer]));
    assert_eq!(shown["data"]["group_ids"], json!([inner, outer]));
    let shown = root.read("identity/group/name/outer").await;
    assert_eq!(shown["data"]["member_group_ids"], json!([inner]));
    assert_eq!(root.read("identity/group/name/inner").await["data"]["parent_group_ids"], json!([outer]));
    let text = format!("cyclic relationship detected for member group ID {outer:?}");
    let circle = root.write(&format!("identity/group/id/{inner}"), json!({ "member_group_ids": [outer] })).await;
    assert_eq!(circle, invalid(&text));
    root.write("identity/group/name/outer", json!({ "policies": ["three"] })).await;
    assert_eq!(bob.lookup().await["identity_policies"], json!(["one", "three"]));
    root.write("identity/group/name/outer", json!({ "member_group_ids": [] })).await;
    assert_eq!(bob.lookup().await["identity_policies"], json!(["one"]));
    root.write("identity/group/name/inner", json!({ "member_entity_ids": [] })).await;
    assert_eq!(bob.lookup().await["identity_policies"], Value::Null);
    root.write("identity/group/name/inner", json!({ "member_entity_ids": [entity] })).await;
    assert_eq!(root.delete("identity/group/name/inner").await, json!({}));
    assert_eq!(bob.lookup().await["identity_policies"], Value::Null);
    bench.settle().await;
    let left: Vec<_> = bench.keys("").await.into_iter().filter(|key| key.contains(&inner)).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_group_has_more_members_than_one_commit_takes() {
    let bench = Bench::new().await;
    let mut ids = Vec::new();
    for _ in 0..130 {
        ids.push(entity(&bench, json!({})).await);
    }
    ids.sort();
    let all = group(&bench, json!({ "name": "all", "member_entity_ids": ids })).await;
    let path = format!("identity/group/id/{all}");
    assert_eq!(bench.root().read(&path).await["data"]["member_entity_ids"], json!(ids));
    let half = ids.split_off(65);
    bench.root().write(&path, json!({ "member_entity_ids": half })).await;
    assert_eq!(bench.root().read(&path).await["data"]["member_entity_ids"], json!(half));
    let listed = bench.root().list("identity/group/id").await;
    assert_eq!(listed["data"]["key_info"][&all]["num_member_entities"], json!(65));
    let gone = bench.root().write("identity/entity/batch-delete", json!({ "entity_ids": half })).await;
    assert_eq!(gone, json!({}));
    assert_eq!(bench.root().read(&path).await["data"]["member_entity_ids"], json!([]));
}

#[tokio::test]
async fn a_list_goes_on_where_the_last_page_ended() {
    let bench = Bench::new().await;
    let mut names = BTreeSet::new();
    for number in 0..25 {
        let name = format!("e{number:02}");
        entity(&bench, json!({ "name": name })).await;
        names.insert(name);
    }
    let (mut seen, mut after) = (BTreeSet::new(), String::new());
    loop {
        let page = json!({ "after": after, "limit": 7 });
        let page = bench.root().call(framework::Operation::List, "identity/entity/name", page).await;
        let keys: Vec<_> = page["data"]["keys"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        let Some(last) = keys.last() else { break };
        assert!(keys.len() <= 7);
        (*last).clone_into(&mut after);
        seen.extend(keys.iter().map(|key| (*key).to_owned()));
    }
    assert_eq!(seen, names);
}

#[tokio::test]
async fn templates_take_their_values_from_the_entity() {
    let bench = Bench::new().await;
    let (root, accessor) = (bench.root(), accessor(&bench).await);
    let token = token_of(&bench, "bob").await;
    let bob = bench.with(&token);
    let entity = bob.lookup().await["entity_id"].as_str().expect("it has one").to_owned();
    let team =
        group(&bench, json!({ "name": "team", "metadata": { "place": "north" }, "member_entity_ids": [entity] })).await;
    let about = json!({ "name": "bob", "policies": ["own"], "metadata": { "color": "red" } });
    root.write(&format!("identity/entity/id/{entity}"), about).await;
    let alias = json!({ "name": "bob", "mount_accessor": accessor, "custom_metadata": { "shift": "late" } });
    root.write("identity/entity-alias", alias).await;
    let selectors = [
        ("identity.entity.id".to_owned(), entity.as_str()),
        ("identity.entity.name".to_owned(), "bob"),
        ("identity.entity.metadata.color".to_owned(), "red"),
        (format!("identity.entity.aliases.{accessor}.name"), "bob"),
        (format!("identity.entity.aliases.{accessor}.custom_metadata.shift"), "late"),
        (format!("identity.groups.ids.{team}.name"), "team"),
        ("identity.groups.names.team.id".to_owned(), team.as_str()),
        ("identity.groups.names.team.metadata.place".to_owned(), "north"),
    ];
    for (selector, value) in selectors {
        let text = format!("path \"x/{{{{{selector}}}}}/y\" {{ capabilities = [\"read\"] }}");
        root.write("sys/policies/acl/own", json!({ "policy": text })).await;
        let path = format!("x/{value}/y");
        let told = bob.write("sys/capabilities-self", json!({ "paths": [path] })).await;
        assert_eq!(told["data"]["capabilities"], json!(["read"]), "{selector}");
        assert_eq!(
            bob.write("sys/capabilities-self", json!({ "paths": ["x/z/y"] })).await["data"]["x/z/y"],
            json!(["deny"])
        );
    }
    let text = "path \"x/{{identity.entity.metadata.color}}\" { capabilities = [\"read\"] }";
    root.write("sys/policies/acl/own", json!({ "policy": text })).await;
    root.write(&format!("identity/entity/id/{entity}"), json!({ "metadata": { "color": "blue" } })).await;
    let told = bob.write("sys/capabilities-self", json!({ "paths": ["x/red", "x/blue"] })).await;
    assert_eq!((&told["data"]["x/red"], &told["data"]["x/blue"]), (&json!(["deny"]), &json!(["read"])));
    root.write(&format!("identity/entity/id/{entity}"), json!({ "metadata": { "color": "*" } })).await;
    let told = bob.write("sys/capabilities-self", json!({ "paths": ["x/anything"] })).await;
    assert_eq!(told["data"]["capabilities"], json!(["deny"]), "a value must not widen a path");
}

/// Two entities with an alias and a group each, of which the first goes into the second.
async fn two_people(bench: &Bench) -> [String; 2] {
    let root = bench.root();
    root.write("sys/auth/other", json!({ "type": "gate" })).await;
    let mounts = root.read("sys/auth").await;
    let mut people = Vec::new();
    for (name, mount) in [("one", "token/"), ("two", "other/")] {
        let person = entity(bench, json!({ "name": name })).await;
        let accessor = &mounts["data"][mount]["accessor"];
        let alias = json!({ "name": "bob", "mount_accessor": accessor, "canonical_id": person });
        assert!(root.write("identity/entity-alias", alias).await["data"].is_object());
        group(bench, json!({ "name": format!("of-{name}"), "policies": [name], "member_entity_ids": [person] })).await;
        people.push(person);
    }
    people.try_into().expect("two of them")
}

async fn check_merged(bench: &Bench, from: &str, into: &str) {
    let root = bench.root();
    let shown = root.read(&format!("identity/entity/id/{into}")).await["data"].take();
    let aliases = shown["aliases"].as_array().expect("a list");
    assert_eq!(aliases.len(), 2, "{shown}");
    assert!(aliases.iter().all(|alias| alias["canonical_id"] == *into));
    assert_eq!(shown["direct_group_ids"].as_array().map(Vec::len), Some(2), "{shown}");
    assert_eq!(shown["merged_entity_ids"], json!([from]));
    assert!(root.read(&format!("identity/entity/id/{from}")).await["refused"].is_string());
}

#[tokio::test]
async fn a_merged_entity_stands_for_the_other_with_all_it_had() {
    let bench = Bench::new().await;
    let [one, two] = two_people(&bench).await;
    let token = token_of(&bench, "bob").await;
    let merge = json!({ "from_entity_ids": [one], "to_entity_id": two });
    assert_eq!(bench.root().write("identity/entity/merge", merge.clone()).await, json!({}));
    check_merged(&bench, &one, &two).await;
    assert_eq!(bench.with(&token).lookup().await["identity_policies"], json!(["one", "two"]));
    assert_eq!(bench.root().write("identity/entity/merge", merge).await, invalid("entity id to merge from is invalid"));
    let third = entity(&bench, json!({ "name": "three" })).await;
    let merge = json!({ "from_entity_ids": [two], "to_entity_id": third });
    assert_eq!(bench.root().write("identity/entity/merge", merge).await, json!({}));
    assert_eq!(bench.with(&token).lookup().await["identity_policies"], json!(["one", "two"]));
    bench.root().delete(&format!("identity/entity/id/{third}")).await;
    assert_eq!(bench.with(&token).read("auth/token/lookup-self").await, denied());
    bench.settle().await;
    for gone in [&one, &two, &third] {
        let left: Vec<_> = bench.keys("").await.into_iter().filter(|key| key.contains(gone.as_str())).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[tokio::test]
async fn two_aliases_at_one_mount_need_somebody_to_choose() {
    let bench = Bench::new().await;
    let (root, accessor) = (bench.root(), accessor(&bench).await);
    let mut all = Vec::new();
    for name in ["a", "b"] {
        let reply = root.write("identity/entity-alias", json!({ "name": name, "mount_accessor": accessor })).await;
        all.push((id(&reply), reply["data"]["canonical_id"].clone()));
    }
    let merge = |keep: Value| json!({ "from_entity_ids": [all[0].1], "to_entity_id": all[1].1, "conflicting_alias_ids_to_keep": keep });
    let refused = root.write("identity/entity/merge", merge(json!([]))).await["refused"].to_string();
    assert!(refused.contains("have aliases with the same mount accessor"), "{refused}");
    assert_eq!(root.write("identity/entity/merge", merge(json!([all[0].0]))).await, json!({}));
    let shown = root.read(&format!("identity/entity/id/{}", all[1].1.as_str().expect("a text"))).await;
    assert_eq!(shown["data"]["aliases"][0]["id"], json!(all[0].0), "{shown}");
    assert_eq!(shown["data"]["aliases"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_merge_that_crashes_is_taken_up_again() {
    let memory = Arc::new(Memory::new());
    let bench = Bench::over(Arc::clone(&memory) as _).await;
    let [one, two] = two_people(&bench).await;
    let identities = &bench.core.seals.identities;
    let merge = super::merge::Merge { from: vec![one.clone()], into: two.clone(), keep: Vec::new() };
    let marked = identities.mark_merge("root", &one, &merge).await;
    assert!(marked.is_ok(), "the mark is committed");
    let bench = bench.crashed(memory).await;
    bench.settle().await;
    check_merged(&bench, &one, &two).await;
}

#[tokio::test]
async fn of_two_merges_of_the_same_entities_one_wins() {
    for turns in 0..12 {
        let mut bench = Bench::fresh(Arc::new(Yielding(Memory::new())), CacheMode::ReadThrough);
        bench.init().await;
        let other = bench.beside().await;
        let [one, two] = two_people(&bench).await;
        let (there, back) = (
            json!({ "from_entity_ids": [one], "to_entity_id": two }),
            json!({ "from_entity_ids": [two], "to_entity_id": one }),
        );
        let (root, other_root) = (bench.root(), other.root());
        let (first, second) = tokio::join!(
            root.write("identity/entity/merge", there),
            crate::testing::late(turns, other_root.write("identity/entity/merge", back)),
        );
        let (from, into) = match (first == json!({}), second == json!({})) {
            (true, false) => (one, two),
            (false, true) => (two, one),
            both => panic!("{turns}: {both:?} {first} {second}"),
        };
        bench.settle().await;
        check_merged(&bench, &from, &into).await;
    }
}

#[tokio::test]
async fn first_logins_at_once_make_one_entity() {
    for turns in 0..12 {
        let mut bench = Bench::fresh(Arc::new(Yielding(Memory::new())), CacheMode::ReadThrough);
        bench.init().await;
        let other = bench.beside().await;
        let role = json!({ "allowed_entity_aliases": ["*"], "orphan": true });
        bench.root().write("auth/token/roles/person", role).await;
        let about = json!({ "entity_alias": "bob" });
        let (here, there) = (bench.root(), other.root());
        let (first, second) = tokio::join!(
            here.create("create/person", about.clone()),
            crate::testing::late(turns, there.create("create/person", about.clone())),
        );
        let mut ids = Vec::new();
        for token in [first, second] {
            ids.push(bench.with(&token).lookup().await["entity_id"].take());
        }
        assert_eq!(ids[0], ids[1], "turn {turns}");
        assert_eq!(bench.root().list("identity/entity/id").await["data"]["keys"], json!([ids[0]]));
    }
}

#[tokio::test]
async fn rivals_only_make_it_slower() {
    let rival = Arc::new(Rival::new(Arc::new(Memory::new()), 7, 30));
    let mut bench = Bench::fresh(Arc::clone(&rival) as _, CacheMode::ReadThrough);
    bench.init().await;
    let [one, two] = two_people(&bench).await;
    let merge = json!({ "from_entity_ids": [one], "to_entity_id": two });
    assert_eq!(bench.root().write("identity/entity/merge", merge).await, json!({}));
    check_merged(&bench, &one, &two).await;
    assert!(rival.strikes() > 0, "nobody was in the way");
}
