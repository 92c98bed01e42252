//! Which headers of requests all devices record.

use std::collections::BTreeMap;

use framework::Error;

use super::AuditLog;
use super::entry::HeaderEntry;

/// The most headers.
const HEADERS_MAX: usize = 128;
/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 256;
/// What may carry the caller's token. Its hash stands in every record already.
const TOKENS: [&str; 2] = [api::header::TOKEN, "authorization"];

impl AuditLog {
    /// The recorded headers by lower-case name, and whether their values are hashed.
    pub(crate) async fn headers(&self) -> Result<BTreeMap<String, bool>, Error> {
        let found = self.table().await?;
        let headers = found.into_iter().flat_map(|found| found.value.headers);
        Ok(headers.map(|(name, header)| (name, header.hmac)).collect())
    }

    /// Records a header from now on.
    pub(crate) async fn set_header(&self, name: &str, hmac: bool) -> Result<(), Error> {
        let is_token_character = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_token_character) {
            return Err(Error::invalid("a header name is missing or has characters that a header's name cannot have"));
        }
        let name = name.to_ascii_lowercase();
        if TOKENS.iter().any(|it| it.eq_ignore_ascii_case(&name)) {
            return Err(Error::invalid("headers that carry the caller's token are not recorded as headers"));
        }
        self.change(|table| {
            table.headers.insert(name.clone(), HeaderEntry { hmac });
            if table.headers.len() > HEADERS_MAX {
                return Err(Error::Invalid(format!("there are at most {HEADERS_MAX} headers").into()));
            }
            Ok(true)
        })
        .await
        .map(drop)
    }

    /// Records a header no more.
    pub(crate) async fn unset_header(&self, name: &str) -> Result<(), Error> {
        let name = name.to_ascii_lowercase();
        self.change(|table| Ok(table.headers.remove(&name).is_some())).await.map(drop)
    }
}
