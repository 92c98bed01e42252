//! Transcripts of the commands for those who look after a server.

use client::testing::{Answer, Server};

use super::goldens::{check, serve};
use super::{Stage, refusal, reply};

#[test]
fn leases_audit_devices_and_namespaces_are_as_written() {
    let server = serve(|line, _| match line {
        "PUT /v1/sys/leases/lookup" => reply(r#"{"id":"db/creds/x/1","issue_time":"2026-01-02T03:04:05Z","ttl":90}"#),
        "PUT /v1/sys/leases/renew" => {
            Answer::new(200, r#"{"lease_id":"db/creds/x/1","renewable":true,"lease_duration":3600}"#)
        }
        "GET /v1/sys/audit" => reply(
            r#"{"file/":{"type":"file","description":"","local":false,"options":{"file_path":"/a","mode":"0600"}},
                "net/":{"type":"socket","description":"far","local":true,"options":null}}"#,
        ),
        "GET /v1/sys/namespaces?list=true" => {
            reply(r#"{"keys":["team/"],"key_info":{"team/":{"id":"n1","path":"team/","custom_metadata":{}}}}"#)
        }
        "GET /v1/sys/namespaces/team" | "PUT /v1/sys/namespaces/team" | "PATCH /v1/sys/namespaces/team" => {
            reply(r#"{"id":"n1","path":"team/","custom_metadata":{"owner":"me"}}"#)
        }
        "PUT /v1/sys/namespaces/api-lock/lock/team" => reply(r#"{"unlock_key":"k1"}"#),
        line if line.starts_with("GET") => Answer::new(404, r#"{"errors":[]}"#),
        _ => Answer::new(204, ""),
    });
    let lines = [
        "lease lookup db/creds/x/1",
        "lease renew -increment=1h db/creds/x/1",
        "lease revoke db/creds/x/1",
        "lease revoke -sync db/creds/x/1",
        "lease revoke -prefix -force db",
        "audit list",
        "audit list -detailed",
        "audit list -format=yaml",
        "audit enable file file_path=/a",
        "audit disable file",
        "namespace list",
        "namespace list -format=json",
        "namespace lookup team",
        "namespace lookup -format=json team",
        "namespace lookup absent",
        "namespace create -custom-metadata=owner=me team",
        "namespace patch -custom-metadata=owner=me -remove-custom-metadata=x team",
        "namespace delete team",
        "namespace lock team",
        "namespace unlock -unlock-key=k1 team",
    ];
    check("operating", &Stage::at(&server), &server, &lines);
    let bodies = server.received().into_iter().filter(|call| call.line() == "PATCH /v1/sys/namespaces/team");
    assert_eq!(bodies.map(|call| call.body).collect::<Vec<_>>(), [r#"{"custom_metadata":{"owner":"me","x":null}}"#]);
    let none = serve(|_, _| reply("{}"));
    assert_eq!(Stage::at(&none).run("audit list").stderr, "No audit devices are enabled.\n");
    let without = serve(|_, _| refusal(404, "unsupported path"));
    assert!(Stage::at(&without).run("audit list").stderr.starts_with("Error listing audits"));
    let namespaces = Stage::at(&without).run("namespace list");
    assert_eq!(namespaces.code, 2);
    assert!(namespaces.stderr.starts_with("No namespaces found: there are none, or"), "{}", namespaces.stderr);
}

#[test]
fn new_keys_and_root_tokens_are_as_written() {
    const STARTED: &str = r#"{"nonce":"n-1","started":true,"t":2,"n":3,"progress":1,"required":2,"pgp_fingerprints":null,
        "backup":false,"verification_required":false}"#;
    const ROOT: &str = r#"{"nonce":"n-2","started":true,"progress":0,"required":2,"complete":false,"encoded_token":"",
        "encoded_root_token":"","pgp_fingerprint":"","otp":"one-time","otp_length":28}"#;
    let server = serve(|line, request| match line {
        "GET /v1/sys/rekey/init" | "PUT /v1/sys/rekey/init" => Answer::new(200, STARTED),
        "PUT /v1/sys/rekey/update" if request.body.contains("first") => Answer::new(200, STARTED),
        "PUT /v1/sys/rekey/update" => {
            Answer::new(200, r#"{"nonce":"n-1","complete":true,"keys":["61","62"],"keys_base64":["YQ==","Yg=="]}"#)
        }
        "GET /v1/sys/rotate/root/init" | "PUT /v1/sys/rotate/root/init" => reply(STARTED),
        "PUT /v1/sys/rotate/root/update" => {
            reply(r#"{"nonce":"n-1","complete":true,"keys":["61","62"],"keys_base64":["YQ==","Yg=="]}"#)
        }
        "GET /v1/sys/rekey/verify" => Answer::new(200, r#"{"nonce":"v-1","started":true,"t":2,"n":3,"progress":0}"#),
        "PUT /v1/sys/rekey/verify" => Answer::new(200, r#"{"nonce":"v-1","complete":true}"#),
        "GET /v1/sys/generate-recovery-token/attempt" => Answer::new(200, &ROOT.replace("28", "30")),
        "GET /v1/sys/generate-root/attempt" | "PUT /v1/sys/generate-root/attempt" => Answer::new(200, ROOT),
        "PUT /v1/sys/generate-root/update" => Answer::new(
            200,
            r#"{"nonce":"n-2","started":true,"progress":2,"required":2,"complete":true,"encoded_token":"AAAA","otp_length":28}"#,
        ),
        "GET /v1/sys/rekey-recovery-key/init" => Answer::new(200, r#"{"nonce":"","started":false}"#),
        "GET /v1/sys/ha-status" => reply(
            r#"{"nodes":[{"hostname":"a","api_address":"https://a:8200","cluster_address":"https://a:8201",
                "active_node":true,"version":"1.21.4","last_echo":null}]}"#,
        ),
        "GET /v1/sys/version-history?list=true" => reply(
            r#"{"keys":["1.21.4"],"key_info":{"1.21.4":{"timestamp_installed":"2026-01-02T03:04:05Z",
                "build_date":"2026-01-01T00:00:00Z","previous_version":null}}}"#,
        ),
        _ => refusal(404, "no handler"),
    });
    let lines = [
        "operator rekey -init -n 3 -t 2",
        "operator rekey -status",
        "operator rekey first",
        "operator rekey",
        "operator rekey -format=json second",
        "operator rekey -verify new",
        "operator rekey -verify -status",
        "operator rekey -target=recovery key",
        "operator rekey -",
        "operator rotate-keys -init -n 3 -t 2",
        "operator rotate-keys last",
        "operator generate-root -init",
        "operator generate-root -status -format=json",
        "operator generate-root -generate-otp",
        "operator generate-root key",
        "operator generate-root -decode=GRYCTA -otp=qsq*",
        "operator generate-root -recovery-token -status",
        "operator generate-root -recovery-token -dr-token -status",
        "operator members",
        "version-history",
        "version-history -format=json",
    ];
    check("keys", &Stage::at(&server).answers("typed"), &server, &lines);
}

#[test]
fn the_log_is_shown_as_it_comes() {
    let server = serve(|line, _| match line {
        "GET /v1/sys/monitor" => Answer::bytes(b"one\ntwo\n"),
        "GET /v1/sys/monitor?log_level=debug&log_format=json" => Answer::bytes(b"{}\n"),
        _ => refusal(400, "invalid level provided"),
    });
    let lines = ["monitor", "monitor -log-level=debug -log-format=json", "monitor -log-level=loud"];
    check("monitor", &Stage::at(&server), &server, &lines);
}

#[test]
fn shares_are_asked_for_as_given_whatever_the_seal() {
    const KEYS: &str = r#"{"keys":["61"],"keys_base64":["YQ=="],"root_token":"hvs.root"}"#;
    for (line, is_auto, body) in [
        ("", false, r#"{"secret_shares":5,"secret_threshold":3}"#),
        ("", true, r#"{"recovery_shares":5,"recovery_threshold":3}"#),
        (
            "-key-shares=3 -key-threshold=2",
            true,
            r#"{"recovery_shares":5,"recovery_threshold":3,"secret_shares":3,"secret_threshold":2}"#,
        ),
        ("-recovery-shares=1", false, r#"{"recovery_shares":1,"secret_shares":5,"secret_threshold":3}"#),
        ("-recovery-threshold=2", true, r#"{"recovery_shares":5,"recovery_threshold":2}"#),
    ] {
        let server = Server::start(move |request| match request.target.as_str() {
            "/v1/sys/seal-status" => Answer::new(200, &format!(r#"{{"recovery_seal":{is_auto}}}"#)),
            _ => Answer::new(200, KEYS),
        });
        let ended = Stage::at(&server).run(&format!("operator init {line}"));
        assert_eq!(ended.code, 0, "{line}: {}", ended.stderr);
        assert_eq!(server.received().last().map(|call| call.body.clone()).as_deref(), Some(body), "{line}");
    }
}

#[test]
fn a_piped_key_goes_to_the_attempt_that_was_named() {
    let server = Server::start(|_| Answer::new(200, r#"{"nonce":"somebody else's","started":true,"progress":1}"#));
    let stage = Stage::at(&server).stdin("key\n");
    for line in ["operator rekey -nonce=mine -", "operator generate-root -nonce=mine -"] {
        assert_eq!(stage.run(line).code, 0, "{line}");
        let last = server.received().pop().expect("a call");
        assert_eq!(last.body, r#"{"key":"key","nonce":"mine"}"#, "{line}");
    }
    let sent = server.received().len();
    assert_eq!(stage.run("operator generate-root -").code, 1);
    assert!(server.received().iter().skip(sent).all(|call| call.method == "GET"));
}

#[test]
fn a_move_that_fails_ends_with_2() {
    let server = Server::start(|request| match request.method.as_str() {
        "GET" => reply(r#"{"migration_info":{"status":"failure"}}"#),
        _ => reply(r#"{"migration_id":"m-1"}"#),
    });
    let ended = Stage::at(&server).run("auth move auth/people users");
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("migration ID m-1: failure"), "{}", ended.stderr);
    assert_eq!(server.received()[0].body, r#"{"from":"auth/people/","to":"auth/users/"}"#);
    assert_eq!(server.lines()[1], "GET /v1/sys/remount/status/m-1");
}
