//! The two kinds of tokens, and the rules by which roles and mounts choose between them.

use serde::{Deserialize, Serialize};

/// What kind of token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Kind {
    /// Stored; can be renewed, revoked and limited in uses.
    #[default]
    Service,
    /// Holds everything in its text; nothing is stored.
    Batch,
}

/// What a role or a mount says about the kind of its tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KindRule {
    /// Always service tokens.
    Service,
    /// Always batch tokens.
    Batch,
    /// Service tokens, unless asked otherwise.
    #[default]
    DefaultService,
    /// Batch tokens, unless asked otherwise.
    DefaultBatch,
}

impl Kind {
    /// The word that the API uses.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Batch => "batch",
        }
    }

    /// What a request asks for; `None` for a word that is none of the API's. Nothing, and the two words that leave the
    /// choice to others, ask for nothing.
    pub(crate) fn parse(text: &str) -> Option<Option<Self>> {
        match text {
            "" | "default" | "default-service" => Some(None),
            "service" => Some(Some(Self::Service)),
            "batch" | "default-batch" => Some(Some(Self::Batch)),
            _ => None,
        }
    }
}

impl KindRule {
    /// The word that the API uses.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Batch => "batch",
            Self::DefaultService => "default-service",
            Self::DefaultBatch => "default-batch",
        }
    }

    /// The rule of a word of the API, or `None`. Nothing is the default.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "default" | "default-service" => Some(Self::DefaultService),
            "default-batch" => Some(Self::DefaultBatch),
            "service" => Some(Self::Service),
            "batch" => Some(Self::Batch),
            _ => None,
        }
    }

    /// The kind of a token, given what its creation asks for.
    pub(crate) fn decide(self, asked: Option<Kind>) -> Kind {
        match self {
            Self::Service => Kind::Service,
            Self::Batch => Kind::Batch,
            Self::DefaultService => asked.unwrap_or(Kind::Service),
            Self::DefaultBatch => asked.unwrap_or(Kind::Batch),
        }
    }
}
