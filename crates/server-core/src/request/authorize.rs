//! Third stage: may they.

use std::borrow::Cow;

use framework::{Access, Error, Operation, Request};
use policy::Question;
use serde_json::{Map, Value};

use crate::tokens::Resolved;

/// Whether the token's policies allow the request; tells whether they give `sudo` on its path. A path that leads
/// nowhere is checked all the same, so that a denial looks alike whether it does or not.
pub(super) fn check(
    request: &Request,
    operation: Operation,
    access: Option<Access>,
    token: Option<&Resolved>,
    data: &Map<String, Value>,
) -> Result<bool, Error> {
    let token = token.ok_or(Error::Denied)?;
    let path = judged_path(&request.path, operation);
    let question = |path| Question {
        path,
        operation: policy_operation(operation),
        parameters: Some(data),
        wrap_ttl: request.wrap_ttl,
    };
    // Some rows take a name with a slash behind it for the name: then the rule for the name counts.
    let bare = if is_list(operation) { None } else { path.strip_suffix('/') };
    let decision = bare.map(|bare| token.acl.decide(&question(bare))).filter(|bare| bare.rule.is_some());
    let decision = decision.unwrap_or_else(|| token.acl.decide(&question(&path)));
    let needs_sudo = access.is_some_and(|access| access.is_sudo) && operation != Operation::Help;
    if !decision.allowed || (needs_sudo && !decision.sudo) {
        return Err(Error::Denied);
    }
    Ok(decision.sudo)
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
