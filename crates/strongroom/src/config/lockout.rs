//! The `user_lockout` stanzas: one for each type of auth method, and `all` for those that have none.

use std::time::Duration;

use hcl::Block;
use server_core::{LockoutDefaults, LockoutSettings};

use super::error::{ConfigError, Problem};
use super::reader::Reader;

const OURS: &str = "ours are \"all\", \"approle\", \"ldap\" and \"userpass\"";
const TYPES: [&str; 4] = ["all", "approle", "ldap", "userpass"];
const KEYS: &[&str] = &["disable_lockout", "lockout_counter_reset", "lockout_duration", "lockout_threshold"];
/// The highest threshold.
const THRESHOLD_MAX: usize = 1_000_000;
/// The longest lock, and the longest memory.
const TIME_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

pub(super) fn parse(reader: &mut Reader<'_>, block: &Block<'_>, into: &mut LockoutDefaults) -> Result<(), ConfigError> {
    let (kind, line) = (super::server::label(block), block.position.line);
    if !TYPES.contains(&kind) {
        let kind = kind.to_owned();
        return Err(reader.error(line, Problem::UnknownKind { stanza: "user_lockout", kind, remedy: OURS }));
    }
    let mut settings = LockoutSettings::default();
    for item in &block.body.items {
        match item.name() {
            "lockout_threshold" => settings.threshold = reader.count(item, THRESHOLD_MAX)?.map(|count| count as u64),
            "lockout_duration" => settings.duration = reader.duration(item)?,
            "lockout_counter_reset" => settings.counter_reset = reader.duration(item)?,
            "disable_lockout" => settings.is_disabled = Some(reader.flag(item)?),
            _ => {
                reader.foreign(item, "in user_lockout", KEYS, &[], &[])?;
                continue;
            }
        }
        if [settings.duration, settings.counter_reset].into_iter().flatten().any(|time| time > TIME_MAX) {
            return Err(reader.wrong(item, "at most a year"));
        }
    }
    if into.insert(kind.to_owned(), settings).is_some() {
        return Err(reader.error(line, Problem::SecondLockout(kind.to_owned())));
    }
    Ok(())
}
