//! Why a policy text is refused. Clients see these sentences: each names the place and what would be right.

use crate::{Capability, PATH_BYTES_MAX, SEGMENT_WILDCARDS_MAX};

/// A policy text that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Not in the language.
    #[error(transparent)]
    Text(hcl::Error),
    /// A key that no policy has.
    #[error("line {line}: unknown key {key:?}; a policy consists of path \"…\" {{ … }} blocks")]
    UnknownKey {
        /// Where, from 1.
        line: u32,
        /// The key.
        key: String,
    },
    /// The policy `root` has no text.
    #[error("the root policy has no text and cannot be changed")]
    Root,
    /// A mistake in one rule.
    #[error("line {line}: path {path:?}: {problem}")]
    Rule {
        /// Where, from 1.
        line: u32,
        /// The path as it is written.
        path: String,
        /// What it is.
        problem: RuleProblem,
    },
}

/// A mistake in one rule.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuleProblem {
    /// A key that no rule has.
    #[error("unknown key {key:?}; {}", suggestion(*.nearest, .known))]
    UnknownKey {
        /// The key.
        key: String,
        /// The key that was probably meant.
        nearest: Option<&'static str>,
        /// The keys that may stand here.
        known: &'static [&'static str],
    },
    /// A key that is given twice, where that is refused.
    #[error("key {0:?} is given twice")]
    Repeated(String),
    /// A value of the wrong kind.
    #[error("key {key:?} takes {expected}, not {found}")]
    WrongKind {
        /// The key.
        key: String,
        /// What it takes.
        expected: &'static str,
        /// What it was given.
        found: &'static str,
    },
    /// A capability that does not exist.
    #[error("unknown capability {name:?}; {}", capability_suggestion(*.nearest))]
    UnknownCapability {
        /// The word.
        name: String,
        /// The capability that was probably meant.
        nearest: Option<&'static str>,
    },
    /// A word of the old `policy = "…"` form that does not exist.
    #[error("unknown policy {0:?}; it is deny, read, write or sudo, or better a list of capabilities")]
    UnknownShorthand(String),
    /// `+*` in the path.
    #[error(
        "\"+*\" is not a wildcard; \"+\" stands for one whole segment and \"*\" at the end for any text, as in \"+/*\""
    )]
    PlusStar,
    /// More than [`SEGMENT_WILDCARDS_MAX`].
    #[error("the path has more than {SEGMENT_WILDCARDS_MAX} \"+\" segments")]
    TooManySegmentWildcards,
    /// More than [`PATH_BYTES_MAX`].
    #[error("the path is longer than {PATH_BYTES_MAX} bytes")]
    PathTooLong,
    /// `{{` and `}}` that do not pair up.
    #[error("the path has \"{{{{\" without \"}}}}\" or the reverse")]
    Template,
    /// A text that is no duration.
    #[error("key {key:?}: {source}")]
    Duration {
        /// The key.
        key: String,
        /// What is wrong with it.
        source: api::duration::DurationError,
    },
    /// The bounds of wrapping exclude each other.
    #[error("max_wrapping_ttl is less than min_wrapping_ttl")]
    WrappingOrder,
    /// A text that is no time.
    #[error("expiration is not a time; write RFC 3339 such as \"2030-01-02T15:04:05Z\", or seconds since 1970")]
    Expiration,
    /// A filter that cannot work.
    #[error("list_scan_response_keys_filter_path {0}")]
    KeysFilter(&'static str),
    /// A control group that cannot work.
    #[error("control_group {0}")]
    ControlGroup(&'static str),
}

fn suggestion(nearest: Option<&str>, known: &[&str]) -> String {
    match nearest {
        Some(nearest) => format!("did you mean {nearest:?}?"),
        None => format!("the keys are {}", known.join(", ")),
    }
}

fn capability_suggestion(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("did you mean {nearest:?}?"),
        None => format!("the capabilities are {}", Capability::ALL.map(Capability::as_str).join(", ")),
    }
}
