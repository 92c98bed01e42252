//! The fields of the settings, what each may be, and how they are shown.

use std::time::Duration;

use framework::field::whole_seconds;
use framework::terms::{TokenFields, TokenTerms};
use framework::{Error, Field, FieldSet, Input, fields};
use secret::Secret;
use serde_json::{Map, Value, json};

use super::entry::ConfigEntry;

/// The longest name, filter or list of addresses, in bytes.
const TEXT_BYTES_MAX: usize = 8 * 1024;
/// The longest certificates or key, in bytes.
const PEM_BYTES_MAX: usize = 128 * 1024;
/// The longest that anything may take, in seconds.
const TIMEOUT_SECS_MAX: u64 = 600;

fields! {
    /// How the directory is asked; what is absent stays.
    pub(super) struct OwnFields {
        /// Whether groups are searched for without saying who asks.
        anonymous_group_search: Option<bool>,
        /// Distinguished name with which users are searched for.
        binddn: Option<String>,
        /// Password of binddn.
        bindpass: Option<Secret<String>> => secret,
        /// Whether names that differ in upper and lower case alone are different users and groups.
        case_sensitive_names: Option<bool>,
        /// Certificates in PEM of the authorities to trust; those of the system when empty.
        certificate: Option<String>,
        /// Certificate in PEM to show to the directory.
        client_tls_cert: Option<Secret<String>> => secret,
        /// Key in PEM of client_tls_cert.
        client_tls_key: Option<Secret<String>> => secret,
        /// How long connecting may take, in seconds or as text, before the next URL is tried.
        connection_timeout: Option<Duration>,
        /// An empty password is refused whatever this says.
        deny_null_bind: Option<bool>,
        /// When aliases in the directory are followed: never, finding, searching or always.
        dereference_aliases: Option<String>,
        /// Whether users are searched for without saying who asks.
        discoverdn: Option<bool>,
        /// Attribute of what the group search finds that names the group.
        groupattr: Option<String>,
        /// Where groups are searched for; they are not when empty.
        groupdn: Option<String>,
        /// Filter of groups, with {{.UserDN}} and {{.Username}} in it.
        groupfilter: Option<String>,
        /// Whether to take any certificate of the directory: for trials alone.
        insecure_tls: Option<bool>,
        /// How many entries to ask for at a time; all at once when zero or less.
        max_page_size: Option<i64>,
        /// How long each question to the directory may take, in seconds or as text.
        request_timeout: Option<Duration>,
        /// Whether to begin TLS on a connection to an ldap:// URL.
        starttls: Option<bool>,
        /// The highest version of TLS: tls12 or tls13.
        tls_max_version: Option<String>,
        /// The lowest version of TLS: tls12 or tls13; tls10 and tls11 mean tls12.
        tls_min_version: Option<String>,
        /// Domain behind the user's name, for directories that take user@domain.
        upndomain: Option<String>,
        /// URLs of the directory, with commas in between: tried in this order.
        url: Option<String>,
        /// Whether to read a user's groups from the attribute tokenGroups, which Active Directory computes.
        use_token_groups: Option<bool>,
        /// Attribute by which a user is found, and whose value names the entity's alias.
        userattr: Option<String>,
        /// Where users are searched for.
        userdn: Option<String>,
        /// Filter of users, with {{.UserAttr}} and {{.Username}} in it.
        userfilter: Option<String>,
        /// Whether the entity's alias is the name that was typed, and not what the directory has of it.
        username_as_alias: Option<bool>,
    }
}

/// What is written of the settings.
pub(super) struct ConfigFields {
    own: OwnFields,
    token: TokenFields,
}

impl FieldSet for ConfigFields {
    fn fields() -> Vec<Field> {
        [OwnFields::fields(), TokenFields::fields()].concat()
    }

    fn decode(input: &mut Input) -> Result<Self, Error> {
        Ok(Self { own: OwnFields::decode(input)?, token: TokenFields::decode(input)? })
    }
}

