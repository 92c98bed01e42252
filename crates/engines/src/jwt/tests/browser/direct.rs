//! Logins for which the provider sends the browser to the server itself, and the client asks meanwhile.

use super::*;

const SERVER: &str = "https://strongroom.test/v1/auth/oidc/oidc/callback";

async fn walk(role: Value) -> Walk {
    let direct = json!({ "callback_mode": "direct", "allowed_redirect_uris": SERVER });
    Walk::new(json!({}), with(direct, role)).await
}

impl Walk {
    /// Begins a login; what the client is told, and what the provider is.
    async fn begin_direct(&self) -> (Value, BTreeMap<String, String>) {
        let asked = json!({ "redirect_uri": SERVER, "client_nonce": "mine" });
        let told = self.harness.write("oidc/auth_url", asked).await["data"].take();
        let url = Url::parse(told["auth_url"].as_str().unwrap_or_else(|| panic!("{told}"))).expect("a URL");
        let said: BTreeMap<_, _> = url.query_pairs().map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
        assert_eq!(told["state"], said["state"]);
        (told, said)
    }

    async fn poll(&self, state: &str, nonce: &str) -> Value {
        self.harness.write("oidc/poll", json!({ "state": state, "client_nonce": nonce })).await
    }

    /// What a browser shows.
    async fn page(&self, state: &str, more: &str) -> String {
        let body = self.finish(state, more).await["body"].take();
        assert_eq!(body["content_type"], "text/html; charset=utf-8", "{body}");
        body["text"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
    }
}

#[tokio::test]
async fn the_client_gets_the_token_once_the_browser_has_been_here_and_its_user_has_agreed() {
    let walk = walk(json!({ "token_policies": "a", "poll_interval": 2 })).await;
    let (told, said) = walk.begin_direct().await;
    assert_eq!(told["poll_interval"], "2");
    walk.vouch(&said, json!({}));
    let state = said["state"].as_str();
    let pending = refused("authorization_pending");
    assert_eq!(walk.poll(state, "mine").await, pending);
    // The provider sends the browser here. Before its user agrees nothing is asked, redeemed or stored.
    let page = walk.page(state, "&code=c\"><script>").await;
    assert!(page.contains("for the role staff") && page.contains("<form method=\"get\">"), "{page}");
    assert!(page.contains("name=\"code\" value=\"c&quot;&gt;&lt;script&gt;\"") && !page.contains("<script"), "{page}");
    assert!(walk.provider.posted().is_empty());
    assert_eq!(walk.poll(state, "mine").await, pending);
    assert!(walk.page(state, "&code=c&confirmation=true").await.contains("You are signed in"));
    assert_eq!(walk.provider.posted().len(), 1);
    assert_eq!(walk.finish(state, "&code=c&confirmation=true").await, refused(EXPIRED), "a browser comes once");
    // Only who has begun it gets the token, and that once.
    for nonce in ["", "other"] {
        assert_eq!(walk.poll(state, nonce).await, refused("invalid client_nonce"));
    }
    let login = walk.poll(state, "mine").await["login"].take();
    assert_eq!((&login["alias"], &login["terms"]["token_policies"]), (&json!("ann"), &json!(["a"])));
    assert_eq!(walk.poll(state, "mine").await, refused(EXPIRED));
}

#[tokio::test]
async fn who_asks_twice_at_once_gets_in_once() {
    let walk = walk(json!({ "oidc_disable_confirmation": true })).await;
    let (told, said) = walk.begin_direct().await;
    assert_eq!(told["poll_interval"], "5");
    walk.vouch(&said, json!({}));
    assert!(walk.page(&said["state"], "&code=c").await.contains("You are signed in"), "nobody is asked");
    let (one, other) = tokio::join!(walk.poll(&said["state"], "mine"), walk.poll(&said["state"], "mine"));
    let (got_in, left_out) = if one["login"].is_object() { (one, other) } else { (other, one) };
    assert!(got_in["login"].is_object(), "{got_in}");
    assert_eq!(left_out, refused(EXPIRED));
}

#[tokio::test]
async fn what_does_not_go_together_is_refused() {
    let walk = walk(json!({})).await;
    assert_eq!(
        walk.harness.write("oidc/auth_url", json!({ "redirect_uri": SERVER })).await,
        refused("missing client_nonce")
    );
    let (_, said) = walk.begin_direct().await;
    let state = said["state"].as_str();
    assert_eq!(walk.poll("st_e30.e30", "mine").await, refused(EXPIRED));
    assert_eq!(
        walk.finish(state, "&error=access_denied").await,
        refused("Vault login failed. access_denied"),
        "what the provider refuses is told in the browser"
    );
    let login = walk.harness.read("role/staff").await["data"].take();
    assert_eq!((&login["callback_mode"], &login["poll_interval"]), (&json!("direct"), &json!(0)));
    for (mode, text) in
        [("device", "invalid 'callback_mode': device"), ("a b", "invalid 'callback_mode': no plain word")]
    {
        let seen = walk.harness.write("role/staff", json!({ "callback_mode": mode })).await;
        assert_eq!(seen, refused(text));
    }
    assert_eq!(walk.harness.write("role/staff", json!({ "callback_mode": "client" })).await, json!({}));
    let text = "the role's callback_mode is not direct: what the browser brings goes to oidc/callback";
    assert_eq!(walk.poll(state, "mine").await, refused(text));
    assert_eq!(walk.harness.read("role/staff").await["data"].get("callback_mode"), None);
    // Vouched for under one role's rules, and asked for under others.
    let walk = self::walk(json!({ "oidc_disable_confirmation": true })).await;
    let (_, said) = walk.begin_direct().await;
    walk.vouch(&said, json!({}));
    walk.page(&said["state"], "&code=c").await;
    walk.harness.write("role/staff", json!({ "bound_subject": "bob" })).await;
    assert_eq!(walk.poll(&said["state"], "mine").await, refused(EXPIRED));
}

#[tokio::test]
async fn a_form_that_the_browser_posts_is_agreed_to_first() {
    let config = json!({ "oidc_response_mode": "form_post", "oidc_response_types": "id_token" });
    let walk = Walk::new(config, json!({ "callback_mode": "direct", "allowed_redirect_uris": SERVER })).await;
    let (_, said) = walk.begin_direct().await;
    let id_token = walk.vouch(&said, json!({}));
    let form = json!({ "state": said["state"], "id_token": id_token });
    let page = walk.harness.write("oidc/callback", form.clone()).await["body"]["text"].to_string();
    assert!(page.contains("form method=\\\"post\\\"") && page.contains(&id_token), "{page}");
    assert_eq!(walk.poll(&said["state"], "mine").await, refused("authorization_pending"));
    let agreed = with(form, json!({ "confirmation": "true" }));
    assert!(walk.harness.write("oidc/callback", agreed).await["body"].is_object());
    assert_eq!(walk.poll(&said["state"], "mine").await["login"]["alias"], "ann");
}
