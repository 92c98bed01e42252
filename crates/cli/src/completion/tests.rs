//! What shells are told, and what is written into their settings.

use client::testing::{Answer, Server};

use crate::tests::{Stage, reply};

/// The candidates for a line, with the cursor at its end.
fn complete(stage: &Stage, line: &str) -> Vec<String> {
    let ended = stage.clone().env("COMP_LINE", line).run("vault x y");
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{line}");
    ended.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn words_and_flags_are_completed() {
    let stage = Stage::default();
    for (line, expected) in [
        ("vault pol", vec!["policy"]),
        ("vault policy ", vec!["delete", "explain", "fmt", "list", "read", "write"]),
        ("vault kv metadata p", vec!["patch", "put"]),
        ("vault -address=http://a kv und", vec!["undelete"]),
        ("vault kv rollback -ver", vec!["-version"]),
        ("vault read -output-c", vec!["-output-curl-string"]),
        ("vault -out", vec!["-output-curl-string", "-output-policy"]),
        ("vault read -format y", vec!["yaml"]),
        (
            "vault login -method ",
            vec!["approle", "cert", "jwt", "kubernetes", "ldap", "oidc", "radius", "token", "userpass"],
        ),
        ("vault ser", vec!["server"]),
        ("vault server -", vec!["-dev"]),
        ("vault server ", vec![]),
        ("vault nonsense ", vec![]),
        ("vault token create -ttl ", vec![]),
        ("vau", vec![]),
        ("", vec![]),
    ] {
        assert_eq!(complete(&stage, line), expected, "{line:?}");
    }
    // What is behind the cursor does not count.
    let stage = stage.env("COMP_POINT", "9");
    assert_eq!(complete(&stage, "vault pol delete x"), ["policy"]);
}

#[test]
fn files_are_completed_where_one_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("dev.hcl"), "").expect("writable");
    std::fs::create_dir(folder.path().join("deep")).expect("writable");
    let at = |name: &str| format!("{}/{name}", folder.path().display());
    for command in ["policy fmt", "policy write dev", "read -ca-cert", "operator init -pgp-keys"] {
        let line = format!("vault {command} {}", at("de"));
        assert_eq!(complete(&Stage::default(), &line), [at("deep/"), at("dev.hcl")], "{line}");
    }
}

#[test]
fn names_are_asked_from_the_server() {
    let server = Server::start(|request| match request.target.as_str() {
        "/v1/sys/internal/ui/mounts" => reply(r#"{"auth":{"userpass/":{}},"secret":{"kv/":{},"secret/":{}}}"#),
        "/v1/sys/policies/acl?list=true" => reply(r#"{"keys":["default","dev"]}"#),
        _ => Answer::new(404, r#"{"errors":[]}"#),
    });
    let stage = Stage::at(&server);
    for (line, expected) in [
        ("vault read ", vec!["auth/userpass/", "kv/", "secret/"]),
        ("vault kv get s", vec!["secret/"]),
        ("vault kv get -mount ", vec!["kv/", "secret/"]),
        ("vault auth disable ", vec!["userpass/"]),
        ("vault policy read d", vec!["default", "dev"]),
        ("vault token create -policy de", vec!["default", "dev"]),
        ("vault write secret/a ", vec![]),
    ] {
        assert_eq!(complete(&stage, line), expected, "{line:?}");
    }
}

#[test]
fn a_server_that_does_not_help_is_no_error() {
    let server = Server::start(|_| Answer::new(403, r#"{"errors":["permission denied"]}"#));
    assert_eq!(complete(&Stage::at(&server), "vault read "), [""; 0]);
    let nowhere = Stage::default().env("VAULT_ADDR", "no address");
    assert_eq!(complete(&nowhere, "vault read "), [""; 0]);
}

#[test]
fn settings_of_shells_are_changed_and_changed_back() {
    let home = tempfile::tempdir().expect("a folder");
    let file = |name: &str| home.path().join(name);
    let read = |name: &str| std::fs::read_to_string(file(name)).expect("readable");
    let stage = Stage::default().env("HOME", home.path().to_str().expect("a text"));
    let ended = stage.run("-autocomplete-install");
    assert_eq!(ended.code, 1, "there is no shell yet");
    assert!(ended.stderr.contains(".bashrc"), "{}", ended.stderr);

    std::fs::write(file(".bashrc"), "alias ll='ls -l'").expect("writable");
    std::fs::write(file(".zshrc"), "").expect("writable");
    let empty = tempfile::tempdir().expect("a folder");
    std::fs::write(empty.path().join(".bashrc"), "").expect("writable");
    let other = Stage::default().env("HOME", empty.path().to_str().expect("a text"));
    assert_eq!(other.run("-autocomplete-install").code + other.run("-autocomplete-uninstall").code, 0);
    assert_eq!(std::fs::read_to_string(empty.path().join(".bashrc")).expect("readable"), "");
    std::fs::create_dir_all(file(".config/fish")).expect("writable");
    let binary = std::env::current_exe().expect("known");
    let line = format!("-C {} vault\n", binary.display());
    for _ in 0..2 {
        assert_eq!(stage.run("-autocomplete-install").code, 0);
        assert_eq!(read(".bashrc"), format!("alias ll='ls -l'\ncomplete {line}"));
        assert_eq!(read(".zshrc"), format!("autoload -U +X bashcompinit && bashcompinit\ncomplete -o nospace {line}"));
        assert!(read(".config/fish/completions/vault.fish").contains("COMP_LINE"));
    }
    for _ in 0..2 {
        assert_eq!(stage.run("--autocomplete-uninstall").code, 0);
        assert_eq!(read(".bashrc"), "alias ll='ls -l'\n");
        assert!(!read(".zshrc").contains("complete "));
        assert!(!file(".config/fish/completions/vault.fish").exists());
    }
}
