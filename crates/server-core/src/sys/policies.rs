//! `sys/policies/acl` and the older `sys/policy`.

use data_encoding::BASE64;
use framework::{Context, Error, Page, Path, Reply, Segment, fields};
use serde_json::json;

use crate::policies::{Policies, ROOT, sanitize_name};

pub(super) mod explain;
pub(super) mod password;

const NAME: &str = "Name of the policy. Stored in lower case.";

pub(super) fn paths() -> Vec<Path<Policies>> {
    vec![
        Path::new("policies/acl", "All ACL policies.").list(list, "List the names."),
        Path::new("policies/acl/{name}", "One ACL policy.")
            .folded_param("name", Segment::Rest, NAME)
            .read(read, "Show the policy's text.")
            .update(write, "Create or replace the policy.")
            .delete(delete, "Remove the policy; tokens lose at once what it gave them."),
        Path::new("policy", "All ACL policies, under the older path.")
            .read(list_old, "List the names.")
            .list(list_old, "List the names."),
        Path::new("policy/{name}", "One ACL policy, under the older path.")
            .folded_param("name", Segment::Rest, NAME)
            .read(read_old, "Show the policy's text.")
            .update(write, "Create or replace the policy.")
            .delete(delete, "Remove the policy; tokens lose at once what it gave them."),
    ]
}

fields! {
    /// A policy by name.
    struct Named {
        /// Name of the policy.
        name: String,
    }
}

fields! {
    /// A policy's new text.
    struct WritePolicy {
        /// Name of the policy.
        name: String,
        /// The text, in HCL or JSON, plain or in base64.
        policy: Option<String>,
        /// The older name of policy.
        rules: Option<String>,
    }
}

async fn list(policies: &Policies, context: &Context, page: Page) -> Result<Reply, Error> {
    Ok(Reply::list(policies.names(&context.namespace.id, &page.listing()).await?))
}

async fn list_old(policies: &Policies, context: &Context, page: Page) -> Result<Reply, Error> {
    let names = policies.names(&context.namespace.id, &page.listing()).await?;
    Ok(Reply::data(json!({ "keys": names, "policies": names })).mirrored())
}

async fn read(policies: &Policies, context: &Context, input: Named) -> Result<Reply, Error> {
    let (name, text) = found(policies, context, &input.name).await?;
    Ok(Reply::data(json!({ "name": name, "policy": text })))
}

async fn read_old(policies: &Policies, context: &Context, input: Named) -> Result<Reply, Error> {
    let (name, text) = found(policies, context, &input.name).await?;
    Ok(Reply::data(json!({ "name": name, "rules": text })).mirrored())
}

async fn found(policies: &Policies, context: &Context, name: &str) -> Result<(String, String), Error> {
    let name = sanitize_name(name);
    if name == ROOT {
        return Ok((name, String::new()));
    }
    let text = policies.text(&context.namespace.id, &name).await?.ok_or(Error::NotFound)?;
    Ok((name, text))
}

async fn write(policies: &Policies, context: &Context, input: WritePolicy) -> Result<Reply, Error> {
    let name = sanitize_name(&input.name);
    let Some(text) = input.policy.or(input.rules).filter(|text| !text.trim().is_empty()) else {
        return Err(Error::invalid("'policy' parameter not supplied or empty"));
    };
    let text = plain(text);
    let mut reply = Reply::empty();
    reply.warnings = policies.write(&context.namespace.id, &name, &text).await?;
    if name != input.name {
        reply.warnings.push("policy name was converted to lower case".to_owned());
    }
    Ok(reply)
}

/// A text in base64 is decoded: HCL and JSON never look like base64, because they hold quotes.
fn plain(text: String) -> String {
    let decoded = BASE64.decode(text.trim().as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.unwrap_or(text)
}

async fn delete(policies: &Policies, context: &Context, input: Named) -> Result<Reply, Error> {
    policies.delete(&context.namespace.id, &sanitize_name(&input.name)).await?;
    Ok(Reply::empty())
}
