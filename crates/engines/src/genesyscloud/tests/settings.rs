//! The configuration, roles and static roles as they are written and shown.

use super::*;

#[tokio::test]
async fn the_organization_is_set_shown_without_the_secret_and_keeps_what_a_write_leaves_out() {
    let harness = Harness::new(engine()).await;
    assert_eq!(harness.read("config").await, json!({ "error": "not found" }));
    let first =
        json!({ "region": "eu-central-1", "client_id": "a-b-c", "client_secret": "marker", "name_prefix": "sr" });
    assert_eq!(harness.write("config", first).await, json!({}));
    let shown = json!({ "data": {
        "region": "eu-central-1", "api_url": "https://api.mypurecloud.de", "login_url": "https://login.mypurecloud.de",
        "client_id": "a-b-c", "client_secret_set": true, "max_retries": 3, "request_timeout": 30, "name_prefix": "sr",
    } });
    assert_eq!(harness.read("config").await, shown);
    assert_eq!(harness.write("config", json!({ "max_retries": 1, "request_timeout": "5s" })).await, json!({}));
    let seen = harness.read("config").await["data"].take();
    assert_eq!((&seen["max_retries"], &seen["request_timeout"]), (&json!(1), &json!(5)));
    assert_eq!((&seen["region"], &seen["client_secret_set"]), (&json!("eu-central-1"), &json!(true)), "it is kept");
    let elsewhere = "another region or URL needs client_secret again: the one that is stored stays where it is";
    for moved in [json!({ "region": "us-east-1" }), json!({ "login_url": "https://login.example" })] {
        assert_eq!(harness.write("config", moved).await, refused(elsewhere), "nobody has it sent elsewhere");
    }
    assert_eq!(harness.write("config", json!({ "region": "eu-central-1" })).await, json!({}), "it is the same");
    let urls = json!({ "api_url": "https://api.example/", "login_url": "http://127.0.0.1:9", "client_secret": "b" });
    assert_eq!(harness.write("config", urls).await, json!({}));
    let seen = harness.read("config").await["data"].take();
    assert_eq!((&seen["region"], &seen["api_url"]), (&json!(""), &json!("https://api.example")));
    let region = json!({ "region": "usw2.pure.cloud", "client_secret": "b" });
    assert_eq!(harness.write("config", region).await, json!({}));
    assert_eq!(harness.read("config").await["data"]["api_url"], "https://api.usw2.pure.cloud");
    assert_eq!(harness.delete("config").await, json!({}));
    assert_eq!(harness.read("config").await, json!({ "error": "not found" }));
}

#[tokio::test]
async fn what_makes_no_configuration_is_refused() {
    let harness = Harness::new(engine()).await;
    let urls = "api_url and login_url must be URLs of https, without a query; of http for localhost alone";
    let of_region = |more: Value| {
        let mut config = json!({ "region": "us-east-1", "client_id": "a", "client_secret": "b" });
        for (key, value) in framework::testing::object(more) {
            config[key] = value;
        }
        config
    };
    for (data, text) in [
        (json!({}), "give a region, or both api_url and login_url"),
        (json!({ "api_url": "https://a" }), "give a region, or both api_url and login_url"),
        (of_region(json!({ "api_url": "https://a" })), "give a region, or api_url and login_url, and not both"),
        (json!({ "api_url": "http://api.example", "login_url": "https://a" }), urls),
        (json!({ "api_url": "https://a?b", "login_url": "https://a" }), urls),
        (json!({ "region": "us-east-1" }), "client_id must be the id of an OAuth client"),
        (of_region(json!({ "client_id": "../x" })), "client_id must be the id of an OAuth client"),
        (json!({ "region": "us-east-1", "client_id": "a" }), "client_secret must be given"),
        (of_region(json!({ "max_retries": 11 })), "max_retries is at most 10"),
        (of_region(json!({ "request_timeout": 61 })), "request_timeout must be 1 to 60 seconds"),
        (of_region(json!({ "name_prefix": "a b" })), "name_prefix has 1 to 32 letters, digits, '-' or '_'"),
    ] {
        assert_eq!(harness.write("config", data.clone()).await, refused(text), "{data}");
    }
    let region = harness.write("config", json!({ "region": "marker" })).await;
    let text = region["text"].as_str().expect("a text");
    assert!(text.starts_with("region must be one of us-east-1, ") && !text.contains("marker"), "{text}");
    assert_eq!(harness.read("config").await, json!({ "error": "not found" }), "nothing was written");
    let unset = "the engine is not configured yet: write config first";
    assert_eq!(harness.write("role/app", json!({ "role_divisions": "a" })).await, json!({}));
    assert_eq!(harness.read("creds/app").await, refused(unset));
    assert_eq!(harness.write("rotate-root", json!({})).await, refused(unset));
}

