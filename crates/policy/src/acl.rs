//! The rules of all of a token's policies, compiled for fast answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use crate::left_out::LeftOut;
use crate::pattern::Pattern;
use crate::trie::Trie;
use crate::{Capabilities, Capability, Constraints, Decision, Operation, Policy, Question, ROOT, Reason, Rule};

/// What a token may do. Immutable: made anew when a policy, or the set of policies, changes.
#[derive(Debug)]
pub struct Acl {
    is_root: bool,
    /// All rules, the exact ones by path in front, the others behind, the less specific first.
    rules: Vec<AclRule>,
    exact: BTreeMap<Box<str>, usize>,
    others: Trie,
    valid_until: Option<SystemTime>,
    left_out: Vec<LeftOut>,
}

/// One path with what all policies together say about it.
#[derive(Clone, PartialEq, Debug)]
pub struct AclRule {
    pattern: Pattern,
    path: String,
    constraints: Constraints,
    sources: Vec<Source>,
}

/// Where a rule, or a part of it, comes from.
#[derive(Clone, PartialEq, Debug)]
pub struct Source {
    /// The policy's name.
    pub policy: Arc<str>,
    /// The path of the policy's namespace, empty for the root namespace.
    pub namespace: Arc<str>,
    /// The line in the policy's text, from 1.
    pub line: u32,
    /// What this policy alone grants.
    pub capabilities: Capabilities,
    /// What else this policy alone says about the path; none where it has nothing but capabilities.
    pub restrictions: Option<Box<Constraints>>,
}

/// Policies that cannot stand together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CompileError {
    /// `root` is one of several.
    #[error("other policies present along with root")]
    RootNotAlone,
    /// `root` outside of the root namespace.
    #[error("root policy is only allowed in root namespace")]
    RootInNamespace,
}

impl AclRule {
    /// The path as it is written in the policy, wildcards included, its namespace in front.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// Whether the path matches itself only.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.pattern.is_exact()
    }

    /// For a rule that matches every path that starts with a text, that text: neither exact, nor with a `+`.
    #[must_use]
    pub fn prefix(&self) -> Option<&str> {
        (self.pattern.is_glob && !self.pattern.has_segments).then_some(self.pattern.text.as_str())
    }

    /// What all its sources together say.
    #[must_use]
    pub fn constraints(&self) -> &Constraints {
        &self.constraints
    }

    /// The policies that it comes from, in the order in which they were given.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }
}

