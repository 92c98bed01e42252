use std::collections::BTreeMap;

use super::{Account, ApiServer, Fault, KEY, Renewing, Value, World, denied, engine, json, refused, role, within};
use framework::Operation;
use framework::testing::object;

const DENIED: &str = "permission denied";

#[tokio::test]
async fn a_pods_token_logs_in_once_the_cluster_has_said_whose_it_is() {
    let world = World::new(role()).await;
    drop(world.cluster.asked());
    for token in [world.token("shop", "web"), world.cluster.legacy_token("shop", "web").expect("an account")] {
        let login = world.log_in(&format!(" {token}\n")).await["login"].take();
        let uid = "00000000-0000-4000-8000-000000000002";
        assert_eq!((&login["alias"], &login["display_name"]), (&json!(uid), &json!("shop-web")), "{login}");
        assert_eq!(login["metadata"]["service_account_uid"], uid);
        assert_eq!(login["metadata"]["service_account_name"], "web");
        assert_eq!(login["metadata"]["service_account_namespace"], "shop");
        assert_eq!(login["metadata"]["role"], "web");
        assert_eq!((&login["terms"]["token_policies"], &login["expected"]), (&json!(["p"]), &json!(2)));
    }
    assert_eq!(world.cluster.asked(), ["POST /apis/authentication.k8s.io/v1/tokenreviews"; 2]);
    world.harness.write("role/web", json!({ "alias_name_source": "serviceaccount_name" })).await;
    assert_eq!(world.log_in(&world.token("shop", "web")).await["login"]["alias"], "shop/web");
}

#[tokio::test]
async fn what_is_missing_or_not_authorized_is_said() {
    let world = World::new(role()).await;
    let token = world.token("shop", "web");
    let write = async |data: Value| world.harness.write("login", data).await;
    assert_eq!(write(json!({ "jwt": token })).await, refused("missing role"));
    assert_eq!(write(json!({ "role": "web" })).await, refused("missing jwt"));
    assert_eq!(write(json!({ "role": "web", "jwt": " " })).await, refused("missing jwt"));
    assert_eq!(write(json!({ "role": "none", "jwt": token })).await, refused("invalid role name \"none\""));
    world.cluster.make_account("shop", "other", Account::default());
    world.cluster.make_account("else", "web", Account::default());
    drop(world.cluster.asked());
    assert_eq!(world.log_in(&world.token("shop", "other")).await, denied("service account name not authorized"));
    assert_eq!(world.log_in(&world.token("else", "web")).await, denied("namespace not authorized"));
    for nonsense in ["nonsense", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", &"x".repeat(300_000)] {
        assert_eq!(world.log_in(nonsense).await, denied(DENIED), "{nonsense:.30}");
    }
    assert_eq!(world.cluster.asked(), Vec::<String>::new(), "the cluster is not asked about them");
    let empty = framework::testing::Harness::new(engine()).await;
    empty.write("role/web", role()).await;
    let unset = refused("could not load backend configuration");
    assert_eq!(empty.write("login", json!({ "role": "web", "jwt": token })).await, unset);
}

#[tokio::test]
async fn a_token_that_the_cluster_does_not_know_is_nobodys() {
    let world = World::new(role()).await;
    let token = world.token("shop", "web");
    // Another cluster has an account of the same name, and of the same id even.
    let other = ApiServer::start(0, Some(1_893_456_000)).await.expect("it listens");
    other.make_account("kube-system", "reviewer", Account::default());
    other.make_account("shop", "web", Account::default());
    assert_eq!(world.log_in(&other.token("shop", "web", &[]).expect("an account")).await, denied(DENIED));
    world.cluster.make_account("shop", "web", Account::default());
    assert_eq!(world.log_in(&token).await, denied(DENIED), "made anew, it is another account");
    let fresh = world.token("shop", "web");
    assert!(world.log_in(&fresh).await["login"].is_object());
    world.cluster.remove_account("shop", "web");
    assert_eq!(world.log_in(&fresh).await, denied(DENIED));
    let claims = |text: &str| text.split('.').nth(1).expect("claims").to_owned();
    let world = World::new(role()).await;
    world.cluster.make_account("shop", "other", Account::default());
    let (web, other) = (world.token("shop", "web"), world.token("shop", "other"));
    let forged = other.replace(&claims(&other), &claims(&web));
    assert_eq!(world.log_in(&forged).await, denied(DENIED));
}

#[tokio::test]
async fn an_audience_that_the_role_names_is_asked_for() {
    let world = World::new(role()).await;
    world.harness.write("role/web", json!({ "audience": "vault" })).await;
    let token = |audiences: &[&str]| world.cluster.token("shop", "web", audiences).expect("an account");
    assert!(world.log_in(&token(&["other", "vault"])).await["login"].is_object());
    for audiences in [&["other"][..], &[]] {
        assert_eq!(world.log_in(&token(audiences)).await, denied(DENIED));
    }
    let legacy = world.cluster.legacy_token("shop", "web").expect("an account");
    assert_eq!(world.log_in(&legacy).await, denied(DENIED));
    world.harness.write("role/web", json!({ "audience": "" })).await;
    assert_eq!(world.log_in(&token(&["vault"])).await, denied(DENIED), "the cluster does not take it for itself");
    assert!(world.log_in(&token(&[])).await["login"].is_object());
}

