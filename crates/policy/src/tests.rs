//! The language, the priorities and the limits as tables; the reference model is in [`model`].

use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use super::*;

mod advice;
mod default;
mod following;
mod model;

/// A time at which nothing here has expired.
const NOW: SystemTime = SystemTime::UNIX_EPOCH;

#[track_caller]
fn policy(text: &str) -> Policy {
    Policy::parse("test", text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

#[track_caller]
fn acl(texts: &[&str]) -> Acl {
    let policies: Vec<Policy> = texts
        .iter()
        .enumerate()
        .map(|(number, text)| {
            Policy::parse(&format!("p{number}"), text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
        })
        .collect();
    Acl::compile(policies.iter().map(|policy| ("", policy)), NOW).expect("none of them is root")
}

fn question(operation: Operation, path: &str) -> Question<'_> {
    Question { path, operation, parameters: None, wrap_ttl: None }
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().expect("the tables hold objects").clone()
}

#[track_caller]
fn reason(acl: &Acl, operation: Operation, path: &str) -> String {
    acl.decide(&question(operation, path)).reason.to_string()
}

#[test]
fn mistakes_are_told_with_their_line_and_their_remedy() {
    for (text, expected) in [
        (
            "path \"a\" {\n  capabilitys = []\n}",
            "line 2: path \"a\": unknown key \"capabilitys\"; did you mean \"capabilities\"?",
        ),
        (
            "path \"a\" {\n\n  wat = 1\n}",
            "line 3: path \"a\": unknown key \"wat\"; the keys are allowed_parameters, capabilities, comment, control_group, denied_parameters, expiration, list_scan_response_keys_filter_path, max_wrapping_ttl, mfa_methods, min_wrapping_ttl, pagination_limit, policy, required_parameters, subscribe_event_types",
        ),
        ("rule \"a\" {}", "line 1: unknown key \"rule\"; a policy consists of path \"…\" { … } blocks"),
        (
            "path \"a\" {\n capabilities = [\"raed\", \"reed\"] }",
            "line 2: path \"a\": unknown capability \"raed\"; the capabilities are create, delete, deny, list, patch, read, recover, scan, subscribe, sudo, update",
        ),
        (
            "path \"a\" { capabilities = [\"lits\", \"lst\"] }",
            "line 1: path \"a\": unknown capability \"lits\"; the capabilities are create, delete, deny, list, patch, read, recover, scan, subscribe, sudo, update",
        ),
        (
            "path \"a\" { capabilities = [\"reads\"] }",
            "line 1: path \"a\": unknown capability \"reads\"; did you mean \"read\"?",
        ),
        (
            "path \"a\" { capabilities = \"read\" }",
            "line 1: path \"a\": key \"capabilities\" takes a list of capabilities, not a string",
        ),
        (
            "path \"a\" { capabilities = [1] }",
            "line 1: path \"a\": key \"capabilities\" takes a list of capabilities, not a number",
        ),
        (
            "path \"a\" { policy = \"admin\" }",
            "line 1: path \"a\": unknown policy \"admin\"; it is deny, read, write or sudo, or better a list of capabilities",
        ),
        (
            "path \"a/+*\" {}",
            "line 1: path \"a/+*\": \"+*\" is not a wildcard; \"+\" stands for one whole segment and \"*\" at the end for any text, as in \"+/*\"",
        ),
        ("path \"a/{{b\" {}", "line 1: path \"a/{{b\": the path has \"{{\" without \"}}\" or the reverse"),
        ("path \"a/b}}\" {}", "line 1: path \"a/b}}\": the path has \"{{\" without \"}}\" or the reverse"),
        (
            "path \"a\" { min_wrapping_ttl = \"1x\" }",
            "line 1: path \"a\": key \"min_wrapping_ttl\": not a duration: expected seconds, or numbers with a unit of ns, us, ms, s, m, h or d, such as 1h30m",
        ),
        (
            "path \"a\" { min_wrapping_ttl = 60\n max_wrapping_ttl = \"30s\" }",
            "line 1: path \"a\": max_wrapping_ttl is less than min_wrapping_ttl",
        ),
        (
            "path \"a\" { allowed_parameters = [1] }",
            "line 1: path \"a\": key \"allowed_parameters\" takes an object of lists, such as { \"name\" = [\"value\"] }, not a list",
        ),
        (
            "path \"a\" { denied_parameters = { b = \"c\" } }",
            "line 1: path \"a\": key \"b\" takes a list of values, not a string",
        ),
        (
            "path \"a\" { allowed_parameters \"b\" { c = [] } }",
            "line 1: path \"a\": key \"allowed_parameters\" takes an object of lists, such as { \"name\" = [\"value\"] }, not a block with labels",
        ),
        (
            "path \"a\" { pagination_limit = 1.5 }",
            "line 1: path \"a\": key \"pagination_limit\" takes a whole number, not negative, not a number",
        ),
        (
            "path \"a\" { expiration = \"tomorrow\" }",
            "line 1: path \"a\": expiration is not a time; write RFC 3339 such as \"2030-01-02T15:04:05Z\", or seconds since 1970",
        ),
        (
            "path \"a\" { list_scan_response_keys_filter_path = \"{{ .key }}\" }",
            "line 1: path \"a\": list_scan_response_keys_filter_path needs the list or the scan capability",
        ),
        ("path \"a\" { control_group { ttl = 5 } }", "line 1: path \"a\": control_group needs a factor"),
        ("path \"a\" \"b\" {}", "line 1, column 1: block \"path\" takes 1 quoted label(s), found 2"),
        ("path { capabilities = [] }", "line 1, column 1: block \"path\" takes 1 quoted label(s), found 0"),
        (
            "path \"a\" { capabilities = [read] }",
            "line 1, column 28: read is not a value; text is written in double quotes",
        ),
        (
            "{\"path\": {\"a\": {\"capabilities\": null}}}",
            "line 1: path \"a\": key \"capabilities\" takes a list of capabilities, not null",
        ),
    ] {
        let error = Policy::parse("test", text).map(|_| ()).expect_err(text);
        assert_eq!(error.to_string(), expected, "for {text:?}");
    }
    assert_eq!(Policy::parse("root", ""), Err(ParseError::Root));
    let long = format!("path \"{}\" {{}}", "a".repeat(PATH_BYTES_MAX + 1));
    assert!(matches!(Policy::parse("test", &long), Err(ParseError::Rule { problem: RuleProblem::PathTooLong, .. })));
    let plusses = format!("path \"{}\" {{}}", "+/".repeat(SEGMENT_WILDCARDS_MAX + 1));
    let error = Policy::parse("test", &plusses);
    assert!(matches!(error, Err(ParseError::Rule { problem: RuleProblem::TooManySegmentWildcards, .. })));
}

#[test]
fn every_key_is_understood() {
    let policy = policy(
        r#"
        name = "ignored"
        path "/secret/*" {
            comment              = "for the tests"
            capabilities         = ["read", "list"]
            policy               = "write"
            allowed_parameters   = { "Foo" = ["a*", 1], "*" = [] }
            denied_parameters    { bar = [] }
            required_parameters  = ["Baz"]
            min_wrapping_ttl     = 5
            max_wrapping_ttl     = "1h"
            mfa_methods          = ["duo"]
            pagination_limit     = "100"
            expiration           = "2030-01-02T15:04:05Z"
            list_scan_response_keys_filter_path = "{{ .path }}{{ .key }}"
            subscribe_event_types = ["*"]
            control_group {
                ttl = "4h"
                factor "managers" {
                    controlled_capabilities = ["read"]
                    identity { group_names = ["a"], approvals = 2 }
                }
            }
        }"#,
    );
    let [rule] = policy.rules() else { panic!("there is one path") };
    assert_eq!((rule.path.as_str(), rule.line), ("secret/*", 3));
    let own = &rule.constraints;
    let names: Vec<_> = own.capabilities.iter().map(Capability::as_str).collect();
    assert_eq!(names, ["create", "delete", "list", "read", "update"]);
    let allowed: Vec<_> = own.allowed_parameters.iter().collect();
    assert_eq!(allowed, [("*", &[][..]), ("foo", &[json!("a*"), json!(1)][..])]);
    assert_eq!(own.required_parameters, ["baz"]);
    let hour = Duration::from_secs(3600);
    assert_eq!((own.min_wrapping_ttl, own.max_wrapping_ttl), (Some(Duration::from_secs(5)), Some(hour)));
    assert_eq!((own.pagination_limit, own.mfa_methods.len()), (Some(100), 1));
    let group = own.control_group.as_ref().expect("it has a control group");
    assert_eq!((group.ttl, group.factors[0].approvals), (Some(4 * hour), 2));
    assert_eq!(rule.expiration, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_893_596_645)));
    let warnings: Vec<_> = policy.warnings().iter().map(|warning| warning.text.as_str()).collect();
    assert_eq!(
        warnings,
        [
            "path \"/secret/*\": mfa_methods is not enforced by this server",
            "path \"/secret/*\": control_group is not enforced by this server",
            "path \"/secret/*\": list_scan_response_keys_filter_path is not enforced by this server",
        ]
    );
}

