//! `sys/policies/explain`: why a token may do something or not: the rule that decides, its policy and line, and what
//! would have allowed it.
//!
//! Only for callers who may read every policy of the token that they ask about, their own token included; everybody else
//! gets the same denial as for a token that does not exist. Mounts that the caller may not see play no part in the
//! answer, so that it never tells whether something is mounted or stored at a path.

use std::sync::Arc;
use std::time::Duration;

use framework::{Access, Context, Error, Namespace, Operation, Path, Reply, fields};
use policy::{Acl, Capability, Reason};
use secret::Secret;
use serde_json::{Map, Value, json};

use crate::mounts::is_permanent;
use crate::namespaces::Place;
use crate::policies::{RESERVED, ROOT};
use crate::request::authorize::{Verdict, Wish, judge};
use crate::request::resolve::{self, Lead};
use crate::sys::ExplainPart;
use crate::sys::internal::full_path;
use crate::tokens::Resolved;

/// The longest path that is explained, in bytes. No request has a longer one.
const PATH_BYTES_MAX: usize = 8 * 1024;
const OPEN: &str = "the path needs no token";

pub(in crate::sys) fn paths() -> Vec<Path<ExplainPart>> {
    vec![
        Path::new("policies/explain", "Why a token may do something or not.")
            .update(explain, "Name the rule that decides, its policy and line, and what would have allowed it."),
    ]
}

fields! {
    /// Something that somebody wants to do.
    struct Explain {
        /// The token. The caller's own when neither token nor accessor is given.
        token: Option<Secret<String>> => secret,
        /// The token's accessor, instead of the token.
        accessor: Option<String>,
        /// The path; /v1/ in front is dropped.
        path: String,
        /// One of create, read, update, patch, delete, list and scan.
        operation: String = "read".to_owned(),
        /// The parameters of the request. None when absent.
        parameters: Option<Map<String, Value>> => secret,
        /// For how long the reply is to be wrapped. Not at all when absent.
        wrap_ttl: Option<Duration>,
    }
}

async fn explain(part: &ExplainPart, context: &Context, input: Explain) -> Result<Reply, Error> {
    let operation = operation(&input.operation)?;
    let path = request_path(&input.path)?;
    let ns = context.namespace.id.as_str();
    let caller = part.tokens.caller(context).await?;
    let asked = part.asked(&context.namespace, &caller, input.token, input.accessor).await?;
    if !asked.policies().iter().all(|name| may_read(&caller, &context.namespace, name)) {
        return Err(Error::Denied);
    }
    let (at, access, folded) = part.row(context, &caller, operation, path).await?;
    let path = &at.0.namespace.full_path(at.1);
    let parameters = input.parameters.unwrap_or_default();
    let wish = Wish::new(path, operation).with(&parameters, input.wrap_ttl).meant(folded.as_deref());
    let verdict = judge(&asked.acl, &wish, access);
    let is_open = access.is_some_and(|access| access.is_unauthenticated);
    let is_allowed = is_open || verdict.is_allowed();
    let reason = reason(&verdict);
    let mut would_allow = Vec::new();
    if !is_allowed {
        would_allow = match &folded {
            None => asked.acl.advice(&verdict.question, verdict.needs_sudo),
            Some(meant) => {
                let wish = Wish::new(meant, operation).with(&parameters, input.wrap_ttl);
                respelled(&asked.acl, meant, &judge(&asked.acl, &wish, access))
            }
        };
        would_allow.extend(part.missing(ns, &asked).await?);
    }
    Ok(Reply::data(json!({
        "allowed": is_allowed,
        "sudo": verdict.decision.sudo,
        "reason": if is_open { OPEN.to_owned() } else { reason.to_string() },
        "rule": if is_open { Value::Null } else { rule(&reason.0) },
        "would_allow": would_allow,
        "policies": asked.policies(),
    })))
}

/// A path within a namespace.
struct At<'p>(Arc<Place>, &'p str);

impl ExplainPart {
    /// The token that is asked about. One that is not there is refused as one that the caller may not ask about.
    async fn asked(
        &self,
        namespace: &Namespace,
        caller: &Arc<Resolved>,
        token: Option<Secret<String>>,
        accessor: Option<String>,
    ) -> Result<Arc<Resolved>, Error> {
        let token = token.filter(|token| !token.expose().is_empty());
        match (token, accessor.filter(|accessor| !accessor.is_empty())) {
            (Some(_), Some(_)) => Err(Error::invalid("give a token or an accessor, not both")),
            (Some(token), None) => self.tokens.resolve_in(namespace, token.expose()).await,
            (None, Some(accessor)) => {
                let ns = namespace.id.as_str();
                let (hash, _) = self.tokens.by_accessor(ns, &accessor).await?.ok_or(Error::Denied)?;
                self.tokens.resolve_hash(ns, &hash).await
            }
            (None, None) => Ok(Arc::clone(caller)),
        }
    }

