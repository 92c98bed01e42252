//! All patterns of an ACL as one tree of path segments, so that a path is compared with few of them.
//!
//! A walk goes down at most two ways from each node, the segment itself and `+`, and enters each node at most once: its
//! cost is bounded by the size of the tree, usually by the length of the path. It allocates nothing.

use std::collections::BTreeMap;

use crate::pattern::Pattern;

/// The tree. Rules are numbers that the owner understands.
#[derive(Debug)]
pub(crate) struct Trie {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    /// Where this segment leads.
    literals: BTreeMap<Box<str>, usize>,
    /// Where any segment leads.
    any: Option<usize>,
    /// The rule whose pattern ends here.
    end: Option<usize>,
    /// The rules whose pattern goes on from here with this text, which has no slash, and `*`.
    globs: BTreeMap<Box<str>, usize>,
    /// The distinct lengths of those texts, so that each is looked up and not compared with its neighbors.
    glob_lengths: Vec<usize>,
}

impl Trie {
    pub(crate) fn new() -> Self {
        Self { nodes: vec![Node::default()] }
    }

    /// Adds a rule. A pattern that is there already keeps its first rule.
    pub(crate) fn insert(&mut self, pattern: &Pattern, rule: usize) {
        let (folders, partial) = match pattern.text.rsplit_once('/') {
            _ if !pattern.is_glob => (Some(pattern.text.as_str()), ""),
            Some((folders, partial)) => (Some(folders), partial),
            None => (None, pattern.text.as_str()),
        };
        let mut at = 0;
        for segment in folders.into_iter().flat_map(|folders| folders.split('/')) {
            at = self.child(at, segment, pattern.has_segments && segment == "+");
        }
        // `child` returns only numbers of nodes that are there.
        let node = &mut self.nodes[at];
        if pattern.is_glob {
            node.globs.entry(partial.into()).or_insert(rule);
            if !node.glob_lengths.contains(&partial.len()) {
                node.glob_lengths.push(partial.len());
            }
        } else {
            node.end.get_or_insert(rule);
        }
    }

    /// The node behind a segment, made if it is not there.
    fn child(&mut self, at: usize, segment: &str, is_any: bool) -> usize {
        let fresh = self.nodes.len();
        let node = &mut self.nodes[at];
        let child =
            if is_any { *node.any.get_or_insert(fresh) } else { *node.literals.entry(segment.into()).or_insert(fresh) };
        if child == fresh {
            self.nodes.push(Node::default());
        }
        child
    }

    /// Tells `found` every rule whose pattern matches the path.
    pub(crate) fn matches(&self, path: &str, found: &mut impl FnMut(usize)) {
        self.walk(0, path, found);
    }

    /// Recursion is by `+` only, which [`crate::SEGMENT_WILDCARDS_MAX`] bounds.
    fn walk(&self, start: usize, path: &str, found: &mut impl FnMut(usize)) {
        let mut at = Some(start);
        let mut rest = path;
        while let Some(node) = at.and_then(|at| self.nodes.get(at)) {
            let (segment, tail) = rest.split_once('/').map_or((rest, None), |(segment, tail)| (segment, Some(tail)));
            for length in &node.glob_lengths {
                if let Some(rule) = segment.get(..*length).and_then(|start| node.globs.get(start)) {
                    found(*rule);
                }
            }
            let literal = node.literals.get(segment).copied();
            let Some(tail) = tail else {
                let children = literal.into_iter().chain(node.any).filter_map(|child| self.nodes.get(child));
                children.filter_map(|child| child.end).for_each(&mut *found);
                return;
            };
            if let Some(any) = node.any {
                self.walk(any, tail, found);
            }
            (at, rest) = (literal, tail);
        }
    }
}
