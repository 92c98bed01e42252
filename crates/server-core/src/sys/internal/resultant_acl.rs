//! `sys/internal/ui/resultant-acl`: all that the caller's policies say together, so that a user interface shows what may
//! be used. It knows two kinds of rule, paths and prefixes; rules with `+` are left out, as in Vault.

use framework::input::Nothing;
use framework::{Context, Error, Path, Reply};
use policy::{AclRule, Capability, Parameters};
use serde_json::{Map, Value, json};

use crate::tokens::Tokens;

pub(in crate::sys) fn paths() -> Vec<Path<Tokens>> {
    vec![
        Path::new("internal/ui/resultant-acl", "What the caller's policies allow together.")
            .read(read, "Show the rules by path and by prefix; rules with + are left out."),
    ]
}

async fn read(tokens: &Tokens, context: &Context, _: Nothing) -> Result<Reply, Error> {
    let token = tokens.caller(context).await?;
    // Listeners that begin in a namespace do not exist here.
    let mut data = json!({ "root": token.acl.is_root(), "chroot_namespace": "" });
    if let Some(data) = data.as_object_mut().filter(|_| !token.acl.is_root()) {
        let (mut exact, mut globs) = (Map::new(), Map::new());
        for rule in token.acl.rules() {
            if rule.is_exact() {
                exact.insert(rule.path().to_owned(), show(rule));
            } else if let Some(prefix) = rule.prefix() {
                globs.insert(prefix.to_owned(), show(rule));
            }
        }
        data.insert("exact_paths".to_owned(), exact.into());
        data.insert("glob_paths".to_owned(), globs.into());
    }
    Ok(Reply::data(data))
}

fn show(rule: &AclRule) -> Value {
    let own = rule.constraints();
    let mut names: Vec<_> = own.capabilities.iter().map(Capability::as_str).collect();
    if names.is_empty() {
        names.push(Capability::Deny.as_str());
    }
    let mut shown = Map::from_iter([("capabilities".to_owned(), json!(names))]);
    let mut add = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    for (name, ttl) in [("min_wrapping_ttl", own.min_wrapping_ttl), ("max_wrapping_ttl", own.max_wrapping_ttl)] {
        if let Some(ttl) = ttl {
            add(name, ttl.as_secs().into());
        }
    }
    for (name, own) in [("allowed_parameters", &own.allowed_parameters), ("denied_parameters", &own.denied_parameters)]
    {
        if !own.is_empty() {
            add(name, parameters(own));
        }
    }
    if !own.required_parameters.is_empty() {
        add("required_parameters", json!(own.required_parameters));
    }
    Value::Object(shown)
}

fn parameters(own: &Parameters) -> Value {
    own.iter().map(|(name, patterns)| (name.to_owned(), json!(patterns))).collect::<Map<_, _>>().into()
}

#[cfg(test)]
mod tests;
