use serde_json::json;

use super::{ALL, data, make, token_in};
use crate::testing::outside::Outside;
use crate::testing::{Bench, denied, invalid};

#[tokio::test]
async fn tokens_and_accessors_end_in_their_namespace() {
    let bench = Bench::new().await;
    let id = make(&bench, "", "team").await;
    let root = bench.root().within("team");
    let made = root.write("auth/token/create", json!({ "policies": "p" })).await;
    let (token, accessor) =
        (made["auth"]["client_token"].as_str().unwrap(), made["auth"]["accessor"].as_str().unwrap());
    assert!(token.starts_with("hvs.") && token.ends_with(&format!(".{id}")), "{token}");
    assert!(accessor.ends_with(&format!(".{id}")), "{accessor}");
    let looked = root.write("auth/token/lookup-accessor", json!({ "accessor": accessor })).await;
    assert_eq!(looked["data"]["namespace_path"], json!("team/"));
    let own = bench.with(token).within("team").lookup().await;
    assert_eq!((&own["id"], &own["namespace_path"]), (&json!(token), &json!("team/")));
    let batch = root.create("create", json!({ "policies": "p", "type": "batch" })).await;
    assert!(batch.starts_with("hvb.") && batch.ends_with(&format!(".{id}")), "{batch}");
    assert_eq!(bench.with(&batch).within("team").lookup().await["type"], json!("batch"));
    // The dot's end alone says nothing: what is sealed within counts.
    let other = make(&bench, "", "other").await;
    let moved = batch.replace(&id, &other);
    assert_eq!(bench.with(&moved).within("other").read("auth/token/lookup-self").await, denied());
    let custom = root.create("create", json!({ "policies": "p", "id": "mine" })).await;
    assert_eq!(custom, format!("mine.{id}"));
    assert_eq!(bench.with("mine").read("auth/token/lookup-self").await, denied());
}

#[tokio::test]
async fn a_token_acts_in_its_namespace_and_below_and_nowhere_else() {
    let bench = Bench::new().await;
    make(&bench, "", "a").await;
    make(&bench, "a", "b").await;
    make(&bench, "", "c").await;
    for ns in ["", "a", "a/b", "c"] {
        let root = bench.root().within(ns);
        root.write("sys/mounts/secret", json!({ "type": "kv" })).await;
        root.write("secret/x", json!({ "in": ns })).await;
    }
    let all = token_in(&bench, "a", "all", ALL).await;
    let some = token_in(&bench, "a", "some", "path \"b/secret/*\" { capabilities = [\"read\"] }").await;
    for (token, ns, may) in [
        (&all, "a", true),
        (&all, "a/b", true),
        (&all, "", false),
        (&all, "c", false),
        (&some, "a", false),
        (&some, "a/b", true),
        (&some, "", false),
        (&some, "c", false),
    ] {
        let expected = if may { data(&json!({ "in": ns })) } else { denied() };
        assert_eq!(bench.with(token).within(ns).read("secret/x").await, expected, "{ns}");
        let path = [ns, if ns.is_empty() { "" } else { "/" }, "secret/x"].concat();
        // Without a header the request is to the root namespace first, whose path names the other.
        assert_eq!(bench.with(token).read(&path).await, expected, "{path}");
    }
    let can = bench.with(&some).within("a/b").write("sys/capabilities-self", json!({ "paths": "secret/x" })).await;
    assert_eq!(can, denied(), "its policy is not about it");
    let can =
        bench.with(&all).within("a/b").write("sys/capabilities", json!({ "token": some, "paths": "secret/x" })).await;
    assert_eq!(can["data"]["capabilities"], json!(["read"]));
    let can =
        bench.with(&all).within("a").write("sys/capabilities", json!({ "token": some, "paths": "secret/x" })).await;
    assert_eq!(can["data"]["capabilities"], json!(["deny"]));
    let sibling = token_in(&bench, "c", "all", ALL).await;
    let can = bench.with(&sibling).within("c").write("sys/capabilities", json!({ "token": some, "paths": "x" })).await;
    assert_eq!(can, invalid("invalid token"));
    for path in ["auth/token/lookup", "auth/token/renew"] {
        let told = bench.with(&sibling).within("c").write(path, json!({ "token": some })).await;
        assert!(told["refused"].as_str().unwrap_or_default().starts_with("DeniedBecause"), "{path}: {told}");
    }
    bench.with(&sibling).within("c").write("auth/token/revoke", json!({ "token": some })).await;
    assert_eq!(bench.with(&some).within("a/b").read("secret/x").await, data(&json!({ "in": "a/b" })));
}

