//! What Genesys Cloud says: failures of the API and of the token endpoint, in its own words, bounded and without secrets.

use framework::Error;
use serde::Deserialize;

/// The longest text of the vendor's that is shown, in characters.
const TEXT_CHARS_MAX: usize = 300;
/// The shortest secret that is looked for in a text, in bytes: a shorter one would blot out words.
const SECRET_BYTES_MIN: usize = 8;

/// Why a call has come to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// It was refused, and nothing was done.
    #[error("{text}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// As the vendor's SDKs print it.
        text: String,
    },
    /// The token endpoint gives this client nothing.
    #[error("{text}")]
    BadClient {
        /// As the vendor's SDKs print it.
        text: String,
    },
    /// There is no such thing, or it is not visible yet.
    #[error("{text}")]
    NotFound {
        /// As the vendor's SDKs print it.
        text: String,
    },
    /// The vendor asks to come again later; nothing was done.
    #[error("{text}")]
    Limited {
        /// As the vendor's SDKs print it.
        text: String,
        /// In how many seconds, if it says so.
        wait_secs: Option<u64>,
    },
    /// There was no answer, or one of a server that failed: it may have been done or not.
    #[error("{text}")]
    Unknown {
        /// What is known.
        text: String,
    },
    /// There was no connection: nothing was done.
    #[error("{text}")]
    Unreached {
        /// What is known.
        text: String,
    },
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ApiError {
    message: String,
    #[serde(rename = "contextId")]
    context_id: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LoginError {
    error: String,
    description: String,
    error_description: String,
}

impl Failure {
    /// Whether nothing was done for certain.
    pub(super) const fn did_nothing(&self) -> bool {
        match self {
            Self::Refused { .. } | Self::BadClient { .. } | Self::NotFound { .. } => true,
            Self::Limited { .. } | Self::Unreached { .. } => true,
            Self::Unknown { .. } => false,
        }
    }

    /// What the API has said. `secrets` are what must not come back out of it.
    pub(super) fn of_api(status: u16, body: &[u8], wait_secs: Option<u64>, secrets: &[&str]) -> Self {
        let said: ApiError = serde_json::from_slice(body).unwrap_or_default();
        let message = if said.message.is_empty() { "no message" } else { &said.message };
        let id = if said.context_id.is_empty() { String::new() } else { format!(" ({})", said.context_id) };
        let text = clean(&format!("Genesys Cloud: API Error: {status} - {message}{id}"), secrets);
        match status {
            404 => Self::NotFound { text },
            429 => Self::Limited { text, wait_secs },
            500.. => Self::Unknown { text },
            _ => Self::Refused { status, text },
        }
    }

    /// What the token endpoint has said: its `error` decides, not whether the status is 400 or 401.
    pub(super) fn of_login(status: u16, body: &[u8], wait_secs: Option<u64>, secrets: &[&str]) -> Self {
        let said: LoginError = serde_json::from_slice(body).unwrap_or_default();
        let about = if said.error_description.is_empty() { &said.description } else { &said.error_description };
        let text = clean(&format!("Genesys Cloud: Auth Error: {status} - {} ({about})", said.error), secrets);
        match (status, said.error.as_str()) {
            (500.., _) => Self::Unknown { text },
            (429, _) => Self::Limited { text, wait_secs },
            (_, "invalid_request") if about.starts_with("rate limit exceeded") => Self::Limited { text, wait_secs },
            (_, "invalid_client" | "unauthorized_client") => Self::BadClient { text },
            _ => Self::Refused { status, text },
        }
    }
}

impl From<Failure> for Error {
    /// The vendor's words are for whoever asked: without them nobody could mend anything.
    fn from(failure: Failure) -> Self {
        Self::WorldShown { shown: failure.to_string().into(), source: Box::new(failure) }
    }
}

/// A text of the vendor's as it can be shown: printable, not too long, and nothing in it that we have sent in secret.
fn clean(text: &str, secrets: &[&str]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| secret.len() >= SECRET_BYTES_MIN) {
        text = text.replace(secret, "[redacted]");
    }
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT_CHARS_MAX).collect()
}
