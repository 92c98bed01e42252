//! About how much memory an ACL takes, for whoever keeps many and has a bound in bytes. An estimate from its parts: it
//! must grow with everything that the author of a policy can make long.

use crate::{Acl, Constraints};

/// What a rule takes beside its texts: itself, its place in the index or the tree, the tables around it.
const RULE_BYTES: usize = 512;
/// How often the text of a path is there: in the rule, its pattern, and the index or the tree.
const PATH_COPIES: usize = 3;
/// What a policy that a rule comes from takes, beside its own restrictions.
const SOURCE_BYTES: usize = 64;
/// What a name or a value in a list takes beside its text.
const ITEM_BYTES: usize = 96;

impl Acl {
    /// About how much memory it takes, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let rules = self.rules().map(|rule| {
            let restrictions = rule.sources().iter().filter_map(|source| source.restrictions.as_deref());
            RULE_BYTES
                + PATH_COPIES * rule.path().len()
                + rule.sources().len() * SOURCE_BYTES
                + constraints(rule.constraints())
                + restrictions.map(constraints).sum::<usize>()
        });
        size_of::<Self>() + rules.sum::<usize>()
    }
}

fn constraints(constraints: &Constraints) -> usize {
    let parameters = constraints.allowed_parameters.iter().chain(constraints.denied_parameters.iter());
    let parameters = parameters.map(|(name, values)| {
        let values = values.iter().map(|value| ITEM_BYTES + value.to_string().len());
        ITEM_BYTES + name.len() + values.sum::<usize>()
    });
    let names = constraints.required_parameters.iter().chain(&constraints.mfa_methods);
    size_of::<Constraints>() + parameters.sum::<usize>() + names.map(|name| ITEM_BYTES + name.len()).sum::<usize>()
}

#[cfg(test)]
mod tests;
