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

impl Node {
    /// Whether clients may expect what Vault does since this release. A text that is no version is of today.
    pub(crate) fn is_at_least(&self, major: u32, minor: u32) -> bool {
        let mut parts = self.api_version.split('.').map(str::parse::<u32>);
        match (parts.next(), parts.next()) {
            (Some(Ok(has_major)), Some(Ok(has_minor))) => (has_major, has_minor) >= (major, minor),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Node;

    #[test]
    fn levels_are_compared_as_numbers() {
        let node = |api_version: &str| Node {
            api_version: api_version.to_owned(),
            version: "0",
            build_date: "",
            storage_type: "inmem",
            api_address: String::new(),
        };
        for (version, expected) in
            [("1.9.0", false), ("1.15.6", false), ("1.20.0", true), ("1.21.4", true), ("2.0.0", true), ("", true)]
        {
            assert_eq!(node(version).is_at_least(1, 20), expected, "{version}");
        }
    }
}
