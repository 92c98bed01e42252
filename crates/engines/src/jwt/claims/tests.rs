//! Which claims are those of a role.

use serde_json::json;

use super::*;

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => unreachable!("{other} is no object"),
    }
}

#[test]
fn claims_are_found_by_name_or_pointer() {
    let claims = json!({ "sub": "a", "https://a.test/team": "t", "x": { "y/z": ["p", { "q": 1 }], "": 2 }, "n": null });
    for (name, found) in [
        ("sub", Some(json!("a"))),
        ("https://a.test/team", Some(json!("t"))),
        ("/x/y~1z/1/q", Some(json!(1))),
        ("/x/", Some(json!(2))),
        ("/x/y~1z/7", None),
        ("x/y", None),
        ("n", None),
        ("/n", None),
        ("", None),
    ] {
        assert_eq!(find(&claims, name), found.as_ref(), "{name}");
    }
}

#[test]
fn a_user_is_a_text() {
    let claims = json!({ "sub": "kong@clients", "n": 7, "e": " ", "c": "a\nb", "s": "ann\u{a0}", "l": "x".repeat(1_025), "o": { "u": "b" } });
    for (name, is_pointer, expected) in [
        ("sub", false, Ok("kong@clients")),
        ("/o/u", true, Ok("b")),
        ("/o/u", false, Err("claim \"/o/u\" not found in token")),
        ("none", false, Err("claim \"none\" not found in token")),
        ("n", false, Err("claim \"n\" could not be converted to string")),
        ("o", false, Err("claim \"o\" could not be converted to string")),
        ("e", false, Err("claim \"e\" is empty, longer than an alias may be, or has white space around it")),
        ("c", false, Err("claim \"c\" is empty, longer than an alias may be, or has white space around it")),
        ("s", false, Err("claim \"s\" is empty, longer than an alias may be, or has white space around it")),
        ("l", false, Err("claim \"l\" is empty, longer than an alias may be, or has white space around it")),
    ] {
        let seen = user(&claims, name, is_pointer).map_err(|why| why.to_string());
        assert_eq!(seen.as_deref().map_err(String::as_str), expected, "{name}");
    }
}

#[test]
fn what_is_noted_is_text_and_fits() {
    let claims = json!({ "team": "north", "deep": { "er": "d" }, "n": 1, "long": "x".repeat(513) });
    let mapped = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter().map(|(claim, name)| ((*claim).to_owned(), (*name).to_owned()));
        noted(&claims, &pairs.collect()).map_err(|why| why.to_string())
    };
    let seen = mapped(&[("team", "t"), ("/deep/er", "d"), ("missing", "m")]).expect("texts");
    assert_eq!(json!(seen), json!({ "t": "north", "d": "d" }));
    assert_eq!(mapped(&[("n", "x")]), Err("error converting claim 'n' to string".to_owned()));
    assert!(mapped(&[("long", "x")]).is_err());
}

#[test]
fn groups_are_a_list_of_names_or_one() {
    let claims =
        json!({ "g": ["a", "", "b"], "one": "a", "n": [1], "o": {}, "x": { "y": ["z"] }, "many": vec!["g"; 10_001] });
    for (name, expected) in [
        ("g", Ok(vec!["a", "b"])),
        ("one", Ok(vec!["a"])),
        ("/x/y", Ok(vec!["z"])),
        ("none", Err("failed to fetch groups: \"none\" claim not found in token")),
        ("n", Err("failed to fetch groups: \"n\" claim could not be converted to string list")),
        ("o", Err("failed to fetch groups: \"o\" claim could not be converted to string list")),
        ("many", Err("failed to fetch groups: \"many\" claim has more than 10000 groups")),
    ] {
        let seen = groups(&claims, name).map_err(|why| why.to_string());
        let expected = expected.map(|names| names.into_iter().map(str::to_owned).collect()).map_err(str::to_owned);
        assert_eq!(seen, expected, "{name}");
    }
}

#[test]
fn every_bound_claim_has_to_have_one_of_its_values() {
    let claims =
        json!({ "s": "a", "l": ["a", "b"], "n": 7, "f": 7.9, "big": 1e300, "t": true, "o": { "x": "y" }, "d": [{}] });
    let missing = |name: &str| Err(format!("error validating claims: claim {name:?} is missing"));
    let wrong = |name: &str| {
        Err(format!("error validating claims: claim {name:?} does not match any associated bound claim values"))
    };
    for (bound, expected) in [
        (json!({}), Ok(())),
        (json!({ "s": "a" }), Ok(())),
        (json!({ "s": ["x", "a"], "l": "b", "t": true, "n": 7 }), Ok(())),
        (json!({ "l": ["x", "b"] }), Ok(())),
        (json!({ "f": 7 }), Ok(())),
        (json!({ "n": 7.0 }), Ok(())),
        (json!({ "/o/x": "y" }), Ok(())),
        (json!({ "s": "A" }), wrong("s")),
        (json!({ "s": "a", "l": "c" }), wrong("l")),
        (json!({ "s": [] }), wrong("s")),
        (json!({ "n": "7" }), wrong("n")),
        (json!({ "t": "true" }), wrong("t")),
        (json!({ "t": 1 }), wrong("t")),
        (json!({ "o": "y" }), wrong("o")),
        (json!({ "d": "y" }), wrong("d")),
        (json!({ "big": 7 }), wrong("big")),
        (json!({ "none": "a" }), missing("none")),
        (json!({ "/o/none": "a" }), missing("/o/none")),
        (json!({ "s": "*" }), wrong("s")),
    ] {
        let seen = check_bound(&claims, &object(bound.clone()), Matching::String).map_err(|why| why.to_string());
        assert_eq!(seen, expected, "{bound}");
    }
    for (bound, is_match) in [
        (json!({ "s": "*" }), true),
        (json!({ "l": "b*" }), true),
        (json!({ "n": "*" }), false),
        (json!({ "n": 7 }), false),
        (json!({ "s": ["b*", "*a"] }), true),
    ] {
        assert_eq!(check_bound(&claims, &object(bound.clone()), Matching::Glob).is_ok(), is_match, "{bound}");
    }
}

#[test]
fn globs_match_what_they_say() {
    for (pattern, text, is_match) in [
        ("", "", true),
        ("", "a", false),
        ("a", "a", true),
        ("a", "b", false),
        ("*", "", true),
        ("*", "anything", true),
        ("a*", "a", true),
        ("a*", "ab", true),
        ("a*", "ba", false),
        ("*a", "ba", true),
        ("*a", "ab", false),
        ("a*a", "a", false),
        ("a*a", "aa", true),
        ("a*b*c", "a--b--c", true),
        ("a*b*c", "a--c--b", false),
        ("**", "x", true),
        ("*aab*", "aaab", true),
        ("a*ü*", "aü", true),
        ("repo:org/*:ref:refs/heads/main", "repo:org/app:ref:refs/heads/main", true),
        ("repo:org/*:ref:refs/heads/main", "repo:evil/org/app:ref:refs/heads/main", false),
    ] {
        assert_eq!(is_glob_match(pattern, text), is_match, "{pattern} {text}");
    }
    // Many stars take no longer than many letters.
    assert!(!is_glob_match(&"*a".repeat(1_000), &["a".repeat(50_000), "b".to_owned()].concat()));
}
