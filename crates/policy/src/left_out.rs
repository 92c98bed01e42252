//! Rules that are in a token's policies and do not count: expired ones, and ones whose template has no value. They decide
//! nothing; they are kept because they are what an operator looks for when something is refused.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use api::Timestamp;

use crate::pattern::Pattern;
use crate::trie::Trie;
use crate::{AclRule, Capabilities, Constraints, Rule};

/// A rule that does not count, with what is needed to tell of it.
#[derive(Debug)]
pub(crate) struct LeftOut {
    /// The path, with a wildcard for every segment that has a template.
    pattern: Pattern,
    /// The path with its namespace in front, templates included.
    full: String,
    path: String,
    policy: Arc<str>,
    line: u32,
    constraints: Constraints,
    expired: Option<SystemTime>,
}

impl LeftOut {
    /// The rule, if it does not count at `now`. `namespace` is the path of its namespace.
    pub(crate) fn find(policy: &Arc<str>, namespace: &str, rule: &Rule, now: SystemTime) -> Option<Self> {
        let expired = rule.expiration.filter(|end| *end <= now);
        if expired.is_none() && !rule.path.contains("{{") {
            return None;
        }
        Some(Self {
            pattern: Pattern::new(namespace, &wildcards_for_templates(&rule.path)),
            full: [namespace, rule.path.strip_prefix('/').unwrap_or(&rule.path)].concat(),
            path: rule.path.clone(),
            policy: Arc::clone(policy),
            line: rule.line,
            constraints: rule.constraints.clone(),
            expired,
        })
    }

    /// Whether it would grant all of these on a path, as far as that can be told without the value of its template.
    pub(crate) fn would_grant(&self, needed: Capabilities, path: &str) -> bool {
        if !needed.is_subset(self.constraints.capabilities) {
            return false;
        }
        if self.pattern.is_exact() {
            return self.pattern.text == path;
        }
        let mut trie = Trie::new();
        trie.insert(&self.pattern, 0);
        let mut is_match = false;
        trie.matches(path, &mut |_| is_match = true);
        is_match
    }

    /// What would hold for a path that it matches if it counted; none where `deciding` would still decide without it.
    pub(crate) fn together(&self, deciding: Option<&AclRule>, path: &str) -> Option<Constraints> {
        let own = self.constraints.clone();
        let Some(deciding) = deciding else { return Some(own) };
        let pattern = self.pattern_on(path);
        if pattern == *deciding.pattern() {
            let mut both = deciding.constraints().clone();
            both.merge(&own);
            return Some(both).filter(|both| !both.capabilities.denies());
        }
        let goes_before = match (pattern.is_exact(), deciding.is_exact()) {
            (false, false) => pattern.priority() > deciding.pattern().priority(),
            (is_exact, _) => is_exact,
        };
        goes_before.then_some(own)
    }

    /// The pattern with the values for its templates that make it match the path.
    fn pattern_on(&self, path: &str) -> Pattern {
        let mut segments = path.split('/');
        let own = self.full.split('/').map(|own| {
            let segment = segments.next().unwrap_or_default();
            match (own.contains("{{"), own.ends_with('*')) {
                (true, true) => [segment, "*"].concat(),
                (true, false) => segment.to_owned(),
                (false, _) => own.to_owned(),
            }
        });
        Pattern::new("", &own.collect::<Vec<_>>().join("/"))
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, policy, line, .. } = self;
        write!(f, "if rule {path:?} of policy {policy:?} line {line} counted: ")?;
        match self.expired {
            Some(end) => write!(f, "it ended at {}", Timestamp::from(end)),
            None => f.write_str("the token has no value for the template in its path"),
        }
    }
}

fn wildcards_for_templates(path: &str) -> String {
    let segments: Vec<_> = path
        .split('/')
        .map(|segment| match (segment.contains("{{"), segment.ends_with('*')) {
            (true, true) => "*",
            (true, false) => "+",
            (false, _) => segment,
        })
        .collect();
    segments.join("/")
}
