//! Reads SPDX license expressions and decides whether what we ship may contain the code.
//!
//! Only permissive licenses that Apache-2.0 can be combined with. `A OR B` needs one of them, `A AND B` both
//! (SPDX 2.3, annex D). The slash that old manifests use means OR.

/// What may be in the tree.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Whether the expression can be satisfied with allowed licenses only. Text that does not parse cannot.
pub(crate) fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let answer = any(&mut rest);
    answer == Some(true) && rest.is_empty()
}

/// `all (OR all)*`; `None` when the words do not parse.
fn any(rest: &mut &[&str]) -> Option<bool> {
    let mut answer = all(rest)?;
    while take(rest, "OR") {
        answer |= all(rest)?;
    }
    Some(answer)
}

/// `one (AND one)*`, which binds tighter than OR.
fn all(rest: &mut &[&str]) -> Option<bool> {
    let mut answer = one(rest)?;
    while take(rest, "AND") {
        answer &= one(rest)?;
    }
    Some(answer)
}

/// A license, a license with an exception, or an expression in parentheses.
fn one(rest: &mut &[&str]) -> Option<bool> {
    if take(rest, "(") {
        let answer = any(rest)?;
        return take(rest, ")").then_some(answer);
    }
    let (license, tail) = rest.split_first()?;
    *rest = tail;
    if matches!(*license, "AND" | "OR" | "WITH" | ")") {
        return None;
    }
    if !take(rest, "WITH") {
        return Some(ALLOWED.contains(license));
    }
    let (exception, tail) = rest.split_first()?;
    *rest = tail;
    Some(ALLOWED.contains(&format!("{license} WITH {exception}").as_str()))
}

fn take(rest: &mut &[&str], word: &str) -> bool {
    match rest.split_first() {
        Some((first, tail)) if *first == word => {
            *rest = tail;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
