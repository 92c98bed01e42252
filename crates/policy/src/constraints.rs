//! Everything that a rule says about its path, and how equal paths of several policies become one rule.

use std::time::Duration;

use crate::{Capabilities, Capability, ControlGroup, Parameters};

/// What a path of a policy grants and asks for.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Constraints {
    /// The rights. With [`Capability::Deny`] nothing else is in the set, and nothing else here counts.
    pub capabilities: Capabilities,
    /// If not empty: only these parameters, with these values.
    pub allowed_parameters: Parameters,
    /// Not these parameters with these values.
    pub denied_parameters: Parameters,
    /// Parameters that must be there, in lower case.
    pub required_parameters: Vec<String>,
    /// The reply has to be wrapped, for this long at least.
    pub min_wrapping_ttl: Option<Duration>,
    /// The reply has to be wrapped, for this long at most.
    pub max_wrapping_ttl: Option<Duration>,
    /// Login MFA methods by name. Kept for whoever enforces them; nothing in this crate does.
    pub mfa_methods: Vec<String>,
    /// Approvals that others have to give. Kept for whoever enforces them; nothing in this crate does.
    pub control_group: Option<ControlGroup>,
    /// The most entries in one page of a list (OpenBao), at least 1.
    pub pagination_limit: Option<u64>,
    /// The template of a path that decides for each listed key whether it is shown (OpenBao). Kept for whoever enforces
    /// it; nothing in this crate does.
    pub list_scan_response_keys_filter_path: Option<String>,
}

impl Constraints {
    /// A rule that denies.
    pub(crate) fn deny() -> Self {
        Self { capabilities: Capability::Deny.into(), ..Self::default() }
    }

    /// Whether it says more than its capabilities.
    pub(crate) fn restricts(&self) -> bool {
        *self != Self { capabilities: self.capabilities, ..Self::default() }
    }

    /// Adds what another policy says about the same path: rights are joined, `deny` on either side leaves nothing else,
    /// and limits take the lower value, also of the minimum (Vault's documented choice).
    pub(crate) fn merge(&mut self, other: &Self) {
        if self.capabilities.denies() {
            return;
        }
        if other.capabilities.denies() {
            *self = Self::deny();
            return;
        }
        self.capabilities = self.capabilities.union(other.capabilities);
        self.allowed_parameters.merge(&other.allowed_parameters);
        self.denied_parameters.merge(&other.denied_parameters);
        join(&mut self.required_parameters, &other.required_parameters);
        join(&mut self.mfa_methods, &other.mfa_methods);
        lower(&mut self.min_wrapping_ttl, other.min_wrapping_ttl);
        lower(&mut self.max_wrapping_ttl, other.max_wrapping_ttl);
        lower(&mut self.pagination_limit, other.pagination_limit);
        // The first of several wins, as in OpenBao.
        if self.control_group.is_none() {
            self.control_group.clone_from(&other.control_group);
        }
        if self.list_scan_response_keys_filter_path.is_none() {
            self.list_scan_response_keys_filter_path.clone_from(&other.list_scan_response_keys_filter_path);
        }
    }
}

fn join(own: &mut Vec<String>, other: &[String]) {
    for name in other {
        if !own.contains(name) {
            own.push(name.clone());
        }
    }
}

fn lower<T: Ord + Copy>(own: &mut Option<T>, other: Option<T>) {
    *own = match (*own, other) {
        (Some(one), Some(two)) => Some(one.min(two)),
        (one, two) => one.or(two),
    };
}
