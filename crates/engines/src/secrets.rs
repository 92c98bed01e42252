//! What every engine that stores JSON objects under paths shares: the path, the stored text, the pages of a list.
//!
//! The text is canonical: sorted keys, numbers as they were sent, `<`, `>` and `&` escaped. It is made once, when it
//! is written, so that a read can pass it through.

use framework::view::{ENTRY_BYTES_MAX, Listing};
use framework::{Coercion, Context, Error, FieldKind, FieldValue, Operation, fields};
use secret::SecretBytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Where a secret is: any text without control characters. One of them, NUL, ends the path in storage keys.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SecretPath(String);

/// The longest path of a secret, in bytes: every name that any engine here makes of it fits into a storage key, so that
/// a mount can be upgraded with all that is in it.
pub(crate) const PATH_BYTES_MAX: usize = 1_900;

impl SecretPath {
    /// A path that was checked before it was stored.
    pub(crate) fn from_stored(path: &str) -> Self {
        Self(path.to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FieldValue for SecretPath {
    const KIND: FieldKind = FieldKind::String;

    fn coerce(value: Value) -> Result<Self, Coercion> {
        let path = String::coerce(value)?;
        if path.len() > PATH_BYTES_MAX {
            return Err(Coercion(format!("path is too long: {} bytes, the most is {PATH_BYTES_MAX}", path.len())));
        }
        let is_clean = !path.is_empty() && !path.contains(char::is_control);
        is_clean.then_some(Self(path)).ok_or_else(|| Coercion("expected a path without control characters".to_owned()))
    }
}

fields! {
    /// Names one secret.
    pub(crate) struct Location {
        /// Location of the secret.
        path: SecretPath,
    }
}

fields! {
    /// Names a folder, and which of its names to list.
    pub(crate) struct Folder {
        /// Location of the folder; the top when empty.
        path: String,
        /// Lists only the names after this one.
        after: String = String::new(),
        /// The most names to list; all when zero or less.
        limit: i64 = 0,
    }
}

impl Folder {
    /// The folder's own name: empty, or ending in `/`.
    pub(crate) fn name(&self) -> String {
        match self.path.trim_end_matches('/') {
            "" => String::new(),
            path => format!("{path}/"),
        }
    }

    /// The names of all secrets below it, as far as the caller may know of them: those that it may read, and those in a
    /// folder that it may list or scan. `entries` is where the names are in the storage, and `paths` where they are
    /// for requests; both are empty or end in `/`.
    ///
    /// # Errors
    /// As [`framework::View::scan`].
    pub(crate) async fn scan_names(&self, context: &Context, entries: &str, paths: &str) -> Result<Vec<String>, Error> {
        let folder = self.name();
        // Names come sorted, so those of one folder mostly come together.
        let mut judged = (None::<String>, false);
        let is_visible = |name: &str| {
            let path = [paths, &folder, name].concat();
            let above = path.rfind('/').and_then(|end| path.get(..=end)).unwrap_or_default();
            if judged.0.as_deref() != Some(above) {
                let is_open = [Operation::List, Operation::Scan].iter().any(|it| context.may(*it, above));
                judged = (Some(above.to_owned()), is_open);
            }
            judged.1 || context.may(Operation::Read, &path)
        };
        let entries = [entries, &folder].concat();
        context.view.scan(&entries, &self.listing(), is_visible).await
    }

    /// Which of its names to list.
    pub(crate) fn listing(&self) -> Listing {
        Listing::new(self.after.clone(), self.limit)
    }
}

/// The text of an object as it is stored and shown.
///
/// # Errors
/// [`Error::Invalid`] when it is longer than an entry may be.
pub(crate) fn canonical(object: &Map<String, Value>) -> Result<SecretBytes, Error> {
    let text = api::json::to_vec(object).map_err(|source| Error::world("encode a secret", source))?;
    if text.len() > ENTRY_BYTES_MAX {
        let text = format!("secret is too large: {} bytes as JSON, the most is {ENTRY_BYTES_MAX}", text.len());
        return Err(Error::Invalid(text.into()));
    }
    Ok(text.into())
}
