//! The cluster's settings for browsers: who may call from another origin, and the headers of the web interface. Two
//! entries, read by every node.
//!
//! What is decoded is kept for one pair of revisions, so a request costs no call to the store and a change needs to
//! tell nobody. Neither entry is a secret, and no request is let through because one of them cannot be read.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use barrier::{Changes, Opened};
use framework::view::COMMIT_TRIES;
use framework::{BrowserSettings, Cors, Error};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use storage::{Key, Revision};

use crate::keys;
use crate::store::{Lost, Store, decode, encode};

/// The most origins, and the most names of headers for them.
const CORS_NAMES_MAX: usize = 256;
/// The most headers of the web interface.
const UI_HEADERS_MAX: usize = 64;
/// The most values of one of them.
const UI_VALUES_MAX: usize = 16;
/// The longest origin, header name or value, in bytes.
const TEXT_BYTES_MAX: usize = 4 * 1024;
/// The most that all texts of one entry may take together, in bytes: they go out with every page.
const ENTRY_BYTES_MAX: usize = 16 * 1024;

/// What pages of other origins may always send (documented Vault default), and what namespaces and consistency need.
const CORS_HEADERS: [&str; 12] = [
    "Content-Type",
    "X-Requested-With",
    "X-Vault-AWS-IAM-Server-ID",
    "X-Vault-Index",
    "X-Vault-MFA",
    "X-Vault-Namespace",
    "X-Vault-No-Request-Forwarding",
    "X-Vault-Policy-Override",
    "X-Vault-Wrap-Format",
    "X-Vault-Wrap-TTL",
    "Authorization",
    "X-Vault-Token",
];

/// `core/cors`. Absent: off.
#[derive(Serialize, Deserialize)]
struct CorsEntry {
    v: u32,
    origins: Vec<String>,
    /// Beside [`CORS_HEADERS`].
    headers: Vec<String>,
}

/// `core/ui-headers`: values by the name as Go writes it. Absent: none.
#[derive(Serialize, Deserialize)]
struct UiEntry {
    v: u32,
    headers: BTreeMap<String, Vec<String>>,
}

/// The settings as they were at two revisions.
struct Known {
    revisions: [Option<Revision>; 2],
    settings: Arc<BrowserSettings>,
}

/// Reads and changes the settings.
pub(crate) struct Browser {
    store: Store,
    known: ArcSwapOption<Known>,
}

