//! The path of a rule as a pattern: which paths it matches, and how it ranks among the patterns that match one path.

use std::cmp::Reverse;

use crate::error::RuleProblem;
use crate::{PATH_BYTES_MAX, SEGMENT_WILDCARDS_MAX};

/// A rule's path, its namespace in front and no slash before that.
///
/// `*` at the very end stands for any text, `+` as a whole segment for any one segment, the empty one included. Both
/// are ordinary characters anywhere else.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Pattern {
    /// The text without the `*` at its end.
    pub(crate) text: String,
    /// Whether there was one.
    pub(crate) is_glob: bool,
    /// Whether `+` is looked for. Vault decides it by the start of a segment only, which ranks `a/+b` among patterns.
    pub(crate) has_segments: bool,
}

/// Compares patterns that match the same path; the greatest decides. The order of the fields is the rule (Vault's
/// documentation, “priority matching”): a later first wildcard, no glob, fewer segment wildcards, length, text.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Priority<'a> {
    first_wildcard: usize,
    is_not_glob: bool,
    segment_wildcards: Reverse<usize>,
    bytes: usize,
    text: &'a str,
}

impl Pattern {
    /// A pattern in a namespace, whose path is empty for the root namespace or else ends in a slash.
    pub(crate) fn new(namespace: &str, path: &str) -> Self {
        let full = format!("{namespace}{}", path.strip_prefix('/').unwrap_or(path));
        let has_segments = full == "+" || full.starts_with("+/") || full.contains("/+");
        match full.strip_suffix('*') {
            Some(text) => Self { text: text.to_owned(), is_glob: true, has_segments },
            None => Self { text: full, is_glob: false, has_segments },
        }
    }

    /// What is wrong with a path, if anything.
    pub(crate) fn check(path: &str) -> Result<(), RuleProblem> {
        if path.len() > PATH_BYTES_MAX {
            return Err(RuleProblem::PathTooLong);
        }
        if path.contains("+*") {
            return Err(RuleProblem::PlusStar);
        }
        if path.split('/').filter(|segment| *segment == "+").count() > SEGMENT_WILDCARDS_MAX {
            return Err(RuleProblem::TooManySegmentWildcards);
        }
        Ok(())
    }

    /// Whether it matches one path only and outranks every other kind.
    pub(crate) fn is_exact(&self) -> bool {
        !self.is_glob && !self.has_segments
    }

    pub(crate) fn priority(&self) -> Priority<'_> {
        // The first `+` of the text, as in Vault, even where that is a part of a name in front of the first wildcard.
        let first_plus = if self.has_segments { self.text.find('+') } else { None };
        let wildcards = if self.has_segments { self.text.split('/').filter(|part| *part == "+").count() } else { 0 };
        Priority {
            first_wildcard: first_plus.unwrap_or(self.text.len()),
            is_not_glob: !self.is_glob,
            segment_wildcards: Reverse(wildcards),
            bytes: self.text.len(),
            text: &self.text,
        }
    }

    /// Whether it is written for something at or under `folder`, which ends in a slash.
    pub(crate) fn reaches_into(&self, folder: &str) -> bool {
        if !self.has_segments {
            return self.text.starts_with(folder);
        }
        let mut own = self.text.split('/').peekable();
        folder.strip_suffix('/').unwrap_or(folder).split('/').all(|segment| match own.next() {
            Some("+") => true,
            Some(part) if self.is_glob && own.peek().is_none() => segment.starts_with(part),
            part => part == Some(segment),
        })
    }

    /// As it is written in a policy, with the namespace in front.
    pub(crate) fn display(&self) -> String {
        format!("{}{}", self.text, if self.is_glob { "*" } else { "" })
    }
}
