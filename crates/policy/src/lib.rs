//! Access policies: text to [`Policy`], policies to a compiled [`Acl`], and the answer to “may this token do that?”.
//!
//! The language and the rules of priority are those of Vault's ACL policies (`docs/concepts/policies` of its public
//! documentation), OpenBao's additional keys included. The most specific rule that matches a path alone decides; equal
//! paths of several policies are merged; `deny` beats everything within one rule and nothing outside it.
//!
//! Pure: no I/O, no clock, no knowledge of tokens, storage or HTTP. A decision on an allowed request allocates nothing
//! unless its rule restricts parameters.

mod acl;
mod advice;
mod capability;
mod constraints;
mod control_group;
mod decision;
mod error;
mod left_out;
mod parameters;
mod parse;
mod pattern;
mod size;
mod template;
mod trie;

pub use acl::{Acl, AclRule, CompileError, Source};
pub use capability::{Capabilities, Capability, Operation};
pub use constraints::Constraints;
pub use control_group::{ControlGroup, Factor};
pub use decision::{Decision, Question, Reason};
pub use error::{ParseError, RuleProblem};
pub use parameters::Parameters;
pub use parse::{Policy, Repeated, Rule, Warning};
pub use template::{Rendered, SkipReason, Skipped};

/// The name of the policy that allows everything. It has no text, and a token that has it has no other.
pub const ROOT: &str = "root";

/// The text of the `default` policy as a new server starts with it. Every token gets that policy unless its creator
/// says otherwise; operators may edit it.
pub const DEFAULT: &str = include_str!("default.hcl");

/// The longest path of a rule, in bytes, its namespace not counted. Longer than any path that a request can have.
pub const PATH_BYTES_MAX: usize = 4096;
/// The most `+` segments in one path: bounds the depth to which a match can branch.
pub const SEGMENT_WILDCARDS_MAX: usize = 64;

#[cfg(test)]
mod tests;
