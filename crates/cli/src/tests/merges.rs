//! Commands that change a part of what is there, and calls that are only described.

use client::testing::{Answer, Received, Server};

use super::{Stage, refusal, reply};

const VERSION: &str = r#"{"created_time":"2026-01-02T03:04:05Z","custom_metadata":null,"deletion_time":"","destroyed":false,"version":4}"#;

/// A server with one secret at `two/a` that answers a merge with `merged`.
fn serve(merged: impl Fn() -> Answer + Send + 'static) -> Server {
    Server::start(move |request| match (request.method.as_str(), request.target.as_str()) {
        ("GET", target) if target.starts_with("/v1/sys/internal/ui/mounts/two") => {
            reply(r#"{"path":"two/","options":{"version":"2"}}"#)
        }
        ("GET", "/v1/two/data/a") => reply(r#"{"data":{"k":"new","l":1},"metadata":{"version":3}}"#),
        ("GET", "/v1/two/data/a?version=1") => reply(r#"{"data":{"k":"old"},"metadata":{"version":1}}"#),
        ("GET", "/v1/two/data/a?version=2") => {
            Answer::new(404, r#"{"data":{"data":null,"metadata":{"version":2}},"lease_duration":0}"#)
        }
        ("GET", _) => Answer::new(404, r#"{"errors":[]}"#),
        ("PATCH", _) => merged(),
        _ => reply(VERSION),
    })
}

/// Runs one line; the calls that it made, without the question about the mount, each with its body.
fn calls(server: &Server, line: &str, code: u8) -> Vec<String> {
    let ended = Stage::at(server).run(line);
    assert_eq!(ended.code, code, "{line}: {}{}", ended.stdout, ended.stderr);
    let shown = |received: &Received| format!("{} {}", received.line(), received.body).trim_end().to_owned();
    server.received().iter().map(shown).filter(|call| !call.contains("/sys/internal/ui/")).collect()
}

#[test]
fn the_server_merges_where_it_can() {
    let line = "kv patch -cas=3 -remove-data=l two/a k=v";
    let body = r#"{"data":{"k":"v","l":null},"options":{"cas":3}}"#;
    assert_eq!(calls(&serve(|| reply(VERSION)), line, 0), [format!("PATCH /v1/two/data/a {body}")]);
}

#[test]
fn what_the_server_does_not_merge_is_read_and_written_over_the_same_version() {
    let merged =
        ["GET /v1/two/data/a".to_owned(), r#"PUT /v1/two/data/a {"data":{"k":"v"},"options":{"cas":3}}"#.to_owned()];
    let line = "kv patch -remove-data=l two/a k=v";
    for status in [403, 405] {
        let tried = calls(&serve(move || refusal(status, "no")), line, 0);
        assert_eq!(tried.get(1..), Some(merged.as_slice()), "{status}");
    }
    assert_eq!(calls(&serve(|| refusal(403, "no")), "kv patch -method=patch two/a k=v", 2).len(), 1);
    let chosen = calls(&serve(|| refusal(500, "not asked")), "kv patch -method=rw -remove-data=l two/a k=v", 0);
    assert_eq!(chosen, merged);
}

#[test]
fn nothing_is_made_of_a_secret_that_is_not_there() {
    let deleted = || Answer::new(404, r#"{"data":{"data":null,"metadata":{"version":2}},"lease_duration":0}"#);
    for line in ["kv patch two/a k=v", "kv patch -method=patch two/a k=v"] {
        assert_eq!(calls(&serve(deleted), line, 2).len(), 1, "{line}");
    }
    assert_eq!(calls(&serve(deleted), "kv patch -method=rw two/none k=v", 2), ["GET /v1/two/data/none"]);
    assert_eq!(calls(&serve(deleted), "kv metadata patch -max-versions=3 two/none", 2).len(), 1);
}

#[test]
fn an_older_version_is_written_once_more() {
    let server = serve(|| reply(VERSION));
    let made = calls(&server, "kv rollback -version=1 two/a", 0);
    assert_eq!(made.last().map(String::as_str), Some(r#"PUT /v1/two/data/a {"data":{"k":"old"},"options":{"cas":3}}"#));
    for line in ["kv rollback -version=2 two/a", "kv rollback -version=9 two/a", "kv rollback -version=1 two/none"] {
        let made = calls(&serve(|| reply(VERSION)), line, 2);
        assert!(made.iter().all(|call| call.starts_with("GET ")), "{line}: {made:?}");
    }
    assert_eq!(calls(&serve(|| reply(VERSION)), "kv rollback two/a", 1), [""; 0]);
}

#[test]
fn settings_are_changed_one_by_one() {
    let server = serve(|| Answer::new(204, ""));
    let line = "kv metadata patch -custom-metadata=a=b -remove-custom-metadata=c two/a";
    assert_eq!(calls(&server, line, 0), [r#"PATCH /v1/two/metadata/a {"custom_metadata":{"a":"b","c":null}}"#]);
    let line = "patch two/metadata/a max_versions=3";
    assert_eq!(calls(&serve(|| Answer::new(204, "")), line, 0), [r#"PATCH /v1/two/metadata/a {"max_versions":"3"}"#]);
}

#[test]
fn a_described_call_is_not_made() {
    for (line, expected) in [
        (
            "read -output-curl-string a/b",
            "curl -H \"X-Vault-Token: $(vault print token)\" -H \"X-Vault-Request: true\" SERVER/v1/a/b\n",
        ),
        (
            "kv put -output-curl-string two/a k=v",
            "curl -X PUT -H \"X-Vault-Token: $(vault print token)\" -H \"X-Vault-Request: true\" \
             -H \"Content-Type: application/json\" -d '{\"data\":{\"k\":\"v\"},\"options\":{}}' SERVER/v1/two/data/a\n",
        ),
        (
            "kv patch -method=rw -output-curl-string two/a k=v",
            "curl -X PUT -H \"X-Vault-Token: $(vault print token)\" -H \"X-Vault-Request: true\" \
             -H \"Content-Type: application/json\" -d '{\"data\":{\"k\":\"v\",\"l\":1},\"options\":{\"cas\":3}}' \
             SERVER/v1/two/data/a\n",
        ),
        ("kv put -output-policy two/a k=v", "path \"two/data/a\" {\n  capabilities = [\"create\", \"update\"]\n}\n"),
        ("-output-policy kv list two", "path \"two/metadata\" {\n  capabilities = [\"list\"]\n}\n"),
        ("token lookup -output-policy", "path \"auth/token/lookup-self\" {\n  capabilities = [\"read\"]\n}\n"),
        (
            "kv patch -method=rw -output-policy two/none k=v",
            "path \"two/data/none\" {\n  capabilities = [\"create\", \"read\", \"update\"]\n}\n",
        ),
        (
            "kv rollback -version=1 -output-policy two/none",
            "path \"two/data/none\" {\n  capabilities = [\"create\", \"read\", \"update\"]\n}\n",
        ),
        (
            "operator seal -output-policy",
            "path \"sys/seal\" {\n  capabilities = [\"create\", \"update\", \"sudo\"]\n}\n",
        ),
        (
            "-output-curl-string status",
            "curl -H \"X-Vault-Token: $(vault print token)\" -H \"X-Vault-Request: true\" SERVER/v1/sys/seal-status\n",
        ),
    ] {
        let server = serve(|| reply(VERSION));
        let ended = Stage::at(&server).run(line);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{line}");
        assert_eq!(ended.stdout.replace(&server.address, "SERVER"), expected);
        // What has to be known first is asked, and nothing is changed.
        assert!(server.received().iter().all(|call| call.method == "GET"), "{line}");
        let is_question = |call: &Received| call.target.contains("/sys/internal/ui/");
        assert!(!line.contains("policy") || server.received().iter().all(is_question), "{line}");
    }
}

#[test]
fn the_token_in_use_is_printed() {
    let server = serve(|| Answer::new(204, ""));
    assert_eq!(Stage::at(&server).run("print token").stdout, "hvs.test\n");
    assert_eq!(Stage::default().run("print token").code, 1);
}

#[test]
fn stepping_down_says_who_was_asked() {
    let server = serve(|| Answer::new(204, ""));
    let ended = Stage::at(&server).run("operator step-down");
    assert_eq!(ended.stdout, format!("Asked to step down: {}\n", server.address));
    assert_eq!(server.received().last().map(Received::line).as_deref(), Some("PUT /v1/sys/step-down"));
}
