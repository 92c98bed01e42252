//! Which of the flags of every command a command has no use for.
//!
//! Such a flag must never be passed over in silence: whoever asks for one field or for a description, and gets a whole
//! table or the thing itself, acts on the wrong text.

use crate::Failure;
use crate::commands::Command;
use crate::flags::{Flag, GLOBAL};
use crate::session::Session;

/// Commands that ask nobody.
const LOCAL: &[&str] = &["operator backup inspect", "operator backup restore", "policy fmt", "print token", "version"];

/// The flags of every command that these take, as far as they apply.
const LOCAL_FLAGS: &[&str] = &["format"];

/// Commands whose output has no fields: lists, and sentences about what was done. A reply that is wrapped has fields
/// whatever the command.
const WITHOUT_FIELDS: &[&str] = &[
    "audit disable",
    "audit enable",
    "audit list",
    "auth disable",
    "auth enable",
    "auth help",
    "auth list",
    "auth move",
    "auth tune",
    "kv enable-versioning",
    "kv list",
    "kv scan",
    "lease revoke",
    "list",
    "namespace delete",
    "namespace list",
    "namespace unlock",
    "operator backup save",
    "operator backup verify",
    "operator init",
    "operator key-status",
    "operator rotate",
    "operator seal",
    "operator step-down",
    "policy delete",
    "policy list",
    "policy write",
    "scan",
    "secrets disable",
    "secrets enable",
    "secrets list",
    "secrets move",
    "secrets tune",
    "token capabilities",
    "token revoke",
    "version-history",
];

/// The flags of every command that mean something to this one.
pub(crate) fn shared_flags(command: &Command) -> impl Iterator<Item = &'static Flag> {
    let (is_local, has_fields) = (LOCAL.contains(&command.words), !WITHOUT_FIELDS.contains(&command.words));
    GLOBAL.iter().filter(move |flag| match flag.name {
        name if is_local => LOCAL_FLAGS.contains(&name),
        "field" => has_fields,
        _ => true,
    })
}

/// Refuses flags that ask for what the command cannot give.
pub(crate) fn check(command: &Command, session: &Session<'_>) -> Result<(), Failure> {
    let is_local = LOCAL.contains(&command.words);
    let describing = ["output-curl-string", "output-policy"].into_iter().find(|flag| session.args.is_on(flag));
    if let (true, Some(flag)) = (is_local, describing) {
        return Err(Failure::usage(format!("\"{}\" sends no request that -{flag} could describe", command.words)));
    }
    let has_fields = !is_local && !WITHOUT_FIELDS.contains(&command.words);
    if session.args.text("field").is_some() && !has_fields && (is_local || session.wrap_ttl().is_none()) {
        return Err(Failure::usage(format!(
            "The output of \"{}\" has no fields that -field could name",
            command.words
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
