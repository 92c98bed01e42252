//! `identity/mfa/method/totp`: methods whose codes change with time, and the secrets that are made with them.

use std::time::Duration;

use framework::{Context, Error, Path, Reply, Segment, fields};
use serde_json::json;

use super::method::{ByMethod, list, read};
use crate::identity::paths::ns;
use crate::mfa::Mfa;
use crate::mfa::methods::MethodWish;

pub(super) fn paths() -> Vec<Path<Mfa>> {
    vec![
        Path::new("mfa/method/totp", "All TOTP methods.")
            .list(list, "List the ids, with the settings of each.")
            .update(create, "Make a method, or change the one that has the name."),
        Path::new("mfa/method/totp/generate", "The caller's own second factor.")
            .update(generate, "Make a secret of a method for the caller's entity, and show it once."),
        Path::new("mfa/method/totp/admin-generate", "Somebody's second factor.")
            .update(admin_generate, "Make a secret of a method for an entity, and show it once."),
        Path::new("mfa/method/totp/admin-destroy", "The end of somebody's second factor.")
            .update(admin_destroy, "Take an entity's secret of a method away."),
        Path::new("mfa/method/totp/{method_id}", "One TOTP method.")
            .param("method_id", Segment::Name, "Id of the method.")
            .exists::<ByMethod>(exists)
            .read(read, "Show the method.")
            .update(update, "Change the method. Secrets that are there stay as they are.")
            .delete(delete, "Remove the method, and the secrets made with it."),
    ]
}

fields! {
    /// A method to be made.
    struct Create {
        /// A name by which its codes can be sent, and the method be changed; unique in the namespace.
        method_name: Option<String>,
        /// Who asks for the code, as authenticator programs show it. Needed.
        issuer: String = String::new(),
        /// How long a code is good.
        period: Duration = Duration::from_secs(30),
        /// Length of the secrets in bytes, 10 to 128.
        key_size: i64 = 20,
        /// Width of the picture to scan, in pixels; 0 for none, at most 1024.
        qr_size: i64 = 200,
        /// SHA1, SHA256 or SHA512. Not every authenticator program knows others than SHA1.
        algorithm: String = "SHA1".to_owned(),
        /// Length of a code: 6 or 8.
        digits: i64 = 6,
        /// How many periods a code may be early or late: 0 or 1.
        skew: i64 = 1,
        /// How many wrong codes may come in one period, for each entity; 5 for zero.
        max_validation_attempts: i64 = 5,
    }
}

fields! {
    /// A method to be changed: what is left out goes back to its default, but for the name.
    struct Update {
        /// Id of the method.
        method_id: String,
        /// A name by which its codes can be sent; unique in the namespace.
        method_name: Option<String>,
        /// Who asks for the code, as authenticator programs show it. Needed.
        issuer: String = String::new(),
        /// How long a code is good.
        period: Duration = Duration::from_secs(30),
        /// Length of the secrets in bytes, 10 to 128.
        key_size: i64 = 20,
        /// Width of the picture to scan, in pixels; 0 for none, at most 1024.
        qr_size: i64 = 200,
        /// SHA1, SHA256 or SHA512. Not every authenticator program knows others than SHA1.
        algorithm: String = "SHA1".to_owned(),
        /// Length of a code: 6 or 8.
        digits: i64 = 6,
        /// How many periods a code may be early or late: 0 or 1.
        skew: i64 = 1,
        /// How many wrong codes may come in one period, for each entity; 5 for zero.
        max_validation_attempts: i64 = 5,
    }
}

fields! {
    /// A method of the caller's choice.
    struct Generate {
        /// Id of the method.
        method_id: String = String::new(),
    }
}

fields! {
    /// Somebody's secret of a method.
    struct OfEntity {
        /// Id of the method.
        method_id: String = String::new(),
        /// Id of the entity.
        entity_id: String = String::new(),
    }
}

async fn create(mfa: &Mfa, context: &Context, input: Create) -> Result<Reply, Error> {
    let wish = MethodWish {
        name: input.method_name,
        issuer: input.issuer,
        algorithm: input.algorithm,
        digits: input.digits,
        period: input.period,
        skew: input.skew,
        key_size: input.key_size,
        qr_size: input.qr_size,
        max_validation_attempts: input.max_validation_attempts,
    };
    let id = mfa.create_method(ns(context), &wish).await?;
    Ok(Reply::data(json!({ "method_id": id })))
}

async fn exists(mfa: &Mfa, context: &Context, input: ByMethod) -> Result<bool, Error> {
    Ok(mfa.method(ns(context), &input.method_id).await?.is_some())
}

async fn update(mfa: &Mfa, context: &Context, input: Update) -> Result<Reply, Error> {
    let wish = MethodWish {
        name: input.method_name,
        issuer: input.issuer,
        algorithm: input.algorithm,
        digits: input.digits,
        period: input.period,
        skew: input.skew,
        key_size: input.key_size,
        qr_size: input.qr_size,
        max_validation_attempts: input.max_validation_attempts,
    };
    match mfa.update_method(ns(context), &input.method_id, &wish).await? {
        true => Ok(Reply::empty()),
        false => Err(Error::NotFound),
    }
}

async fn delete(mfa: &Mfa, context: &Context, input: ByMethod) -> Result<Reply, Error> {
    mfa.delete_method(ns(context), &input.method_id).await?;
    Ok(Reply::empty())
}

async fn generate(mfa: &Mfa, context: &Context, input: Generate) -> Result<Reply, Error> {
    mfa.generate(&context.namespace, &input.method_id, &context.caller.entity_id).await
}

async fn admin_generate(mfa: &Mfa, context: &Context, input: OfEntity) -> Result<Reply, Error> {
    mfa.generate(&context.namespace, &input.method_id, &input.entity_id).await
}

async fn admin_destroy(mfa: &Mfa, context: &Context, input: OfEntity) -> Result<Reply, Error> {
    mfa.destroy(ns(context), &input.method_id, &input.entity_id).await?;
    Ok(Reply::empty())
}
