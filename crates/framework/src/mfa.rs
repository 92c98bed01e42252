//! What a login is told that needs a second factor: which methods would do, and the name under which it waits.
//!
//! A list of lists: each demand has to be met, by any one of its methods.

use std::collections::BTreeMap;

use serde::Serialize;

/// A login that is not finished yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MfaRequirement {
    /// By which the login is completed, once.
    pub request_id: String,
    /// The demands, by the names of those who make them.
    pub constraints: BTreeMap<String, Vec<MfaChoice>>,
    /// The kind of the token to come, `service` or `batch`.
    pub token_type: &'static str,
}

/// One method that would do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct MfaChoice {
    /// The method's type, such as `totp`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The method's id.
    pub id: String,
    /// Whether a passcode has to be sent along.
    pub uses_passcode: bool,
    /// The method's name, if it has one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
}
