//! What can be set of a mount, when it is made and later by `tune`: which values there are, what each does here, and
//! how it is shown. A setting that would do nothing is refused with the reason, unless it asks for what is so anyway.

use std::collections::BTreeMap;

use framework::{Error, FieldSet, FieldValue, Input, Kind, fields};
use serde_json::{Map, Value, json};

use crate::lockout;
use crate::mounts::entry::{Lockout, Settings, Tuning};

/// The longest TTL, in seconds: about 290 years, what nanoseconds in 64 bits can say.
const TTL_SECS_MAX: u64 = 9_000_000_000;
/// The most items of one list of a mount's settings, and the longest item in bytes.
const LIST_ITEMS_MAX: usize = 256;
const LIST_ITEM_BYTES_MAX: usize = 256;
/// The most options of a mount, and the longest in bytes, name and value each.
const OPTIONS_MAX: usize = 64;
const OPTION_BYTES_MAX: usize = 512;
/// The mounts of which nothing but the audit lists can be tuned (documented Vault behavior).
const UNTUNABLE_TYPES: [&str; 3] = ["cubbyhole", "identity", "system"];
/// What is said to whoever asks for another version of an engine.
pub(super) const ONE_VERSION: &str = "engines are part of the server and have its version: leave plugin_version out";

fields! {
    /// Settings of a mount.
    pub(super) struct Tune {
        /// Where the engine is mounted.
        path: String,
        /// What leases get when nothing is asked: a duration, or the word system for the server's own.
        default_lease_ttl: Option<String>,
        /// The most that leases get: a duration, or the word system for the server's own.
        max_lease_ttl: Option<String>,
        /// A sentence for people.
        description: Option<String>,
        /// Options of the engine. An empty value takes one away.
        options: Option<BTreeMap<String, String>>,
        /// Whether the mount is listed before login: unauth, hidden or nothing.
        listing_visibility: Option<String>,
        /// Fields of requests that audit devices write in clear.
        audit_non_hmac_request_keys: Option<Vec<String>>,
        /// Fields of replies that audit devices write in clear.
        audit_non_hmac_response_keys: Option<Vec<String>>,
        /// Headers of requests that the engine sees.
        passthrough_request_headers: Option<Vec<String>>,
        /// Headers that the engine may set on replies.
        allowed_response_headers: Option<Vec<String>>,
        /// The kind of tokens that logins of an auth method give.
        token_type: Option<String>,
        /// When users of an auth method are locked out: lockout_threshold, lockout_duration,
        /// lockout_counter_reset_duration and lockout_disable.
        user_lockout_config: Option<Map<String, Value>>,
        /// Must be empty: engines are part of the server and have its version.
        plugin_version: Option<String>,
        /// Must be empty: there are no managed keys.
        allowed_managed_keys: Option<Vec<String>>,
        /// Must be empty: no engine logs others in.
        delegated_auth_accessors: Option<Vec<String>>,
        /// Must be empty: the server issues no identity tokens.
        identity_token_key: Option<String>,
        /// Must be false: a slash at the end makes another path.
        trim_request_trailing_slashes: Option<bool>,
    }
}

fields! {
    /// When users are locked out.
    struct LockoutInput {
        /// How many failed logins in a row lock a user out.
        lockout_threshold: Option<u64>,
        /// For how long: a duration, or the word system for the server's own.
        lockout_duration: Option<String>,
        /// After how long without one failed logins are forgotten: a duration, or the word system for the server's own.
        lockout_counter_reset_duration: Option<String>,
        /// Whether nobody is locked out.
        lockout_disable: Option<bool>,
    }
}

impl Tune {
    /// Whether either TTL is among what the caller gave.
    pub(super) fn has_ttl(&self) -> bool {
        self.default_lease_ttl.is_some() || self.max_lease_ttl.is_some()
    }

    /// Takes over what the caller gave. `settings` says what kind of mount it is.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming what cannot be had, and why.
    pub(super) fn apply(&self, settings: &mut Settings) -> Result<(), Error> {
        self.check_unavailable()?;
        let tuning = &mut settings.tuning;
        take_ttl("default_lease_ttl", self.default_lease_ttl.as_deref(), &mut tuning.default_lease_ttl_secs)?;
        take_ttl("max_lease_ttl", self.max_lease_ttl.as_deref(), &mut tuning.max_lease_ttl_secs)?;
        if let Some(text) = &self.listing_visibility {
            if !matches!(text.as_str(), "" | "unauth" | "hidden") {
                return Err(Error::invalid("invalid listing_visibility: must be \"unauth\", \"hidden\" or empty"));
            }
            tuning.listing_visibility.clone_from(text);
        }
        self.apply_lists(tuning)?;
        self.apply_options(settings)?;
        self.apply_auth(settings)
    }

