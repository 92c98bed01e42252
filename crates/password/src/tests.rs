//! The language as a table, and what is drawn: fair, and never against a rule.

use std::collections::BTreeMap;
use std::path::Path;

use env::Env;
use proptest::prelude::*;

use super::*;

fn env() -> Env {
    env::simulated::env(7).0
}

#[track_caller]
fn policy(text: &str) -> PasswordPolicy {
    PasswordPolicy::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

#[test]
fn hcl_and_json_say_the_same() {
    let hcl = policy(
        "length = 20\nrule \"charset\" {\n charset = \"abc\"\n min-chars = 1\n}\nrule \"charset\" { charset = \"c1 ä\" }",
    );
    for json in [
        r#"{"length": 20, "rule": [{"charset": {"charset": "abc", "min-chars": 1}}, {"charset": {"charset": "c1 ä"}}]}"#,
        r#"{"length": "20", "rule": {"charset": [{"charset": "abc", "min-chars": 1}, {"charset": "c1 ä", "min-chars": 0}]}}"#,
    ] {
        assert_eq!(policy(json), hcl);
    }
    assert_eq!((hcl.length, hcl.characters.iter().map(|it| it.text).collect::<String>()), (20, " 1abcä".to_owned()));
    assert_eq!(hcl.min_chars.len(), 1);
}

#[test]
fn mistakes_are_told_with_their_place() {
    let rule = |body: &str| format!("length = 10\nrule \"charset\" {{ {body} }}");
    let many: String = (0..257).filter_map(|number| char::from_u32(0x4e00 + number)).collect();
    for (text, expected) in [
        ("rule \"charset\" { charset = \"a\" }".to_owned(), "length must be 4 to 100 characters"),
        ("length = 3\nrule \"charset\" { charset = \"a\" }".to_owned(), "length must be 4 to 100 characters"),
        ("length = 101\nrule \"charset\" { charset = \"a\" }".to_owned(), "length must be 4 to 100 characters"),
        (
            "length = -1".to_owned(),
            "line 1, column 10: key \"length\" takes a whole number, not negative, not a number",
        ),
        ("length = [4]".to_owned(), "line 1, column 10: key \"length\" takes a whole number, not negative, not a list"),
        ("length = 10".to_owned(), "a password policy needs a rule \"charset\" { charset = \"…\" }"),
        (
            "length = 10\nsize = 1".to_owned(),
            "line 2, column 1: unknown key \"size\"; a password policy has length and rule \"charset\" { … }",
        ),
        (
            "length = 10\nrule \"words\" {}".to_owned(),
            "line 2, column 1: unknown rule \"words\"; the one kind of rule is \"charset\"",
        ),
        (rule("min-chars = 1"), "line 2, column 1: a charset rule needs a charset"),
        (rule("charset = \"\""), "line 2, column 1: a charset rule needs a charset"),
        (
            rule("charset = \"a\" min_chars = 1"),
            "line 2, column 32: unknown key \"min_chars\"; a charset rule has charset and min-chars",
        ),
        (rule("charset = 1"), "line 2, column 28: key \"charset\" takes a string, not a number"),
        (rule("charset = \"a\\n\""), "line 2, column 28: a charset takes printable characters only"),
        (rule(&format!("charset = \"{many}\"")), "all charsets together may have 256 different characters"),
        (rule("charset = \"a\" min-chars = 11"), "the rules ask for at least 11 characters, and length is 10"),
        (
            format!(
                "{}\n{}",
                rule("charset = \"a\" min-chars = 6"),
                "rule \"charset\" { charset = \"ab\" min-chars = 5 }"
            ),
            "the rules ask for at least 11 characters, and length is 10",
        ),
        (
            "length = 10\n".to_owned() + &"rule \"charset\" { charset = \"a\" }\n".repeat(101),
            "a password policy has at most 32 rules",
        ),
        (
            "length".to_owned(),
            "line 1, column 1: key \"length\" needs a value: \"=\" and a value, or a block in braces",
        ),
    ] {
        let error = PasswordPolicy::parse(&text).map(drop).expect_err(&text);
        assert_eq!(error.to_string(), expected, "for {text:?}");
    }
}

#[test]
fn every_character_is_as_likely_as_every_other() {
    // 100 characters: of a byte, the last 56 values would favor the first ones.
    let characters: String = ('!'..='~').chain('à'..='å').collect();
    assert_eq!(characters.chars().count(), 100);
    let policy = policy(&format!("{{\"length\": 100, \"rule\": {{\"charset\": {{\"charset\": {characters:?}}}}}}}"));
    let env = env();
    let mut seen: BTreeMap<char, u32> = BTreeMap::new();
    for _ in 0..2_000 {
        for character in policy.generate(&env).expect("there is nothing to fail").expose().chars() {
            *seen.entry(character).or_default() += 1;
        }
    }
    // 2,000 of each are expected, with a standard deviation of 45; a biased draw gives 2,344 to some.
    assert_eq!(seen.len(), 100);
    let (least, most) = (seen.values().min().copied(), seen.values().max().copied());
    assert!(least > Some(1_780) && most < Some(2_220), "{least:?} to {most:?}");
}

#[test]
fn all_passwords_that_fulfill_the_rules_are_equally_likely() {
    let policy = policy(
        "length = 4\nrule \"charset\" { charset = \"ab\" min-chars = 1 }\nrule \"charset\" { charset = \"b\" min-chars = 3 }",
    );
    let env = env();
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..5_000 {
        *seen.entry(policy.generate(&env).expect("one of four fulfills it").expose().clone()).or_default() += 1;
    }
    let passwords: Vec<&str> = seen.keys().map(String::as_str).collect();
    assert_eq!(passwords, ["abbb", "babb", "bbab", "bbba", "bbbb"]);
    // 1,000 of each, with a standard deviation of 28.
    assert!(seen.values().all(|count| (860..1_140).contains(count)), "{seen:?}");
}

#[test]
fn rules_that_no_password_fulfills_are_given_up_on() {
    let wide: String = ('!'..='~').filter(|character| !"\"\\".contains(*character)).collect();
    let policy = policy(&format!(
        "length = 20\nrule \"charset\" {{ charset = \"a\" min-chars = 20 }}\nrule \"charset\" {{ charset = \"{wide}\" }}"
    ));
    assert_eq!(policy.check(&env()), Err(Unlikely(5_000)));
    assert_eq!(policy.generate(&env()).map(drop), Err(Unlikely(50_000)));
}

#[test]
fn the_corpus_does_not_panic_and_its_policies_work() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/password");
    let mut works = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the corpus is part of the checkout") {
        let path = entry.expect("the folder can be read").path();
        let bytes = std::fs::read(&path).expect("the file can be read");
        if let Ok(policy) = PasswordPolicy::parse(&String::from_utf8_lossy(&bytes)) {
            assert_eq!(policy.check(&env()), Ok(()), "{path:?}");
            works.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    works.sort();
    assert_eq!(works, ["documented.hcl", "list.json", "nested.json", "object.json", "unicode.hcl"]);
}

fn texts() -> impl Strategy<Value = (usize, Vec<(String, usize)>)> {
    (4_usize..30, prop::collection::vec(("[a-z0-9#]{1,40}", 0_usize..3), 1..6))
}

proptest! {
    #[test]
    fn a_drawn_password_has_the_length_and_keeps_every_rule((length, rules) in texts(), seed in any::<u64>()) {
        let text: String = rules
            .iter()
            .map(|(charset, min)| format!("rule \"charset\" {{ charset = \"{charset}\" min-chars = {min} }}\n"))
            .collect();
        let parsed = PasswordPolicy::parse(&format!("length = {length}\n{text}"));
        let asked: usize = rules.iter().map(|(_, min)| min).sum();
        prop_assert_eq!(parsed.is_ok(), asked <= length);
        let Ok(policy) = parsed else { return Ok(()) };
        let Ok(password) = policy.generate(&env::simulated::env(seed).0) else { return Ok(()) };
        let password = password.expose();
        prop_assert_eq!(password.chars().count(), length);
        prop_assert!(password.chars().all(|it| rules.iter().any(|(charset, _)| charset.contains(it))));
        for (charset, min) in &rules {
            prop_assert!(password.chars().filter(|it| charset.contains(*it)).count() >= *min, "{}", text);
        }
    }

    #[test]
    fn no_text_panics(text in "(length|rule|charset|min-chars|[a-z0-9 \"{}=\n]){0,20}") {
        drop(PasswordPolicy::parse(&text));
    }
}
