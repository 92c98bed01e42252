//! The single rights that a rule can grant, sets of them, and the operations that need them.

use std::fmt;

/// One right. Ordered as the wire prints them: by name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Capability {
    /// Make something that does not exist yet.
    Create,
    /// Remove something.
    Delete,
    /// Refuse everything, whatever else the rule says.
    Deny,
    /// Enumerate names.
    List,
    /// Change parts of something.
    Patch,
    /// Read something.
    Read,
    /// Recover from a snapshot. Part of the language; no operation here needs it.
    Recover,
    /// Enumerate names recursively (OpenBao).
    Scan,
    /// Receive events. Part of the language; no operation here needs it.
    Subscribe,
    /// Use paths that are protected beyond their verb.
    Sudo,
    /// Change something that exists.
    Update,
}

impl Capability {
    /// All of them, by name.
    pub const ALL: [Self; 11] = [
        Self::Create,
        Self::Delete,
        Self::Deny,
        Self::List,
        Self::Patch,
        Self::Read,
        Self::Recover,
        Self::Scan,
        Self::Subscribe,
        Self::Sudo,
        Self::Update,
    ];

    /// The word for it in policies and replies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Deny => "deny",
            Self::List => "list",
            Self::Patch => "patch",
            Self::Read => "read",
            Self::Recover => "recover",
            Self::Scan => "scan",
            Self::Subscribe => "subscribe",
            Self::Sudo => "sudo",
            Self::Update => "update",
        }
    }

    /// The capability with this name. Names are lower case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|capability| capability.as_str() == name)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of capabilities.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Capabilities(u16);

impl Capabilities {
    /// No right at all.
    pub const NONE: Self = Self(0);

    /// Whether the set holds this one.
    #[must_use]
    pub fn contains(self, capability: Capability) -> bool {
        self.0 & Self::from(capability).0 != 0
    }

    /// What either set holds.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every member of this set is in the other.
    #[must_use]
    pub fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether it holds [`Capability::Deny`].
    #[must_use]
    pub fn denies(self) -> bool {
        self.contains(Capability::Deny)
    }

    /// Whether it grants anything: it is not empty and does not deny.
    #[must_use]
    pub fn grants_anything(self) -> bool {
        self != Self::NONE && !self.denies()
    }

    /// The members by name.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.into_iter().filter(move |capability| self.contains(*capability))
    }
}

impl From<Capability> for Capabilities {
    fn from(capability: Capability) -> Self {
        Self(1 << capability as u16)
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        capabilities.into_iter().fold(Self::NONE, |set, capability| set.union(capability.into()))
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// What a request wants to do, as far as policies are concerned.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Operation {
    /// Write where nothing is yet; which of the two a write is, the engine's existence check says.
    Create,
    /// Read.
    Read,
    /// Write. Revoking, renewing and rolling back count as this.
    Update,
    /// Change in part.
    Patch,
    /// Delete.
    Delete,
    /// Enumerate one level.
    List,
    /// Enumerate all levels.
    Scan,
    /// Ask for the help text, which every valid token may.
    Help,
}

impl Operation {
    /// The capability that it takes; none for help.
    #[must_use]
    pub fn capability(self) -> Option<Capability> {
        Some(match self {
            Self::Create => Capability::Create,
            Self::Read => Capability::Read,
            Self::Update => Capability::Update,
            Self::Patch => Capability::Patch,
            Self::Delete => Capability::Delete,
            Self::List => Capability::List,
            Self::Scan => Capability::Scan,
            Self::Help => return None,
        })
    }

    /// Whether the request's parameters are checked.
    pub(crate) fn checks_parameters(self) -> bool {
        matches!(self, Self::Create | Self::Read | Self::Update | Self::Patch)
    }

    /// Whether the reply is a list of names.
    pub(crate) fn enumerates(self) -> bool {
        matches!(self, Self::List | Self::Scan)
    }
}
