//! `identity/mfa/login-enforcement`: whose logins need a second factor.

use framework::{Context, Error, Path, Reply, Segment, fields};
use serde_json::{Map, Value, json};

use crate::identity::paths::{ByName, Page, ns};
use crate::mfa::Mfa;
use crate::mfa::enforcements::EnforcementWish;
use crate::mfa::entry::EnforcementEntry;

pub(super) fn paths() -> Vec<Path<Mfa>> {
    vec![
        Path::new("mfa/login-enforcement", "All login enforcements.")
            .list(list, "List the names, with the settings of each."),
        Path::new("mfa/login-enforcement/{name}", "One login enforcement: whose logins need a second factor.")
            .param("name", Segment::Name, "Name of the enforcement.")
            .exists::<ByName>(exists)
            .read(read, "Show the enforcement.")
            .update(write, "Make or change the enforcement.")
            .delete(delete, "Remove the enforcement."),
    ]
}

fields! {
    /// An enforcement to be made or changed. Of the four lists behind the methods at least one is needed; it is for a login
    /// that any of them names.
    struct Write {
        /// Name of the enforcement.
        name: String,
        /// Ids of methods, of this namespace or one above; any of them will do.
        mfa_method_ids: Vec<String> = Vec::new(),
        /// Accessors of auth mounts.
        auth_method_accessors: Option<Vec<String>>,
        /// Types of auth methods.
        auth_method_types: Option<Vec<String>>,
        /// Ids of groups, of this namespace or one below.
        identity_group_ids: Option<Vec<String>>,
        /// Ids of entities, of this namespace or one below.
        identity_entity_ids: Option<Vec<String>>,
    }
}

fn about(enforcement: &EnforcementEntry, namespace: &framework::Namespace) -> Value {
    let methods: Vec<_> = enforcement.methods.iter().map(|method| method.id.as_str()).collect();
    json!({
        "id": enforcement.id,
        "name": enforcement.name,
        "namespace_id": namespace.id,
        "namespace_path": namespace.path,
        "mfa_method_ids": methods,
        "auth_method_accessors": enforcement.accessors,
        "auth_method_types": enforcement.types,
        "identity_group_ids": enforcement.groups,
        "identity_entity_ids": enforcement.entities,
    })
}

async fn exists(mfa: &Mfa, context: &Context, input: ByName) -> Result<bool, Error> {
    Ok(mfa.enforcement(ns(context), &input.name).await?.is_some())
}

async fn read(mfa: &Mfa, context: &Context, input: ByName) -> Result<Reply, Error> {
    let found = mfa.enforcement(ns(context), &input.name).await?.ok_or(Error::NotFound)?;
    Ok(Reply::data(about(&found.value, &context.namespace)))
}

async fn write(mfa: &Mfa, context: &Context, input: Write) -> Result<Reply, Error> {
    let wish = EnforcementWish {
        methods: input.mfa_method_ids,
        accessors: input.auth_method_accessors,
        types: input.auth_method_types,
        groups: input.identity_group_ids,
        entities: input.identity_entity_ids,
    };
    mfa.write_enforcement(&context.namespace, &input.name, &wish).await?;
    Ok(Reply::empty())
}

async fn delete(mfa: &Mfa, context: &Context, input: ByName) -> Result<Reply, Error> {
    mfa.delete_enforcement(ns(context), &input.name).await?;
    Ok(Reply::empty())
}

async fn list(mfa: &Mfa, context: &Context, page: Page) -> Result<Reply, Error> {
    let all = mfa.enforcements(ns(context), &page.listing()).await?;
    let keys: Vec<_> = all.iter().map(|enforcement| enforcement.name.as_str()).collect();
    let info = all.iter().map(|enforcement| (enforcement.name.clone(), about(enforcement, &context.namespace)));
    Ok(Reply::data(json!({ "keys": keys, "key_info": info.collect::<Map<_, _>>() })))
}