impl Acl {
    /// Compiles policies, each with the path of its namespace: empty for the root namespace, or else such as `team/a/`.
    /// A rule whose expiration is not after `now` is left out, and so is one that still has a template in its path.
    ///
    /// # Errors
    /// When `root` is not alone or not in the root namespace.
    pub fn compile<'a>(
        policies: impl IntoIterator<Item = (&'a str, &'a Policy)>,
        now: SystemTime,
    ) -> Result<Self, CompileError> {
        let mut merged: BTreeMap<Pattern, AclRule> = BTreeMap::new();
        let (mut count, mut is_root, mut valid_until, mut left_out) = (0, false, None, Vec::new());
        for (namespace, policy) in policies {
            count += 1;
            if *policy.name == *ROOT {
                if !namespace.is_empty() {
                    return Err(CompileError::RootInNamespace);
                }
                is_root = true;
            }
            let namespace: Arc<str> = namespace.into();
            for rule in &policy.rules {
                if let Some(rule) = LeftOut::find(&policy.name, &namespace, rule, now) {
                    left_out.push(rule);
                } else {
                    valid_until = [valid_until, rule.expiration].into_iter().flatten().min();
                    add(&mut merged, policy, &namespace, rule);
                }
            }
        }
        if is_root && count > 1 {
            return Err(CompileError::RootNotAlone);
        }
        Ok(Self { is_root, valid_until, left_out, ..Self::index(merged.into_values().collect()) })
    }

    fn index(mut rules: Vec<AclRule>) -> Self {
        // Stable: exact rules stay in the order of their paths. Behind them, a later rule outranks an earlier one.
        rules.sort_by(|one, two| match (one.is_exact(), two.is_exact()) {
            (true, true) => std::cmp::Ordering::Equal,
            (false, false) => one.pattern.priority().cmp(&two.pattern.priority()),
            (one, two) => two.cmp(&one),
        });
        let mut exact = BTreeMap::new();
        let mut others = Trie::new();
        for (number, rule) in rules.iter().enumerate() {
            if rule.is_exact() {
                exact.insert(rule.pattern.text.as_str().into(), number);
            } else {
                others.insert(&rule.pattern, number);
            }
        }
        Self { is_root: false, rules, exact, others, valid_until: None, left_out: Vec::new() }
    }

    /// Whether it is the ACL of the root policy.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.is_root
    }

    /// When the first of its rules expires: compile anew then.
    #[must_use]
    pub fn valid_until(&self) -> Option<SystemTime> {
        self.valid_until
    }

    /// All rules: those that match one path only by path, then the others, the least specific first.
    pub fn rules(&self) -> impl Iterator<Item = &AclRule> {
        self.rules.iter()
    }

    /// Answers one question, with the reason.
    #[must_use]
    pub fn decide<'a>(&'a self, question: &Question<'a>) -> Decision<'a> {
        if self.is_root {
            return Decision::allow(None, Reason::Root);
        }
        let Some(capability) = question.operation.capability() else {
            return Decision::allow(None, Reason::Help);
        };
        match self.rule_for(question.path, question.operation) {
            Some(rule) => Decision::by(rule, capability, question),
            None => Decision::deny(None, Reason::NoRule),
        }
    }

    /// The capabilities on a path, as `sys/capabilities` shows them: sorted; `root` alone for the root policy, `deny`
    /// alone where nothing is granted.
    #[must_use]
    pub fn capabilities(&self, path: &str) -> Vec<&'static str> {
        if self.is_root {
            return vec![ROOT];
        }
        // Looked up like a list, so that the rules for a folder show with and without its slash.
        let found = self.rule_for(path, Operation::List).map(|rule| rule.constraints.capabilities);
        match found.filter(|capabilities| capabilities.grants_anything()) {
            Some(capabilities) => capabilities.iter().map(Capability::as_str).collect(),
            None => vec![Capability::Deny.as_str()],
        }
    }

    /// Whether anything at or under `folder`, which ends in a slash, is open to the token: what `sys/internal/ui/mounts`
    /// shows. A rule counts if it is written for something in there, or applies to the folder itself.
    #[must_use]
    pub fn has_any_below(&self, folder: &str) -> bool {
        let grants = |rule: &AclRule| rule.constraints.capabilities.grants_anything();
        // The glob that decides about everything in there that no rule of its own decides about.
        let mut glob = None;
        self.others.matches(folder, &mut |number| {
            glob = glob
                .max(Some(number).filter(|number| self.rules.get(*number).is_some_and(|rule| rule.pattern.is_glob)));
        });
        let glob = glob.and_then(|number| self.rules.get(number));
        let own = [Operation::Read, Operation::List].map(|operation| self.rule_for(folder, operation));
        self.is_root
            || own.into_iter().chain([glob]).flatten().any(grants)
            || self.rules.iter().any(|rule| grants(rule) && rule.pattern.reaches_into(folder))
    }

    /// The one rule that decides about a path. A list of `a/` is also a list of `a`: both spellings are tried, exact
    /// rules first, and among the others the spelling without the slash first (Vault's order), unless a `deny` for the
    /// spelling with the slash outranks it (Vault since 2.0.3, OpenBao since 2.6.0): or else a broad rule would list a
    /// folder that a narrower one closes.
    fn rule_for(&self, path: &str, operation: Operation) -> Option<&AclRule> {
        let path = path.trim_start_matches('/');
        let without_slash = path.strip_suffix('/').filter(|_| operation.enumerates());
        let exact = |path: &str| self.exact.get(path).copied();
        // A scan is not retried among the others (OpenBao).
        let retried = without_slash.filter(|_| operation == Operation::List);
        let number = exact(path).or_else(|| without_slash.and_then(exact)).or_else(|| {
            let bare = retried.and_then(|path| self.best_of_others(path));
            self.first_to_decide(bare, self.best_of_others(path))
        })?;
        self.rules.get(number)
    }

    /// Of the best rules for a path without its slash and with it, the one that decides.
    fn first_to_decide(&self, bare: Option<usize>, full: Option<usize>) -> Option<usize> {
        let closes = |number: &usize| {
            self.rules.get(*number).is_some_and(|rule| !rule.constraints.capabilities.grants_anything())
        };
        full.filter(|full| bare.is_some_and(|bare| *full > bare) && closes(full)).or(bare).or(full)
    }

    /// Every rule that matches the path, in the order in which they would decide if those in front were not there.
    pub(crate) fn ranked(&self, path: &str, operation: Operation) -> Vec<&AclRule> {
        let path = path.trim_start_matches('/');
        let without_slash = path.strip_suffix('/').filter(|_| operation.enumerates());
        let retried = without_slash.filter(|_| operation == Operation::List);
        let mut numbers: Vec<usize> = [Some(path), without_slash]
            .into_iter()
            .flatten()
            .filter_map(|path| self.exact.get(path).copied())
            .collect();
        let matching = |path| {
            let mut others = BTreeSet::new();
            self.others.matches(path, &mut |number| others.extend([number]));
            others
        };
        let (mut bare, mut full) = (retried.map(matching).unwrap_or_default(), matching(path));
        while let Some(next) = self.first_to_decide(bare.last().copied(), full.last().copied()) {
            bare.remove(&next);
            full.remove(&next);
            numbers.push(next);
        }
        numbers.into_iter().filter_map(|number| self.rules.get(number)).collect()
    }

    /// The rules that do not count, and would grant all of this.
    pub(crate) fn left_out(&self, needed: Capabilities, path: &str) -> impl Iterator<Item = &LeftOut> {
        self.left_out.iter().filter(move |rule| rule.would_grant(needed, path))
    }

    fn best_of_others(&self, path: &str) -> Option<usize> {
        let mut best = None;
        self.others.matches(path, &mut |number| best = best.max(Some(number)));
        best
    }
}

fn add(merged: &mut BTreeMap<Pattern, AclRule>, policy: &Policy, namespace: &Arc<str>, rule: &Rule) {
    let pattern = Pattern::new(namespace, &rule.path);
    let source = Source {
        policy: Arc::clone(&policy.name),
        namespace: Arc::clone(namespace),
        line: rule.line,
        capabilities: rule.constraints.capabilities,
        restrictions: rule.constraints.restricts().then(|| Box::new(rule.constraints.clone())),
    };
    match merged.get_mut(&pattern) {
        Some(own) => {
            own.constraints.merge(&rule.constraints);
            own.sources.push(source);
        }
        None => {
            let path = pattern.display();
            let constraints = rule.constraints.clone();
            merged.insert(pattern.clone(), AclRule { pattern, path, constraints, sources: vec![source] });
        }
    }
}
