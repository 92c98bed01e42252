//! What a backup says of itself: its first frame and its last, both JSON.

use std::fmt;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use crate::Sum;

/// The format that this release writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// Names a cluster where nobody holds its keys: the random id of the commit that initialized the store. Not secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Lineage(pub [u8; 16]);

/// The first frame.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub v: u32,
    /// When it was made, as RFC 3339 text.
    pub made: String,
    /// The program and version that made it.
    pub made_by: String,
    /// Which cluster it is of.
    pub lineage: Lineage,
    /// The cluster's id as its API tells it; only an unsealed server knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// The position of the store that every entry is as of.
    pub position: u64,
    /// The level of the stored formats.
    pub feature_level: u32,
}

/// The last frame.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trailer {
    /// How many entries there are.
    pub entries: u64,
    /// How many sections they stand in.
    pub sections: u64,
    /// That the cluster made this; absent when no unsealed server did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}

/// A [`mac`](crate::mac) and which key it is made with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Proof {
    /// The term of the cluster's keyring.
    pub term: u32,
    /// The MAC.
    #[serde(with = "hex")]
    pub mac: Sum,
}

/// Read first and alone: a later version may have any other fields.
#[derive(Deserialize)]
pub(crate) struct Versioned {
    pub(crate) v: u32,
}

impl fmt::Display for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl From<Lineage> for String {
    fn from(lineage: Lineage) -> Self {
        lineage.to_string()
    }
}

impl TryFrom<String> for Lineage {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or("a lineage is 32 hexadecimal digits")
    }
}

/// Sums as text.
mod hex {
    use data_encoding::HEXLOWER;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::Sum;

    pub(super) fn serialize<S: Serializer>(sum: &Sum, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&HEXLOWER.encode(sum))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sum, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.ok_or_else(|| D::Error::custom("a MAC is 64 hexadecimal digits"))
    }
}
