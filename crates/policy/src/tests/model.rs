//! The rules of priority once more, as plainly as they can be said: every rule is looked at for every question. The
//! compiled ACL has to agree with it for random policies and paths.

use proptest::prelude::*;

use super::*;

/// One rule as it was generated.
type Line = (String, Vec<&'static str>);

/// All lines of all policies that have the same path: what they grant together, or nothing if one denies.
fn granted(policies: &[Vec<Line>], path: &str) -> Vec<&'static str> {
    let lines = policies.iter().flatten().filter(|(line, _)| line == path);
    let mut all: Vec<&'static str> = lines.flat_map(|(_, capabilities)| capabilities.iter().copied()).collect();
    all.sort_unstable();
    all.dedup();
    if all.contains(&"deny") || all.is_empty() { vec!["deny"] } else { all }
}

fn is_pattern(rule: &str) -> bool {
    rule.ends_with('*') || rule.split('/').any(|segment| segment == "+")
}

/// Segment by segment; the last one of a rule with `*` has to start what is left of the path.
fn matches(rule: &str, path: &str) -> bool {
    let (body, is_glob) = rule.strip_suffix('*').map_or((rule, false), |body| (body, true));
    let segments: Vec<&str> = body.split('/').collect();
    let parts: Vec<&str> = path.split('/').collect();
    if parts.len() < segments.len() || (!is_glob && parts.len() != segments.len()) {
        return false;
    }
    segments.iter().zip(&parts).enumerate().all(|(index, (segment, part))| {
        let is_last = index + 1 == segments.len();
        *segment == "+" || segment == part || (is_glob && is_last && part.starts_with(segment))
    })
}

/// Whether the first rule goes before the second when both match.
fn beats(one: &str, two: &str) -> bool {
    // Vault looks for the character, not for the segment; in a rule without wildcard segments it means nothing.
    let first_wildcard = |rule: &str| {
        let plus = rule.find('+').filter(|_| rule.split('/').any(|segment| segment == "+"));
        plus.unwrap_or_else(|| rule.strip_suffix('*').unwrap_or(rule).len())
    };
    let plusses = |rule: &str| rule.split('/').filter(|segment| *segment == "+").count();
    if first_wildcard(one) != first_wildcard(two) {
        return first_wildcard(one) > first_wildcard(two);
    }
    if one.ends_with('*') != two.ends_with('*') {
        return two.ends_with('*');
    }
    if plusses(one) != plusses(two) {
        return plusses(one) < plusses(two);
    }
    if one.len() != two.len() {
        return one.len() > two.len();
    }
    one > two
}

fn best_pattern<'a>(rules: &[&'a str], path: &str) -> Option<&'a str> {
    let matching = rules.iter().filter(|rule| is_pattern(rule) && matches(rule, path));
    matching.copied().reduce(|one, two| if beats(one, two) { one } else { two })
}

fn deciding<'a>(policies: &'a [Vec<Line>], path: &str, operation: Operation) -> Option<&'a str> {
    let rules: Vec<&str> = policies.iter().flatten().map(|(rule, _)| rule.as_str()).collect();
    let exact = |path: &str| rules.iter().find(|rule| !is_pattern(rule) && **rule == path).copied();
    let bare = path.strip_suffix('/');
    let lists = operation == Operation::List;
    if let Some(rule) = exact(path) {
        return Some(rule);
    }
    if let Some(rule) = bare.filter(|_| lists || operation == Operation::Scan).and_then(exact) {
        return Some(rule);
    }
    let full = best_pattern(&rules, path);
    let Some(bare) = bare.filter(|_| lists).and_then(|bare| best_pattern(&rules, bare)) else { return full };
    let is_closed = |rule: &&str| granted(policies, rule) == ["deny"] && beats(rule, bare);
    Some(full.filter(is_closed).unwrap_or(bare))
}

/// Few letters, so that paths meet rules. No segment but a whole one starts with `+`: the tables have such rules.
fn rule_path() -> impl Strategy<Value = String> {
    let segment = prop::sample::select(vec!["a", "b", "ab", "+", "+", "a*b", "b+", ""]);
    let ending = prop::sample::select(vec!["", "", "*", "/", "/*", "/a*", "/ab*", "/b*"]);
    (prop::collection::vec(segment, 1..5), ending).prop_map(|(segments, ending)| {
        let path = format!("{}{ending}", segments.join("/")).replace("+*", "+/*");
        path.trim_start_matches('/').to_owned()
    })
}

fn request_path() -> impl Strategy<Value = String> {
    let segment = prop::sample::select(vec!["a", "b", "ab", "abc", "a*b", "b+", "+", ""]);
    (prop::collection::vec(segment, 1..6), any::<bool>()).prop_map(|(segments, slash)| {
        let path = format!("{}{}", segments.join("/"), if slash { "/" } else { "" });
        path.trim_start_matches('/').to_owned()
    })
}

fn policies() -> impl Strategy<Value = Vec<Vec<Line>>> {
    let capability = prop::sample::select(vec!["create", "read", "update", "delete", "list", "scan", "patch", "sudo"]);
    let capabilities = prop_oneof![
        6 => prop::collection::vec(capability, 0..4),
        1 => Just(vec!["deny"]),
        1 => Just(vec!["read", "deny"]),
    ];
    prop::collection::vec(prop::collection::vec((rule_path(), capabilities), 0..8), 1..4)
}

