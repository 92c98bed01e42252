//! What would have allowed a refused request; that following the advice works is a property in [`super::model`].

use super::*;

#[track_caller]
fn advice(acl: &Acl, operation: Operation, path: &str) -> Vec<String> {
    acl.advice(&question(operation, path), false)
}

#[test]
fn of_several_policies_the_one_that_denies_is_named() {
    let acl = acl(&[
        "path \"a\" { capabilities = [\"read\"] }",
        "path \"a\" { capabilities = [\"deny\"] }",
        "path \"a\" { capabilities = [\"update\"] }",
    ]);
    let rule = "rule \"a\" of policy \"p1\" line 1";
    assert_eq!(advice(&acl, Operation::Read, "a"), [format!("without the \"deny\" in {rule}")]);
    let in_place = format!("with \"delete\" in place of the \"deny\" in {rule}");
    assert_eq!(advice(&acl, Operation::Delete, "a"), [in_place]);
}

#[test]
fn a_rule_that_restricts_is_not_repeated_without_its_restrictions() {
    let acl = acl(&["path \"a/*\" { capabilities = [\"read\"] required_parameters = [\"x\"] }"]);
    let add = "with \"update\" added to the capabilities of rule \"a/*\" of policy \"p0\" line 1";
    assert_eq!(advice(&acl, Operation::Update, "a/b"), [format!("{add} and with parameter \"x\" in the request")]);
    // Both are wanted, and are told together.
    let both = acl.advice(&question(Operation::Read, "a/b"), true);
    let sudo = "with \"sudo\" added to the capabilities of rule \"a/*\" of policy \"p0\" line 1";
    assert_eq!(both.first(), Some(&format!("{sudo} and with parameter \"x\" in the request")));
}

#[test]
fn a_path_that_no_rule_can_spell_gets_no_rule_to_paste() {
    let nothing = acl(&[]);
    for path in ["a/+/b", "a*", "a\"b", "a\\b", "{{identity.entity.id}}"] {
        assert_eq!(advice(&nothing, Operation::Read, path), Vec::<String>::new(), "{path}");
    }
    assert_eq!(advice(&nothing, Operation::Read, "a/b").len(), 1);
}

#[test]
fn rules_that_do_not_count_are_named_when_they_would_help() {
    let policy = policy(
        r#"
        path "a"                             { policy = "read" expiration = 100 }
        path "a/{{identity.entity.name}}/+"  { policy = "read" }
        path "b/x-{{identity.entity.id}}*"   { policy = "read" }
        path "c/*"                           { policy = "write" expiration = 100 }"#,
    );
    let acl = Acl::compile([("", &policy)], SystemTime::UNIX_EPOCH + Duration::from_secs(100)).expect("it is not root");
    let named = |operation, path| -> Vec<String> {
        let advice = acl.advice(&question(operation, path), false);
        advice.into_iter().filter(|line| line.starts_with("if rule")).collect()
    };
    let template = |path: &str, line: u32| {
        format!(
            "if rule \"{path}\" of policy \"test\" line {line} counted: the token has no value for the template in its path"
        )
    };
    let ended = "if rule \"a\" of policy \"test\" line 2 counted: it ended at 1970-01-01T00:01:40Z";
    assert_eq!(named(Operation::Read, "a"), [ended]);
    assert_eq!(named(Operation::Read, "a/me/x"), [template("a/{{identity.entity.name}}/+", 3)]);
    assert_eq!(named(Operation::Read, "b/x-1/y"), [template("b/x-{{identity.entity.id}}*", 4)]);
    assert_eq!(named(Operation::Update, "c/d").len(), 1);
    for (operation, path) in [(Operation::Update, "a"), (Operation::Read, "a/me"), (Operation::Patch, "c/d")] {
        assert_eq!(named(operation, path), Vec::<String>::new(), "{path}");
        assert!(!acl.decide(&question(operation, path)).allowed);
    }
}

#[test]
fn all_obstacles_of_a_rule_are_one_way() {
    let acl = acl(&[r#"path "a" {
        capabilities = ["update"]
        required_parameters = ["why", "kind", "gone"]
        allowed_parameters = { "why" = [], "kind" = ["x*", 1], "b" = ["x*", "no"], "c" = ["no"] }
        denied_parameters = { "b" = ["no"], "c" = ["no"], "kind" = ["xx"] }
        min_wrapping_ttl = "1m"
    }"#]);
    let parameters = object(&json!({ "b": "no", "c": "no", "d": 1, "E": 1 }));
    let question = Question { parameters: Some(&parameters), ..question(Operation::Update, "a") };
    let rule = "rule \"a\" of policy \"p0\" line 1";
    let changes = [
        &format!("with \"sudo\" added to the capabilities of {rule}"),
        "with the reply wrapped for 1m at least",
        "with parameter \"why\" in the request",
        "without parameters \"E\" and \"c\" and \"d\" in the request",
        &format!("without \"gone\", which cannot be given, among the required parameters of {rule}"),
        "with one of these values for parameter \"kind\": \"x*\", 1, but not \"xx\"",
        "with one of these values for parameter \"b\": \"x*\", but not \"no\"",
    ];
    assert_eq!(acl.advice(&question, true), [changes.join(" and ")]);
}

#[test]
fn bounds_that_nothing_fulfills_have_to_change() {
    // Of one path in two policies both bounds are taken, so that they can exclude each other.
    let acl = acl(&[
        "path \"a\" { capabilities = [\"read\"] min_wrapping_ttl = \"1h\" }",
        "path \"a\" { max_wrapping_ttl = \"1m\" }",
    ]);
    let other = "with wrapping TTLs that can be kept in rule \"a\" of policy \"p0\" line 1, policy \"p1\" line 1";
    assert_eq!(advice(&acl, Operation::Read, "a"), [other]);
}

#[test]
fn all_rules_in_front_of_the_one_that_grants_have_to_go() {
    let acl = acl(&[
        "path \"a/b\" { policy = \"deny\" }\npath \"a/*\" { capabilities = [\"list\"] }\npath \"*\" { policy = \"read\" }",
    ]);
    let way =
        "without rules \"a/b\" and \"a/*\", which go before rule \"*\" of policy \"p0\" line 3 that grants \"read\"";
    assert!(advice(&acl, Operation::Read, "a/b").iter().any(|line| line == way));
}

#[test]
fn a_rule_that_would_not_decide_if_it_counted_is_not_named() {
    let text = "path \"a/*\" { policy = \"read\" expiration = 100 }\npath \"a/b\" { capabilities = [\"list\"] }\n\
                path \"c/*\" { capabilities = [\"list\"] }\npath \"c/{{identity.entity.name}}/*\" { policy = \"read\" }";
    let policy = policy(text);
    let acl = Acl::compile([("", &policy)], SystemTime::UNIX_EPOCH + Duration::from_secs(100)).expect("it is not root");
    assert!(!advice(&acl, Operation::Read, "a/b").iter().any(|line| line.starts_with("if rule")));
    assert!(advice(&acl, Operation::Read, "c/me/x").iter().any(|line| line.starts_with("if rule")));
}
