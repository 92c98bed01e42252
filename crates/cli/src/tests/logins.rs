//! Logins that need a second proof, and what happens to a kept token that is revoked.

use std::io::{Read as _, Write as _};

use client::testing::{Answer, Server};

use super::{Stage, refusal, reply};

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
fn each_method_that_leaves_no_choice_is_asked_for_once() {
    let server = server(
        r#"{"auth":{"client_token":"","mfa_requirement":{"mfa_request_id":"r-1","mfa_constraints":{
            "a":{"any":[{"type":"totp","id":"m-1","uses_passcode":true,"name":"phone"}]},
            "b":{"any":[{"type":"totp","id":"m-1","uses_passcode":true,"name":"phone"}]},
            "c":{"any":[{"type":"totp","id":"m-2","uses_passcode":true}]}}}}}"#,
    );
    let stage = Stage { is_terminal: true, ..Stage::at(&server).answers("123456") };
    let ended = stage.run(LINE);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let body = r#"{"mfa_payload":{"m-1":["123456"],"m-2":["123456"]},"mfa_request_id":"r-1"}"#;
    assert_eq!(server.received()[1].body, body);
}

#[test]
fn a_login_sends_the_proofs_of_the_flags_along() {
    let server = server(r#"{"auth":{"client_token":"hvs.done","lease_duration":60}}"#);
    let ended = Stage::at(&server).run(&format!("{LINE} -mfa=phone:123456 -mfa=m-2:654321"));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let received = server.received();
    let sent = received[0].headers.iter().filter(|(name, _)| name == "x-vault-mfa").map(|(_, value)| value.as_str());
    assert_eq!(sent.collect::<Vec<_>>(), ["phone:123456", "m-2:654321"]);
    assert_eq!(received.len(), 1, "one step");
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

/// Asks the listener of a login, as a browser does that a provider has sent back.
fn browse(address: &str, request: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).expect("the command listens");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut page = String::new();
    stream.read_to_string(&mut page).expect("it answers");
    page
}

#[test]
fn a_browser_comes_back_to_the_command_that_sent_it() {
    let query = "state=st_a.b%2Cns%3Dx&code=c%2B1&session_state=left+out";
    for (request, calls) in [
        (format!("GET /oidc/callback?{query} HTTP/1.1\r\nhost: x\r\n\r\n"), 1),
        (format!("POST /oidc/callback HTTP/1.1\r\ncontent-length: {}\r\n\r\n{query}", query.len()), 2),
    ] {
        let (sender, pages) = std::sync::mpsc::channel();
        let server = Server::start(move |received| {
            if !received.target.ends_with("auth_url") {
                let is_form = received.method == "PUT";
                let login = r#"{"auth":{"client_token":"hvs.mine","lease_duration":60}}"#;
                return if is_form { Answer::new(200, "<html>") } else { Answer::new(200, login) };
            }
            let body: serde_json::Value = serde_json::from_str(&received.body).expect("JSON");
            let back = body["redirect_uri"].as_str().expect("a URL").to_owned();
            let address = back.trim_start_matches("http://").trim_end_matches("/oidc/callback").to_owned();
            let (sender, request) = (sender.clone(), request.clone());
            std::thread::spawn(move || {
                // A browser also asks for other things, and another page may have it bring somebody else's login.
                let icon = browse(&address, "GET /favicon.ico HTTP/1.1\r\n\r\n");
                let theirs = browse(&address, "GET /oidc/callback?state=st_a.c%2Cns%3Dx&code=evil HTTP/1.1\r\n\r\n");
                assert!(theirs.contains("400 Bad Request") && theirs.contains("did not succeed"), "{theirs}");
                sender.send(icon + &browse(&address, &request)).expect("the test is there");
            });
            reply(r#"{"auth_url":"https://idp.test/auth?x=y&state=st_a.b%2Cns%3Dx"}"#)
        });
        let ended =
            Stage::at(&server).run("login -method=oidc -token-only -path=sso role=staff port=0 skip_browser=true");
        assert_eq!((ended.code, ended.stdout.trim_end()), (0, "hvs.mine"), "{}", ended.stderr);
        assert!(ended.stderr.contains("https://idp.test/auth?x=y"), "{}", ended.stderr);
        let page = pages.recv().expect("pages");
        assert!(page.contains("404 Not Found") && page.contains("200 OK") && page.contains("signed in"), "{page}");
        let received = server.received();
        let begun: serde_json::Value = serde_json::from_str(&received[0].body).expect("JSON");
        assert_eq!((&begun["role"], &begun["client_nonce"]), (&"staff".into(), &"x".repeat(20).into()));
        assert!(received.iter().all(|call| call.header("x-vault-token").is_none()));
        assert_eq!(received.len(), 1 + calls, "nobody is told of the other login");
        let last = received.last().expect("a call").target.clone();
        let nonce = "x".repeat(20);
        if calls == 1 {
            assert_eq!(
                last,
                format!("/v1/auth/sso/oidc/callback?state=st_a.b%2Cns%3Dx&code=c%2B1&client_nonce={nonce}")
            );
        } else {
            assert_eq!(received[1].body, r#"{"code":"c+1","state":"st_a.b,ns=x"}"#);
            assert_eq!(last, format!("/v1/auth/sso/oidc/callback?state=st_a.b%2Cns%3Dx&client_nonce={nonce}"));
        }
    }
}

#[test]
fn a_browser_that_goes_to_the_server_is_asked_after_there() {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start(move |received| {
        if received.target.ends_with("auth_url") {
            return reply(r#"{"auth_url":"https://idp.test/auth","state":"st_a.b","poll_interval":"2"}"#);
        }
        match asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 | 1 => refusal(400, "authorization_pending"),
            _ => Answer::new(200, r#"{"auth":{"client_token":"hvs.mine","lease_duration":60}}"#),
        }
    });
    let ended = Stage::at(&server).run("login -method=oidc -token-only -path=sso callbackmode=direct role=staff");
    assert_eq!((ended.code, ended.stdout.trim_end()), (0, "hvs.mine"), "{}", ended.stderr);
    assert!(ended.stderr.contains("https://idp.test/auth"), "{}", ended.stderr);
    let received = server.received();
    let begun: serde_json::Value = serde_json::from_str(&received[0].body).expect("JSON");
    assert_eq!(begun["redirect_uri"], format!("{}/v1/auth/sso/oidc/callback", server.address));
    assert_eq!((received.len(), received[3].body.contains("\"state\":\"st_a.b\"")), (4, true));
    let wrong = Server::start(|_| reply(r#"{"auth_url":"https://idp.test/auth"}"#));
    let ended = Stage::at(&wrong).run("login -method=oidc callbackmode=direct");
    assert!(ended.code == 2 && ended.stderr.contains("callback_mode=direct"), "{}", ended.stderr);
}

#[test]
fn a_login_in_a_browser_that_cannot_begin_says_why() {
    let server = Server::start(|_| reply(r#"{"auth_url":""}"#));
    let stage = Stage::at(&server);
    for (line, code, text) in [
        ("login -method=oidc port=0 role=none", 2, "the role cannot be used with http://localhost:"),
        ("login -method=oidc port=x", 1, "port must be a number"),
        ("login -method=oidc usename=x", 1, "Unknown parameter: usename"),
        ("login -method=oidc listenaddress=192.0.2.1", 1, "Could not listen on 192.0.2.1:8250"),
    ] {
        let ended = stage.run(line);
        assert_eq!(ended.code, code, "{line}: {}", ended.stderr);
        assert!(ended.stderr.contains(text), "{line}: {}", ended.stderr);
    }
}