    /// What the row says that the path leads to, as far as the caller may know of it: the server's own tables are public,
    /// of other mounts a caller sees those in which something is open to it.
    async fn row<'p>(
        &self,
        context: &Context,
        caller: &Resolved,
        operation: Operation,
        path: &'p str,
    ) -> Result<(At<'p>, Option<Access>, Option<String>), Error> {
        let here = self.mounts.namespaces.named(&context.namespace.path).await?;
        let Lead { place, path, found } = resolve::lead(&self.mounts, here, operation, path, &Vec::new).await?;
        let Some((mount, behind, route)) = found else { return Ok((At(place, path), None, None)) };
        let namespace = Arc::clone(&place.namespace);
        let settings = &mount.settings;
        let is_seen = is_permanent(&settings.engine_type)
            || caller.acl.has_any_below(&namespace.full_path(&full_path(mount.engine.kind(), &settings.path)));
        let route = route.ok().filter(|_| is_seen);
        let folded = route.as_ref().and_then(|route| resolve::folded(path, behind, route));
        let folded = folded.map(|folded| namespace.full_path(&folded).into_owned());
        Ok((At(place, path), route.map(|route| route.access), folded))
    }

    /// Policies that the token has by name only.
    async fn missing(&self, ns: &str, asked: &Resolved) -> Result<Vec<String>, Error> {
        let stored = |name: &&String| *name != ROOT && !RESERVED.contains(&name.as_str());
        let names: Vec<String> = asked.policies().into_iter().filter(|name| stored(&name)).collect();
        let sources = self.policies.sources(ns, &names).await?;
        let missing = names.iter().zip(sources).filter(|(_, source)| source.policy.is_none());
        Ok(missing
            .map(|(name, _)| format!("if policy {name:?}, which the token has, existed and allowed it"))
            .collect())
    }
}

/// A path as requests have it: without `/v1/` in front, which whoever copies it from a log brings along, and refused
/// where the API would refuse it, because no rule is ever asked about it.
fn request_path(path: &str) -> Result<&str, Error> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_prefix("v1/").unwrap_or(path);
    if path.is_empty() || path.len() > PATH_BYTES_MAX {
        return Err(Error::Invalid(format!("path must have 1 to {PATH_BYTES_MAX} bytes").into()));
    }
    if path.starts_with('/') || path.contains("//") {
        return Err(Error::invalid("the path has an empty segment: two slashes in a row"));
    }
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(Error::invalid("the path has a segment that is only dots, . or .."));
    }
    Ok(path)
}

/// Where a name has several spellings, both that came and that is meant have to be allowed. Asked for by the one that is
/// meant there is but one to allow.
fn respelled(acl: &Acl, meant: &str, verdict: &Verdict<'_>) -> Vec<String> {
    let spelled = format!("with the path spelled {meant:?}");
    if verdict.is_allowed() {
        return vec![spelled];
    }
    let advice = acl.advice(&verdict.question, verdict.needs_sudo);
    advice.into_iter().map(|way| format!("{spelled} and {way}")).collect()
}

/// Whether a caller may read a policy under its path or its older path.
fn may_read(caller: &Resolved, namespace: &Namespace, name: &str) -> bool {
    ["sys/policies/acl/", "sys/policy/"].into_iter().any(|folder| {
        let path = [namespace.path.as_str(), folder, name].concat();
        judge(&caller.acl, &Wish::new(&path, Operation::Read), None).is_allowed()
    })
}

/// The words of policies, and those of HTTP that mean one operation only.
fn operation(word: &str) -> Result<Operation, Error> {
    let lower = word.to_ascii_lowercase();
    Ok(match lower.as_str() {
        "create" => Operation::Create,
        "read" | "get" => Operation::Read,
        "update" => Operation::Update,
        "patch" => Operation::Patch,
        "delete" => Operation::Delete,
        "list" => Operation::List,
        "scan" => Operation::Scan,
        "put" | "post" | "write" => {
            let text = format!("operation {word:?} is create where nothing is yet, and update elsewhere: say which");
            return Err(Error::Invalid(text.into()));
        }
        _ => {
            let text = format!("unknown operation {word:?}: create, read, update, patch, delete, list or scan");
            return Err(Error::Invalid(text.into()));
        }
    })
}

/// The reason of a verdict as a sentence, and whether it is about `sudo` alone.
struct Because<'r>(Reason<'r>, bool);

fn reason<'r>(verdict: &Verdict<'r>) -> Because<'r> {
    let decision = &verdict.decision;
    match decision.rule.filter(|_| decision.allowed && !verdict.is_allowed()) {
        Some(rule) => Because(Reason::NotGranted(rule, Capability::Sudo), true),
        None => Because(decision.reason, false),
    }
}

impl std::fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(reason, is_about_sudo) = self;
        write!(f, "{}{reason}", if *is_about_sudo { "the path takes sudo on top: " } else { "" })
    }
}

/// The rule with the first policy that the decision rests on.
fn rule(reason: &Reason<'_>) -> Value {
    let Some(rule) = reason.rule() else { return Value::Null };
    let Some(source) = reason.sources().next().or_else(|| rule.sources().first()) else { return Value::Null };
    let capabilities: Vec<_> = rule.constraints().capabilities.iter().map(Capability::as_str).collect();
    json!({ "policy": &*source.policy, "path": rule.path(), "line": source.line, "capabilities": capabilities })
}

#[cfg(test)]
mod tests;
