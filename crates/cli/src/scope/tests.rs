//! Flags that a command has no use for, on every command that there is.

use client::testing::{Answer, Server};

use super::{LOCAL, WITHOUT_FIELDS};
use crate::commands;
use crate::tests::{Stage, reply};

#[test]
fn only_commands_that_there_are_have_a_scope() {
    for words in LOCAL.iter().chain(WITHOUT_FIELDS) {
        assert!(commands::all().any(|command| command.words == *words), "{words}");
    }
}

#[test]
fn a_field_of_what_has_none_is_refused_and_nothing_is_sent() {
    let server = Server::start(|_| Answer::new(204, ""));
    for words in LOCAL.iter().chain(WITHOUT_FIELDS) {
        let command = commands::all().find(|command| command.words == *words).expect("a command");
        let ended = Stage::at(&server).run(&format!("{words} -field=a{}", " x".repeat(command.arguments_min)));
        assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{words}");
        assert!(ended.stderr.contains(&format!("\"{words}\" has no fields that -field")), "{words}: {}", ended.stderr);
    }
    assert_eq!(server.lines(), Vec::<String>::new());
}

#[test]
fn a_list_that_is_wrapped_has_fields() {
    let wrapped = r#"{"wrap_info":{"token":"hvs.wrap","ttl":300}}"#;
    let server = Server::start(move |_| Answer::new(200, wrapped));
    for (stage, line) in [
        (Stage::at(&server), "list -wrap-ttl=5m -field=wrapping_token a"),
        (Stage::at(&server).env("VAULT_WRAP_TTL", "5m"), "list -field=wrapping_token a"),
    ] {
        let ended = stage.run(line);
        assert_eq!((ended.code, ended.stdout.as_str()), (0, "hvs.wrap"), "{line}: {}", ended.stderr);
    }
}

#[test]
fn what_sends_no_request_is_not_described_and_not_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.hcl");
    let text = "path \"a\" { capabilities = [ \"read\" ]}\n";
    std::fs::write(&file, text).expect("writable");
    let server = Server::start(|_| reply("{}"));
    for flag in ["-output-policy", "-output-curl-string"] {
        for line in [format!("policy fmt {flag} {}", file.display()), format!("print token {flag}")] {
            let ended = Stage::at(&server).run(&line);
            assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{line}");
            assert!(ended.stderr.contains(&format!("sends no request that {flag}")), "{line}: {}", ended.stderr);
        }
    }
    assert_eq!(std::fs::read_to_string(&file).expect("readable"), text);
}
