//! Whole commands against a server on a free loopback port: what they send, what they print, how they end.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use client::testing::{Answer, Received, Server};

use crate::flags::Flag;
use crate::{OtherCommand, Terminal, dispatch};

mod backups;
mod goldens;
mod logins;
mod merges;
mod operating;
mod wrapped;

const OTHERS: &[OtherCommand] =
    &[OtherCommand { name: "server", summary: "Run the server", flags: &[Flag::switch("dev", "For development.")] }];

/// The surroundings of a command under test.
#[derive(Default, Clone)]
pub(crate) struct Stage {
    stdin: String,
    env: BTreeMap<String, String>,
    answer: Option<String>,
    is_terminal: bool,
}

/// What a command has printed.
#[derive(Default, Clone)]
pub(crate) struct Output {
    stdout: Buffer,
    stderr: Buffer,
}

#[derive(Default, Clone)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no panic").clone()).expect("text")
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// How a command ended.
pub(crate) struct Ended {
    pub code: u8,
    pub stdout: String,
    pub stderr: String,
}

impl Stage {
    pub fn at(server: &Server) -> Self {
        Self::default().env("VAULT_ADDR", &server.address).env("VAULT_TOKEN", "hvs.test")
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn stdin(self, text: &str) -> Self {
        Self { stdin: text.to_owned(), ..self }
    }

    /// What the user types when asked.
    fn answers(self, text: &str) -> Self {
        Self { answer: Some(text.to_owned()), ..self }
    }

    pub fn terminal(&self) -> (Terminal, Output) {
        let (env, answer, output) = (self.env.clone(), self.answer.clone(), Output::default());
        let terminal = Terminal {
            program: "vault".to_owned(),
            env: Box::new(move |name| env.get(name).cloned()),
            stdin: Box::new(Cursor::new(self.stdin.clone().into_bytes())),
            stdout: Box::new(output.stdout.clone()),
            stderr: Box::new(output.stderr.clone()),
            is_terminal: self.is_terminal,
            ask: Box::new(move |_| answer.clone().map(Into::into).ok_or_else(|| std::io::Error::other("no terminal"))),
            pause: Box::new(|_| {}),
            letters: Box::new(|count| "x".repeat(count)),
            patience: Duration::from_secs(60),
            offline: backups::OFFLINE,
        };
        (terminal, output)
    }

    pub fn run(&self, line: &str) -> Ended {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let (mut terminal, output) = self.terminal();
        let code = dispatch(&mut terminal, &args, OTHERS);
        Ended { code, stdout: output.stdout.text(), stderr: output.stderr.text() }
    }
}

pub(crate) fn reply(data: &str) -> Answer {
    let start =
        r#"{"request_id":"r-1","lease_id":"","renewable":false,"lease_duration":0,"wrap_info":null,"warnings":null"#;
    Answer::new(200, &format!(r#"{start},"auth":null,"data":{data}}}"#))
}

fn refusal(status: u16, text: &str) -> Answer {
    Answer::new(status, &format!(r#"{{"errors":["{text}"]}}"#))
}

#[test]
fn flags_and_environment_reach_the_server() {
    let server = Server::start(|_| reply(r#"{"a":1}"#));
    let stage = Stage::at(&server).env("VAULT_NAMESPACE", "env").env("BAO_TOKEN", "hvs.bao");
    for line in [
        "read -ns=/team/ -header X-A=b -wrap-ttl 5m -policy-override -mfa=totp:1 -mfa=duo /secret/a/ version=2",
        "-ns team read secret/a",
    ] {
        assert_eq!(stage.run(line).code, 0, "{line}");
    }
    let received = server.received();
    assert_eq!(received[0].line(), "GET /v1/secret/a?version=2");
    for (name, value) in [
        ("x-vault-namespace", "team/"),
        ("x-a", "b"),
        ("x-vault-wrap-ttl", "5m"),
        ("x-vault-token", "hvs.bao"),
        ("x-vault-policy-override", "true"),
    ] {
        assert_eq!(received[0].header(name), Some(value), "{name}");
    }
    let proofs: Vec<_> = received[0].headers.iter().filter(|(name, _)| name == "x-vault-mfa").collect();
    assert_eq!(proofs.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["totp:1", "duo"]);
    assert_eq!(received[1].header("x-vault-namespace"), Some("team/"));
    assert_eq!(stage.run("read secret/a").code, 0);
    assert_eq!(server.received()[2].header("x-vault-namespace"), Some("env/"));
    let proved = stage.clone().env("VAULT_MFA", "totp:1, duo").run("read secret/a");
    assert_eq!(proved.code, 0);
    let last = server.received().pop().expect("a call");
    let proofs: Vec<_> =
        last.headers.iter().filter(|(name, _)| name == "x-vault-mfa").map(|(_, value)| value).collect();
    assert_eq!(proofs, ["totp:1", "duo"]);
    assert_eq!(stage.run("read -ns=root secret/a").code, 0);
    assert_eq!(server.received()[4].header("x-vault-namespace"), None);
}

#[test]
fn flags_may_stand_anywhere_between_the_words() {
    for (line, sent) in [
        ("kv -format=json get -mount=s a", "GET /v1/s/a"),
        ("kv -mount s -format json get a", "GET /v1/s/a"),
        ("-format=json kv -mount s get a", "GET /v1/s/a"),
        ("kv metadata -mount=s -- get a", ""),
        ("secrets -detailed list", "GET /v1/sys/mounts"),
        ("token -accessor lookup a", "PUT /v1/auth/token/lookup-accessor"),
        ("policy -format json read team", "GET /v1/sys/policies/acl/team"),
    ] {
        let server = Server::start(|request| match request.target.as_str() {
            "/v1/sys/internal/ui/mounts/s" => Answer::new(404, r#"{"errors":[]}"#),
            _ => reply(r#"{"policy":"p"}"#),
        });
        Stage::at(&server).run(line);
        assert_eq!(server.lines().last().map_or("", String::as_str), sent, "{line}");
    }
    let nobody = Stage::default();
    let help = nobody.run("kv -help get");
    assert!(help.stdout.starts_with("Usage: vault kv get"), "{}", help.stdout);
    assert!(nobody.run("kv -format=json -help").stdout.starts_with("Usage: vault kv <command>"));
}

#[test]
fn commands_do_not_repeat_calls_unless_told_to() {
    let server = Server::start(|_| refusal(400, "no"));
    assert_eq!(Stage::at(&server).run("read x").code, 2);
    assert_eq!(server.received().len(), 1);
}

#[test]
fn a_login_keeps_its_token_for_later_commands() {
    let home = tempfile::tempdir().expect("a folder");
    let server = Server::start(|_| reply(r#"{"accessor":"acc","policies":["root"],"ttl":0,"type":"service"}"#));
    let stage = Stage::default()
        .env("VAULT_ADDR", &server.address)
        .env("HOME", home.path().to_str().expect("a text"))
        .answers("hvs.asked\n");
    for (line, stdin, token) in [
        ("login hvs.plain", "", "hvs.plain"),
        ("login token=hvs.pair", "", "hvs.pair"),
        ("login -", " hvs.stdin\n", "hvs.stdin"),
        ("login", "", "hvs.asked"),
    ] {
        let ended = stage.clone().stdin(stdin).run(line);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{line}");
        assert_eq!(std::fs::read_to_string(home.path().join(".vault-token")).expect("kept"), token);
        assert_eq!(stage.run("token lookup").code, 0);
        assert_eq!(
            server.received().last().and_then(|last| last.header("x-vault-token").map(str::to_owned)),
            Some(token.to_owned())
        );
    }
    let ended = stage.run("login -no-store -no-print hvs.other");
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""));
    let ended = stage.run("login -token-only hvs.other");
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "hvs.other"));
    assert_eq!(std::fs::read_to_string(home.path().join(".vault-token")).expect("kept"), "hvs.asked");
}

#[test]
fn a_refused_login_keeps_nothing() {
    let home = tempfile::tempdir().expect("a folder");
    let server = Server::start(|_| refusal(403, "permission denied"));
    let stage = Stage::default().env("VAULT_ADDR", &server.address).env("HOME", home.path().to_str().expect("a text"));
    let ended = stage.run("login hvs.bad");
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.starts_with("Error authenticating: error looking up token: Error making API request."));
    assert!(!ended.stderr.contains("hvs.bad"));
    assert_eq!(std::fs::read_dir(home.path()).expect("a folder").count(), 0);
    assert_eq!(stage.run("login").code, 1);
}

#[test]
fn a_login_by_password_asks_for_it() {
    let server = Server::start(|_| Answer::new(200, r#"{"auth":{"client_token":"hvs.u","lease_duration":3600}}"#));
    let stage = Stage::default().env("VAULT_ADDR", &server.address).answers("secret word");
    let ended = stage.run("login -method=userpass -path=people -token-only username=bob");
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "hvs.u"));
    assert_eq!(server.received()[0].line(), "PUT /v1/auth/people/login/bob");
    assert_eq!(server.received()[0].body, r#"{"password":"secret word"}"#);
    let ended = stage.run("login -method=saml");
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.starts_with("Unknown auth method: saml"));
}

#[test]
fn unseal_keys_are_asked_for_and_sent_once() {
    let server = Server::start(|_| Answer::new(200, r#"{"type":"shamir","sealed":false}"#));
    let stage = Stage::at(&server).answers("key one");
    assert_eq!(stage.run("operator unseal").code, 0);
    assert_eq!(stage.clone().stdin("key two\n").run("operator unseal -").code, 0);
    assert_eq!(stage.run("operator unseal -reset").code, 0);
    let received = server.received().into_iter().filter(|received| received.method == "PUT");
    let bodies: Vec<_> = received.map(|received| received.body).collect();
    assert_eq!(
        bodies,
        [r#"{"key":"key one","migrate":false}"#, r#"{"key":"key two","migrate":false}"#, r#"{"reset":true}"#]
    );
}

#[test]
fn versioned_and_plain_secrets_are_told_apart() {
    let answer = |request: &Received| match request.target.as_str() {
        "/v1/sys/internal/ui/mounts/two/a/b" | "/v1/sys/internal/ui/mounts/two" => {
            reply(r#"{"path":"two/","options":{"version":"2"}}"#)
        }
        "/v1/sys/internal/ui/mounts/one/a" => reply(r#"{"path":"one/","options":null}"#),
        "/v1/sys/internal/ui/mounts/closed/a" => refusal(403, "preflight capability check returned 403"),
        target if target.starts_with("/v1/sys/") => Answer::new(404, r#"{"errors":[]}"#),
        _ => Answer::new(204, ""),
    };
    for (line, code, last, body) in [
        ("kv put two/a/b k=v", 0, "PUT /v1/two/data/a/b", r#"{"data":{"k":"v"},"options":{}}"#),
        ("kv put -cas=0 two/a/b k=v", 0, "PUT /v1/two/data/a/b", r#"{"data":{"k":"v"},"options":{"cas":0}}"#),
        ("kv put -mount=two a/b k=v", 0, "PUT /v1/two/data/a/b", r#"{"data":{"k":"v"},"options":{}}"#),
        ("kv put one/a k=v", 0, "PUT /v1/one/a", r#"{"k":"v"}"#),
        ("kv put old/a k=v", 0, "PUT /v1/old/a", r#"{"k":"v"}"#),
        ("kv put closed/a k=v", 2, "GET /v1/sys/internal/ui/mounts/closed/a", ""),
        ("kv get -version=3 two/a/b", 2, "GET /v1/two/data/a/b?version=3", ""),
        ("kv list -mount=two", 2, "GET /v1/two/metadata?list=true", ""),
        ("kv list two", 2, "GET /v1/two/metadata?list=true", ""),
        ("kv delete two/a/b", 0, "DELETE /v1/two/data/a/b", ""),
        ("kv delete -versions=1,2 two/a/b", 0, "PUT /v1/two/delete/a/b", r#"{"versions":[1,2]}"#),
        ("kv undelete -versions=1 two/a/b", 0, "PUT /v1/two/undelete/a/b", r#"{"versions":[1]}"#),
        ("kv destroy -versions=1 -versions=3 two/a/b", 0, "PUT /v1/two/destroy/a/b", r#"{"versions":[1,3]}"#),
        ("kv destroy -versions=1 one/a", 1, "GET /v1/sys/internal/ui/mounts/one/a", ""),
        ("kv metadata delete two/a/b", 0, "DELETE /v1/two/metadata/a/b", ""),
        (
            "kv metadata put -max-versions=5 -custom-metadata=a=b -cas-required two/a/b",
            0,
            "PUT /v1/two/metadata/a/b",
            r#"{"cas_required":true,"custom_metadata":{"a":"b"},"max_versions":5}"#,
        ),
    ] {
        let server = Server::start(answer);
        let ended = Stage::at(&server).run(line);
        assert_eq!(ended.code, code, "{line}: {}", ended.stderr);
        let received = server.received();
        let received = received.last().expect("a call");
        assert_eq!((received.line().as_str(), received.body.as_str()), (last, body), "{line}");
    }
}

#[test]
fn management_commands_send_what_they_were_told() {
    for (line, sent, body) in [
        (
            "secrets enable -path=team -version=2 -default-lease-ttl=1h kv",
            "PUT /v1/sys/mounts/team",
            r#"{"config":{"default_lease_ttl":"1h"},"description":"","local":false,"options":{"version":"2"},"seal_wrap":false,"type":"kv"}"#,
        ),
        ("secrets disable team/", "DELETE /v1/sys/mounts/team", ""),
        ("secrets tune -max-lease-ttl=system team", "PUT /v1/sys/mounts/team/tune", r#"{"max_lease_ttl":"system"}"#),
        ("auth tune -description=x userpass", "PUT /v1/sys/auth/userpass/tune", r#"{"description":"x"}"#),
        ("auth disable userpass", "DELETE /v1/sys/auth/userpass", ""),
        ("policy delete Team", "DELETE /v1/sys/policies/acl/team", ""),
        (
            "secrets enable -path=t -external-entropy-access -delegated-auth-accessors=a,b -trim-request-trailing-slashes kv",
            "PUT /v1/sys/mounts/t",
            r#"{"config":{"delegated_auth_accessors":["a","b"],"trim_request_trailing_slashes":true},"description":"","external_entropy_access":true,"local":false,"seal_wrap":false,"type":"kv"}"#,
        ),
        (
            "auth tune -user-lockout-threshold=3 -user-lockout-duration=10m -user-lockout-counter-reset-duration=5m \
             -user-lockout-disable=false -token-type=batch userpass",
            "PUT /v1/sys/auth/userpass/tune",
            r#"{"token_type":"batch","user_lockout_config":{"lockout_counter_reset":"5m","lockout_disable":false,"lockout_duration":"10m","lockout_threshold":"3"}}"#,
        ),
        (
            "secrets tune -audit-non-hmac-request-keys=a -audit-non-hmac-request-keys=b,c -options=max_versions=3 team",
            "PUT /v1/sys/mounts/team/tune",
            r#"{"audit_non_hmac_request_keys":["a","b","c"],"options":{"max_versions":"3"}}"#,
        ),
        ("kv enable-versioning team/", "PUT /v1/sys/mounts/team/tune", r#"{"options":{"version":"2"}}"#),
        ("token revoke -mode=path auth/userpass/", "PUT /v1/sys/leases/revoke-prefix/auth/userpass", "{}"),
        ("lease revoke -sync a/b", "PUT /v1/sys/leases/revoke", r#"{"lease_id":"a/b","sync":true}"#),
        ("lease revoke -prefix a/", "PUT /v1/sys/leases/revoke-prefix/a", r#"{"sync":false}"#),
        ("lease revoke -prefix -force a", "PUT /v1/sys/leases/revoke-force/a", "{}"),
        (
            "audit enable -path=log -description=x file file_path=/a",
            "PUT /v1/sys/audit/log",
            r#"{"description":"x","local":false,"options":{"file_path":"/a"},"type":"file"}"#,
        ),
        ("audit disable log/", "DELETE /v1/sys/audit/log", ""),
        ("namespace delete team/", "DELETE /v1/sys/namespaces/team", ""),
        ("namespace lock", "PUT /v1/sys/namespaces/api-lock/lock", "{}"),
        ("namespace unlock -unlock-key=k team", "PUT /v1/sys/namespaces/api-lock/unlock/team", r#"{"unlock_key":"k"}"#),
        ("operator rekey -cancel -nonce=n", "DELETE /v1/sys/rekey/init", r#"{"nonce":"n"}"#),
        ("operator rekey -cancel -verify -target=recovery", "DELETE /v1/sys/rekey-recovery-key/verify", ""),
        ("operator rekey -backup-delete", "DELETE /v1/sys/rekey/backup", ""),
        ("operator generate-root -cancel", "DELETE /v1/sys/generate-root/attempt", ""),
        ("operator generate-root -cancel -recovery-token", "DELETE /v1/sys/generate-recovery-token/attempt", ""),
        ("token revoke hvs.x", "PUT /v1/auth/token/revoke", r#"{"token":"hvs.x"}"#),
        ("token revoke -self", "PUT /v1/auth/token/revoke-self", "{}"),
        ("token revoke -accessor a", "PUT /v1/auth/token/revoke-accessor", r#"{"accessor":"a"}"#),
        ("token revoke -mode=orphan hvs.x", "PUT /v1/auth/token/revoke-orphan", r#"{"token":"hvs.x"}"#),
        ("write -f sys/tools/x", "PUT /v1/sys/tools/x", "{}"),
        ("operator seal", "PUT /v1/sys/seal", ""),
    ] {
        let server = Server::start(|_| Answer::new(204, ""));
        let ended = Stage::at(&server).run(line);
        assert_eq!(ended.code, 0, "{line}: {}", ended.stderr);
        let received = server.received();
        assert_eq!((received[0].line().as_str(), received[0].body.as_str()), (sent, body), "{line}");
        assert_eq!(received.len(), 1);
    }
}

#[test]
fn tokens_are_made_as_asked() {
    let server = Server::start(|_| Answer::new(200, r#"{"auth":{"client_token":"hvs.child"}}"#));
    let stage = Stage::at(&server);
    let ended = stage.run("token create -policy=a -policy=b -ttl=1h -orphan -metadata=k=v -field=token");
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "hvs.child"));
    assert_eq!(stage.run("token create -role=r -renewable=false -use-limit=2").code, 0);
    let line = "token create -type=batch -entity-alias=a -period=1h -explicit-max-ttl=2h -no-default-policy";
    assert_eq!(stage.run(line).code, 0);
    assert_eq!(stage.stdin("hvs.in\n").run("token renew -increment=5m -").code, 0);
    let sent: Vec<_> =
        server.received().iter().map(|received| format!("{} {}", received.line(), received.body)).collect();
    assert_eq!(
        sent,
        [
            r#"PUT /v1/auth/token/create {"meta":{"k":"v"},"no_parent":true,"policies":["a","b"],"renewable":true,"ttl":"1h"}"#,
            r#"PUT /v1/auth/token/create/r {"num_uses":2,"renewable":false}"#,
            r#"PUT /v1/auth/token/create {"entity_alias":"a","explicit_max_ttl":"2h","no_default_policy":true,"period":"1h","type":"batch"}"#,
            r#"PUT /v1/auth/token/renew {"increment":"5m","token":"hvs.in"}"#,
        ]
    );
}

#[test]
fn wrong_calls_end_with_1_and_send_nothing() {
    for (line, message) in [
        ("read", "Not enough arguments (expected 1, got 0)"),
        ("status extra", "Too many arguments (expected 0, got 1)"),
        ("token lookup a b", "Too many arguments (expected 0-1, got 2)"),
        ("kv list a b", "Too many arguments (expected 0-1, got 2)"),
        ("kv put", "Not enough arguments (expected 1, got 0)"),
        ("kv -nope get x", "flag provided but not defined: -nope\n"),
        ("kv -cas", "flag needs a value: -cas"),
        ("read -header=foo a", "invalid value for flag -header: expected name=value"),
        ("token create -metadata=foo", "invalid value for flag -metadata: expected name=value"),
        ("read -nope x", "flag provided but not defined: -nope\n"),
        ("kv get -versoin=1 x", "flag provided but not defined: -versoin (did you mean -version?)"),
        ("read -format=xml x", "Invalid output format"),
        ("read /", "The path must not be empty"),
        ("write x", "Must supply data or use -force"),
        ("write x nonsense", "Failed to parse K=V data: format must be key=value"),
        ("kv put secret/a", "Must supply data"),
        ("kv get", "Not enough arguments"),
        ("kv list", "Not enough arguments"),
        ("kv destroy secret/a", "No versions provided"),
        ("kv delete -versions=x secret/a", "invalid value for flag -versions"),
        ("token revoke", "Give either a token"),
        ("token revoke -self hvs.x", "Give either a token"),
        ("token revoke -mode=all hvs.x", "Invalid mode"),
        ("token lookup -accessor", "-accessor needs the accessor"),
        ("token capabilities -accessor secret/a", "-accessor needs the accessor"),
        ("lease revoke -force a", "-force needs -prefix"),
        ("secrets move a", "Not enough arguments"),
        ("auth move / b", "The source and the destination"),
        ("policy explain -token=a -accessor=b x", "Give either -token or -accessor"),
        ("policy explain /", "The path must not be empty"),
        ("namespace patch team", "Nothing to change"),
        ("operator rekey -target=all", "Invalid target"),
        ("operator rekey -init -pgp-keys=/nowhere/at/all", "Could not read the PGP key /nowhere/at/all"),
        ("operator generate-root -decode=YQ", "Missing one-time password"),
        ("operator generate-root -init -otp=a -pgp-key=b", "Give either -otp or -pgp-key"),
        ("operator unseal -non-interactive", "-non-interactive forbids to ask for: Unseal Key"),
        ("login -non-interactive -method=userpass username=bob", "-non-interactive forbids to ask for: Password"),
        ("read -output-policy -output-curl-string a", "-output-curl-string and -output-policy cannot be used together"),
        ("read -address=unix://run/x a", "address: expected the absolute path of a socket"),
        ("policy write name /nowhere/at/all", "Could not read /nowhere/at/all"),
        ("operator unseal", "Could not ask for it"),
        ("read -header=x-vault-token=y a", "-header cannot set headers that start with X-Vault-"),
        ("read -address=nowhere a", "address: expected a URL"),
        ("read -ca-cert=/nowhere/at/all a", "could not read /nowhere/at/all"),
        ("read a/../b", "Error reading a/../b: the path must not have a segment"),
    ] {
        let server = Server::start(|_| Answer::new(204, ""));
        let ended = Stage::at(&server).run(line);
        let code = if line.contains("..") { 2 } else { 1 };
        assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{line}");
        assert!(ended.stderr.starts_with(message), "{line}: {}", ended.stderr);
        assert_eq!(server.lines(), Vec::<String>::new(), "{line}");
    }
}

#[test]
fn fields_print_alone_and_with_a_newline_only_to_a_terminal() {
    let server = Server::start(|_| reply(r#"{"a":"text\u001b[31m","n":1.50,"l":["x"]}"#));
    let stage = Stage::at(&server);
    for (line, printed) in
        [("read -field=n x", "1.50"), ("read -field=l x", "[x]"), ("read -field=l -format=json x", "[\n  \"x\"\n]")]
    {
        assert_eq!(stage.run(line).stdout, printed);
        let terminal = Stage { is_terminal: true, ..stage.clone() };
        assert_eq!(terminal.run(line).stdout, format!("{printed}\n"));
    }
    let ended = stage.run("read -field=nope x");
    assert_eq!((ended.code, ended.stderr.as_str()), (1, "Field \"nope\" not present in secret\n"));
    assert!(stage.run("read x").stdout.contains('\u{1b}'));
    assert!(!Stage { is_terminal: true, ..stage }.run("read x").stdout.contains('\u{1b}'));
}

#[test]
fn a_reader_who_went_away_ends_the_command_in_silence() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (mut terminal, output) = Stage::default().terminal();
    terminal.stdout = Box::new(Closed);
    assert_eq!(dispatch(&mut terminal, &["version".to_owned()], OTHERS), 1);
    assert_eq!(output.stderr.text(), "");
}

#[test]
fn every_command_has_words_of_its_own_and_fitting_flags() {
    let mut words = Vec::new();
    for command in crate::commands::all() {
        assert!(!words.contains(&command.words), "{} twice", command.words);
        words.push(command.words);
        assert!(!command.summary.ends_with('.'), "{}", command.words);
        let mut names: Vec<_> = crate::flags::GLOBAL.iter().chain(command.flags).map(|flag| flag.name).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all, "a flag twice in {}", command.words);
    }
}

#[test]
fn the_program_is_named_as_it_was_called() {
    for (path, name) in
        [("/usr/bin/vault", "vault"), ("bao", "bao"), ("", "strongroom"), ("./x/strongroom.exe", "strongroom")]
    {
        assert_eq!(crate::program_name(Path::new(path).as_os_str()), name);
    }
}
