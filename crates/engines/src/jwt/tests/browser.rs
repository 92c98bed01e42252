//! Logins in a browser: begun, sent to the provider, brought back, finished once.

use std::collections::BTreeMap;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use framework::Operation;
use framework::testing::Harness;
use jose::Pair;
use outbound::Url;
use serde_json::{Value, json};

use super::{engine, pair, refused, signed, stub, text};

mod direct;

const BACK: &str = "http://localhost:8250/oidc/callback";
const FORM: &str = "form_post";
const EXPIRED: &str = "Vault login failed. Expired or missing OAuth state.";

struct Walk {
    harness: Harness,
    provider: stub::Provider,
    own: Pair,
}

impl Walk {
    async fn new(config: Value, role: Value) -> Self {
        let own = pair("own");
        let provider = stub::Provider::start(&[&own]);
        let harness = Harness::new(engine()).await;
        let base = json!({ "oidc_discovery_url": provider.url, "oidc_client_id": "the client",
            "oidc_client_secret": "CAN:ARY", "default_role": "staff" });
        assert_eq!(harness.write("config", with(base, config)).await, json!({}));
        let base = json!({ "user_claim": "sub", "allowed_redirect_uris": BACK, "oidc_scopes": "email,openid" });
        assert_eq!(harness.write("role/staff", with(base, role)).await, json!({}));
        Self { harness, provider, own }
    }

    /// Begins a login; what the provider is told.
    async fn begin(&self, more: Value) -> BTreeMap<String, String> {
        let seen = self.harness.write("oidc/auth_url", with(json!({ "redirect_uri": BACK }), more)).await;
        let url = Url::parse(seen["data"]["auth_url"].as_str().unwrap_or_else(|| panic!("{seen}"))).expect("a URL");
        assert!(url.as_str().starts_with(&format!("{}/auth?", self.provider.url)));
        url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
    }

    /// Lets the provider answer codes with a token of these claims.
    fn vouch(&self, said: &BTreeMap<String, String>, more: Value) -> String {
        let claims = json!({ "iss": self.provider.url, "aud": "the client", "sub": "ann", "nonce": said["nonce"] });
        let id_token = signed(&self.harness, &self.own, with(claims, more));
        let tokens = json!({ "id_token": id_token, "access_token": "opaque", "token_type": "Bearer" });
        self.provider.behave(|manner| manner.tokens = tokens);
        id_token
    }

    async fn finish(&self, state: &str, more: &str) -> Value {
        self.harness.read(&format!("oidc/callback?state={state}{more}")).await
    }
}

fn with(mut base: Value, more: Value) -> Value {
    let (Value::Object(fields), Value::Object(more)) = (&mut base, more) else { unreachable!("both are objects") };
    fields.extend(more);
    base
}

