//! `control_group`: who has to approve before a request is answered. Read and checked so that policies of other servers
//! load; the rule keeps it, and [`crate::Warning`] says that it is not enforced.

use std::time::Duration;

use hcl::{Body, Kind};

use crate::parse::{Context, Duplicate};
use crate::{Capabilities, ParseError, RuleProblem};

/// The approvals that a path asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ControlGroup {
    /// How long an approval may take to come; absent: the server's default.
    pub ttl: Option<Duration>,
    /// Each has to be fulfilled. Never empty.
    pub factors: Vec<Factor>,
}

/// One group of people, some of whom have to approve.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Factor {
    /// What it is called.
    pub name: String,
    /// The rights that need it; empty: all of the rule.
    pub controlled_capabilities: Capabilities,
    /// Ids of identity groups whose members may approve.
    pub group_ids: Vec<String>,
    /// Names of such groups.
    pub group_names: Vec<String>,
    /// How many have to approve, at least 1.
    pub approvals: u64,
}

/// Reads the body of a `control_group`.
pub(crate) fn parse(context: &Context<'_>, body: &Body) -> Result<ControlGroup, ParseError> {
    let mut group = ControlGroup { ttl: None, factors: Vec::new() };
    for item in &body.items {
        match item.name() {
            "ttl" => group.ttl = Some(context.duration(item)?),
            "factor" => {
                for block in item.blocks(1).map_err(ParseError::Text)? {
                    let name = block.labels.first().map_or("", |label| label.text.as_str());
                    group.factors.push(factor(context, name, block.body)?);
                }
            }
            _ => return Err(context.unknown(item, &["factor", "ttl"])),
        }
    }
    if group.factors.is_empty() {
        return Err(context.error(context.position, RuleProblem::ControlGroup("needs a factor")));
    }
    Ok(group)
}

fn factor(context: &Context<'_>, name: &str, body: &Body) -> Result<Factor, ParseError> {
    let mut factor = Factor {
        name: name.to_owned(),
        controlled_capabilities: Capabilities::NONE,
        group_ids: Vec::new(),
        group_names: Vec::new(),
        approvals: 0,
    };
    for item in &body.items {
        match (item.name(), &item.value.kind) {
            ("controlled_capabilities", _) => factor.controlled_capabilities = context.capabilities(item)?,
            ("identity", Kind::Object(identity)) => {
                for item in &identity.items {
                    match item.name() {
                        "group_ids" => context.strings(item, &mut factor.group_ids, Duplicate::Keep)?,
                        "group_names" => context.strings(item, &mut factor.group_names, Duplicate::Keep)?,
                        "approvals" => factor.approvals = context.count(item)?,
                        _ => return Err(context.unknown(item, &["approvals", "group_ids", "group_names"])),
                    }
                }
            }
            _ => return Err(context.unknown(item, &["controlled_capabilities", "identity"])),
        }
    }
    if factor.approvals == 0 || (factor.group_ids.is_empty() && factor.group_names.is_empty()) {
        let problem = RuleProblem::ControlGroup("needs an identity with groups and approvals in each factor");
        return Err(context.error(context.position, problem));
    }
    Ok(factor)
}