    fn apply_lists(&self, tuning: &mut Tuning) -> Result<(), Error> {
        let (audit_requests, audit_replies) = (&self.audit_non_hmac_request_keys, &self.audit_non_hmac_response_keys);
        let (seen, set) = (&self.passthrough_request_headers, &self.allowed_response_headers);
        let lists = [
            ("audit_non_hmac_request_keys", audit_requests, &mut tuning.audit_non_hmac_request_keys),
            ("audit_non_hmac_response_keys", audit_replies, &mut tuning.audit_non_hmac_response_keys),
            ("passthrough_request_headers", seen, &mut tuning.passthrough_request_headers),
            ("allowed_response_headers", set, &mut tuning.allowed_response_headers),
        ];
        for (name, given, kept) in lists {
            if let Some(given) = given {
                check_list(name, given)?;
                kept.clone_from(given);
            }
        }
        Ok(())
    }

    /// Of some mounts that are part of every namespace, nothing but the audit lists can be changed.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the first other setting.
    pub(super) fn check_tunable(&self, settings: &Settings) -> Result<(), Error> {
        if !UNTUNABLE_TYPES.contains(&settings.engine_type.as_str()) {
            return Ok(());
        }
        let given = [
            ("default_lease_ttl", self.default_lease_ttl.is_some()),
            ("max_lease_ttl", self.max_lease_ttl.is_some()),
            ("description", self.description.is_some()),
            ("options", self.options.is_some()),
            ("listing_visibility", self.listing_visibility.is_some()),
            ("passthrough_request_headers", self.passthrough_request_headers.is_some()),
            ("allowed_response_headers", self.allowed_response_headers.is_some()),
            ("token_type", self.token_type.is_some()),
            ("user_lockout_config", self.user_lockout_config.is_some()),
        ];
        match given.into_iter().find(|(_, is_given)| *is_given) {
            Some((name, _)) => Err(Error::Invalid(format!("cannot tune parameter {name} of {}", settings.path).into())),
            None => Ok(()),
        }
    }

    /// Settings that nothing here could obey.
    fn check_unavailable(&self) -> Result<(), Error> {
        let is_named = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        let is_filled = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
        let refusals = [
            (is_named(&self.plugin_version), ONE_VERSION),
            (is_filled(&self.allowed_managed_keys), "there are no managed keys here: leave allowed_managed_keys out"),
            (
                is_filled(&self.delegated_auth_accessors),
                "no engine here logs others in: leave delegated_auth_accessors out",
            ),
            (
                is_named(&self.identity_token_key),
                "the server issues no identity tokens in this release: leave identity_token_key out",
            ),
            (
                self.trim_request_trailing_slashes == Some(true),
                "a slash at the end makes another path here: leave trim_request_trailing_slashes out",
            ),
        ];
        match refusals.into_iter().find(|(is_asked, _)| *is_asked) {
            Some((_, why)) => Err(Error::invalid(why)),
            None => Ok(()),
        }
    }

    fn apply_options(&self, settings: &mut Settings) -> Result<(), Error> {
        for (name, value) in self.options.iter().flatten() {
            if value.is_empty() && name != "version" {
                settings.options.remove(name);
            } else {
                settings.options.insert(name.clone(), value.clone());
            }
        }
        check_options_size(&settings.options)
    }

    /// What only auth methods have.
    fn apply_auth(&self, settings: &mut Settings) -> Result<(), Error> {
        if let Some(text) = &self.token_type {
            if settings.kind() != Kind::Auth {
                return Err(Error::invalid("'token_type' can only be modified on auth mounts"));
            }
            if settings.engine_type == "token" {
                return Err(Error::invalid("'token_type' cannot be set for 'token' or 'ns_token' auth mounts"));
            }
            if !matches!(text.as_str(), "" | "default-service" | "default-batch" | "service" | "batch") {
                let ours = "\"default-service\", \"default-batch\", \"service\" or \"batch\"";
                return Err(Error::Invalid(format!("invalid token_type: must be {ours}").into()));
            }
            settings.tuning.token_type.clone_from(text);
        }
        if let Some(config) = self.user_lockout_config.as_ref().filter(|config| !config.is_empty()) {
            if !lockout::TYPES.contains(&settings.engine_type.as_str()) {
                let type_name = &settings.engine_type;
                let text = format!("tuning of user lockout configuration for auth type \"{type_name}\" not allowed");
                return Err(Error::Invalid(text.into()));
            }
            apply_lockout(config, settings.tuning.user_lockout.get_or_insert_default())?;
        }
        Ok(())
    }
}

fn apply_lockout(config: &Map<String, Value>, lockout: &mut Lockout) -> Result<(), Error> {
    let input = LockoutInput::decode(&mut Input::new(BTreeMap::new(), config.clone()))?;
    if let Some(threshold) = input.lockout_threshold {
        lockout.threshold = threshold;
    }
    take_ttl("lockout_duration", input.lockout_duration.as_deref(), &mut lockout.duration_secs)?;
    let reset = input.lockout_counter_reset_duration;
    take_ttl("lockout_counter_reset_duration", reset.as_deref(), &mut lockout.counter_reset_secs)?;
    if let Some(is_disabled) = input.lockout_disable {
        lockout.is_disabled = is_disabled;
    }
    Ok(())
}