#[tokio::test]
async fn names_and_namespaces_are_patterns_and_labels_are_asked_for() {
    let world =
        World::new(json!({ "bound_service_account_names": "w*", "bound_service_account_namespaces": "sh*,x" })).await;
    assert!(world.log_in(&world.token("shop", "web")).await["login"].is_object());
    let selector = r#"{"matchLabels":{"team":"a"},"matchExpressions":[{"key":"tier","operator":"NotIn","values":["test"]},
        {"key":"owner","operator":"Exists"},{"key":"closed","operator":"DoesNotExist"},
        {"key":"zone","operator":"In","values":["1","2"]}]}"#;
    let narrowed = json!({ "bound_service_account_namespaces": "elsewhere", "bound_service_account_namespace_selector": selector });
    assert_eq!(world.harness.write("role/web", narrowed).await, json!({}));
    let good = [("team", "a"), ("owner", "me"), ("zone", "2")];
    drop(world.cluster.asked());
    for (labels, fits) in [
        (&good[..], true),
        (&[&good[..], &[("tier", "live")]].concat()[..], true),
        (&[&good[..], &[("tier", "test")]].concat()[..], false),
        (&[&good[..], &[("closed", "")]].concat()[..], false),
        (&good[..2], false),
        (&good[1..], false),
        (&[], false),
    ] {
        world.cluster.label("shop", labels);
        let reply = world.log_in(&world.token("shop", "web")).await;
        assert_eq!(reply["login"].is_object(), fits, "{labels:?} {reply}");
        if !fits {
            assert_eq!(reply, denied("namespace not authorized"));
        }
    }
    let asked = world.cluster.asked();
    let both = ["POST /apis/authentication.k8s.io/v1/tokenreviews", "GET /api/v1/namespaces/shop"];
    assert_eq!(asked[..2], both, "strangers make nobody look for labels");
}

#[tokio::test]
async fn a_signature_is_checked_here_where_there_are_keys() {
    let world = World::new(role()).await;
    let (token, reviewer) = (world.token("shop", "web"), world.token("kube-system", "reviewer"));
    world.configure(json!({ "token_reviewer_jwt": reviewer, "pem_keys": [KEY] })).await;
    drop(world.cluster.asked());
    assert_eq!(world.log_in(&token).await, denied(DENIED));
    assert_eq!(world.cluster.asked(), Vec::<String>::new(), "the cluster is not even asked");
    world.configure(json!({ "token_reviewer_jwt": reviewer, "pem_keys": [KEY, world.cluster.public_key()] })).await;
    assert!(world.log_in(&token).await["login"].is_object());
    let issuer = json!({ "token_reviewer_jwt": reviewer, "disable_iss_validation": false });
    world.configure(issuer).await;
    assert_eq!(world.log_in(&token).await, denied(DENIED));
    let legacy = world.cluster.legacy_token("shop", "web").expect("an account");
    assert!(world.log_in(&legacy).await["login"].is_object(), "the usual issuer is that of the older tokens");
    let own = json!({ "token_reviewer_jwt": reviewer, "disable_iss_validation": false,
        "issuer": simulators::kubernetes::AUDIENCE });
    world.configure(own).await;
    assert!(world.log_in(&token).await["login"].is_object());
    world.harness.clock().advance(std::time::Duration::from_secs(3_600 + 61));
    assert_eq!(world.log_in(&token).await, denied(DENIED), "it has expired");
}

#[tokio::test]
async fn who_asks_is_the_reviewer_this_pod_or_the_account_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = World::new(role()).await;
    let own = outbound::parse_url(&world.cluster.url()).expect("a URL");
    let engine = |cluster| within(folder.path().to_owned(), cluster).expect("a sound table");
    world.harness = world.harness.with_engine(engine(Some(own.clone())));
    world.configure(json!({})).await;
    let token = world.token("shop", "web");
    assert_eq!(world.log_in(&token).await, denied(DENIED), "an account may not review itself");
    let own = Account { may_review: true, ..Account::default() };
    world.cluster.make_account("shop", "web", own);
    assert!(world.log_in(&world.token("shop", "web")).await["login"].is_object());
    // From now on this server runs in a pod whose account may review.
    world.cluster.make_account("shop", "web", Account::default());
    std::fs::write(folder.path().join("token"), world.token("kube-system", "reviewer")).expect("a file");
    std::fs::write(folder.path().join("ca.crt"), &world.cluster.authority).expect("a file");
    world.configure(json!({ "kubernetes_ca_cert": "" })).await;
    world.harness.clock().advance(std::time::Duration::from_secs(61));
    assert!(world.log_in(&world.token("shop", "web")).await["login"].is_object());
    world.configure(json!({ "kubernetes_ca_cert": "", "disable_local_ca_jwt": true })).await;
    assert_eq!(world.log_in(&world.token("shop", "web")).await["error"], "world", "nobody trusts the cluster");
    // What says who this server is goes to its own cluster alone, whoever sets up a mount.
    for elsewhere in [None, Some(outbound::parse_url("https://10.96.0.1:443").expect("a URL"))] {
        world.harness = world.harness.with_engine(engine(elsewhere));
        world.configure(json!({})).await;
        assert_eq!(world.log_in(&world.token("shop", "web")).await, denied(DENIED), "the account asks for itself");
    }
}

