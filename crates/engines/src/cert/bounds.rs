//! What lists and certificates may be.

use framework::Error;
use x509::Certificate;
use x509::certificate::Purpose;
use x509::pem;

/// The longest list of what a role allows or requires, in items.
const ITEMS_MAX: usize = 256;
/// The longest of its items, in bytes.
const ITEM_BYTES_MAX: usize = 1_024;
/// The longest text of certificates, in bytes.
const PEM_BYTES_MAX: usize = 128 * 1024;
/// How many certificates one role trusts.
const CERTIFICATES_MAX: usize = 64;

/// What a role allows or requires, by the name of the field.
pub(super) fn items(field: &str, items: &[String]) -> Result<Vec<String>, Error> {
    if items.len() > ITEMS_MAX || items.iter().any(|item| item.len() > ITEM_BYTES_MAX) {
        let text = format!("'{field}' has at most {ITEMS_MAX} items of {ITEM_BYTES_MAX} bytes");
        return Err(Error::Invalid(text.into()));
    }
    Ok(items.to_vec())
}

/// What a role trusts: authorities, or the certificate of one client.
///
/// # Errors
/// When there is none, or the first is neither an authority's nor a client's.
pub(super) fn certificates(text: &str) -> Result<(), Error> {
    let refuse = || Error::invalid("failed to parse certificate");
    if text.len() > PEM_BYTES_MAX {
        return Err(Error::Invalid(format!("'certificate' has at most {PEM_BYTES_MAX} bytes").into()));
    }
    let found = pem::certificates(text.as_bytes()).map_err(|_| refuse())?;
    if found.len() > CERTIFICATES_MAX {
        return Err(Error::Invalid(format!("'certificate' has at most {CERTIFICATES_MAX} certificates").into()));
    }
    let parsed: Result<Vec<_>, _> = found.iter().map(|der| Certificate::parse(der)).collect();
    let parsed = parsed.map_err(|_| refuse())?;
    let first = parsed.first().ok_or_else(refuse)?;
    // An authority of version 1 says nothing of itself; only one that has signed itself can be meant.
    let is_pinned = is_pinned(first);
    if is_pinned && first.version() == 3 && !first.is_said_to_be_for(Purpose::ClientAuth) {
        return Err(Error::invalid(
            "nonCA certificates should have TLS client authentication set as an extended key usage",
        ));
    }
    Ok(())
}

/// Whether a role whose first certificate is this is for that one client.
pub(super) fn is_pinned(first: &Certificate<'_>) -> bool {
    let is_old_authority = first.version() < 3 && first.subject() == first.issuer();
    !first.is_authority() && !is_old_authority
}
