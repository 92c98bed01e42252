//! Transcripts of commands, compared with `golden/`. `UPDATE_GOLDEN=1` writes them anew; read the difference.

use std::path::Path;

use client::testing::{Answer, Received, Server};

use super::{Stage, refusal, reply};

/// Runs the lines one after the other, and compares everything that they print.
pub(super) fn check(name: &str, stage: &Stage, server: &Server, lines: &[&str]) {
    let mut text = String::new();
    for line in lines {
        let ended = stage.run(line);
        text.push_str(&format!("$ vault {line}\n{}", ended.stdout));
        if !ended.stderr.is_empty() {
            text.push_str(&format!("--- stderr\n{}", ended.stderr));
        }
        text.push_str(&format!("--- exit {}\n\n", ended.code));
    }
    let text = text.replace(&server.address, "http://127.0.0.1:8200");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).expect("a writable folder");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{} differs; UPDATE_GOLDEN=1 writes it anew", path.display());
}

pub(super) fn serve(answer: impl Fn(&str, &Received) -> Answer + Send + 'static) -> Server {
    Server::start(move |request| answer(&request.line(), request))
}

#[test]
fn help_is_as_written() {
    let server = serve(|_, _| Answer::new(204, ""));
    let lines = [
        "-help",
        "kv",
        "kv metadata -help",
        "help operator",
        "read -h",
        "kv put -help",
        "policy fmt -help",
        "nonsense",
        "kv nonsense",
        "kv destory",
        "",
        "version",
        "-version",
        "read",
    ];
    check("help", &Stage::at(&server), &server, &lines);
}

const SEALED: &str = r#"{"type":"shamir","initialized":true,"sealed":true,"t":3,"n":5,"progress":1,"nonce":"n-1",
    "version":"1.21.4","build_date":"2026-01-02T03:04:05Z","migration":false,"recovery_seal":false,"storage_type":"embedded"}"#;
const UNSEALED: &str = r#"{"type":"shamir","initialized":true,"sealed":false,"t":3,"n":5,"progress":0,"nonce":"",
    "version":"1.21.4","build_date":"2026-01-02T03:04:05Z","migration":false,"recovery_seal":false,"storage_type":"embedded",
    "cluster_name":"vault-cluster-1","cluster_id":"c-1"}"#;

#[test]
fn status_is_as_written() {
    let lines = ["status", "status -format=json", "status -format=yaml", "status -field=sealed", "operator unseal key"];
    let server = serve(|line, _| match line {
        "GET /v1/sys/leader" => refusal(503, "Vault is sealed"),
        _ => Answer::new(200, SEALED),
    });
    check("status-sealed", &Stage::at(&server), &server, &lines);
    let server = serve(|line, _| match line {
        "GET /v1/sys/leader" => Answer::new(200, r#"{"ha_enabled":false,"is_self":false}"#),
        _ => Answer::new(200, UNSEALED),
    });
    check("status-unsealed", &Stage::at(&server), &server, &lines);
    let leader = r#"{"ha_enabled":true,"is_self":true,"active_time":"2026-01-02T03:04:05.5Z",
        "leader_address":"https://a:8200","leader_cluster_address":"https://a:8201"}"#;
    let server = serve(move |line, _| match line {
        "GET /v1/sys/leader" => Answer::new(200, leader),
        _ => Answer::new(200, UNSEALED),
    });
    check("status-ha", &Stage::at(&server), &server, &["status"]);
    let server = serve(|_, _| refusal(500, "internal error"));
    check("status-error", &Stage::at(&server), &server, &["status"]);
}