#[tokio::test]
async fn a_cluster_that_does_not_tell_is_the_operators_business() {
    let world = World::new(role()).await;
    let token = world.token("shop", "web");
    for (fault, error) in [
        (Fault::Status(401), "it answers 401"),
        (Fault::Status(403), "it answers 403"),
        (Fault::Status(500), "it answers 500"),
        (Fault::Status(302), "redirect"),
        (Fault::Cut, "broke off"),
        (Fault::Hang, "no complete answer within"),
        (Fault::Body("<html>".to_owned()), "read an answer of the Kubernetes API"),
        (Fault::Body("x".repeat(2_000_000)), "longer than"),
    ] {
        world.cluster.fail(Some(fault.clone()));
        let reply = world.log_in(&token).await;
        assert_eq!(reply["error"], "world", "{fault:?}");
        let text = reply["text"].as_str().unwrap_or_default();
        assert!(text.contains(error) && !text.contains(&token), "{fault:?}: {text}");
    }
    for lie in [
        json!({}),
        json!({ "status": { "authenticated": false } }),
        json!({ "status": { "authenticated": true } }),
        json!({ "status": { "authenticated": true, "error": "x",
            "user": { "username": "system:serviceaccount:shop:web", "uid": "00000000-0000-4000-8000-000000000002" } } }),
        json!({ "status": { "authenticated": true, "user": { "username": "system:serviceaccount:shop:web", "uid": "" } } }),
        json!({ "status": { "authenticated": true, "user": { "username": "system:serviceaccount:shop:web2",
            "uid": "00000000-0000-4000-8000-000000000002" } } }),
    ] {
        world.cluster.fail(Some(Fault::Body(lie.to_string())));
        assert_eq!(world.log_in(&token).await, denied(DENIED), "{lie}");
    }
    world.cluster.fail(None);
    assert!(world.log_in(&token).await["login"].is_object());
    let elsewhere = ApiServer::start(0, None).await.expect("it listens");
    world.configure(json!({ "kubernetes_host": elsewhere.url() })).await;
    assert_eq!(world.log_in(&token).await["error"], "world", "another authority is not believed");
}

#[tokio::test]
async fn annotations_become_metadata_of_the_alias_where_that_is_wanted() {
    let world = World::new(role()).await;
    let long = "v".repeat(600);
    let annotations = [
        ("vault.hashicorp.com/alias-metadata-team", "a"),
        ("vault.hashicorp.com/alias-metadata-service_account_name", "root"),
        ("vault.hashicorp.com/alias-metadata-long", long.as_str()),
        ("other", "b"),
    ];
    let annotations: BTreeMap<_, _> = annotations.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    world.cluster.make_account("shop", "web", Account { annotations, ..Account::default() });
    let reviewer = world.token("kube-system", "reviewer");
    let alias = async || {
        let data = object(json!({ "role": "web", "jwt": world.token("shop", "web") }));
        let reply = world.harness.call(Operation::Update, "login", data).await.expect("it logs in");
        reply.login.expect("a login").alias.expect("an alias").metadata.expect("metadata")
    };
    assert_eq!(alias().await.len(), 4);
    world.configure(json!({ "token_reviewer_jwt": reviewer, "use_annotations_as_alias_metadata": true })).await;
    let metadata = alias().await;
    assert_eq!((metadata.len(), &metadata["team"][..], &metadata["service_account_name"][..]), (5, "a", "web"));
}

#[tokio::test]
async fn a_renewal_looks_at_the_role_again_and_asks_no_cluster() {
    let world = World::new(role()).await;
    let note = world.log_in(&world.token("shop", "web")).await["login"]["note"].take();
    drop(world.cluster.asked());
    let renew = async || {
        let note = serde_json::value::to_raw_value(&note).expect("JSON is JSON");
        let renewed =
            world.harness.engine().renew_login(&world.harness.context(""), Renewing::new(note, Vec::new())).await;
        renewed.map(|it| it.terms.period_secs).map_err(|error| error.to_string())
    };
    world.harness.write("role/web", json!({ "token_period": 60 })).await;
    assert_eq!(renew().await, Ok(60));
    world.harness.delete("role/web").await;
    assert_eq!(renew().await, Err("role \"web\" does not exist during renewal".to_owned()));
    assert_eq!(world.cluster.asked(), Vec::<String>::new());
}
