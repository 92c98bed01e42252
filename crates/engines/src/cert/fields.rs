//! What can be said of a role, and how it is shown.

use std::time::Duration;

use framework::field::whole_seconds;
use framework::terms::{OlderFields, Spelling, TokenFields};
use framework::{Error, Field, FieldSet, Input, fields};
use serde_json::{Map, Value, json};

use super::bounds;
use super::entry::RoleEntry;
use super::outside;

fields! {
    /// What a role has beside the settings of tokens.
    pub(super) struct Own {
        /// Patterns with *; the certificate has one of them as its common name.
        allowed_common_names: Option<Vec<String>>,
        /// Patterns with *; one of the certificate's DNS names is one of them.
        allowed_dns_sans: Option<Vec<String>>,
        /// Patterns with *; one of the certificate's mail addresses is one of them.
        allowed_email_sans: Option<Vec<String>>,
        /// Object identifiers of extensions whose values the token's metadata gets, under the identifier with - in place of the dots.
        allowed_metadata_extensions: Option<Vec<String>>,
        /// Patterns with *; the certificate has one of them as its common name, a DNS name or a mail address.
        allowed_names: Option<Vec<String>>,
        /// Patterns with *; one of the certificate's organizational units is one of them.
        allowed_organizational_units: Option<Vec<String>>,
        /// Patterns with *; one of the certificate's URIs is one of them.
        allowed_uri_sans: Option<Vec<String>>,
        /// The older name of token_bound_cidrs.
        bound_cidrs: Option<Vec<String>>,
        /// What is trusted, PEM: authorities, or the certificate of the one client that the role is for.
        certificate: Option<String>,
        /// What tokens are called; the role's name when absent.
        display_name: Option<String>,
        /// The oldest name of token_ttl.
        lease: Option<Duration>,
        /// The older name of token_max_ttl.
        max_ttl: Option<Duration>,
        /// Authorities of the responders' own TLS connections, PEM; the system's when empty.
        ocsp_ca_certificates: Option<String>,
        /// Whether a responder is asked about the certificate at a login.
        ocsp_enabled: Option<bool>,
        /// Whether somebody gets in when no responder can tell.
        ocsp_fail_open: Option<bool>,
        /// How often a responder is asked again that gives no answer.
        ocsp_max_retries: Option<u64>,
        /// Whether all responders must agree; otherwise the first answer counts.
        ocsp_query_all_servers: Option<bool>,
        /// URLs of responders, in place of those that the certificate names.
        ocsp_servers_override: Option<Vec<String>>,
        /// How old an answer may be; 0 is as long as it says itself.
        ocsp_this_update_max_age: Option<Duration>,
        /// The older name of token_period.
        period: Option<Duration>,
        /// The older name of token_policies.
        policies: Option<Vec<String>>,
        /// Extensions that the certificate has, as oid:pattern for strings or hex:oid:pattern for anything.
        required_extensions: Option<Vec<String>>,
        /// The older name of token_ttl.
        ttl: Option<Duration>,
    }
}

/// What is said of a role; what is absent stays.
pub(super) struct RoleFields {
    own: Own,
    token: TokenFields,
    spelling: Spelling,
}

impl FieldSet for RoleFields {
    fn fields() -> Vec<Field> {
        [Own::fields(), TokenFields::fields()].concat()
    }

    fn decode(input: &mut Input) -> Result<Self, Error> {
        let (mut own, mut token) = (Own::decode(input)?, TokenFields::decode(input)?);
        let older = OlderFields {
            bound_cidrs: own.bound_cidrs.take(),
            max_ttl: own.max_ttl.take(),
            period: own.period.take(),
            policies: own.policies.take(),
            ttl: own.ttl.take().or(own.lease.take()),
            ..OlderFields::default()
        };
        let spelling = token.take_older(older);
        Ok(Self { own, token, spelling })
    }
}

