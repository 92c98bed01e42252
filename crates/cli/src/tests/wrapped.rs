//! `-wrap-ttl` on commands that show something else than the plain reply, and the way back.

use client::testing::{Answer, Received, Server};

use super::goldens::{check, serve};
use super::{Stage, reply};

const WRAPPED: &str = r#"{"request_id":"","lease_id":"","renewable":false,"lease_duration":0,"data":null,"warnings":null,
    "auth":null,"wrap_info":{"token":"hvs.wrap","accessor":"acc","ttl":300,
    "creation_time":"2026-01-02T03:04:05.5Z","creation_path":"path","wrapped_accessor":"inner"}}"#;

fn answer(request: &Received) -> Answer {
    if request.target.contains("/sys/internal/ui/mounts") {
        return reply(r#"{"path":"secret/","options":{"version":"2"}}"#);
    }
    match request.header("x-vault-wrap-ttl") {
        Some(_) => Answer::new(200, WRAPPED),
        None => reply(r#"{"data":{"k":"old"},"metadata":{"version":3},"accessor":"acc","policies":["root"],"ttl":0}"#),
    }
}

#[test]
fn wrapped_replies_are_as_written() {
    let server = serve(|_, request| answer(request));
    let lines = [
        "kv get -wrap-ttl=5m secret/app",
        "kv put -wrap-ttl=5m secret/app k=v",
        "token create -wrap-ttl=5m -format=json",
        "policy read -wrap-ttl=5m -field=wrapping_token team",
    ];
    check("wrapped", &Stage::at(&server), &server, &lines);
}

#[test]
fn no_command_loses_what_was_wrapped() {
    for line in [
        "read secret/data/app",
        "list secret/metadata",
        "scan secret/metadata",
        "write secret/data/app k=v",
        "patch secret/data/app k=v",
        "kv get secret/app",
        "kv list secret",
        "kv put secret/app k=v",
        "kv patch secret/app k=v",
        "kv patch -method=rw secret/app k=v",
        "kv rollback -version=1 secret/app",
        "kv metadata get secret/app",
        "token create",
        "token lookup",
        "token renew",
        "token capabilities a",
        "policy list",
        "policy read dev",
        "policy explain a",
        "secrets list",
        "auth list",
        "audit list",
        "lease lookup a",
        "lease renew a",
        "namespace list",
        "namespace lookup a",
        "namespace create a",
        "operator key-status",
        "operator members",
        "version-history",
        "login -method=userpass username=u password=p",
    ] {
        let server = Server::start(answer);
        let ended = Stage::at(&server).run(&format!("{line} -wrap-ttl=5m"));
        assert_eq!(ended.code, 0, "{line}: {}", ended.stderr);
        assert!(ended.stdout.contains("hvs.wrap"), "{line}: {}", ended.stdout);
    }
}

#[test]
fn a_token_that_is_logged_in_with_is_not_wrapped() {
    let server = Server::start(answer);
    let ended = Stage::at(&server).run("login -no-store -token-only -wrap-ttl=5m hvs.mine");
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "hvs.mine"), "{}", ended.stderr);
}

#[test]
fn whoever_has_a_token_unwraps_by_it() {
    let unwrap = |stage: Stage, line: &str| {
        let server = Server::start(|_| reply(r#"{"k":"v"}"#));
        let ended = stage.env("VAULT_ADDR", &server.address).run(line);
        assert_eq!(ended.code, 0, "{line}: {}", ended.stderr);
        let received = server.received();
        assert_eq!(received[0].line(), "PUT /v1/sys/wrapping/unwrap");
        (received[0].header("x-vault-token").map(str::to_owned), received[0].body.clone())
    };
    let own = || Stage::default().env("VAULT_TOKEN", "hvs.own");
    let token = |token: &str| Some(token.to_owned());
    assert_eq!(unwrap(own(), "unwrap hvs.wrap"), (token("hvs.own"), r#"{"token":"hvs.wrap"}"#.to_owned()));
    assert_eq!(unwrap(own(), "unwrap hvs.own"), (token("hvs.own"), "{}".to_owned()));
    assert_eq!(unwrap(own(), "unwrap"), (token("hvs.own"), "{}".to_owned()));
    assert_eq!(unwrap(Stage::default(), "unwrap hvs.wrap"), (token("hvs.wrap"), "{}".to_owned()));
    assert_eq!(Stage::default().run("unwrap").code, 1, "there is nothing to unwrap");
    let old = Server::start(|_| Answer::new(404, r#"{"errors":["no handler for route"]}"#));
    assert_eq!(Stage::at(&old).run("unwrap hvs.wrap").code, 2, "a server that does not unwrap");
    let empty = Server::start(|_| Answer::new(204, ""));
    assert!(Stage::at(&empty).run("unwrap hvs.wrap").stdout.starts_with("Successfully unwrapped"));
    let piped = unwrap(own().stdin("hvs.piped\n"), "unwrap -");
    assert_eq!(piped, (token("hvs.own"), r#"{"token":"hvs.piped"}"#.to_owned()));
}
