//! Finds the row of a table for a path. A literal segment beats a parameter, a parameter beats the rest of the path;
//! two templates of equal shape are refused when the table is built.

use std::collections::BTreeMap;

use crate::path::{PathSpec, Segment};
use crate::request::Operation;

/// The longest template, in segments.
const SEGMENTS_MAX: usize = 16;

/// A tree of templates.
#[derive(Debug, Default)]
pub struct Router {
    root: Node,
}

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub struct Match {
    /// Which row of the table.
    pub index: usize,
    /// What each parameter stands for, in the order of the template.
    pub captures: Vec<String>,
}

/// Why a table cannot be routed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Two templates match the same paths.
    #[error("templates \"{0}\" and \"{1}\" match the same paths")]
    Ambiguous(String, String),
    /// A parameter of the template is not described, or the other way round.
    #[error("template \"{template}\" and its described parameters differ: {name}")]
    Parameter {
        /// Which template.
        template: String,
        /// Which parameter.
        name: String,
    },
    /// More than one literal segment stands behind a parameter that takes the rest of the path.
    #[error("template \"{0}\" goes on with more than one literal behind a parameter that takes the rest of the path")]
    BehindRest(String),
    /// More than 16 segments, or an empty one.
    #[error("template \"{0}\" has an empty segment or too many of them")]
    Segments(String),
}

#[derive(Debug, Default)]
struct Node {
    /// Whether the row that ends here can be listed, and the one for everything below.
    here_lists: bool,
    rest_lists: bool,
    literals: BTreeMap<&'static str, Node>,
    name: Option<Box<Node>>,
    /// The rest of the path up to one last literal segment, such as `/tune`.
    tails: BTreeMap<&'static str, usize>,
    rest: Option<usize>,
    here: Option<usize>,
}

impl Router {
    /// A tree of these rows.
    ///
    /// # Errors
    /// The first template that cannot be told from another or does not fit its parameters.
    pub fn new<'a>(specs: impl IntoIterator<Item = &'a PathSpec>) -> Result<Self, TableError> {
        let specs: Vec<_> = specs.into_iter().collect();
        let mut root = Node::default();
        for (index, spec) in specs.iter().enumerate() {
            if let Some(other) = insert(&mut root, spec, index)? {
                return Err(TableError::Ambiguous(specs[other].template.to_owned(), spec.template.to_owned()));
            }
        }
        Ok(Self { root })
    }

    /// The row for a path. `is_list` lets the rest of a path be empty, and ignores one `/` at the end. Otherwise a `/`
    /// at the end makes another path: what a policy says of `keys/a` must not be got round by asking for `keys/a/`.
    #[must_use]
    pub fn find(&self, path: &str, is_list: bool) -> Option<Match> {
        let path = if is_list { path.strip_suffix('/').unwrap_or(path) } else { path };
        let mut captures = Vec::new();
        let start = (!path.is_empty()).then_some(path);
        let index = find(&self.root, start, is_list, &mut captures)?;
        Some(Match { index, captures: captures.into_iter().map(str::to_owned).collect() })
    }
}

/// Adds a template; gives back the row that already stands at its place.
fn insert(root: &mut Node, spec: &PathSpec, index: usize) -> Result<Option<usize>, TableError> {
    let template = spec.template;
    let mut params = spec.params.iter();
    let mut node = root;
    let mut segments = template.split_terminator('/');
    let mut count = 0;
    while let Some(segment) = segments.next() {
        count += 1;
        if segment.is_empty() || count > SEGMENTS_MAX {
            return Err(TableError::Segments(template.to_owned()));
        }
        let Some(name) = segment.strip_prefix('{').and_then(|it| it.strip_suffix('}')) else {
            node = node.literals.entry(segment).or_default();
            continue;
        };
        let mismatch = || TableError::Parameter { template: template.to_owned(), name: name.to_owned() };
        let param = params.next().filter(|param| param.name == name).ok_or_else(mismatch)?;
        if param.segment == Segment::Name {
            node = node.name.get_or_insert_default();
            continue;
        }
        let Some(tail) = segments.next() else {
            node.rest_lists = lists(spec);
            return Ok(node.rest.replace(index));
        };
        if segments.next().is_some() || tail.starts_with('{') {
            return Err(TableError::BehindRest(template.to_owned()));
        }
        return Ok(node.tails.insert(tail, index));
    }
    if let Some(param) = params.next() {
        return Err(TableError::Parameter { template: template.to_owned(), name: param.name.to_owned() });
    }
    node.here_lists = lists(spec);
    Ok(node.here.replace(index))
}

fn lists(spec: &PathSpec) -> bool {
    spec.operations.contains_key(&Operation::List)
}

/// Depth is bounded by the longest template: every step consumes one of its segments.
fn find<'p>(node: &Node, path: Option<&'p str>, is_list: bool, captures: &mut Vec<&'p str>) -> Option<usize> {
    let Some(path) = path else {
        // The path has ended here. The top of a list may be another row than the bare name, such as one that anybody may
        // ask for one thing, while the list needs `sudo`.
        let is_top = is_list && node.rest_lists && !node.here_lists;
        return node.here.filter(|_| !is_top).or_else(|| {
            let index = node.rest.filter(|_| is_list)?;
            captures.push("");
            Some(index)
        });
    };
    if path.is_empty() {
        // A slash with nothing behind it; the one at the end of a list was taken off before.
        return None;
    }
    let (segment, behind) = match path.split_once('/') {
        Some((segment, behind)) => (segment, Some(behind)),
        None => (path, None),
    };
    if let Some(next) = node.literals.get(segment)
        && let Some(index) = find(next, behind, is_list, captures)
    {
        return Some(index);
    }
    if let Some(next) = &node.name
        && !segment.is_empty()
    {
        let kept = captures.len();
        captures.push(segment);
        if let Some(index) = find(next, behind, is_list, captures) {
            return Some(index);
        }
        captures.truncate(kept);
    }
    if let Some((rest, tail)) = path.rsplit_once('/')
        && let Some(index) = node.tails.get(tail)
        && !rest.is_empty()
    {
        captures.push(rest);
        return Some(*index);
    }
    let index = node.rest?;
    captures.push(path);
    Some(index)
}

#[cfg(test)]
mod tests;
