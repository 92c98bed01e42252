//! How arguments are sorted.

use super::{Args, Flag, Kind, check_count, parse, split_leading};

static FLAGS: &[Flag] = &[
    Flag::switch("force", "").alias("f"),
    Flag::text("mount", ""),
    Flag::new("metadata", Kind::List, ""),
    Flag::new("cas", Kind::Number, ""),
    Flag::new("ttl", Kind::Duration, ""),
];

fn args(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn parsed(line: &str) -> Result<Args, String> {
    parse(FLAGS, &args(line)).map_err(|failure| failure.message)
}

#[test]
fn flags_are_taken_in_every_go_form_and_order() {
    for line in ["-mount=a -force x", "--mount a --f x", "x -mount a -force=true", "-mount=b x -f=1 -mount=a"] {
        let args = parsed(line).expect(line);
        assert_eq!((args.text("mount"), args.is_on("force"), args.argument(0)), (Some("a"), true, Some("x")), "{line}");
    }
    let args = parsed("-metadata=a=1 -metadata b=2 -cas=-1 -ttl 1h -ns team - k=-v -- -force").expect("valid");
    assert_eq!(args.list("metadata"), ["a=1", "b=2"]);
    assert_eq!((args.number("cas"), args.text("ttl"), args.text("namespace")), (Some(-1), Some("1h"), Some("team")));
    assert_eq!(args.positional, ["-", "k=-v", "-force"]);
    assert_eq!(parsed("-force=false").expect("valid").switch("force"), Some(false));
    assert_eq!(parsed("").expect("valid").switch("force"), None);
}

#[test]
fn wrong_flags_are_refused_by_name() {
    for (line, message) in [
        ("-nope", "flag provided but not defined: -nope"),
        ("x -fo", "flag provided but not defined: -fo"),
        ("-mount", "flag needs a value: -mount"),
        ("-force=maybe", "invalid value for flag -force: expected true or false"),
        ("-cas=x", "invalid value for flag -cas: expected a whole number"),
        ("-ttl=", "invalid value for flag -ttl: expected a duration such as 90, 30m or 1h30m"),
        ("-ttl=soon", "invalid value for flag -ttl: expected a duration such as 90, 30m or 1h30m"),
    ] {
        assert_eq!(parsed(line).expect_err(line), message);
    }
}

#[test]
fn flags_before_the_command_are_told_apart_from_its_words() {
    let line = args("-address http://h -tls-skip-verify -format=json status -x");
    let (leading, rest) = split_leading(&line).expect("valid");
    assert_eq!(leading.len(), 4);
    assert_eq!(rest, ["status", "-x"]);
    assert!(split_leading(&args("-nope status")).is_err());
    assert!(split_leading(&args("-address")).is_err());
}

#[test]
fn argument_counts_are_checked() {
    assert_eq!(check_count(0, 1, 2).expect_err("few").message, "Not enough arguments (expected 1-2, got 0)");
    assert_eq!(check_count(3, 1, 2).expect_err("many").message, "Too many arguments (expected 1-2, got 3)");
    assert!(check_count(2, 1, 2).is_ok());
}