#[tokio::test]
async fn a_token_made_below_goes_with_the_one_that_made_it() {
    let bench = Bench::new().await;
    let id = make(&bench, "", "team").await;
    let above = bench.token_for("above", ALL).await;
    let unnamed = bench.with(&above).within("team").write("auth/token/create", json!({})).await;
    assert_eq!(unnamed, invalid("policies must be named: those of the parent token are of another namespace"));
    let root = bench.root().within("team").write("auth/token/create", json!({ "policies": "root" })).await;
    assert_eq!(root, invalid("root tokens can be made in the root namespace only"));
    let below = bench.with(&above).within("team").create("create", json!({ "policies": "p" })).await;
    let batch = bench.with(&above).within("team").create("create", json!({ "policies": "p", "type": "batch" })).await;
    let client = bench.with(&below).within("team");
    assert_eq!(client.lookup().await["orphan"], json!(false));
    assert_eq!(bench.with(&batch).within("team").lookup().await["orphan"], json!(false));
    let weak = "path \"team/auth/token/create\" { capabilities = [\"update\"] }";
    let weak = bench.token_for("weak", weak).await;
    let named = bench.with(&weak).within("team").write("auth/token/create", json!({ "policies": "weak" })).await;
    assert_eq!(named, invalid("child policies must be subset of parent"), "a name is not the same policy there");
    bench.root().write("auth/token/tidy", json!({})).await;
    assert_eq!(bench.root().write("auth/token/revoke", json!({ "token": above })).await, json!({}));
    for token in [&below, &batch] {
        assert_eq!(bench.with(token).within("team").read("auth/token/lookup-self").await, denied());
    }
    let left = bench.keys("ns/").await;
    let own = [format!("ns/{id}/token"), format!("ns/{id}/accessor")];
    let is_below = |key: &&String| own.iter().any(|own| key.starts_with(own)) || key.contains(&format!(".{id}"));
    assert_eq!(left.iter().find(is_below), None);
}

#[tokio::test]
async fn a_lease_that_is_made_below_goes_with_the_token_and_is_of_the_namespace_below() {
    let bench = Bench::new().await;
    let id = make(&bench, "", "team").await;
    let outside = Outside::named("below");
    let about = json!({ "type": "lender", "options": { "outside": "below" } });
    assert_eq!(bench.root().within("team").write("sys/mounts/db", about).await, json!({}));
    let above = bench.token_for("above", ALL).await;
    let batch = bench.with(&above).create("create", json!({ "type": "batch", "policies": "above" })).await;
    for token in [&above, &batch] {
        let lent = bench.with(token).read("team/db/lend/app").await;
        let lease = lent["lease"]["id"].as_str().unwrap_or_else(|| panic!("no lease: {lent}")).to_owned();
        assert!(lease.starts_with("db/lend/app/") && lease.ends_with(&format!(".{id}")), "{lease}");
        let about = json!({ "lease_id": lease });
        assert_eq!(bench.root().write("sys/leases/lookup", about.clone()).await, invalid("invalid lease"));
        let found = bench.root().within("team").write("sys/leases/lookup", about).await;
        assert_eq!(found["data"]["id"], json!(lease));
    }
    assert_eq!(outside.things(), 2);
    bench.root().write("auth/token/revoke", json!({ "token": above })).await;
    bench.settle().await;
    assert_eq!(outside.things(), 0);
    let left = bench.keys("").await;
    assert_eq!(left.iter().find(|key| key.contains("lease")), None);
}

#[tokio::test]
async fn a_reply_that_was_wrapped_in_a_namespace_opens_from_anywhere_once() {
    let bench = Bench::new().await;
    make(&bench, "", "team").await;
    for ns in ["team", "", "none"] {
        let client = bench.root().within("team");
        let mut request = client.request(framework::Operation::Update, "sys/wrapping/wrap", json!({ "x": 1 }));
        request.wrap_ttl = Some(std::time::Duration::from_secs(60));
        let reply = client.answer(request).await.expect("it is wrapped");
        let token = reply.wrap_info.expect("a token").token.expose().clone();
        let opened = bench.with(&token).within(ns).write("sys/wrapping/unwrap", json!({})).await;
        assert_eq!(opened["data"]["data"], json!({ "x": 1 }), "{ns}: {opened}");
        let again = bench.with(&token).within(ns).write("sys/wrapping/unwrap", json!({})).await;
        assert_eq!(again, invalid("wrapping token is not valid or does not exist"), "{ns}");
    }
}