#[test]
fn json_means_the_same_as_hcl() {
    let hcl = policy(
        "path \"a/*\" { capabilities = [\"read\"]\n allowed_parameters = { x = [1, \"b\"] } }\npath \"b\" { policy = \"deny\" }",
    );
    for json in [
        r#"{"path": {"a/*": {"capabilities": ["read"], "allowed_parameters": {"x": [1, "b"]}}, "b": {"policy": "deny"}}}"#,
        r#"{"path": [{"a/*": {"capabilities": ["read"], "allowed_parameters": [{"x": [1, "b"]}]}}, {"b": {"policy": "deny"}}]}"#,
        r#"{"path": {"a/*": [{"capabilities": ["read"], "allowed_parameters": {"x": [1, "b"]}}], "b": {"capabilities": ["deny"]}}}"#,
    ] {
        let json = policy(json);
        let shown = |policy: &Policy| -> Vec<_> {
            policy.rules().iter().map(|rule| (rule.path.clone(), rule.constraints.clone())).collect()
        };
        assert_eq!(shown(&json), shown(&hcl));
    }
    assert_eq!(policy(r#"{"path": {}}"#).rules(), []);
    assert_eq!(policy("").rules(), []);
}

#[test]
fn repeated_attributes_join_or_are_refused() {
    let text = "path \"a\" {\n capabilities = [\"deny\"]\n capabilities = [\"read\"]\n}";
    assert!(policy(text).rules()[0].constraints.capabilities.denies());
    let warning = "path \"a\": key \"capabilities\" is given twice; give it once, newer releases of Vault refuse this";
    assert_eq!(policy(text).warnings(), [Warning { line: 3, text: warning.to_owned() }]);
    let error = Policy::parse_strictly("test", text, Repeated::Refuse).map(|_| ()).expect_err("it repeats a key");
    assert_eq!(error.to_string(), "line 3: path \"a\": key \"capabilities\" is given twice");
    assert!(Policy::parse_strictly("test", "path \"a\" {}\npath \"a\" {}", Repeated::Refuse).is_ok());
}

#[test]
fn the_most_specific_rule_alone_decides() {
    // Each line: the rules, each granting what its number in the list says; a path; the rule that decides.
    for (rules, path, expected) in [
        (&["a/b", "a/*", "a/+"][..], "a/b", Some("a/b")),
        (&["a/*", "a/+"], "a/b", Some("a/+")),
        (&["*", "+"], "a", Some("+")),
        (&["*"], "", Some("*")),
        (&["a/*", "a/b*", "a/bc*"], "a/bcd/e", Some("a/bc*")),
        (&["a/*"], "a", None),
        (&["a/*"], "a/", Some("a/*")),
        (&["a*"], "a", Some("a*")),
        (&["a/+"], "a/", Some("a/+")),
        (&["a/+"], "a/b/c", None),
        (&["a/+/c", "a/b/*"], "a/b/c", Some("a/b/*")),
        (&["+/b/c", "a/+/+"], "a/b/c", Some("a/+/+")),
        (&["a/+/c", "a/+/+"], "a/b/c", Some("a/+/c")),
        (&["a/+/c*", "a/+/+"], "a/b/c", Some("a/+/+")),
        (&["a/+/c*", "a/+/*"], "a/b/cd", Some("a/+/c*")),
        (&["a/+/*"], "a/b", None),
        (&["a/+/*"], "a/b/", Some("a/+/*")),
        (&["+/+/c", "+/b/+"], "a/b/c", Some("+/b/+")),
        // Not a wildcard: in the middle, or as a part of a segment.
        (&["a*c"], "abc", None),
        (&["a*c"], "a*c", Some("a*c")),
        (&["a/b+"], "a/bc", None),
        (&["a/b+"], "a/b+", Some("a/b+")),
        (&["a/+b"], "a/cb", None),
        (&["a/+b"], "a/+b", Some("a/+b")),
        // Such a segment still makes the rule one of the patterns, as in Vault.
        (&["a/+b", "a/+"], "a/+b", Some("a/+b")),
        (&["a/+b", "+/+b"], "a/+b", Some("a/+b")),
        (&["/a/b"], "a/b", Some("a/b")),
        (&["a/b"], "/a/b", Some("a/b")),
        (&["ä/*"], "ä/ö", Some("ä/*")),
        (&["aä*"], "a\u{308}", None),
    ] {
        let text: String =
            rules.iter().map(|rule| format!("path \"{rule}\" {{ capabilities = [\"read\"] }}\n")).collect();
        let acl = acl(&[&text]);
        let found = acl.decide(&question(Operation::Read, path)).rule.map(|rule| rule.path().to_owned());
        assert_eq!(found.as_deref(), expected, "rules {rules:?}, path {path:?}");
    }
}

#[test]
fn a_list_finds_the_folder_with_and_without_its_slash() {
    let acl = acl(&[r#"
        path "exact"     { capabilities = ["list"] }
        path "slash/"    { capabilities = ["list"] }
        path "both"      { capabilities = ["list"] }
        path "both/"     { capabilities = ["deny"] }
        path "seg/+"     { capabilities = ["list", "scan"] }
        path "glob*"     { capabilities = ["list"] }
        path "glob/*"    { capabilities = ["deny"] }
    "#]);
    let allowed = |operation, path| acl.decide(&question(operation, path)).allowed;
    assert!(allowed(Operation::List, "exact/"));
    assert!(!allowed(Operation::Read, "exact/"));
    assert!(allowed(Operation::List, "slash/"));
    assert!(!allowed(Operation::List, "slash"));
    assert!(!allowed(Operation::List, "both/"));
    assert!(allowed(Operation::List, "both"));
    assert!(allowed(Operation::List, "seg/a/"));
    assert!(!allowed(Operation::Scan, "seg/a/"));
    assert!(allowed(Operation::Scan, "seg/a"));
    // Without the slash comes first, but does not get around a deny that is more specific.
    assert!(!allowed(Operation::List, "glob/"));
    assert!(allowed(Operation::List, "glob"));
    assert!(!allowed(Operation::List, "glob/a"));
}

#[test]
fn a_broad_rule_lists_a_folder_that_others_read_in_and_none_that_they_close() {
    let acl = acl(&[r#"
        path "meta/*"           { capabilities = ["list"] }
        path "meta/read/*"      { capabilities = ["read"] }
        path "meta/private/*"   { capabilities = ["deny"] }
        path "meta/private/a/*" { capabilities = ["list"] }
    "#]);
    let allowed = |path| acl.decide(&question(Operation::List, path)).allowed;
    assert!(allowed("meta/read/"));
    assert!(!allowed("meta/read/a/"), "both spellings are the narrower rule's, which does not list");
    assert!(!allowed("meta/private/"));
    assert!(!allowed("meta/private/b/"));
    assert!(allowed("meta/private/a/b/"));
}

#[test]
fn deny_wins_within_a_path_and_not_beyond_it() {
    let acl = acl(&[
        "path \"a/*\" { capabilities = [\"deny\"] }\npath \"b/*\" { capabilities = [\"read\"] }",
        "path \"a/b\" { capabilities = [\"read\"] }\npath \"b/*\" { capabilities = [\"deny\", \"read\"]\n denied_parameters = { x = [] } }",
        "path \"b/*\" { capabilities = [\"update\"] }",
    ]);
    assert_eq!(reason(&acl, Operation::Read, "a/b"), "rule \"a/b\" of policy \"p1\" line 1 grants read");
    assert_eq!(reason(&acl, Operation::Read, "a/c"), "rule \"a/*\" of policy \"p0\" line 1 denies everything");
    assert_eq!(reason(&acl, Operation::Read, "b/c"), "rule \"b/*\" of policy \"p1\" line 2 denies everything");
    assert_eq!(reason(&acl, Operation::Update, "b/c"), "rule \"b/*\" of policy \"p1\" line 2 denies everything");
    assert_eq!(reason(&acl, Operation::Read, "c"), "no rule of any policy matches the path");
    assert_eq!(
        reason(&acl, Operation::Delete, "a/b"),
        "rule \"a/b\" of policy \"p1\" line 1 is the most specific one and does not grant delete"
    );
    assert_eq!(reason(&acl, Operation::Help, "c"), "help is open to every valid token");
}

#[test]
fn capabilities_are_sorted_and_never_empty() {
    let acl = acl(&[
        "path \"a\" { capabilities = [\"update\", \"sudo\", \"read\"] }\npath \"n\" {}\npath \"d\" { policy = \"deny\" }",
        "path \"a\" { capabilities = [\"create\", \"scan\"] }\npath \"l/\" { capabilities = [\"list\"] }",
    ]);
    assert_eq!(acl.capabilities("a"), ["create", "read", "scan", "sudo", "update"]);
    assert_eq!(acl.capabilities("a/"), ["create", "read", "scan", "sudo", "update"]);
    assert_eq!(acl.capabilities("l/"), ["list"]);
    for path in ["n", "d", "nothing"] {
        assert_eq!(acl.capabilities(path), ["deny"]);
    }
    assert!(acl.decide(&question(Operation::Read, "a")).sudo);
    assert!(!acl.decide(&question(Operation::List, "l/")).sudo);
}

#[test]
fn root_is_alone_and_in_the_root_namespace() {
    let root = Policy::root();
    let other = policy("path \"*\" { policy = \"deny\" }");
    let acl = Acl::compile([("", &root)], NOW).expect("root is alone");
    let decision = acl.decide(&question(Operation::Delete, "sys/raw/x"));
    assert!(decision.allowed && decision.is_root && decision.sudo && acl.is_root());
    assert_eq!(acl.capabilities("x"), ["root"]);
    assert!(acl.has_any_below("x/"));
    let failure = |policies: &[(&str, &Policy)]| {
        Acl::compile(policies.iter().copied(), NOW).map(|_| ()).expect_err("it must fail")
    };
    assert_eq!(failure(&[("", &root), ("", &other)]), CompileError::RootNotAlone);
    assert_eq!(failure(&[("", &other), ("", &root)]), CompileError::RootNotAlone);
    assert_eq!(failure(&[("a/", &root)]), CompileError::RootInNamespace);
    let none = Acl::compile([], NOW).expect("no policy is fine");
    assert!(!none.decide(&question(Operation::Read, "x")).allowed);
}

#[test]
fn namespaces_are_kept_apart() {
    let (here, there) = (policy("path \"+/x\" { policy = \"read\" }"), policy("path \"a\" { policy = \"deny\" }"));
    let acl = Acl::compile([("team/", &here), ("", &there)], NOW).expect("none of them is root");
    assert!(acl.decide(&question(Operation::Read, "team/a/x")).allowed);
    assert!(!acl.decide(&question(Operation::Read, "a/x")).allowed);
    assert_eq!(
        reason(&acl, Operation::Read, "team/a/x"),
        "rule \"team/+/x\" of policy \"test\" line 1 in namespace \"team/\" grants read"
    );
}

#[test]
fn parameters_are_checked_where_they_are_written_or_read() {
    let acl = acl(&[r#"
        path "allowed"  { capabilities = ["create", "update", "read", "patch", "delete", "list"]
                          allowed_parameters = { "a" = ["x*"], "b" = [] } }
        path "any"      { capabilities = ["update"]  allowed_parameters = { "a" = ["x"], "*" = [] } }
        path "denied"   { capabilities = ["update"]  denied_parameters = { "A" = [], "b" = ["y"] } }
        path "none"     { capabilities = ["update"]  denied_parameters = { "*" = [] } }
        path "required" { capabilities = ["update"]  required_parameters = ["A", "b"] }
    "#]);
    let not_allowed = |name: &str| format!("does not allow parameter \"{name}\" or its value");
    let denies = |name: &str| format!("denies parameter \"{name}\" or its value");
    let requires = |name: &str| format!("requires parameter \"{name}\"");
    for (path, parameters, expected) in [
        ("allowed", json!({}), "grants update".to_owned()),
        ("allowed", json!({"a": "xy", "B": 1}), "grants update".to_owned()),
        ("allowed", json!({"A": "y"}), not_allowed("A")),
        ("allowed", json!({"a": "x", "c": 1}), not_allowed("c")),
        ("any", json!({"a": "x", "c": 1}), "grants update".to_owned()),
        ("any", json!({"a": "y"}), not_allowed("a")),
        ("denied", json!({"b": "x", "c": 1}), "grants update".to_owned()),
        ("denied", json!({"a": 1}), denies("a")),
        ("denied", json!({"B": ["x", "y"]}), denies("B")),
        ("none", json!({}), "grants update".to_owned()),
        ("none", json!({"x": 1}), denies("x")),
        ("required", json!({"a": null, "B": 1}), "grants update".to_owned()),
        ("required", json!({"a": 1}), requires("b")),
        ("required", json!({}), requires("a")),
    ] {
        let parameters = object(&parameters);
        let question = Question { parameters: Some(&parameters), ..question(Operation::Update, path) };
        let decision = acl.decide(&question);
        let reason = decision.reason.to_string();
        assert!(reason.ends_with(&expected), "{path} {parameters:?}: {reason}");
        assert_eq!(decision.allowed, expected == "grants update");
    }
    let parameters = object(&json!({"c": 1}));
    for (operation, allowed) in [
        (Operation::Create, false),
        (Operation::Read, false),
        (Operation::Patch, false),
        (Operation::Delete, true),
        (Operation::List, true),
    ] {
        let question = Question { parameters: Some(&parameters), ..question(operation, "allowed") };
        assert_eq!(acl.decide(&question).allowed, allowed, "{operation:?}");
    }
    assert!(!acl.decide(&question(Operation::Update, "required")).allowed);
}

#[test]
fn wrapping_stays_within_the_lower_bounds_of_all_policies() {
    let acl = acl(&[
        "path \"a\" { policy = \"read\" min_wrapping_ttl = 100 max_wrapping_ttl = 300 }\npath \"i\" { policy = \"read\" min_wrapping_ttl = 100 }",
        "path \"a\" { policy = \"read\" min_wrapping_ttl = 50 max_wrapping_ttl = 200 }\npath \"i\" { policy = \"read\" max_wrapping_ttl = 50 }",
    ]);
    for (secs, allowed) in
        [(None, false), (Some(0), false), (Some(49), false), (Some(50), true), (Some(200), true), (Some(201), false)]
    {
        let wrap_ttl = secs.map(Duration::from_secs);
        assert_eq!(acl.decide(&Question { wrap_ttl, ..question(Operation::Read, "a") }).allowed, allowed, "{secs:?}");
        assert!(!acl.decide(&Question { wrap_ttl, ..question(Operation::Read, "i") }).allowed);
    }
    // A TTL of zero is below every maximum, and wraps nothing.
    let most = super::Acl::compile([("", &policy("path \"m\" { policy = \"read\" max_wrapping_ttl = 50 }"))], NOW);
    let most = most.expect("it is not root");
    for (secs, allowed) in [(None, false), (Some(0), false), (Some(1), true), (Some(50), true), (Some(51), false)] {
        let wrap_ttl = secs.map(Duration::from_secs);
        assert_eq!(most.decide(&Question { wrap_ttl, ..question(Operation::Read, "m") }).allowed, allowed, "{secs:?}");
    }
    assert_eq!(
        reason(&acl, Operation::Read, "a"),
        "rule \"a\" of policy \"p0\" line 1, policy \"p1\" line 1 wants the reply wrapped for 50s to 3m20s"
    );
    assert!(reason(&acl, Operation::Read, "i").ends_with("for 1m40s at least and 50s at most, which is impossible"));
}

#[test]
fn pages_stay_within_the_limit() {
    let acl = acl(&[
        "path \"a\" { capabilities = [\"list\", \"scan\"] pagination_limit = 100 }\npath \"r\" { capabilities = [\"list\"] pagination_limit = 5 required_parameters = [\"limit\"] }",
        "path \"a\" { pagination_limit = 10 }",
    ]);
    for (limit, allowed) in [
        (json!({}), true),
        (json!({"limit": "max"}), true),
        (json!({"limit": "10"}), true),
        (json!({"limit": 10}), true),
        (json!({"limit": 11}), false),
        (json!({"limit": "0"}), false),
        (json!({"limit": -1}), false),
        (json!({"limit": "many"}), false),
    ] {
        let parameters = object(&limit);
        for operation in [Operation::List, Operation::Scan] {
            let question = Question { parameters: Some(&parameters), ..question(operation, "a") };
            assert_eq!(acl.decide(&question).allowed, allowed, "{limit}");
        }
    }
    assert!(!acl.decide(&question(Operation::List, "r")).allowed);
}

#[test]
fn expired_rules_do_not_count() {
    let at = |secs| SystemTime::UNIX_EPOCH + Duration::from_secs(secs);
    let policy =
        policy("path \"a\" { policy = \"read\" expiration = 100 }\npath \"a*\" { policy = \"deny\" expiration = 200 }");
    for (now, valid_until, allowed) in [(99, Some(100), true), (100, Some(200), false), (200, None, false)] {
        let acl = Acl::compile([("", &policy)], at(now)).expect("it is not root");
        assert_eq!(acl.valid_until(), valid_until.map(at));
        assert_eq!(acl.decide(&question(Operation::Read, "a")).allowed, allowed, "at {now}");
    }
}

#[test]
fn templates_are_filled_in_or_their_rules_left_out() {
    let policy = policy(
        r#"
        path "a/{{identity.entity.id}}/*"             { policy = "read" }
        path "b/{{ identity.entity.metadata.team }}*" { policy = "read" }
        path "c/{{identity.entity.name}}"             { policy = "read" }
        path "d/{{identity.entity.aliases.x.name}}"   { policy = "read" }
        path "e/{{identity.nobody}}"                  { policy = "read" }
        path "f"                                      { policy = "read" }"#,
    );
    assert!(policy.is_templated());
    let rendered = policy.render(&|selector| match selector {
        "identity.entity.id" => Some("17".to_owned()),
        "identity.entity.metadata.team" => Some(String::new()),
        "identity.entity.name" => Some("eve*".to_owned()),
        "identity.entity.aliases.x.name" => Some("+".to_owned()),
        _ => None,
    });
    let paths: Vec<_> = rendered.policy.rules().iter().map(|rule| rule.path.as_str()).collect();
    assert_eq!(paths, ["a/17/*", "f"]);
    let skipped: Vec<_> =
        rendered.skipped.iter().map(|skipped| format!("{}: {}", skipped.line, skipped.reason)).collect();
    assert_eq!(
        skipped,
        [
            "3: identity.entity.metadata.team has no value here",
            "4: the value of identity.entity.name contains * or +",
            "5: the value of identity.entity.aliases.x.name contains * or +",
            "6: identity.nobody has no value here",
        ]
    );
    assert_eq!(policy.warnings().len(), 1, "only the unknown selector is worth a warning");
    assert!(!rendered.policy.is_templated());
    // Not rendered: its templates match nothing, not even themselves.
    let acl = Acl::compile([("", &policy)], NOW).expect("it is not root");
    assert!(!acl.decide(&question(Operation::Read, "a/{{identity.entity.id}}/x")).allowed);
    assert!(acl.decide(&question(Operation::Read, "f")).allowed);
}

#[test]
fn a_slash_in_what_a_login_brings_opens_nothing() {
    let selectors = [
        ("identity.entity.aliases.auth_jwt_1.name", false),
        ("identity.entity.aliases.auth_jwt_1.metadata.team", false),
        ("identity.entity.aliases.auth_kubernetes_1.metadata.name", false),
        // Put together by the method, of parts that have none.
        ("identity.entity.aliases.auth_kubernetes_1.name", true),
        // Written by whoever manages identities.
        ("identity.entity.aliases.auth_jwt_1.custom_metadata.team", true),
        ("identity.entity.metadata.team", true),
        ("identity.groups.names.team.name", true),
    ];
    for (selector, is_taken) in selectors {
        let policy = policy(&format!("path \"users/{{{{{selector}}}}}/*\" {{ policy = \"read\" }}"));
        for (value, has_slash) in [("ann", false), ("ann/private", true), ("/ann", true), ("ann/", true)] {
            let rendered = policy.render(&|_| Some(value.to_owned())).policy;
            let acl = Acl::compile([("", &rendered)], NOW).expect("it is not root");
            let is_open = acl.decide(&question(Operation::Read, &format!("users/{value}/x"))).allowed;
            assert_eq!(is_open, is_taken || !has_slash, "{selector} {value}");
        }
    }
}

#[test]
fn a_mount_shows_when_something_in_it_is_open() {
    for (rule, capabilities, folder, expected) in [
        ("secret/data/a", "read", "secret/", true),
        ("secret/*", "read", "secret/", true),
        ("sec*", "read", "secret/", true),
        ("*", "read", "secret/", true),
        ("secret", "list", "secret/", true),
        ("+/data/*", "read", "secret/", true),
        ("secret/+/a", "read", "secret/", true),
        ("a/+/c/d", "read", "a/b/c/", true),
        ("a/+/c/d", "read", "a/b/x/", false),
        ("+/data/*", "read", "a/b/", false),
        ("+/b*", "read", "a/bc/", true),
        ("other/*", "read", "secret/", false),
        ("secretive/*", "read", "secret/", false),
        ("secret/*", "deny", "secret/", false),
        ("secret/a", "deny", "secret/", false),
        ("+/data/*", "deny", "secret/", false),
    ] {
        let acl = acl(&[&format!("path \"{rule}\" {{ capabilities = [\"{capabilities}\"] }}")]);
        assert_eq!(acl.has_any_below(folder), expected, "{rule} {capabilities} under {folder}");
    }
    assert!(!acl(&["path \"secret/a\" {}"]).has_any_below("secret/"));
}

#[test]
fn rules_come_in_order() {
    let acl = acl(&["path \"b\" {}\npath \"z/*\" {}\npath \"a\" {}\npath \"+/x\" {}"]);
    let paths: Vec<_> = acl.rules().map(|rule| (rule.path(), rule.is_exact())).collect();
    assert_eq!(paths, [("a", true), ("b", true), ("+/x", false), ("z/*", false)]);
}

#[test]
fn the_corpus_does_not_panic() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/policy");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus is part of the checkout") {
        let bytes = std::fs::read(entry.expect("the folder can be read").path()).expect("the file can be read");
        if let Ok(policy) = Policy::parse("corpus", &String::from_utf8_lossy(&bytes)) {
            let rendered = policy.render(&|selector| Some(selector.to_owned()));
            let acl = Acl::compile([("ns/", &rendered.policy)], NOW).expect("it is not root");
            assert!(!acl.decide(&question(Operation::List, "other/secret/a/")).allowed, "a rule left its namespace");
        }
        files += 1;
    }
    assert!(files >= 10, "the corpus has {files} files");
}