impl ConfigFields {
    /// The settings with what is written of them. Whether they make sense together is not looked at.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is too long, and for tokens that make no sense.
    pub(super) fn apply(&self, entry: ConfigEntry) -> Result<ConfigEntry, Error> {
        let own = &self.own;
        let mut terms = entry.terms.clone();
        terms.apply(&self.token)?;
        let secs = |name, asked: Option<Duration>, old| asked.map_or(Ok(old), |asked| timeout(name, asked));
        Ok(ConfigEntry {
            v: entry.v,
            url: text("url", own.url.as_ref(), entry.url)?,
            user_dn: text("userdn", own.userdn.as_ref(), entry.user_dn)?,
            user_attr: text("userattr", own.userattr.as_ref(), entry.user_attr)?.to_lowercase(),
            user_filter: text("userfilter", own.userfilter.as_ref(), entry.user_filter)?,
            upn_domain: text("upndomain", own.upndomain.as_ref(), entry.upn_domain)?,
            bind_dn: text("binddn", own.binddn.as_ref(), entry.bind_dn)?,
            bind_password: hidden("bindpass", own.bindpass.as_ref(), entry.bind_password)?,
            discovers_dn: own.discoverdn.unwrap_or(entry.discovers_dn),
            has_anonymous_group_search: own.anonymous_group_search.unwrap_or(entry.has_anonymous_group_search),
            group_dn: text("groupdn", own.groupdn.as_ref(), entry.group_dn)?,
            group_filter: text("groupfilter", own.groupfilter.as_ref(), entry.group_filter)?,
            group_attr: text("groupattr", own.groupattr.as_ref(), entry.group_attr)?,
            has_username_as_alias: own.username_as_alias.unwrap_or(entry.has_username_as_alias),
            denies_null_bind: own.deny_null_bind.unwrap_or(entry.denies_null_bind),
            starts_tls: own.starttls.unwrap_or(entry.starts_tls),
            is_insecure: own.insecure_tls.unwrap_or(entry.is_insecure),
            certificate: pem("certificate", own.certificate.as_deref(), entry.certificate)?,
            client_cert: pem("client_tls_cert", exposed(own.client_tls_cert.as_ref()), entry.client_cert)?,
            client_key: pem("client_tls_key", exposed(own.client_tls_key.as_ref()), entry.client_key)?,
            tls_min_version: text("tls_min_version", own.tls_min_version.as_ref(), entry.tls_min_version)?,
            tls_max_version: text("tls_max_version", own.tls_max_version.as_ref(), entry.tls_max_version)?,
            request_timeout_secs: secs("request_timeout", own.request_timeout, entry.request_timeout_secs)?,
            connection_timeout_secs: secs("connection_timeout", own.connection_timeout, entry.connection_timeout_secs)?,
            has_case_sensitive_names: own.case_sensitive_names.unwrap_or(entry.has_case_sensitive_names),
            uses_token_groups: own.use_token_groups.unwrap_or(entry.uses_token_groups),
            max_page_size: own.max_page_size.unwrap_or(entry.max_page_size),
            dereference_aliases: text(
                "dereference_aliases",
                own.dereference_aliases.as_ref(),
                entry.dereference_aliases,
            )?,
            terms,
        })
    }
}

fn exposed(secret: Option<&Secret<String>>) -> Option<&str> {
    secret.map(|secret| secret.expose().as_str())
}

fn text(name: &str, asked: Option<&String>, old: String) -> Result<String, Error> {
    let Some(asked) = asked else { return Ok(old) };
    let asked = asked.trim();
    if asked.len() > TEXT_BYTES_MAX || asked.contains(|c: char| c.is_control() && !c.is_whitespace()) {
        let text = format!("'{name}' has at most {TEXT_BYTES_MAX} bytes, none of them control characters");
        return Err(Error::Invalid(text.into()));
    }
    Ok(asked.to_owned())
}

fn hidden(name: &str, asked: Option<&Secret<String>>, old: String) -> Result<String, Error> {
    let Some(asked) = asked else { return Ok(old) };
    if asked.expose().len() > TEXT_BYTES_MAX {
        return Err(Error::Invalid(format!("'{name}' has at most {TEXT_BYTES_MAX} bytes").into()));
    }
    Ok(asked.expose().clone())
}

fn pem(name: &str, asked: Option<&str>, old: String) -> Result<String, Error> {
    let Some(asked) = asked else { return Ok(old) };
    if asked.len() > PEM_BYTES_MAX {
        return Err(Error::Invalid(format!("'{name}' has at most {PEM_BYTES_MAX} bytes").into()));
    }
    Ok(asked.to_owned())
}

fn timeout(name: &str, asked: Duration) -> Result<u64, Error> {
    match whole_seconds(asked) {
        secs @ 1..=TIMEOUT_SECS_MAX => Ok(secs),
        _ => Err(Error::Invalid(format!("'{name}' must be 1 to {TIMEOUT_SECS_MAX} seconds").into())),
    }
}

/// The settings as they are read: neither the password nor the client's certificate and key (documented Vault behavior).
pub(super) fn show(entry: &ConfigEntry) -> Map<String, Value> {
    let mut shown = TokenTerms::show(&entry.terms);
    let fields = [
        ("anonymous_group_search", json!(entry.has_anonymous_group_search)),
        ("binddn", json!(entry.bind_dn)),
        ("case_sensitive_names", json!(entry.has_case_sensitive_names)),
        ("certificate", json!(entry.certificate)),
        ("connection_timeout", json!(entry.connection_timeout_secs)),
        ("deny_null_bind", json!(entry.denies_null_bind)),
        ("dereference_aliases", json!(entry.dereference_aliases)),
        ("discoverdn", json!(entry.discovers_dn)),
        ("groupattr", json!(entry.group_attr)),
        ("groupdn", json!(entry.group_dn)),
        ("groupfilter", json!(entry.group_filter)),
        ("insecure_tls", json!(entry.is_insecure)),
        ("max_page_size", json!(entry.max_page_size)),
        ("request_timeout", json!(entry.request_timeout_secs)),
        ("starttls", json!(entry.starts_tls)),
        ("tls_max_version", json!(entry.tls_max_version)),
        ("tls_min_version", json!(entry.tls_min_version)),
        ("upndomain", json!(entry.upn_domain)),
        ("url", json!(entry.url)),
        ("use_token_groups", json!(entry.uses_token_groups)),
        ("userattr", json!(entry.user_attr)),
        ("userdn", json!(entry.user_dn)),
        ("userfilter", json!(entry.user_filter)),
        ("username_as_alias", json!(entry.has_username_as_alias)),
    ];
    shown.extend(fields.into_iter().map(|(name, value)| (name.to_owned(), value)));
    shown
}
