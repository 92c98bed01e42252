//! What a node says of itself.

/// Fixed for the life of the process.
#[derive(Clone, Debug)]
pub struct Node {
    /// The Vault API level that clients choose their features by: plain semver, without build metadata.
    pub api_version: String,
    /// Our own version.
    pub version: &'static str,
    /// When the program was built, RFC 3339.
    pub build_date: &'static str,
    /// The kind of storage as configured.
    pub storage_type: &'static str,
    /// Where other nodes and clients reach this one; empty when unknown.
    pub api_address: String,
}
