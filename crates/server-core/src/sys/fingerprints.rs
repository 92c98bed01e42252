//! `sys/fingerprints/lookup`: at which paths values are held that somebody has found elsewhere, such as in a state file
//! of Terraform.

use framework::view::fingerprints::{VALUE_CHARS_MIN, is_long_enough};
use framework::{Context, Error, Path, Reply, fields};
use serde_json::{Value, json};

use crate::fingerprints::Holders;

/// The most values in one question.
const VALUES_MAX: usize = 100;

pub(super) fn paths() -> Vec<Path<Holders>> {
    vec![
        Path::new("fingerprints/lookup", "Where values are held, as far as the caller may read them there.")
            .update(look_up, "Look values up."),
    ]
}

fields! {
    /// Values that were found somewhere.
    struct Values {
        /// The values, whole: at most 100 of at least 16 characters.
        values: Vec<String> = Vec::new() => secret,
    }
}

async fn look_up(holders: &Holders, context: &Context, input: Values) -> Result<Reply, Error> {
    let Values { values } = input;
    if values.is_empty() {
        return Err(Error::invalid("missing values"));
    }
    if values.len() > VALUES_MAX {
        return Err(Error::Invalid(format!("too many values: at most {VALUES_MAX} in one request").into()));
    }
    if !values.iter().all(|value| is_long_enough(value)) {
        return Err(Error::Invalid(format!("each value must have at least {VALUE_CHARS_MIN} characters").into()));
    }
    let found = holders.find(context, &values).await?;
    let held = found.iter().enumerate().filter(|(_, paths)| !paths.is_empty());
    let held: Vec<Value> = held.map(|(value, paths)| json!({ "paths": paths, "value": value })).collect();
    Ok(Reply::data(json!({ "held": held })))
}
