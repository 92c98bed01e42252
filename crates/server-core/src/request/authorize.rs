//! Third stage: may they. [`judge`] is the one place that asks a token's policies; whatever explains a decision asks it
//! too, so that the two cannot differ.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use framework::{Access, Error, Judge, Operation, Request};
use policy::{Acl, Decision, Question, Reason};
use serde_json::{Map, Value};

use super::Destination;
use crate::tokens::Resolved;

/// What somebody wants to do, with the path as rules are compared with it.
pub(crate) struct Wish<'r> {
    path: Cow<'r, str>,
    /// The path that is really meant, if it was spelled otherwise.
    folded: Option<Cow<'r, str>>,
    operation: Operation,
    parameters: Option<&'r Map<String, Value>>,
    wrap_ttl: Option<Duration>,
}

/// What the policies say to a wish.
pub(crate) struct Verdict<'r> {
    /// What was asked of the policies: of a path with a slash at its end, the spelling that has a rule.
    pub(crate) question: Question<'r>,
    pub(crate) decision: Decision<'r>,
    pub(crate) needs_sudo: bool,
}

impl<'r> Wish<'r> {
    pub(crate) fn new(path: &'r str, operation: Operation) -> Self {
        Self { path: judged_path(path, operation), folded: None, operation, parameters: None, wrap_ttl: None }
    }

    #[must_use]
    pub(crate) fn with(self, parameters: &'r Map<String, Value>, wrap_ttl: Option<Duration>) -> Self {
        Self { parameters: Some(parameters), wrap_ttl, ..self }
    }

    /// The same thing under the spelling that the row uses.
    #[must_use]
    pub(crate) fn meant(self, path: Option<&'r str>) -> Self {
        Self { folded: path.map(|path| judged_path(path, self.operation)), ..self }
    }

    fn question<'s>(&'s self, path: &'s str) -> Question<'s> {
        Question {
            path,
            operation: policy_operation(self.operation),
            parameters: self.parameters,
            wrap_ttl: self.wrap_ttl,
        }
    }
}

impl Verdict<'_> {
    pub(crate) fn is_allowed(&self) -> bool {
        self.decision.allowed && (self.decision.sudo || !self.needs_sudo)
    }
}

/// Asks the policies. `access` is what the row says that the path leads to; a path that leads nowhere is judged all the
/// same, so that a denial looks alike whether it does or not. Of a name with several spellings both the one that came
/// and the one that is meant have to be allowed, or a `deny` could be spelled around.
pub(crate) fn judge<'r>(acl: &'r Acl, wish: &'r Wish<'r>, access: Option<Access>) -> Verdict<'r> {
    let needs_sudo = access.is_some_and(|access| access.is_sudo) && wish.operation != Operation::Help;
    let decided = |path| {
        let question = wish.question(path);
        Verdict { question, decision: acl.decide(&question), needs_sudo }
    };
    let spelled = |path: &'r str| {
        // Some rows take a name with a slash behind it for the name: then the rule for the name counts.
        let bare = if is_list(wish.operation) { None } else { path.strip_suffix('/') };
        let bare = bare.map(decided).filter(|bare| bare.decision.rule.is_some());
        bare.unwrap_or_else(|| decided(path))
    };
    let verdict = spelled(&wish.path);
    match &wish.folded {
        Some(path) if verdict.is_allowed() => spelled(path),
        _ => verdict,
    }
}

/// Whether the token's policies allow the request; tells whether they give `sudo` on its path.
pub(super) fn check(
    request: &Request,
    operation: Operation,
    to: &Destination<'_>,
    token: Option<&Resolved>,
    data: &Map<String, Value>,
) -> Result<bool, Error> {
    let token = token.ok_or(Error::Denied)?;
    ask(request, operation, to, token, data, |verdict| {
        if verdict.is_allowed() { Ok(verdict.decision.sudo) } else { Err(Error::Denied) }
    })
}

/// The name and the namespace of each policy that allows what [`check`] has allowed.
pub(super) fn granting(
    request: &Request,
    operation: Operation,
    to: &Destination<'_>,
    token: &Resolved,
    data: &Map<String, Value>,
) -> Vec<(Arc<str>, Arc<str>)> {
    ask(request, operation, to, token, data, |verdict| match verdict.decision.reason {
        Reason::Root => vec![(policy::ROOT.into(), "".into())],
        reason => reason.sources().map(|it| (Arc::clone(&it.policy), Arc::clone(&it.namespace))).collect(),
    })
}

/// Has the token's policies judge a request.
fn ask<T>(
    request: &Request,
    operation: Operation,
    to: &Destination<'_>,
    token: &Resolved,
    data: &Map<String, Value>,
    tell: impl FnOnce(Verdict<'_>) -> T,
) -> T {
    // One of a wrapped reply has come to open it, and its policy is of its own namespace.
    let namespace = if token.entry.is_wrapping() { &token.home } else { &to.place.namespace };
    let path = namespace.full_path(to.path);
    let folded = to.target.as_ref().and_then(|target| target.folded.as_deref());
    let folded = folded.map(|folded| namespace.full_path(folded));
    let wish = Wish::new(&path, operation).with(data, request.wrap_ttl).meant(folded.as_deref());
    let access = to.target.as_ref().and_then(|target| target.route.as_ref().ok()).map(|route| route.access);
    tell(judge(&token.acl, &wish, access))
}

impl Judge for Resolved {
    /// As if the token asked for it, without parameters and without wrapping the reply: what is allowed under further
    /// conditions only is not allowed here.
    fn allows(&self, operation: Operation, path: &str) -> bool {
        judge(&self.acl, &Wish::new(path, operation), None).is_allowed()
    }
}

/// The path as rules are compared with it: a list always ends in `/`, as it does on the wire, however it came here.
fn judged_path(path: &str, operation: Operation) -> Cow<'_, str> {
    if is_list(operation) && !path.ends_with('/') { Cow::Owned([path, "/"].concat()) } else { Cow::Borrowed(path) }
}

fn is_list(operation: Operation) -> bool {
    matches!(operation, Operation::List | Operation::Scan)
}

fn policy_operation(operation: Operation) -> policy::Operation {
    match operation {
        Operation::Create => policy::Operation::Create,
        Operation::Read => policy::Operation::Read,
        Operation::Update => policy::Operation::Update,
        Operation::Patch => policy::Operation::Patch,
        Operation::Delete => policy::Operation::Delete,
        Operation::List => policy::Operation::List,
        Operation::Scan => policy::Operation::Scan,
        Operation::Help => policy::Operation::Help,
    }
}