#[tokio::test]
async fn the_provider_is_asked_with_a_code_and_the_state_is_good_for_one_login() {
    let walk = Walk::new(json!({}), json!({ "token_policies": "a", "claim_mappings": { "email": "mail" } })).await;
    let said = walk.begin(json!({ "role": "STAFF", "client_nonce": "mine" })).await;
    for (name, value) in [
        ("client_id", "the client"),
        ("redirect_uri", BACK),
        ("response_type", "code"),
        ("scope", "openid email"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(said[name], value, "{name}");
    }
    assert!(!said.contains_key("response_mode") && !said.contains_key("max_age"));
    walk.vouch(&said, json!({}));
    walk.provider.behave(|manner| manner.user_info = json!({ "sub": "ann", "email": "ann@a.test", "iss": "evil" }));
    let state = &said["state"];
    assert_eq!(walk.finish(state, "&code=c1").await, refused("invalid client_nonce"));
    assert_eq!(walk.finish(state, "&code=c1&client_nonce=other").await, refused("invalid client_nonce"));
    assert_eq!(
        walk.finish(state, "&client_nonce=mine").await,
        refused("Vault login failed. No code or id_token received.")
    );
    assert!(walk.provider.posted().is_empty(), "nobody is asked for less than a whole answer");
    let login = walk.finish(state, "&code=c1&client_nonce=mine").await["login"].take();
    assert_eq!(
        (&login["alias"], &login["metadata"]),
        (&json!("ann"), &json!({ "mail": "ann@a.test", "role": "staff" }))
    );
    assert_eq!(login["terms"]["token_policies"], json!(["a"]));
    let (head, body) = walk.provider.posted().pop().expect("a code was redeemed");
    let credentials = data_encoding::BASE64.encode(b"the+client:CAN%3AARY");
    assert!(head.contains(&format!("authorization: Basic {credentials}\r\n")), "{head}");
    let form: BTreeMap<_, _> = body.split('&').filter_map(|pair| pair.split_once('=')).collect();
    assert_eq!((form["grant_type"], form["code"]), ("authorization_code", "c1"));
    assert_eq!(form["redirect_uri"], "http%3A%2F%2Flocalhost%3A8250%2Foidc%2Fcallback");
    let challenge = BASE64URL_NOPAD.encode(&secret::sha256(form["code_verifier"].as_bytes()));
    assert_eq!(challenge, said["code_challenge"]);
    // Once more with the same, also on a node that has just started.
    let asked = walk.provider.asked();
    assert_eq!(walk.finish(state, "&code=c1&client_nonce=mine").await, refused(EXPIRED));
    let walk = Walk { harness: walk.harness.with_engine(engine()), ..walk };
    assert_eq!(walk.finish(state, "&code=c1&client_nonce=mine").await, refused(EXPIRED));
    assert_eq!(walk.provider.asked(), asked);
}

#[tokio::test]
async fn of_two_who_bring_one_state_at_once_one_gets_in() {
    let walk = Walk::new(json!({}), json!({})).await;
    let said = walk.begin(json!({})).await;
    walk.vouch(&said, json!({}));
    let (one, other) = tokio::join!(walk.finish(&said["state"], "&code=c"), walk.finish(&said["state"], "&code=c"));
    assert_eq!(walk.provider.posted().len(), 2, "both have come as far as that");
    let (got_in, left_out) = if one["login"].is_object() { (one, other) } else { (other, one) };
    assert!(got_in["login"].is_object(), "{got_in}");
    assert_eq!(left_out, refused(EXPIRED));
}

#[tokio::test]
async fn a_node_that_has_just_started_finishes_what_another_has_begun() {
    let walk = Walk::new(json!({}), json!({})).await;
    let said = walk.begin(json!({})).await;
    walk.vouch(&said, json!({}));
    let walk = Walk { harness: walk.harness.with_engine(engine()), ..walk };
    assert!(walk.finish(&format!("{},ns=team", said["state"]), "&code=c").await["login"].is_object());
}

#[tokio::test]
async fn a_state_is_of_this_configuration_and_ends_after_ten_minutes() {
    let walk = Walk::new(json!({}), json!({})).await;
    let said = walk.begin(json!({})).await;
    walk.vouch(&said, json!({}));
    let state = said["state"].clone();
    let (start, mac) = state.split_once('.').expect("a MAC");
    let longer = format!("{}.{mac}", &start[..start.len() - 1]);
    for forged in ["", "x", "st_", "st_.", "st_e30.e30", start, &longer, &state[..state.len() - 1]] {
        assert_eq!(walk.finish(forged, "&code=c").await, refused(EXPIRED), "{forged}");
    }
    walk.harness.clock().advance(Duration::from_secs(600));
    assert_eq!(walk.finish(&state, "&code=c").await, refused(EXPIRED));
    let said = walk.begin(json!({})).await;
    walk.vouch(&said, json!({}));
    let config = json!({ "oidc_discovery_url": walk.provider.url, "oidc_client_id": "i", "oidc_client_secret": "s" });
    walk.harness.write("config", config).await;
    assert_eq!(walk.finish(&said["state"], "&code=c").await, refused(EXPIRED));
    let config = json!({ "oidc_discovery_url": walk.provider.url });
    walk.harness.write("config", config).await;
    let none = "OIDC login is not configured for this mount";
    assert_eq!(walk.finish(&said["state"], "&code=c").await, refused(none));
    assert_eq!(walk.harness.write("oidc/auth_url", json!({ "role": "staff" })).await, refused(none));
    assert!(walk.provider.posted().is_empty());
}

#[tokio::test]
async fn a_token_that_is_not_of_this_login_is_none() {
    let walk = Walk::new(json!({}), json!({ "max_age": "1h" })).await;
    let now = walk.harness.context("").now().unix_secs();
    let fine = json!({ "auth_time": now });
    for (more, why) in [
        (json!({ "nonce": "other" }), "the id_token has another nonce"),
        (json!({ "nonce": null }), "the id_token has another nonce"),
        (json!({ "iss": "https://other.test" }), "the id_token is of another issuer"),
        (json!({ "aud": "other" }), "the id_token is for another client"),
        (json!({ "aud": ["the client", "other"] }), "the id_token is for another client"),
        (json!({ "azp": "other" }), "the id_token is for another client"),
        (json!({ "exp": now - 90 }), "invalid expiration time (exp) claim: token is expired"),
        (json!({ "exp": null, "iat": now }), "the id_token has no exp"),
        (json!({ "at_hash": "AAAA" }), "the id_token is not that of the access token"),
        (json!({ "auth_time": now - 3_700 }), "the authentication at the provider is older than max_age"),
        (json!({ "auth_time": null }), "the authentication at the provider is older than max_age"),
        (json!({ "SUB": "x" }), "claim name \"SUB\" differs from the registered one in upper and lower case alone"),
    ] {
        let said = walk.begin(json!({})).await;
        assert_eq!(said["max_age"], "3600");
        walk.vouch(&said, with(fine.clone(), more.clone()));
        let seen = walk.finish(&said["state"], "&code=c").await;
        assert_eq!(seen, refused(&format!("Token verification failed. {why}")), "{more}");
        // The login is not over: whoever has the right token gets in.
        walk.vouch(&said, fine.clone());
        assert!(walk.finish(&said["state"], "&code=c").await["login"].is_object(), "{more}");
    }
    let said = walk.begin(json!({})).await;
    let hash = jose::Algorithm::EdDsa.half_hash("opaque");
    walk.vouch(&said, with(fine, json!({ "at_hash": hash, "aud": ["the client", "x"], "azp": "the client" })));
    assert!(walk.finish(&said["state"], "&code=c").await["login"].is_object());
}

#[tokio::test]
async fn what_the_role_asks_for_holds_in_a_browser_too() {
    let role = json!({ "bound_subject": "ann", "bound_claims": { "team": "north" }, "bound_audiences": "extra" });
    let walk = Walk::new(json!({}), role).await;
    let both = json!(["the client", "extra"]);
    for (more, expected) in [
        (json!({ "aud": both, "team": "north" }), ""),
        (
            json!({ "aud": both, "team": "north", "sub": "bob" }),
            "Token verification failed. invalid subject (sub) claim",
        ),
        (json!({ "aud": both }), "error validating claims: claim \"team\" is missing"),
        (
            json!({ "team": "north" }),
            "Token verification failed. invalid audience (aud) claim: audience claim does not match any expected audience",
        ),
    ] {
        let said = walk.begin(json!({})).await;
        walk.vouch(&said, more.clone());
        let seen = walk.finish(&said["state"], "&code=c").await;
        assert_eq!((text(&seen).as_str(), seen["login"].is_object()), (expected, expected.is_empty()), "{more}");
    }
}

#[tokio::test]
async fn what_a_provider_tells_of_somebody_else_is_not_taken() {
    let walk = Walk::new(json!({}), json!({ "bound_claims": { "team": "north" } })).await;
    for (info, is_taken) in [
        (json!({ "sub": "ann", "team": "north" }), true),
        (json!({ "sub": "bob", "team": "north" }), false),
        (json!({ "team": "north" }), false),
        (json!([]), false),
    ] {
        let said = walk.begin(json!({})).await;
        walk.vouch(&said, json!({}));
        walk.provider.behave(|manner| manner.user_info = info.clone());
        assert_eq!(walk.finish(&said["state"], "&code=c").await["login"].is_object(), is_taken, "{info}");
    }
}

#[tokio::test]
async fn where_it_cannot_come_back_to_there_is_no_url() {
    let walk = Walk::new(json!({}), json!({})).await;
    walk.harness.write("role/program", json!({ "role_type": "jwt", "user_claim": "sub", "bound_subject": "s" })).await;
    let nowhere = json!({ "data": { "auth_url": "" } });
    for data in [
        json!({ "role": "staff", "redirect_uri": "https://evil.test/oidc/callback" }),
        json!({ "role": "none", "redirect_uri": BACK }),
        json!({ "role": "a*", "redirect_uri": BACK }),
        json!({ "role": "program", "redirect_uri": BACK }),
    ] {
        assert_eq!(walk.harness.write("oidc/auth_url", data.clone()).await, nowhere, "{data}");
    }
    assert_eq!(walk.harness.write("oidc/auth_url", json!({ "role": "staff" })).await, refused("missing redirect_uri"));
    let long = format!("{BACK}?{}", "x".repeat(2_048));
    assert!(
        text(&walk.harness.write("oidc/auth_url", json!({ "redirect_uri": long })).await)
            .starts_with("redirect_uri has")
    );
    let said = walk.begin(json!({ "redirect_uri": format!("{BACK}?namespace=a%2Fb") })).await;
    assert_eq!(said["redirect_uri"], BACK);
    assert!(said["state"].ends_with(",ns=a/b"));
}

#[tokio::test]
async fn a_form_is_verified_when_it_comes_and_the_client_comes_for_the_token_once() {
    let config = json!({ "oidc_response_mode": "form_post", "oidc_response_types": "id_token" });
    let walk = Walk::new(config, json!({})).await;
    let said = walk.begin(json!({ "client_nonce": "mine" })).await;
    assert_eq!((said["response_type"].as_str(), said["response_mode"].as_str()), ("id_token", "form_post"));
    assert!(!said.contains_key("code_challenge"));
    let state = &said["state"];
    let id_token = walk.vouch(&said, json!({}));
    let forged = json!({ "state": state, "id_token": format!("{id_token}x") });
    assert!(text(&walk.harness.write("oidc/callback", forged).await).starts_with("Token verification failed."));
    assert_eq!(
        walk.finish(state, "&client_nonce=mine").await,
        refused("Vault login failed. No code or id_token received.")
    );
    let form = json!({ "state": state, "id_token": id_token });
    let page = walk.harness.write("oidc/callback", form.clone()).await;
    assert_eq!(page["body"]["content_type"], "text/html; charset=utf-8");
    assert_eq!(walk.harness.write("oidc/callback", form).await, refused(EXPIRED), "a form is taken once");
    assert_eq!(walk.finish(state, "").await, refused("invalid client_nonce"));
    let login = walk.finish(state, "&client_nonce=mine").await["login"].take();
    assert_eq!(login["alias"], "ann");
    assert_eq!(walk.finish(state, "&client_nonce=mine").await, refused(EXPIRED));
    assert!(walk.provider.posted().is_empty(), "there was no code to redeem");
    // What was verified for the role as it was counts for no other.
    let said = walk.begin(json!({ "client_nonce": "mine" })).await;
    let form = json!({ "state": said["state"], "id_token": walk.vouch(&said, json!({})) });
    assert!(walk.harness.write("oidc/callback", form).await["body"].is_object());
    walk.harness.write("role/staff", json!({ "bound_subject": "bob" })).await;
    assert_eq!(walk.finish(&said["state"], "&client_nonce=mine").await, refused(EXPIRED));
}

#[tokio::test]
async fn where_the_browser_posts_the_client_has_to_be_known_again() {
    let walk = Walk::new(json!({ "oidc_response_mode": FORM }), json!({})).await;
    let seen = walk.harness.write("oidc/auth_url", json!({ "redirect_uri": BACK })).await;
    assert!(text(&seen).starts_with("missing client_nonce"), "{seen}");
    assert_eq!(walk.begin(json!({ "client_nonce": "mine" })).await["response_mode"], FORM);
}

#[tokio::test]
async fn nothing_is_kept_of_somebody_whom_the_role_does_not_let_in() {
    let config = json!({ "oidc_response_mode": FORM, "oidc_response_types": "id_token" });
    let walk = Walk::new(config, json!({ "bound_claims": { "team": "north" } })).await;
    let view = walk.harness.view();
    let kept = || async { view.page("finished/", 10).await.expect("a page").len() };
    let said = walk.begin(json!({ "client_nonce": "mine" })).await;
    let post = |id_token| walk.harness.write("oidc/callback", json!({ "state": said["state"], "id_token": id_token }));
    let seen = post(walk.vouch(&said, json!({}))).await;
    assert_eq!(text(&seen), "error validating claims: claim \"team\" is missing");
    assert_eq!(kept().await, 0);
    assert!(post(walk.vouch(&said, json!({ "team": "north" }))).await["body"].is_object());
    assert_eq!(kept().await, 1);
    assert!(walk.finish(&said["state"], "&client_nonce=mine").await["login"].is_object());
}

#[tokio::test]
async fn a_login_that_gets_no_token_in_the_end_is_not_over() {
    let config = json!({ "oidc_response_mode": FORM, "oidc_response_types": "id_token" });
    let walk = Walk::new(config, json!({})).await;
    let said = walk.begin(json!({ "client_nonce": "mine" })).await;
    let form = json!({ "state": said["state"], "id_token": walk.vouch(&said, json!({})) });
    assert!(walk.harness.write("oidc/callback", form).await["body"].is_object());
    // Whoever makes the token does not, because of a quota or a crash.
    let engine = walk.harness.engine();
    let route = engine.route(Operation::Read, "oidc/callback").expect("a row");
    let data = framework::testing::object(json!({ "state": said["state"], "client_nonce": "mine" }));
    let reply = engine.handle(&walk.harness.context("oidc/callback"), route, Operation::Read, data).await;
    assert!(reply.expect("it is finished").login.is_some_and(|login| !login.changes.is_empty()));
    assert!(walk.finish(&said["state"], "&client_nonce=mine").await["login"].is_object());
    assert_eq!(walk.finish(&said["state"], "&client_nonce=mine").await, refused(EXPIRED));
}

#[tokio::test]
async fn claims_with_names_of_a_library_are_like_any_others() {
    let config = json!({ "oidc_response_mode": FORM, "oidc_response_types": "id_token" });
    let walk = Walk::new(config, json!({})).await;
    let said = walk.begin(json!({ "client_nonce": "mine" })).await;
    let claims = json!({ "m": { "$serde_json::private::RawValue": "{\"a\":1}", "z": 1 } });
    let form = json!({ "state": said["state"], "id_token": walk.vouch(&said, claims) });
    assert!(walk.harness.write("oidc/callback", form).await["body"].is_object());
    assert!(walk.finish(&said["state"], "&client_nonce=mine").await["login"].is_object());
    walk.harness.clock().advance(Duration::from_secs(700));
    walk.harness.settle().await.expect("it is cleared away");
    assert_eq!(walk.harness.due_lines().await.expect("lines").len(), 0);
}

#[tokio::test]
async fn a_damaged_entry_of_a_login_is_cleared_away_as_well() {
    let walk = Walk::new(json!({}), json!({})).await;
    let said = walk.begin(json!({})).await;
    walk.vouch(&said, json!({}));
    assert!(walk.finish(&said["state"], "&code=c").await["login"].is_object());
    let view = walk.harness.view();
    let (place, _) = view.page("finished/", 10).await.expect("a page").remove(0);
    let known = view.get(&place).await.expect("a store").map(|stored| stored.revision());
    view.changes().put(&place, known, b"x".to_vec()).commit().await.expect("nobody else writes");
    walk.harness.clock().advance(Duration::from_secs(700));
    walk.harness.settle().await.expect("it is cleared away");
    assert_eq!(walk.harness.due_lines().await.expect("lines").len(), 0);
}

#[tokio::test]
async fn a_client_takes_nobody_elses_login_for_its_own() {
    let walk = Walk::new(json!({}), json!({})).await;
    // Somebody begins without a word, and has the client of another finish.
    let said = walk.begin(json!({})).await;
    walk.vouch(&said, json!({}));
    let other = refused("invalid client_nonce");
    assert_eq!(walk.finish(&said["state"], "&code=c&client_nonce=mine").await, other);
    assert_eq!(walk.finish(&said["state"], "&error=access_denied&client_nonce=mine").await, other);
    let said = walk.begin(json!({ "client_nonce": "theirs" })).await;
    assert_eq!(walk.finish(&said["state"], "&error=access_denied&client_nonce=mine").await, other);
    assert!(walk.provider.posted().is_empty());
}

#[tokio::test]
async fn a_provider_gives_what_it_was_asked_for() {
    let said_none = refused("Vault login failed. No code or id_token received.");
    let nonce = json!({ "client_nonce": "mine" });
    for (types, with_code, with_token) in [
        (json!([]), true, false),
        (json!(["code"]), true, false),
        (json!(["code", "id_token"]), true, false),
        (json!(["id_token"]), false, true),
    ] {
        let walk = Walk::new(json!({ "oidc_response_mode": FORM, "oidc_response_types": types }), json!({})).await;
        for (is_code, is_fine) in [(true, with_code), (false, with_token)] {
            let said = walk.begin(nonce.clone()).await;
            let id_token = walk.vouch(&said, json!({}));
            let brought = if is_code { "code=c".to_owned() } else { format!("id_token={id_token}") };
            let seen = walk.finish(&said["state"], &format!("&client_nonce=mine&{brought}")).await;
            if is_fine {
                assert!(seen["login"].is_object(), "{types}: {seen}");
            } else {
                assert_eq!(seen, said_none, "{types}");
            }
        }
    }
}

#[tokio::test]
async fn a_place_to_come_back_to_that_the_role_no_longer_allows_is_none() {
    let walk = Walk::new(json!({}), json!({})).await;
    let said = walk.begin(json!({})).await;
    walk.vouch(&said, json!({}));
    walk.harness.write("role/staff", json!({ "allowed_redirect_uris": "https://a.test/cb" })).await;
    let seen = text(&walk.finish(&said["state"], "&code=c").await);
    assert_eq!(seen, "Vault login failed. The role no longer allows the redirect_uri.");
    assert!(walk.provider.posted().is_empty());
}

#[tokio::test]
async fn a_login_that_is_over_stays_so_where_clocks_differ() {
    let config = json!({ "oidc_response_mode": FORM, "oidc_response_types": "id_token" });
    let walk = Walk::new(config, json!({})).await;
    let said = walk.begin(json!({ "client_nonce": "mine" })).await;
    let more = format!("&client_nonce=mine&id_token={}", walk.vouch(&said, json!({ "exp": 9_999_999_999_u64 })));
    assert!(walk.finish(&said["state"], &more).await["login"].is_object());
    // The clock of a node that clears away is ahead of that of the one which is asked.
    walk.harness.clock().advance(Duration::from_secs(601));
    walk.harness.settle().await.expect("nothing fails");
    walk.harness.clock().jump_wall(-2_000_000_000);
    assert_eq!(walk.finish(&said["state"], &more).await, refused(EXPIRED));
}

#[tokio::test]
async fn what_is_over_is_cleared_away() {
    let walk = Walk::new(json!({}), json!({})).await;
    let said = walk.begin(json!({})).await;
    let view = walk.harness.view();
    let names = || async { view.page("finished/", 10).await.expect("a page").len() };
    assert_eq!(names().await, 0, "nothing is stored of what has begun");
    walk.vouch(&said, json!({}));
    walk.finish(&said["state"], "&code=c").await;
    walk.harness.settle().await.expect("nothing is due yet");
    assert_eq!(names().await, 1);
    walk.harness.clock().advance(Duration::from_secs(661));
    walk.harness.settle().await.expect("it is cleared away");
    assert_eq!((names().await, walk.harness.due_lines().await.expect("lines").len()), (0, 0));
}

#[tokio::test]
async fn a_provider_that_refuses_is_told_of_without_its_words() {
    let walk = Walk::new(json!({}), json!({})).await;
    let said = walk.begin(json!({})).await;
    let seen = text(&walk.finish(&said["state"], "&code=c").await);
    assert_eq!(
        seen,
        "Vault login failed. Error exchanging oidc code: the provider refused the code: status 400, invalid_grant."
    );
    walk.provider.behave(|manner| manner.tokens = json!({ "access_token": "x" }));
    let seen = text(&walk.finish(&said["state"], "&code=c").await);
    assert_eq!(seen, "Token verification failed. the provider's answer has no id_token");
    let seen = text(&walk.finish(&said["state"], "&error=access_denied&error_description=no").await);
    assert_eq!(seen, "Vault login failed. access_denied: no");
    walk.provider.behave(|manner| manner.bytes = Some(Vec::new()));
    let seen = text(&walk.finish(&said["state"], "&code=c").await);
    assert_eq!(seen, "Vault login failed. Error exchanging oidc code: the provider could not be asked.");
}

#[tokio::test]
async fn a_form_that_comes_from_elsewhere_than_the_client_is_agreed_to_first() {
    let server = "https://strongroom.test/v1/auth/oidc/oidc/callback";
    let config = json!({ "oidc_response_mode": FORM, "oidc_response_types": "id_token" });
    let walk = Walk::new(config, json!({ "allowed_redirect_uris": server })).await;
    let said = walk.begin(json!({ "redirect_uri": server, "client_nonce": "mine" })).await;
    let form = json!({ "state": said["state"], "id_token": walk.vouch(&said, json!({})) });
    let page = walk.harness.write("oidc/callback", form.clone()).await["body"]["text"].to_string();
    assert!(page.contains("asks to be signed in with your name"), "{page}");
    let none = refused("Vault login failed. No code or id_token received.");
    assert_eq!(walk.finish(&said["state"], "&client_nonce=mine").await, none, "nobody has agreed yet");
    let agreed = walk.harness.write("oidc/callback", with(form, json!({ "confirmation": "true" }))).await;
    assert!(agreed["body"].is_object(), "{agreed}");
    assert_eq!(walk.finish(&said["state"], "&client_nonce=mine").await["login"]["alias"], "ann");
}
