//! `identity/mfa/method`: methods, whatever their type.

use framework::{Context, Error, Path, Reply, Segment, fields};
use serde_json::{Map, json};

use super::about;
use crate::identity::paths::{Page, ns};
use crate::mfa::Mfa;

pub(super) fn paths() -> Vec<Path<Mfa>> {
    vec![
        Path::new("mfa/method", "All MFA methods.").list(list, "List the ids, with the settings of each."),
        Path::new("mfa/method/{method_id}", "One MFA method, of any type.")
            .param("method_id", Segment::Name, "Id of the method.")
            .read(read, "Show the method."),
    ]
}

fields! {
    /// A method.
    pub(super) struct ByMethod {
        /// Id of the method.
        method_id: String,
    }
}

pub(super) async fn list(mfa: &Mfa, context: &Context, page: Page) -> Result<Reply, Error> {
    let methods = mfa.methods(ns(context), &page.listing()).await?;
    let keys: Vec<_> = methods.iter().map(|method| method.id.as_str()).collect();
    let info = methods.iter().map(|method| (method.id.clone(), about(method, &context.namespace)));
    Ok(Reply::data(json!({ "keys": keys, "key_info": info.collect::<Map<_, _>>() })))
}

pub(super) async fn read(mfa: &Mfa, context: &Context, input: ByMethod) -> Result<Reply, Error> {
    let found = mfa.method(ns(context), &input.method_id).await?.ok_or(Error::NotFound)?;
    Ok(Reply::data(about(&found.value, &context.namespace)))
}
