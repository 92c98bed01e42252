//! Rules that are in a token's policies and do not count: expired ones, and ones whose template has no value. They decide
//! nothing; they are kept because they are what an operator looks for when something is refused.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use api::Timestamp;

use crate::pattern::Pattern;
use crate::trie::Trie;
use crate::{Capabilities, Rule};

/// A rule that does not count, with what is needed to tell of it.
#[derive(Debug)]
pub(crate) struct LeftOut {
    /// The path, with a wildcard for every segment that has a template.
    pattern: Pattern,
    path: String,
    policy: Arc<str>,
    line: u32,
    capabilities: Capabilities,
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
            path: rule.path.clone(),
            policy: Arc::clone(policy),
            line: rule.line,
            capabilities: rule.constraints.capabilities,
            expired,
        })
    }

    /// Whether it would grant all of these on a path, as far as that can be told without the value of its template.
    pub(crate) fn would_grant(&self, needed: Capabilities, path: &str) -> bool {
        if !needed.is_subset(self.capabilities) {
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
