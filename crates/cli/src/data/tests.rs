//! Where values come from.

use serde_json::{Value, json};

use super::{parse, parse_pairs};
use crate::tests::Stage;

fn data(stdin: &str, args: &[&str]) -> Result<Value, String> {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let (mut terminal, _) = Stage::default().stdin(stdin).terminal();
    parse(&mut terminal, &args).map(Value::Object).map_err(|failure| failure.message)
}

#[test]
fn arguments_become_data() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("value");
    std::fs::write(&file, "from file\n").expect("writable");
    let object = folder.path().join("object");
    std::fs::write(&object, r#"{"n":1.50,"o":{"x":null}}"#).expect("writable");

    for (stdin, args, expected) in [
        ("", vec!["a=1", "b=x=y", "c="], json!({"a": "1", "b": "x=y", "c": ""})),
        ("typed\n", vec!["a=-"], json!({"a": "typed\n"})),
        (r#"{"a":{"b":[1]}}"#, vec!["-", "c=d"], json!({"a": {"b": [1]}, "c": "d"})),
        ("", vec![r"a=\@home", r"b=\-"], json!({"a": "@home", "b": "-"})),
        ("", vec!["a=1", "a=2", "a=3"], json!({"a": ["1", "2", "3"]})),
        ("", vec![&format!("a=@{}", file.display())], json!({"a": "from file\n"})),
    ] {
        assert_eq!(data(stdin, &args), Ok(expected), "{args:?}");
    }
    let read = data("", &[&format!("@{}", object.display())]).expect("an object");
    assert_eq!(read.to_string(), r#"{"n":1.50,"o":{"x":null}}"#);
}

#[test]
fn what_cannot_be_data_is_refused() {
    for (stdin, args, problem) in [
        ("", vec!["word"], "format must be key=value"),
        ("", vec!["=x"], "format must be key=value"),
        ("x", vec!["a=-", "b=-"], "standard input can be used only once"),
        ("[1]", vec!["-"], "standard input: expected a JSON object"),
        (
            "{",
            vec!["-"],
            "standard input: JSON at line 1, byte 1: the text ends where a key in double quotes should follow",
        ),
        ("", vec!["a=@/nowhere/at/all"], "/nowhere/at/all: No such file or directory (os error 2)"),
    ] {
        assert_eq!(data(stdin, &args), Err(format!("Failed to parse K=V data: {problem}")), "{args:?}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("f.txt");
    std::fs::write(&file, "[1]").expect("writable");
    let problem = format!("Failed to parse K=V data: {}: expected a JSON object", file.display());
    assert_eq!(data("", &[&format!("@{}", file.display())]), Err(problem));
    assert!(parse_pairs(&["a".to_owned()]).is_err());
}
