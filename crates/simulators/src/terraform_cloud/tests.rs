use std::time::Duration;

use serde_json::{Value, json};

use super::*;

/// A stand-in whose clock stands still, asked without a network.
struct Desk(Shared);

impl Desk {
    fn new() -> Self {
        Self(Shared { state: Mutex::new(State::new(Some(1_800_000_000))), stops: Stops::default() })
    }

    fn mint(&self, owner: Owner) -> String {
        let mut state = self.0.lock();
        let id = state.mint(owner, Maker { description: Some("x".to_owned()), expires: None, by: None });
        state.tokens[&id].text.clone()
    }

    #[expect(clippy::needless_pass_by_value, reason = "what is passed is written out where it is called")]
    fn ask(&self, method: &str, path: &str, token: &str, body: Value) -> (u16, Value) {
        let request = Request {
            method: method.to_owned(),
            path: format!("/api/v2/{path}"),
            headers: Vec::new(),
            bearer: Some(token.to_owned()),
            body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() },
        };
        let fault = self.0.fault(&request);
        let answer = self.0.answer(&request, fault);
        (answer.status, serde_json::from_str(&answer.body).unwrap_or_default())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what is passed is written out where it is called")]
fn described(description: Value, expires: Value) -> Value {
    json!({ "data": { "type": "", "attributes": { "description": description, "expired-at": expires } } })
}

fn user() -> Owner {
    Owner::User(USER.to_owned())
}

#[test]
fn each_kind_of_root_may_what_the_documentation_says() {
    for (root, may_organization, may_team, may_user) in [
        (user(), true, true, true),
        (Owner::Team(OWNERS.to_owned()), true, true, false),
        (Owner::Team(MANAGERS.to_owned()), false, true, false),
        (Owner::Team(TEAM.to_owned()), false, false, false),
        (Owner::Organization(ORGANIZATION.to_owned()), true, true, false),
    ] {
        for (path, may) in [
            (format!("teams/{TEAM}/authentication-tokens"), may_team),
            (format!("users/{USER}/authentication-tokens"), may_user),
            (format!("users/{OTHER_USER}/authentication-tokens"), false),
            (format!("organizations/{ORGANIZATION}/authentication-token"), may_organization),
        ] {
            let desk = Desk::new();
            let token = desk.mint(root.clone());
            let (status, _) = desk.ask("POST", &path, &token, described(json!("d"), Value::Null));
            assert_eq!(status, if may { 201 } else { 404 }, "{root:?} at {path}");
        }
    }
}

#[test]
fn a_single_token_replaces_the_one_before_and_many_live_beside_it() {
    let desk = Desk::new();
    let root = desk.mint(user());
    let (legacy, many) = (format!("teams/{TEAM}/authentication-token"), format!("teams/{TEAM}/authentication-tokens"));
    let (_, first) = desk.ask("POST", &legacy, &root, Value::Null);
    let (_, beside) = desk.ask("POST", &many, &root, described(json!("a"), Value::Null));
    let (_, second) = desk.ask("POST", &many, &root, json!({ "data": { "attributes": {} } }));
    let status_of = |made: &Value| {
        let id = made.pointer("/data/id").and_then(Value::as_str).unwrap_or_default();
        desk.ask("GET", &format!("authentication-tokens/{id}"), &root, Value::Null).0
    };
    assert_eq!(
        [&first, &beside, &second].map(status_of),
        [404, 200, 200],
        "without a description it is the single one"
    );
    let (status, complaint) = desk.ask("POST", &many, &root, described(json!("a"), Value::Null));
    assert_eq!((status, &complaint["errors"][0]["status"]), (422, &json!("422")));
    assert_eq!(complaint["errors"][0]["detail"], "Validation failed: Description has already been taken");
}

#[test]
fn a_text_is_shown_once_and_works_until_its_end() {
    let desk = Desk::new();
    let root = desk.mint(user());
    let path = format!("users/{USER}/authentication-tokens");
    let (status, made) = desk.ask("POST", &path, &root, described(json!("d"), json!("2027-01-15T09:00:00.000Z")));
    assert_eq!((status, &made["data"]["attributes"]["expired-at"]), (201, &json!("2027-01-15T09:00:00.000Z")));
    let text = made["data"]["attributes"]["token"].as_str().expect("a text").to_owned();
    let (_, listed) = desk.ask("GET", &path, &root, Value::Null);
    assert!(!listed.to_string().contains(&text) && listed["data"].as_array().is_some_and(|all| all.len() == 2));
    assert_eq!(desk.ask("GET", "account/details", &text, Value::Null).0, 200);
    desk.0.lock().ahead_secs = 3_600;
    let (status, refused) = desk.ask("GET", "account/details", &text, Value::Null);
    assert_eq!((status, refused), (401, json!({ "errors": [{ "status": "401", "title": "unauthorized" }] })));
    assert_eq!(desk.ask("GET", "nothing/here", &text, Value::Null).0, 404, "nothing is there for nobody");
}

#[test]
fn lists_are_paged_and_deletion_is_final() {
    let desk = Desk::new();
    let root = desk.mint(user());
    let many = format!("teams/{TEAM}/authentication-tokens");
    for number in 0..25 {
        desk.ask("POST", &many, &root, described(json!(format!("n{number}")), Value::Null));
    }
    let list = format!("organizations/{ORGANIZATION}/team-tokens");
    let (_, page) = desk.ask("GET", &format!("{list}?page%5Bnumber%5D=2&q=deploy"), &root, Value::Null);
    assert_eq!(
        (page["data"].as_array().map(Vec::len), &page["meta"]["pagination"]["next-page"]),
        (Some(5), &Value::Null)
    );
    let id = page["data"][0]["id"].as_str().expect("an id").to_owned();
    let path = format!("authentication-tokens/{id}");
    assert_eq!(
        [desk.ask("DELETE", &path, &root, Value::Null).0, desk.ask("DELETE", &path, &root, Value::Null).0],
        [204, 404]
    );
}

#[test]
fn faults_hit_the_calls_that_they_are_for_and_limits_hold() {
    let desk = Desk::new();
    let root = desk.mint(user());
    desk.0.lock().faults.add(Rule::once("GET", "account", Fault::Status(503)));
    let statuses = [(); 2].map(|()| desk.ask("GET", "account/details", &root, Value::Null).0);
    assert_eq!(statuses, [503, 200]);
    desk.0.lock().limit.per_second = Some(0);
    let (status, refused) = desk.ask("GET", "account/details", &root, Value::Null);
    assert_eq!((status, &refused["errors"][0]["status"]), (429, &json!(429)));
}

#[test]
fn a_policy_on_lives_clamps_or_refuses() {
    let desk = Desk::new();
    let root = desk.mint(user());
    let path = format!("users/{USER}/authentication-tokens");
    if let Some(organization) = desk.0.lock().organizations.get_mut(ORGANIZATION) {
        organization.ttl_policies.insert("user".to_owned(), 3_600_000);
    }
    let (_, made) = desk.ask("POST", &path, &root, described(json!("d"), Value::Null));
    assert_eq!(made["data"]["attributes"]["expired-at"], "2027-01-15T09:00:00.000Z");
    desk.0.lock().policy_effect = PolicyEffect::Refuses;
    assert_eq!(desk.ask("POST", &path, &root, described(json!("d"), Value::Null)).0, 422);
}

#[tokio::test]
async fn a_call_stops_where_it_is_told_to() {
    let cloud = TerraformCloud::start(0, None).await.expect("it listens");
    let stop = cloud.stop_at(Stage::Received, "GET", "ping");
    let address = cloud.server.address;
    let client = tokio::task::spawn_blocking(move || {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(address)?;
        stream.write_all(b"GET /api/v2/ping HTTP/1.1\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text).map(|_| text)
    });
    let stop = tokio::task::spawn_blocking(move || {
        assert!(stop.is_reached(Duration::from_secs(60)));
        stop
    });
    let stop = stop.await.expect("it is reached");
    assert!(cloud.asked().is_empty(), "nothing is done yet");
    stop.go_on();
    let text = client.await.expect("it ends").expect("it is answered");
    assert!(text.starts_with("HTTP/1.1 204") && text.contains("TFP-API-Version: 2.6"), "{text}");
}
