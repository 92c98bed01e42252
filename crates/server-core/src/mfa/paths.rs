//! The rows of `identity/mfa/`: methods of all types, those of the only type there is, and enforcements. Methods that ask
//! other companies (Duo, Okta, PingID) are not there.

use framework::Path;
use serde_json::{Value, json};

use super::entry::MethodEntry;
use super::{Mfa, TOTP};

mod enforcement;
mod method;
mod totp;

/// All rows.
pub(crate) fn all() -> Vec<Path<Mfa>> {
    [method::paths(), totp::paths(), enforcement::paths()].into_iter().flatten().collect()
}

/// A method as it is shown, in the namespace of this id and path.
fn about(method: &MethodEntry, namespace: &framework::Namespace) -> Value {
    json!({
        "type": TOTP,
        "id": method.id,
        "name": method.name,
        "namespace_id": namespace.id,
        "namespace_path": namespace.path,
        "issuer": method.issuer,
        "period": method.totp.period_secs,
        "key_size": method.key_bytes,
        "qr_size": method.qr_pixels,
        "algorithm": method.totp.algorithm.name(),
        "digits": method.totp.digits,
        "skew": method.totp.skew,
        "max_validation_attempts": method.tries_max,
    })
}