impl Browser {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, known: ArcSwapOption::empty() }
    }

    /// All settings as of now; the defaults while sealed, when they cannot be read.
    pub(crate) async fn settings(&self) -> Result<Arc<BrowserSettings>, Error> {
        match self.current().await {
            Err(Error::Sealed) => Ok(Arc::default()),
            settings => settings,
        }
    }

    async fn current(&self) -> Result<Arc<BrowserSettings>, Error> {
        let names = [keys::CORS.clone(), keys::UI_HEADERS.clone()];
        let revisions = self.store.revisions_of(names.clone()).await?;
        if let Some(known) = self.known.load().as_ref().filter(|known| known.revisions == revisions) {
            return Ok(Arc::clone(&known.settings));
        }
        let [cors, ui] = self.store.get_all(names).await?;
        let revisions = [&cors, &ui].map(|opened| opened.as_ref().map(|opened| opened.revision));
        let cors = value::<CorsEntry>(&keys::CORS, cors.as_ref())?.map(|entry| Cors {
            origins: entry.origins,
            headers: CORS_HEADERS.into_iter().map(str::to_owned).chain(entry.headers).collect(),
        });
        let ui = value::<UiEntry>(&keys::UI_HEADERS, ui.as_ref())?.map(|entry| entry.headers).unwrap_or_default();
        let pairs = |(name, values): (String, Vec<String>)| values.into_iter().map(move |value| (name.clone(), value));
        let settings = Arc::new(BrowserSettings { cors, ui_headers: ui.into_iter().flat_map(pairs).collect() });
        self.known.store(Some(Arc::new(Known { revisions, settings: Arc::clone(&settings) })));
        Ok(settings)
    }

    /// Lets these origins in, in place of whatever was allowed. `headers` come on top of those that always may.
    pub(crate) async fn allow(&self, origins: &[String], headers: &[String]) -> Result<(), Error> {
        let origins = trimmed(origins);
        if origins.is_empty() {
            return Err(Error::invalid("at least one origin or the wildcard must be provided"));
        }
        if origins.len() > 1 && origins.iter().any(|origin| origin == "*") {
            return Err(Error::invalid("to allow all origins the '*' must be the only value for allowed_origins"));
        }
        let always = |name: &String| CORS_HEADERS.iter().any(|it| it.eq_ignore_ascii_case(name));
        let headers: Vec<_> = trimmed(headers).into_iter().filter(|name| !always(name)).collect();
        if origins.len() > CORS_NAMES_MAX || headers.len() > CORS_NAMES_MAX {
            return Err(Error::Invalid(format!("more than {CORS_NAMES_MAX} origins or headers").into()));
        }
        origins.iter().try_for_each(|origin| check_value("origin", origin))?;
        headers.iter().try_for_each(|name| check_name(name))?;
        check_size(origins.iter().chain(&headers))?;
        self.replace(&keys::CORS, |_| {
            Ok(Some(encode(&CorsEntry { v: 1, origins: origins.clone(), headers: headers.clone() })?))
        })
        .await
    }

    /// Switches the check of origins off and forgets them.
    pub(crate) async fn allow_none(&self) -> Result<(), Error> {
        self.replace(&keys::CORS, |_| Ok(None)).await
    }

    /// The names of the web interface's headers, as far as an operator set any.
    pub(crate) async fn ui_names(&self) -> Result<Vec<String>, Error> {
        Ok(self.ui_headers().await?.into_keys().collect())
    }

    /// The values of one of them; none when it is not set.
    pub(crate) async fn ui_values(&self, name: &str) -> Result<Vec<String>, Error> {
        Ok(self.ui_headers().await?.remove(&canonical(name)).unwrap_or_default())
    }

    async fn ui_headers(&self) -> Result<BTreeMap<String, Vec<String>>, Error> {
        let found = self.store.get::<UiEntry>(&keys::UI_HEADERS).await?;
        Ok(found.map(|found| found.value.headers).unwrap_or_default())
    }

    /// Sets the values of one; none takes it away.
    pub(crate) async fn set_ui_header(&self, name: &str, values: Vec<String>) -> Result<(), Error> {
        check_name(name)?;
        if values.len() > UI_VALUES_MAX {
            return Err(Error::Invalid(format!("a header has at most {UI_VALUES_MAX} values").into()));
        }
        values.iter().try_for_each(|value| check_value("value", value))?;
        let name = canonical(name);
        self.replace(&keys::UI_HEADERS, |opened| {
            let found = value::<UiEntry>(&keys::UI_HEADERS, opened)?;
            let mut headers = found.map(|entry| entry.headers).unwrap_or_default();
            match values.is_empty() {
                true => drop(headers.remove(&name)),
                false => drop(headers.insert(name.clone(), values.clone())),
            }
            if headers.len() > UI_HEADERS_MAX {
                return Err(Error::Invalid(format!("there are at most {UI_HEADERS_MAX} headers").into()));
            }
            check_size(headers.iter().flat_map(|(name, values)| std::iter::once(name).chain(values)))?;
            if headers.is_empty() { Ok(None) } else { encode(&UiEntry { v: 1, headers }).map(Some) }
        })
        .await
    }

    /// Writes an entry anew from what it was, or takes it away. A node that was faster is read again.
    async fn replace(
        &self,
        key: &Key,
        next: impl Fn(Option<&Opened>) -> Result<Option<Vec<u8>>, Error>,
    ) -> Result<(), Error> {
        for _ in 0..COMMIT_TRIES {
            let [opened] = self.store.get_all([key.clone()]).await?;
            let known = opened.as_ref().map(|opened| opened.revision);
            let mut changes = Changes::new();
            match (next(opened.as_ref())?, known) {
                (Some(value), known) => changes.set(key.clone(), known, value),
                (None, Some(known)) => changes.delete(key.clone(), known),
                (None, None) => return Ok(()),
            };
            match self.store.commit(changes).await {
                Ok(_) => return Ok(()),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }
}

fn value<T: DeserializeOwned>(key: &Key, opened: Option<&Opened>) -> Result<Option<T>, Error> {
    opened.map(|opened| Ok(decode(key, opened)?.value)).transpose()
}

fn trimmed(texts: &[String]) -> Vec<String> {
    let texts = texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
    texts.map(str::to_owned).collect()
}

/// The name as Go's libraries write it, and so Vault: `x-custom-name` is `X-Custom-Name`.
fn canonical(name: &str) -> String {
    let mut is_first = true;
    let mut letter = |c: char| {
        let written = if is_first { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
        is_first = c == '-';
        written
    };
    name.chars().map(&mut letter).collect()
}

/// What can be the name of a header (RFC 9110 §5.6.2), but for those that are the API's.
fn check_name(name: &str) -> Result<(), Error> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > TEXT_BYTES_MAX || !name.bytes().all(is_token) {
        return Err(Error::invalid("a header name is missing or has characters that a header's name cannot have"));
    }
    Ok(())
}

/// What can be the value of a header: visible ASCII and spaces.
fn check_value(what: &str, text: &str) -> Result<(), Error> {
    if text.is_empty() || text.len() > TEXT_BYTES_MAX || !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        let text = format!("an {what} is 1 to {TEXT_BYTES_MAX} visible ASCII characters");
        return Err(Error::Invalid(text.replace("an value", "a value").into()));
    }
    Ok(())
}

fn check_size<'t>(texts: impl Iterator<Item = &'t String>) -> Result<(), Error> {
    if texts.map(String::len).sum::<usize>() > ENTRY_BYTES_MAX {
        return Err(Error::Invalid(format!("all together is longer than {ENTRY_BYTES_MAX} bytes").into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
