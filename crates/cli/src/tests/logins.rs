//! Logins that need a second proof, and what happens to a kept token that is revoked.

use client::testing::{Answer, Server};

use super::{Stage, refusal};

const REQUIRED: &str = r#"{"auth":{"client_token":"","policies":["default"],"mfa_requirement":{"mfa_request_id":"r-1",
    "mfa_constraints":{"enforced":{"any":[{"type":"totp","id":"m-1","uses_passcode":true}]}}}}}"#;
const LINE: &str = "login -method=userpass -no-store username=bob password=p";

fn server(required: &'static str) -> Server {
    Server::start(move |request| match request.line().as_str() {
        "PUT /v1/sys/mfa/validate" => Answer::new(200, r#"{"auth":{"client_token":"hvs.done","lease_duration":60}}"#),
        _ => Answer::new(200, required),
    })
}

#[test]
fn a_second_proof_is_asked_for_where_a_user_is() {
    let server = server(REQUIRED);
    let stage = Stage { is_terminal: true, ..Stage::at(&server).answers("123456") };
    let ended = stage.run(LINE);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains("hvs.done"), "{}", ended.stdout);
    let received = server.received();
    assert_eq!(received[1].body, r#"{"mfa_payload":{"m-1":["123456"]},"mfa_request_id":"r-1"}"#);
}

#[test]
fn without_a_user_the_requirement_is_printed() {
    let several = r#"{"auth":{"client_token":"","mfa_requirement":{"mfa_request_id":"r-1","mfa_constraints":{
        "a":{"any":[{"type":"totp","id":"m-1","uses_passcode":true},{"type":"duo","id":"m-2"}]}}}}}"#;
    for (required, is_terminal, flag) in
        [(REQUIRED, false, ""), (REQUIRED, true, " -non-interactive"), (several, true, "")]
    {
        let server = server(required);
        let stage = Stage { is_terminal, ..Stage::at(&server).answers("123456") };
        let ended = stage.run(&format!("{LINE}{flag}"));
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(ended.stdout.contains("mfa_request_id") && ended.stdout.contains("r-1"), "{}", ended.stdout);
        assert!(ended.stderr.contains("sys/mfa/validate"), "{}", ended.stderr);
        assert_eq!(server.lines(), ["PUT /v1/auth/userpass/login/bob"]);
    }
}

#[test]
fn a_login_needs_no_kept_token_and_sends_none() {
    let home = tempfile::tempdir().expect("a folder");
    std::fs::write(home.path().join(".vault"), "token_helper = \"/nowhere/at/all\"").expect("writable");
    let server = server(r#"{"auth":{"client_token":"hvs.new","lease_duration":60}}"#);
    let stage = Stage::default().env("VAULT_ADDR", &server.address).env("HOME", home.path().to_str().expect("a text"));
    assert_eq!(stage.run(LINE).code, 0);
    assert_eq!(stage.env("VAULT_TOKEN", "hvs.old").run(LINE).code, 0);
    assert!(server.received().iter().all(|call| call.header("x-vault-token").is_none()));
}

#[test]
fn the_password_of_a_directory_may_be_in_the_environment() {
    let server = server(r#"{"auth":{"client_token":"hvs.new","lease_duration":60}}"#);
    let stage = |line: &str| Stage::at(&server).answers("asked").env("VAULT_LDAP_PASSWORD", "set").run(line).code;
    assert_eq!(stage("login -method=ldap -no-store username=bob"), 0);
    assert_eq!(stage("login -method=ldap -no-store username=bob password=given"), 0);
    assert_eq!(stage("login -method=userpass -no-store username=bob"), 0);
    let bodies: Vec<_> = server.received().into_iter().map(|call| call.body).collect();
    assert_eq!(bodies, ["set", "given", "asked"].map(|it| format!(r#"{{"password":"{it}"}}"#)));
}

#[test]
fn a_kept_token_that_revokes_itself_is_forgotten() {
    let home = tempfile::tempdir().expect("a folder");
    let file = home.path().join(".vault-token");
    std::fs::write(&file, "hvs.kept").expect("writable");
    let stage = |server: &Server| {
        let stage = Stage::default().env("VAULT_ADDR", &server.address);
        stage.env("HOME", home.path().to_str().expect("a text"))
    };
    let refusing = Server::start(|_| refusal(403, "permission denied"));
    assert_eq!(stage(&refusing).run("token revoke -self").code, 2);
    let server = Server::start(|_| Answer::new(204, ""));
    assert_eq!(stage(&server).run("token revoke -self -output-curl-string").code, 0);
    assert_eq!(stage(&server).env("VAULT_TOKEN", "hvs.other").run("token revoke -self").code, 0);
    assert!(file.exists(), "the token that was kept is still good");
    assert_eq!(stage(&server).run("token revoke -self").code, 0);
    assert!(!file.exists());
}