/// The bounds of options, which are shown in every list of mounts.
pub(super) fn check_options_size(options: &BTreeMap<String, String>) -> Result<(), Error> {
    let is_long = |text: &String| text.len() > OPTION_BYTES_MAX;
    if options.len() > OPTIONS_MAX || options.iter().any(|(name, value)| is_long(name) || is_long(value)) {
        let most = format!("at most {OPTIONS_MAX}, names and values of {OPTION_BYTES_MAX} bytes");
        return Err(Error::Invalid(format!("too many or too long options: {most}").into()));
    }
    Ok(())
}

fn check_list(name: &str, list: &[String]) -> Result<(), Error> {
    if list.len() > LIST_ITEMS_MAX || list.iter().any(|item| item.len() > LIST_ITEM_BYTES_MAX) {
        let most = format!("at most {LIST_ITEMS_MAX} of {LIST_ITEM_BYTES_MAX} bytes");
        return Err(Error::Invalid(format!("too many or too long items in {name}: {most}").into()));
    }
    Ok(())
}

/// A TTL in seconds, 0 for the server's own. An empty text keeps what is set, as it does in Vault.
fn take_ttl(name: &str, text: Option<&str>, kept: &mut u64) -> Result<(), Error> {
    let invalid = |why: &str| Error::Invalid(format!("invalid {name}: {why}").into());
    match text {
        None | Some("") => {}
        // Command lines turn a negative duration into the word; scripts send what they read there.
        Some("system" | "-1" | "-1s") => *kept = 0,
        Some(text) => {
            let ttl = std::time::Duration::coerce(Value::String(text.to_owned())).map_err(|why| invalid(&why.0))?;
            if ttl.as_secs() > TTL_SECS_MAX {
                return Err(invalid(&format!("longer than {TTL_SECS_MAX} seconds")));
            }
            *kept = ttl.as_secs();
        }
    }
    Ok(())
}

/// What a mount's own entry shows under `config`: TTLs as set, 0 for the server's own.
pub(super) fn config(settings: &Settings) -> Map<String, Value> {
    let mut config = common(settings);
    config.insert("default_lease_ttl".to_owned(), json!(settings.tuning.default_lease_ttl_secs));
    config.insert("max_lease_ttl".to_owned(), json!(settings.tuning.max_lease_ttl_secs));
    if let Some(lockout) = &settings.tuning.user_lockout {
        config.insert("user_lockout_config".to_owned(), Value::Object(show_lockout(lockout)));
    }
    config
}

/// What reading `tune` shows, but for the TTLs that are in effect.
pub(super) fn tuned(settings: &Settings) -> Map<String, Value> {
    let mut shown = common(settings);
    shown.insert("description".to_owned(), json!(settings.description));
    if settings.has_external_entropy_access {
        shown.insert("external_entropy_access".to_owned(), json!(true));
    }
    if !settings.options.is_empty() {
        shown.insert("options".to_owned(), json!(settings.options));
    }
    if let Some(lockout) = &settings.tuning.user_lockout {
        shown.extend(show_lockout(lockout));
    }
    shown
}

fn common(settings: &Settings) -> Map<String, Value> {
    let tuning = &settings.tuning;
    let mut config = Map::new();
    config.insert("force_no_cache".to_owned(), json!(tuning.force_no_cache));
    if settings.kind() == Kind::Auth {
        let token_type = if tuning.token_type.is_empty() { "default-service" } else { tuning.token_type.as_str() };
        config.insert("token_type".to_owned(), json!(token_type));
    }
    if !tuning.listing_visibility.is_empty() {
        config.insert("listing_visibility".to_owned(), json!(tuning.listing_visibility));
    }
    let lists = [
        ("audit_non_hmac_request_keys", &tuning.audit_non_hmac_request_keys),
        ("audit_non_hmac_response_keys", &tuning.audit_non_hmac_response_keys),
        ("passthrough_request_headers", &tuning.passthrough_request_headers),
        ("allowed_response_headers", &tuning.allowed_response_headers),
    ];
    for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        config.insert(name.to_owned(), json!(list));
    }
    config
}

fn show_lockout(lockout: &Lockout) -> Map<String, Value> {
    let shown = [
        ("user_lockout_threshold", json!(lockout.threshold)),
        ("user_lockout_duration", json!(lockout.duration_secs)),
        ("user_lockout_counter_reset_duration", json!(lockout.counter_reset_secs)),
        ("user_lockout_disable", json!(lockout.is_disabled)),
    ];
    shown.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests;