#[test]
fn operator_commands_are_as_written() {
    let server = serve(|line, _| match line {
        "GET /v1/sys/seal-status" => Answer::new(200, SEALED),
        "GET /v1/sys/init" => Answer::new(200, r#"{"initialized":false}"#),
        "PUT /v1/sys/init" => {
            Answer::new(200, r#"{"keys":["6161","6262"],"keys_base64":["YWE=","YmI="],"root_token":"hvs.root"}"#)
        }
        "GET /v1/sys/key-status" => {
            reply(r#"{"term":2,"install_time":"2026-01-02T03:04:05.123456789Z","encryptions":7}"#)
        }
        _ => Answer::new(204, ""),
    });
    let lines = [
        "operator init",
        "operator init -n 2 -t 2 -format=json",
        "operator init -status",
        "operator key-status",
        "operator key-status -format=json",
        "operator rotate",
        "operator seal",
    ];
    check("operator", &Stage::at(&server), &server, &lines);
    let server = serve(|line, _| match line {
        "GET /v1/sys/seal-status" => Answer::new(200, r#"{"type":"static","recovery_seal":true}"#),
        _ => Answer::new(
            200,
            r#"{"keys":[],"keys_base64":[],"recovery_keys":["6161"],"recovery_keys_base64":["YWE="],"root_token":"hvs.root"}"#,
        ),
    });
    let lines = ["operator init -recovery-shares=1 -recovery-threshold=1"];
    check("operator-auto-unseal", &Stage::at(&server), &server, &lines);
}

#[test]
fn logical_commands_are_as_written() {
    let server = serve(|line, _| match line {
        "GET /v1/plain" => Answer::new(
            200,
            r#"{"request_id":"r-1","lease_id":"","renewable":false,"lease_duration":2764800,
                "data":{"b":"<x>","a":null,"ttl":"1h","nested":{"k":[1,"v"]},"empty":"","num":1e3},"warnings":["first","second"],"mount_type":"kv"}"#,
        ),
        "GET /v1/leased" => Answer::new(
            200,
            r#"{"request_id":"r-1","lease_id":"db/creds/x/1","renewable":true,"lease_duration":3600,"data":{"password":"p","max_ttl":90}}"#,
        ),
        "GET /v1/wrapped" => Answer::new(
            200,
            r#"{"request_id":"","wrap_info":{"token":"hvs.wrap","accessor":"acc","ttl":300,
                "creation_time":"2026-01-02T03:04:05.5Z","creation_path":"wrapped"}}"#,
        ),
        "GET /v1/warned" => Answer::new(404, r#"{"warnings":["Invalid path for a versioned K/V secrets engine."]}"#),
        "PUT /v1/warned" | "PATCH /v1/warned" | "DELETE /v1/warned" => {
            Answer::new(404, r#"{"errors":[],"warnings":["Invalid path for a versioned K/V secrets engine."]}"#)
        }
        "GET /v1/sys/health" | "PUT /v1/sys/unseal" => Answer::new(200, r#"{"initialized":true,"sealed":false,"t":1}"#),
        "GET /v1/denied" => refusal(403, "1 error occurred:\\n\\t* permission denied\\n\\n"),
        "GET /v1/names?list=true" => reply(r#"{"keys":["b","a/","c"]}"#),
        "GET /v1/names?scan=true" => reply(r#"{"keys":["a/x","a/y/z","b","c"]}"#),
        "GET /v1/names?list=true&after=b&limit=1" => reply(r#"{"keys":["c"]}"#),
        "GET /v1/entities?list=true" => {
            reply(r#"{"keys":["e2","e1"],"key_info":{"e1":{"name":"one","aliases":[]},"e2":{"name":"two"}}}"#)
        }
        "GET /v1/plain?help=1" => Answer::new(200, r#"{"help":"Request: plain","see_also":null}"#),
        "PUT /v1/echo" => reply(r#"{"version":1}"#),
        "GET /v1/missing" | "GET /v1/missing?list=true" | "GET /v1/missing?scan=true" => {
            Answer::new(404, r#"{"errors":[]}"#)
        }
        _ => Answer::new(204, ""),
    });
    let lines = [
        "read plain",
        "read -format=json plain",
        "read -format=yaml plain",
        "read -format=raw leased",
        "read leased",
        "read -field=lease_id leased",
        "read wrapped",
        "read -field=wrapping_token wrapped",
        "read missing",
        "read -format=json missing",
        "read sys/health",
        "read -format=json sys/health",
        "read -field=sealed sys/health",
        "list -format=json sys/health",
        "write sys/unseal key=k",
        "read warned",
        "read -format=json warned",
        "write warned k=v",
        "patch warned k=v",
        "delete warned",
        "read denied",
        "list names",
        "list -format=json names",
        "list -after=b -limit=1 names",
        "scan names",
        "scan missing",
        "list -detailed entities",
        "list -detailed -format=json entities",
        "list -detailed names",
        "list missing",
        "list -format=json missing",
        "write quiet k=v",
        "write -format=json quiet k=v",
        "write echo k=v",
        "delete quiet",
        "path-help plain",
        "path-help -format=json plain",
        "unwrap hvs.wrap",
    ];
    check("logical", &Stage::at(&server), &server, &lines);
}

#[test]
fn kv_commands_are_as_written() {
    const METADATA: &str = r#"{"created_time":"2026-01-02T03:04:05.123456Z","custom_metadata":null,"deletion_time":"","destroyed":false,"version":1}"#;
    let server = serve(|line, _| match line {
        line if line.starts_with("GET /v1/sys/internal/ui/mounts/secret") => {
            reply(r#"{"path":"secret/","options":{"version":"2"}}"#)
        }
        line if line.starts_with("GET /v1/sys/internal/ui/mounts/plain") => {
            reply(r#"{"path":"plain/","options":null}"#)
        }
        line if line.starts_with("GET /v1/sys/internal/ui/mounts/none") => refusal(
            403,
            "preflight capability check returned 403, please ensure client's policies grant access to path \\\"none/\\\"",
        ),
        "PUT /v1/secret/data/app" => reply(METADATA),
        "GET /v1/secret/data/app" => {
            reply(&format!(r#"{{"data":{{"password":"hunter2","user":"u"}},"metadata":{METADATA}}}"#))
        }
        "GET /v1/secret/data/nested" => {
            reply(&format!(r#"{{"data":{{"data":"its own","user":"u"}},"metadata":{METADATA}}}"#))
        }
        "GET /v1/secret/data/deleted" => Answer::new(
            404,
            r#"{"data":{"data":null,"metadata":{"created_time":"2026-01-02T03:04:05Z","custom_metadata":null,
                "deletion_time":"2026-01-03T03:04:05Z","destroyed":false,"version":2}}}"#,
        ),
        "GET /v1/secret/metadata?list=true" => reply(r#"{"keys":["app","team/"]}"#),
        "GET /v1/secret/metadata?scan=true" => reply(r#"{"keys":["app","team/a","team/b/c"]}"#),
        "GET /v1/secret/metadata/team?scan=true" => reply(r#"{"keys":["a","b/c"]}"#),
        "GET /v1/secret/metadata/app" => reply(
            r#"{"cas_required":false,"created_time":"2026-01-02T03:04:05Z","current_version":10,"custom_metadata":{"owner":"me"},
                "delete_version_after":"0s","max_versions":0,"oldest_version":2,"updated_time":"2026-01-02T03:04:05Z",
                "versions":{"10":{"created_time":"2026-01-02T03:04:05Z","deletion_time":"","destroyed":false},
                            "2":{"created_time":"2026-01-02T03:04:05Z","deletion_time":"","destroyed":true}}}"#,
        ),
        "GET /v1/plain/app" => reply(r#"{"k":"v"}"#),
        line if line.starts_with("GET") => Answer::new(404, r#"{"errors":[]}"#),
        _ => Answer::new(204, ""),
    });
    let lines = [
        "kv put secret/app user=u password=hunter2",
        "kv put -format=json -mount=secret app user=u",
        "kv put -field=version secret/app user=u",
        "kv put plain/app k=v",
        "kv put none/app k=v",
        "kv get secret/app",
        "kv get -mount=secret -field=password app",
        "kv get -format=json secret/app",
        "kv get plain/app",
        "kv get -field=k plain/app",
        "kv get -field=data secret/app",
        "kv get -field=data -format=json secret/app",
        "kv get -field=data -format=json secret/nested",
        "kv get -field=data -format=json plain/app",
        "kv get secret/deleted",
        "kv get -format=json secret/absent",
        "kv get -format=json plain/absent",
        "kv get -field=user secret/deleted",
        "kv get secret/absent",
        "kv list secret",
        "kv list -format=yaml secret/",
        "kv scan secret",
        "kv scan -mount=secret -format=json team",
        "kv delete secret/app",
        "kv undelete -versions=1 secret/app",
        "kv destroy -versions=1 secret/app",
        "kv metadata get secret/app",
        "kv metadata put -max-versions=3 secret/app",
        "kv metadata delete secret/app",
        "kv metadata get plain/app",
    ];
    check("kv", &Stage::at(&server), &server, &lines);
}

#[test]
fn token_and_login_are_as_written() {
    let home = tempfile::tempdir().expect("a folder");
    let auth = r#"{"request_id":"r-1","data":null,"auth":{"client_token":"hvs.child","accessor":"acc","policies":["default","team"],
        "token_policies":["default","team"],"metadata":{"username":"bob"},"lease_duration":2764800,"renewable":true,
        "entity_id":"e-1","token_type":"service","orphan":true,"num_uses":0,"mfa_requirement":null}}"#;
    let server = serve(move |line, _| match line {
        "GET /v1/auth/token/lookup-self" => {
            reply(r#"{"accessor":"acc","policies":["root"],"ttl":0,"type":"service","expire_time":null,"meta":null}"#)
        }
        "PUT /v1/sys/capabilities" => reply(r#"{"secret/a":["update","read"],"secret/b":["deny"]}"#),
        "PUT /v1/sys/capabilities-self" => reply(r#"{"capabilities":["update","read"],"secret/a":["update","read"]}"#),
        line if line.starts_with("PUT /v1/auth/") && !line.contains("revoke") => Answer::new(200, auth),
        _ => Answer::new(204, ""),
    });
    let lines = [
        "token create",
        "token create -format=json",
        "token lookup",
        "token renew",
        "token revoke hvs.child",
        "token capabilities secret/a",
        "token capabilities -format=json secret/a",
        "token capabilities hvs.child secret/a secret/b",
        "token capabilities -format=json hvs.child secret/a secret/b",
        "login hvs.root",
        "login -no-store hvs.root",
        "login -method=userpass username=bob password=p",
    ];
    let stage = Stage::at(&server).env("HOME", home.path().to_str().expect("a text"));
    check("token", &stage, &server, &lines);
}

#[test]
fn policies_and_mounts_are_as_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let stage = |server: &Server| {
        Stage::at(server).stdin("path \"a\" {}\n").env("HOME", folder.path().to_str().expect("a text"))
    };
    let mount = |kind: &str, description: &str, options: &str| {
        format!(
            r#"{{"type":"{kind}","description":"{description}","accessor":"{kind}_1","options":{options},"uuid":"u-1",
                "config":{{"default_lease_ttl":0,"max_lease_ttl":3600,"force_no_cache":false}},"local":false}}"#
        )
    };
    let mounts = format!(
        r#"{{"cubbyhole/":{},"secret/":{}}}"#,
        mount("cubbyhole", "per-token private storage", "null"),
        mount("kv", "", r#"{"version":"2"}"#)
    );
    let methods = format!(
        r#"{{"kerberos/":{},"people/":{},"token/":{}}}"#,
        mount("kerberos", "", "null"),
        mount("ldap", "", "null"),
        mount("token", "token based credentials", "null")
    );
    let mut asked = 0;
    let server = Server::start(move |request| match request.line().as_str() {
        "GET /v1/sys/policies/acl?list=true" => reply(r#"{"keys":["default","root"]}"#),
        "GET /v1/sys/policies/acl/root" => reply(r#"{"name":"root","policy":""}"#),
        "GET /v1/sys/policies/acl/team" => reply(r#"{"name":"team","policy":"path \"a\" {\n}\n"}"#),
        "PUT /v1/sys/policies/explain" if request.body.contains("secret/data/a") => reply(
            r#"{"allowed":true,"sudo":false,"reason":"the rule grants read","would_allow":[],"policies":["default","dev"],
                "rule":{"policy":"dev","path":"secret/data/*","line":3,"capabilities":["read","list"]}}"#,
        ),
        "PUT /v1/sys/policies/explain" => reply(
            r#"{"allowed":false,"sudo":false,"reason":"no rule is about this path","rule":null,"policies":["default"],
                "would_allow":["a rule for secret/data/b with create or update","membership of dev"]}"#,
        ),
        "PUT /v1/sys/remount" => reply(r#"{"migration_id":"m-1"}"#),
        "GET /v1/sys/remount/status/m-1" => {
            asked += 1;
            let status = ["in-progress", "success", "failure"][(asked - 1).min(2)];
            reply(&format!(r#"{{"migration_id":"m-1","migration_info":{{"status":"{status}"}}}}"#))
        }
        "GET /v1/sys/mounts" => reply(&mounts),
        "GET /v1/sys/auth" => reply(&methods),
        line if line.starts_with("GET") => Answer::new(404, r#"{"errors":[]}"#),
        _ => Answer::new(204, ""),
    });
    let lines = [
        "policy list",
        "policy list -format=json",
        "policy read team",
        "policy read -format=json team",
        "policy read absent",
        "policy read root",
        "policy read -format=json root",
        "policy write team -",
        "policy explain secret/data/a",
        "policy explain -operation=update -accessor=acc secret/data/b data={}",
        "policy explain -format=json secret/data/a",
        "policy explain -field=allowed secret/data/a",
        "policy delete team",
        "secrets list",
        "secrets list -detailed",
        "secrets list -format=json",
        "secrets enable -path=team kv-v2",
        "secrets disable team",
        "secrets tune -description=x team",
        "secrets move team other/team",
        "secrets move -format=json team other",
        "kv enable-versioning team",
        "auth list",
        "auth list -detailed",
        "auth enable userpass",
        "auth disable userpass",
        "auth help userpass",
        "auth help token/",
        "auth help people",
        "auth help kerberos",
        "auth help nowhere",
        "auth tune -max-lease-ttl=1h userpass",
    ];
    check("policy-and-mounts", &stage(&server), &server, &lines);
}