impl RoleFields {
    /// Takes over what is said of a role.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what makes no sense, alone or together.
    pub(super) fn apply(&self, role: &mut RoleEntry, name: &str) -> Result<(), Error> {
        let own = &self.own;
        if let Some(text) = &own.certificate {
            role.certificate.clone_from(text);
        }
        bounds::certificates(&role.certificate)?;
        if let Some(display_name) = &own.display_name {
            let shown = if display_name.is_empty() { name } else { display_name };
            role.display_name = bounds::items("display_name", &[shown.to_owned()])?.concat();
        }
        let allowed = &mut role.allowed;
        for (field, ours, asked) in [
            ("allowed_names", &mut allowed.names, &own.allowed_names),
            ("allowed_common_names", &mut allowed.common_names, &own.allowed_common_names),
            ("allowed_dns_sans", &mut allowed.dns_sans, &own.allowed_dns_sans),
            ("allowed_email_sans", &mut allowed.email_sans, &own.allowed_email_sans),
            ("allowed_uri_sans", &mut allowed.uri_sans, &own.allowed_uri_sans),
            ("allowed_organizational_units", &mut allowed.organizational_units, &own.allowed_organizational_units),
            ("required_extensions", &mut role.required_extensions, &own.required_extensions),
            ("allowed_metadata_extensions", &mut role.metadata_extensions, &own.allowed_metadata_extensions),
        ] {
            if let Some(asked) = asked {
                *ours = bounds::items(field, asked)?;
            }
        }
        self.apply_ocsp(role)?;
        role.terms.apply(&self.token)?;
        role.older_names.apply(&self.spelling);
        Ok(())
    }

    fn apply_ocsp(&self, role: &mut RoleEntry) -> Result<(), Error> {
        /// What a login waits for at the most has its own bound; more tries than this make no difference.
        const RETRIES_MAX: u64 = 100;
        let (own, ocsp) = (&self.own, &mut role.ocsp);
        if let Some(text) = &own.ocsp_ca_certificates {
            outside::authorities(text)?;
            ocsp.ca_certificates.clone_from(text);
        }
        if let Some(servers) = &own.ocsp_servers_override {
            let servers = bounds::items("ocsp_servers_override", servers)?;
            if let Some(wrong) = servers.iter().find(|server| outbound::parse_url(server).is_err()) {
                return Err(Error::Invalid(
                    format!("invalid OCSP server {wrong:?}: it must be an http or https URL").into(),
                ));
            }
            ocsp.servers = servers;
        }
        ocsp.is_enabled = own.ocsp_enabled.unwrap_or(ocsp.is_enabled);
        ocsp.fails_open = own.ocsp_fail_open.unwrap_or(ocsp.fails_open);
        ocsp.asks_all = own.ocsp_query_all_servers.unwrap_or(ocsp.asks_all);
        ocsp.age_max_secs = own.ocsp_this_update_max_age.map_or(ocsp.age_max_secs, whole_seconds);
        ocsp.retries_max = own.ocsp_max_retries.unwrap_or(ocsp.retries_max);
        if ocsp.retries_max > RETRIES_MAX {
            return Err(Error::Invalid(format!("'ocsp_max_retries' is at most {RETRIES_MAX}").into()));
        }
        Ok(())
    }
}

/// A role as it is read.
pub(super) fn show(role: &RoleEntry) -> Map<String, Value> {
    let mut shown = role.terms.show();
    let (allowed, ocsp) = (&role.allowed, &role.ocsp);
    let own = [
        ("allowed_common_names", json!(allowed.common_names)),
        ("allowed_dns_sans", json!(allowed.dns_sans)),
        ("allowed_email_sans", json!(allowed.email_sans)),
        ("allowed_metadata_extensions", json!(role.metadata_extensions)),
        ("allowed_names", json!(allowed.names)),
        ("allowed_organizational_units", json!(allowed.organizational_units)),
        ("allowed_uri_sans", json!(allowed.uri_sans)),
        ("certificate", json!(role.certificate)),
        ("display_name", json!(role.display_name)),
        ("ocsp_ca_certificates", json!(ocsp.ca_certificates)),
        ("ocsp_enabled", json!(ocsp.is_enabled)),
        ("ocsp_fail_open", json!(ocsp.fails_open)),
        ("ocsp_max_retries", json!(ocsp.retries_max)),
        ("ocsp_query_all_servers", json!(ocsp.asks_all)),
        ("ocsp_servers_override", json!(ocsp.servers)),
        ("ocsp_this_update_max_age", json!(ocsp.age_max_secs)),
        ("required_extensions", json!(role.required_extensions)),
    ];
    shown.extend(own.map(|(name, value)| (name.to_owned(), value)));
    role.older_names.show(&mut shown);
    shown
}
