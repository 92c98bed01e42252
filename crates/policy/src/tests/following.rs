//! Advice is worth what happens when it is followed: every way, applied to the policies and to the request as data, makes
//! the answer a yes.

use proptest::prelude::*;

use super::*;
use crate::advice::Change;

const RULES: [&str; 5] = ["a", "a/*", "a/+", "*", "a/b"];
const NAMES: [&str; 4] = ["p", "q", "r", "*"];

/// A rule as data, so that advice can be applied to it.
#[derive(Clone, Debug)]
struct Line {
    path: &'static str,
    capabilities: Vec<&'static str>,
    required: Vec<&'static str>,
    allowed: Vec<(&'static str, Vec<Value>)>,
    denied: Vec<(&'static str, Vec<Value>)>,
    min: Option<u64>,
    max: Option<u64>,
}

fn values() -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(prop::sample::select(vec![json!("x*"), json!("xa"), json!("no"), json!(1)]), 0..3)
}

fn parameters() -> impl Strategy<Value = Vec<(&'static str, Vec<Value>)>> {
    prop_oneof![
        Just(Vec::new()),
        prop::collection::btree_map(prop::sample::select(NAMES.to_vec()), values(), 0..3)
            .prop_map(|map| map.into_iter().collect()),
    ]
}

fn line() -> impl Strategy<Value = Line> {
    let capabilities = prop_oneof![
        5 => prop::collection::vec(prop::sample::select(vec!["read", "update", "sudo"]), 0..4),
        1 => Just(vec!["deny"]),
    ];
    let required = prop::collection::vec(prop::sample::select(NAMES[..3].to_vec()), 0..3);
    let ttl = || prop::sample::select(vec![None, None, Some(60), Some(300)]);
    (prop::sample::select(RULES.to_vec()), capabilities, required, parameters(), parameters(), ttl(), ttl()).prop_map(
        |(path, capabilities, required, allowed, denied, min, max)| {
            // What stands beside a "deny" is not kept, so that nobody can tell what holds without it.
            if capabilities == ["deny"] {
                let (required, allowed, denied) = (Vec::new(), Vec::new(), Vec::new());
                return Line { path, capabilities, required, allowed, denied, min: None, max: None };
            }
            // A rule whose own bounds exclude each other is not taken.
            let max = max.filter(|max| min.is_none_or(|min| min <= *max));
            Line { path, capabilities, required, allowed, denied, min, max }
        },
    )
}

fn text(line: &Line) -> String {
    let object = |pairs: &[(&str, Vec<Value>)]| {
        let pairs: Vec<_> = pairs.iter().map(|(name, values)| format!("{name:?} = {}", json!(values))).collect();
        format!("{{ {} }}", pairs.join(", "))
    };
    let mut text = format!("path {:?} {{\ncapabilities = {:?}\n", line.path, line.capabilities);
    text += &format!("required_parameters = {:?}\n", line.required);
    text += &format!("allowed_parameters = {}\n", object(&line.allowed));
    text += &format!("denied_parameters = {}\n", object(&line.denied));
    for (name, ttl) in [("min", line.min), ("max", line.max)] {
        text += &ttl.map(|ttl| format!("{name}_wrapping_ttl = {ttl}\n")).unwrap_or_default();
    }
    text + "}\n"
}

fn compile(lines: &[Line], more: &[String]) -> Acl {
    let texts: Vec<String> = lines.iter().map(text).chain(more.iter().cloned()).collect();
    acl(&texts.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A value that fits what was said.
fn chosen(allowed: &[Value], denied: &[Value]) -> Option<Value> {
    let fits = |pattern: &Value, value: &Value| {
        *pattern == *value || (*pattern == json!("x*") && value.as_str().is_some_and(|text| text.starts_with('x')))
    };
    [json!("xa"), json!("xz"), json!("no"), json!(1), json!("w")].into_iter().find(|value| {
        (allowed.is_empty() || allowed.iter().any(|pattern| fits(pattern, value)))
            && !denied.iter().any(|pattern| fits(pattern, value))
    })
}

/// The world after one way.
struct World {
    lines: Vec<Line>,
    more: Vec<String>,
    parameters: Map<String, Value>,
    wrap_ttl: Option<Duration>,
}

impl World {
    fn of_rule(&mut self, rule: &AclRule) -> impl Iterator<Item = &mut Line> {
        self.lines.iter_mut().filter(|line| line.path == rule.path())
    }

    fn apply(&mut self, change: &Change<'_>) {
        match change {
            Change::Grant(rule, missing) => {
                let line = self.of_rule(rule).next().expect("the rule is one of them");
                line.capabilities.extend(missing.iter().map(|capability| capability.as_str()));
            }
            Change::DropDeny(rule) => self.of_rule(rule).for_each(|line| line.capabilities.retain(|it| *it != "deny")),
            Change::ReplaceDeny(rule, needed) => {
                for line in self.of_rule(rule).filter(|line| line.capabilities == ["deny"]) {
                    line.capabilities = needed.iter().map(Capability::as_str).collect();
                }
            }
            Change::AddRule(..) => self.more.push(change.to_string().split(": ").nth(1).expect("a rule").to_owned()),
            Change::TakeAway { rules, .. } => {
                self.lines.retain(|line| rules.iter().all(|rule| rule.path() != line.path));
            }
            Change::Count(_) => unreachable!("all of these rules count"),
            Change::DropRequired(rule, name) => {
                self.of_rule(rule).for_each(|line| line.required.retain(|own| own != name));
            }
            Change::OtherWrapping(rule) => {
                self.of_rule(rule).for_each(|line| (line.min, line.max) = (None, None));
            }
            Change::Wrap { bounds, .. } => {
                let ttl = if bounds.starts_with("for 5m") { 300 } else { 60 };
                self.wrap_ttl = Some(Duration::from_secs(ttl));
            }
            Change::With(names) => self.parameters.extend(names.iter().map(|name| (name.clone(), json!("any")))),
            Change::Without(names) => self.parameters.retain(|name, _| !names.contains(name)),
            Change::Value { name, allowed, denied } => {
                let value = chosen(allowed, denied).expect("some value fits");
                self.parameters.insert(name.clone(), value);
            }
            Change::Page(_) => unreachable!("nothing is listed"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_way_is_enough_alone(
        lines in prop::collection::vec(line(), 0..5),
        path in prop::sample::select(vec!["a", "a/b", "a/c"]),
        given in prop::collection::btree_map(
            prop::sample::select(vec!["p", "P", "q", "s"]),
            prop::sample::select(vec![json!("xa"), json!("no"), json!(1)]),
            0..3,
        ),
        wrap_ttl in prop::sample::select(vec![None, Some(30), Some(100)]),
        sudo in any::<bool>(),
    ) {
        let given: Map<_, _> = given.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let wrap_ttl = wrap_ttl.map(Duration::from_secs);
        let acl = compile(&lines, &[]);
        let question = Question { path, operation: Operation::Update, parameters: Some(&given), wrap_ttl };
        let is_allowed = |acl: &Acl, question: &Question<'_>| {
            let decision = acl.decide(question);
            decision.allowed && (decision.sudo || !sudo)
        };
        let ways = acl.ways(&question, sudo);
        prop_assert_eq!(ways.is_empty(), is_allowed(&acl, &question));
        for way in ways {
            let mut world =
                World { lines: lines.clone(), more: Vec::new(), parameters: given.clone(), wrap_ttl };
            way.0.iter().for_each(|change| world.apply(change));
            let after = compile(&world.lines, &world.more);
            let asked = Question { parameters: Some(&world.parameters), wrap_ttl: world.wrap_ttl, ..question };
            prop_assert!(is_allowed(&after, &asked), "{way}: {}", after.decide(&asked).reason);
        }
    }
}
