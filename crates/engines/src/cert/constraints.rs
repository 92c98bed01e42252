//! What a role asks of a certificate beside whose it is (documented Vault behavior): names, units and extensions.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use framework::glob::matches;
use x509::Certificate;

use super::entry::RoleEntry;

/// Whether a certificate has what a role asks for.
pub(super) fn admit(role: &RoleEntry, certificate: &Certificate<'_>) -> bool {
    let common_name = certificate.subject().common_name();
    let names = certificate.alternative_names();
    let common = || std::iter::once(common_name.as_str());
    let (dns, email, uri) =
        (|| names.dns.iter().copied(), || names.email.iter().copied(), || names.uri.iter().copied());
    let units = certificate.subject().organizational_units();
    let allowed = &role.allowed;
    any_fits(&allowed.names, common().chain(dns()).chain(email()))
        && any_fits(&allowed.common_names, common())
        && any_fits(&allowed.dns_sans, dns())
        && any_fits(&allowed.email_sans, email())
        && any_fits(&allowed.uri_sans, uri())
        && any_fits(&allowed.organizational_units, units.iter().map(String::as_str))
        && role.required_extensions.iter().all(|required| has_extension(certificate, required))
}

/// Whether one of the names fits one of the patterns, if there are any.
fn any_fits<'a>(patterns: &[String], mut names: impl Iterator<Item = &'a str>) -> bool {
    patterns.is_empty() || names.any(|name| patterns.iter().any(|pattern| matches(pattern, name)))
}

/// Whether a certificate has an extension `oid:pattern`, which is one string, or `hex:oid:pattern`, of any kind.
fn has_extension(certificate: &Certificate<'_>, required: &str) -> bool {
    let (is_hex, rest) = required.strip_prefix("hex:").map_or((false, required), |rest| (true, rest));
    let Some((oid, pattern)) = rest.split_once(':') else { return false };
    let mut named = certificate.extensions().iter().filter(|it| it.oid().is_some_and(|it| it == oid));
    named.any(|it| match is_hex {
        true => matches(&pattern.to_ascii_lowercase(), &HEXLOWER.encode(it.value)),
        false => it.text().is_some_and(|text| matches(pattern, &text)),
    })
}

/// What of a certificate is kept with its tokens.
pub(super) fn metadata(name: &str, role: &RoleEntry, certificate: &Certificate<'_>) -> BTreeMap<String, String> {
    let known = [
        ("cert_name", name.to_owned()),
        ("common_name", certificate.subject().common_name()),
        ("serial_number", certificate.serial().to_string()),
        ("subject_key_id", colons(certificate.subject_key_id())),
        ("authority_key_id", colons(certificate.authority_key_id())),
    ];
    let extensions = certificate.extensions().iter().filter_map(|it| {
        let oid = it.oid().filter(|oid| role.metadata_extensions.contains(oid))?;
        let value = it.text().unwrap_or_else(|| HEXLOWER.encode(it.value));
        // A bound of what is kept with a token: the rest of the value says no more to a template.
        (value.len() <= METADATA_VALUE_BYTES_MAX).then(|| (oid.replace('.', "-"), value))
    });
    known.into_iter().map(|(key, value)| (key.to_owned(), value)).chain(extensions).collect()
}

/// The longest value of an extension that is kept with a token, in bytes, as with an alias of an entity.
const METADATA_VALUE_BYTES_MAX: usize = 512;

/// `0a:ff`, as Vault writes ids of keys.
fn colons(bytes: &[u8]) -> String {
    let pairs: Vec<_> = bytes.iter().map(|byte| HEXLOWER.encode(&[*byte])).collect();
    pairs.join(":")
}
