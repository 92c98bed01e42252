//! Paths with `{{identity.…}}`: the values of the token's entity and groups are put in before a policy is compiled.

use crate::pattern::Pattern;
use crate::{Policy, Rule, RuleProblem};

/// The beginning of the names of what logins bring.
const ALIASES: &str = "identity.entity.aliases.";
/// The beginnings of the names that can have a value (Vault's documentation, “templated policies”).
const KNOWN: [&str; 6] = [
    "identity.entity.id",
    "identity.entity.name",
    "identity.entity.metadata.",
    ALIASES,
    "identity.groups.ids.",
    "identity.groups.names.",
];

/// A policy for one entity.
#[derive(Clone, PartialEq, Debug)]
pub struct Rendered {
    /// The policy without templates.
    pub policy: Policy,
    /// The rules that are not in it.
    pub skipped: Vec<Skipped>,
}

/// A rule that does not apply to this entity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skipped {
    /// The line on which it starts, from 1.
    pub line: u32,
    /// Its path with the templates.
    pub path: String,
    /// Why.
    pub reason: SkipReason,
}

/// Why a rule was left out.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SkipReason {
    /// The entity has no such value, or an empty one, which would widen the path.
    #[error("{0} has no value here")]
    Unresolved(String),
    /// The value has a wildcard in it, which would widen the path.
    #[error("the value of {0} contains * or +")]
    Wildcard(String),
    /// The value was brought to a login and has a slash in it, which would reach into a folder of somebody else's.
    #[error("the value of {0} was brought to a login and contains /")]
    Slash(String),
    /// The path came out unusable.
    #[error(transparent)]
    Path(RuleProblem),
}

/// A stretch of a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Piece<'a> {
    Text(&'a str),
    Selector(&'a str),
}

impl<'a> Piece<'a> {
    pub(crate) fn selector(&self) -> Option<&'a str> {
        match self {
            Self::Selector(selector) => Some(selector),
            Self::Text(_) => None,
        }
    }
}

/// Splits a path at its templates.
pub(crate) fn pieces(path: &str) -> Result<Vec<Piece<'_>>, RuleProblem> {
    let mut pieces = Vec::new();
    let mut rest = path;
    while let Some((text, opened)) = rest.split_once("{{") {
        let (selector, behind) = opened.split_once("}}").ok_or(RuleProblem::Template)?;
        if text.contains("}}") || selector.contains("{{") {
            return Err(RuleProblem::Template);
        }
        pieces.extend([Piece::Text(text), Piece::Selector(selector.trim())]);
        rest = behind;
    }
    if rest.contains("}}") {
        return Err(RuleProblem::Template);
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

/// Whether a selector can have a value for anybody.
pub(crate) fn is_known(selector: &str) -> bool {
    KNOWN.iter().any(|known| if known.ends_with('.') { selector.starts_with(known) } else { selector == *known })
}

impl Policy {
    /// The policy for one entity. `resolver` is asked for each selector between the braces, such as
    /// `identity.entity.name`; a rule with a selector that it has no value for is skipped. A policy without templates
    /// comes back as it is.
    #[must_use]
    pub fn render(&self, resolver: &dyn Fn(&str) -> Option<String>) -> Rendered {
        let mut rules = Vec::with_capacity(self.rules.len());
        let mut skipped = Vec::new();
        for rule in &self.rules {
            match render_path(&rule.path, resolver) {
                Ok(path) => rules.push(Rule { path, ..rule.clone() }),
                Err(reason) => skipped.push(Skipped { line: rule.line, path: rule.path.clone(), reason }),
            }
        }
        Rendered { policy: self.with_rules(rules), skipped }
    }

    /// The policy as it holds for one entity: as [`render`](Self::render), but a rule without a value stays as it is
    /// written. It decides nothing, and is told of where somebody asks why something is refused.
    #[must_use]
    pub fn with_values(&self, resolver: &dyn Fn(&str) -> Option<String>) -> Self {
        let rules = self.rules.iter().map(|rule| match render_path(&rule.path, resolver) {
            Ok(path) => Rule { path, ..rule.clone() },
            Err(_) => rule.clone(),
        });
        self.with_rules(rules.collect())
    }

    /// What stands between the braces of its paths, such as `identity.entity.name`; the same one several times.
    pub fn selectors(&self) -> impl Iterator<Item = &str> {
        let pieces = self.rules.iter().filter_map(|rule| pieces(&rule.path).ok());
        pieces.flatten().filter_map(|piece| piece.selector())
    }
}

/// Whether a value is what somebody else says at a login: the name of an alias, and what was noted of it. Who may choose
/// such a name could otherwise take that of another with a slash behind it. The accessor of a mount names its type, and
/// names of Kubernetes' accounts are put together by the method itself, of two parts that have no slash.
fn is_brought(selector: &str) -> bool {
    let of_alias = selector.strip_prefix(ALIASES).and_then(|rest| rest.split_once('.'));
    of_alias.is_some_and(|(accessor, what)| match what {
        "name" => !accessor.starts_with("auth_kubernetes_"),
        what => what.starts_with("metadata."),
    })
}

fn render_path(path: &str, resolver: &dyn Fn(&str) -> Option<String>) -> Result<String, SkipReason> {
    let mut rendered = String::with_capacity(path.len());
    for piece in pieces(path).map_err(SkipReason::Path)? {
        match piece {
            Piece::Text(text) => rendered.push_str(text),
            Piece::Selector(selector) => {
                let value = resolver(selector).filter(|value| !value.is_empty());
                let value = value.ok_or_else(|| SkipReason::Unresolved(selector.to_owned()))?;
                if value.contains(['*', '+']) {
                    return Err(SkipReason::Wildcard(selector.to_owned()));
                }
                if value.contains('/') && is_brought(selector) {
                    return Err(SkipReason::Slash(selector.to_owned()));
                }
                rendered.push_str(&value);
            }
        }
    }
    Pattern::check(&rendered).map_err(SkipReason::Path)?;
    Ok(rendered)
}