fn text(policy: &[Line]) -> String {
    policy.iter().map(|(path, capabilities)| format!("path {path:?} {{ capabilities = {capabilities:?} }}\n")).collect()
}

fn compile(policies: &[Vec<Line>]) -> Acl {
    let parsed: Vec<Policy> = policies.iter().map(|policy| super::policy(&text(policy))).collect();
    Acl::compile(parsed.iter().map(|policy| ("", policy)), NOW).expect("none of them is root")
}

const OPERATIONS: [Operation; 7] = [
    Operation::Create,
    Operation::Read,
    Operation::Update,
    Operation::Patch,
    Operation::Delete,
    Operation::List,
    Operation::Scan,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_compiled_acl_agrees_with_the_model(policies in policies(), path in request_path()) {
        let acl = compile(&policies);
        for operation in OPERATIONS {
            let decision = acl.decide(&question(operation, &path));
            let rule = deciding(&policies, &path, operation);
            let needed = operation.capability().map_or("", Capability::as_str);
            let granted = rule.map(|rule| granted(&policies, rule)).unwrap_or_default();
            prop_assert_eq!(decision.rule.map(AclRule::path), rule, "{:?} of {:?}", operation, &path);
            prop_assert_eq!(decision.allowed, granted.contains(&needed), "{:?} of {:?}", operation, &path);
            prop_assert_eq!(decision.sudo, granted.contains(&"sudo"));
        }
        let expected = deciding(&policies, &path, Operation::List).map_or(vec!["deny"], |rule| granted(&policies, rule));
        prop_assert_eq!(acl.capabilities(&path), expected);
    }

    #[test]
    fn what_is_open_below_a_folder_makes_the_folder_show(policies in policies(), path in request_path()) {
        let acl = compile(&policies);
        if let Some(end) = path.find('/') && end > 0 && OPERATIONS.iter().any(|operation| acl.decide(&question(*operation, &path)).allowed) {
            prop_assert!(acl.has_any_below(&path[..=end]), "{} is open", path);
        }
    }

    #[test]
    fn the_rules_behind_the_deciding_one_would_decide_without_it(policies in policies(), path in request_path()) {
        for operation in OPERATIONS {
            let mut left = policies.clone();
            let acl = compile(&policies);
            for rule in acl.ranked(&path, operation) {
                prop_assert_eq!(deciding(&left, &path, operation), Some(rule.path()), "{:?} of {:?}", operation, &path);
                left.iter_mut().for_each(|policy| policy.retain(|(own, _)| own != rule.path()));
            }
            prop_assert_eq!(deciding(&left, &path, operation), None, "{:?} of {:?}", operation, &path);
        }
    }

    #[test]
    fn the_rule_that_is_advised_allows_what_was_refused(policies in policies(), path in request_path(), sudo in any::<bool>()) {
        let acl = compile(&policies);
        for operation in OPERATIONS {
            let question = question(operation, &path);
            let is_allowed = |acl: &Acl| {
                let decision = acl.decide(&question);
                decision.allowed && (decision.sudo || !sudo)
            };
            let advice = acl.advice(&question, sudo);
            // A rule cannot spell a path that has a wildcard in it.
            if !path.split('/').any(|segment| segment == "+") {
                prop_assert_eq!(advice.is_empty(), is_allowed(&acl), "{:?} of {:?}", operation, &path);
            }
            let rules = advice.iter().filter_map(|line| line.strip_prefix("with this rule in one of the policies: "));
            for rule in rules {
                let mut texts: Vec<String> = policies.iter().map(|policy| text(policy)).collect();
                texts.push(rule.to_owned());
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                prop_assert!(is_allowed(&super::acl(&texts)), "{:?} of {:?}: {}", operation, &path, rule);
            }
        }
    }

    #[test]
    fn the_order_of_policies_does_not_matter(policies in policies(), path in request_path()) {
        let mut reversed = policies.clone();
        reversed.reverse();
        let (acl, reversed) = (compile(&policies), compile(&reversed));
        prop_assert_eq!(acl.capabilities(&path), reversed.capabilities(&path));
    }

    #[test]
    fn json_and_hcl_compile_to_the_same(policy in policies(), path in request_path()) {
        // JSON objects keep one of equal names only, so that each path is taken once.
        let mut lines: Vec<Line> = policy.into_iter().flatten().collect();
        lines.sort();
        lines.dedup_by(|one, two| one.0 == two.0);
        let rules: Map<String, Value> =
            lines.iter().map(|(path, capabilities)| (path.clone(), json!({ "capabilities": capabilities }))).collect();
        let json = acl(&[&json!({ "path": rules }).to_string()]);
        let hcl = acl(&[&text(&lines)]);
        prop_assert_eq!(json.capabilities(&path), hcl.capabilities(&path));
    }

    #[test]
    fn no_text_panics(text in "[a-z \"{}\\[\\]=*+/\n]{0,80}") {
        for text in [text.clone(), format!("path \"{text}\" {{ {text} }}"), format!("{{\"path\": {{{text}")] {
            drop(Policy::parse("test", &text));
        }
    }
}