#[tokio::test]
async fn a_role_is_made_shown_changed_and_removed() {
    let harness = Harness::new(engine()).await;
    let whole = json!({ "role_divisions": "[{\"role_id\":\"r1\",\"division_id\":\"d1\"},{\"role_id\":\"r2\"}]",
        "credential_type": "access_token", "access_token_validity": "10m", "ttl": "1h", "max_ttl": "2h",
        "description": "billing" });
    assert_eq!(harness.write("role/App", whole).await, json!({}));
    let shown = json!({ "data": {
        "credential_type": "access_token", "access_token_validity": 600, "ttl": 3600, "max_ttl": 7200,
        "description": "billing",
        "role_divisions": [{ "role_id": "r1", "division_id": "d1" }, { "role_id": "r2", "division_id": "*" }],
    } });
    assert_eq!(harness.read("role/app").await, shown);
    let outlives = "access_token_validity is longer than ttl: access tokens of this role may outlive its leases";
    let warned = harness.write("role/app", json!({ "access_token_validity": "2h" })).await;
    assert_eq!(warned["warnings"], json!([outlives]));
    let pairs = "error converting input for field \"role_divisions\": expected a list of objects with role_id and \
                 division_id, or of texts \"role:division\"";
    let none = "role_divisions must name at least one role: a client without one may do nothing";
    for (data, text) in [
        (json!({ "role_divisions": [] }), none),
        (json!({ "role_divisions": "a/b" }), pairs),
        (json!({ "role_divisions": [{ "role": "a" }] }), pairs),
        (json!({ "role_divisions": 5 }), pairs),
        (json!({ "credential_type": "marker" }), "credential_type must be \"client\" or \"access_token\""),
        (json!({ "access_token_validity": 299 }), "access_token_validity must be 300 to 172800 seconds"),
        (json!({ "access_token_validity": 172_801 }), "access_token_validity must be 300 to 172800 seconds"),
        (json!({ "ttl": "3h" }), "ttl cannot be greater than max_ttl"),
        (json!({ "description": "a\nb" }), "description has at most 256 bytes without control characters"),
    ] {
        assert_eq!(harness.write("role/app", data.clone()).await, refused(text), "{data}");
    }
    assert_eq!(harness.write("role/none", json!({})).await, refused(none));
    assert_eq!(harness.list("role/").await, json!({ "data": { "keys": ["app"] } }));
    assert_eq!(harness.delete("role/APP").await, json!({}));
    assert_eq!(harness.read("role/app").await, json!({ "error": "not found" }));
}

#[tokio::test]
async fn what_makes_no_static_role_is_refused_and_stores_nothing() {
    let world = World::new().await;
    let free = world.cloud.make_client("free", &[ROLE]);
    let taken = world.cloud.make_client("taken", &[ROLE]);
    let keep = json!({ "oauth_client_id": taken.id, "rotation_period": "1h" });
    assert_eq!(world.write("static-role/first", keep.clone()).await, json!({}));
    let unplanned = "one of rotation_schedule or rotation_period must be provided to create a static role";
    let nothing = "give oauth_client_id to keep a client that is there, or role_divisions to have one made";
    let both = json!({ "oauth_client_id": free.id, "role_divisions": ROLE, "rotation_period": "1h" });
    let own = "the engine works with this client itself: its secret is rotated with rotate-root";
    let never = "could not parse rotation_schedule: no day fits the schedule";
    let of = |id: &str| json!({ "oauth_client_id": id, "rotation_period": "1h" });
    for (data, text) in [
        (json!({ "oauth_client_id": free.id }), unplanned),
        (json!({ "rotation_period": "1h" }), nothing),
        (both, "give oauth_client_id or role_divisions, and not both"),
        (of("../x"), "oauth_client_id must be the id of an OAuth client"),
        (of("nobody"), "Genesys Cloud has no client with this oauth_client_id"),
        (of(&world.root.id), own),
        (keep, "another static role keeps this client: two would make each other's secrets useless"),
        (json!({ "oauth_client_id": free.id, "rotation_schedule": "0 0 30 2 *" }), never),
    ] {
        assert_eq!(world.write("static-role/other", data.clone()).await, refused(text), "{data}");
    }
    assert_eq!(world.read("static-role/other").await, json!({ "error": "not found" }));
    assert!(world.knows(&free), "its secret is the one that it had");
    assert_eq!((world.made(), world.harness.intended()), (0, 0));
    let other = world.write("static-role/first", json!({ "oauth_client_id": free.id })).await;
    assert_eq!(other, refused("oauth_client_id cannot be changed: delete the role, and make another one"));
    let fixed = world.write("static-role/first", json!({ "role_divisions": ROLE })).await;
    assert_eq!(fixed, refused("the client was there before the role, and is not changed by it"));
    assert_eq!(world.read("static-creds/nobody").await, refused("there is no such static role"));
    assert_eq!(world.write("rotate-role/nobody", json!({})).await, refused("there is no such static role"));
}
