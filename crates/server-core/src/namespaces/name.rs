//! Names and ids of namespaces: what one may be called, and what may stand in a key.

use framework::Error;

use super::{DEPTH_MAX, PATH_BYTES_MAX};

/// The length of an id, but for that of the root namespace.
pub(crate) const ID_CHARACTERS: usize = 6;
/// The longest name of one namespace, without those above it, in bytes.
const NAME_BYTES_MAX: usize = 128;
/// Words that paths begin with, or that name the root namespace (documented Vault behavior).
const RESERVED: [&str; 6] = ["root", "sys", "audit", "auth", "cubbyhole", "identity"];
/// Characters that mean something in the paths of policies: a namespace must not be a pattern.
const OF_PATTERNS: [char; 4] = ['+', '*', '{', '}'];

/// Whether a text can be the id of a namespace other than the root. Only such a text may become part of a key: ids come
/// in tokens, which anybody may write.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == ID_CHARACTERS && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether a namespace can be called this, whatever is above it.
pub(super) fn check(name: &str) -> Result<(), Error> {
    let invalid = |why: &str| Error::Invalid(format!("invalid namespace name: {why}").into());
    if name.is_empty() {
        return Err(invalid("it is empty"));
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(invalid(&format!("it has {} bytes, the most is {NAME_BYTES_MAX}", name.len())));
    }
    if RESERVED.contains(&name) {
        return Err(invalid(&format!("\"{name}\" is a reserved word")));
    }
    if name.contains('/') {
        return Err(invalid("it has a slash in it: make a namespace in the one above it"));
    }
    if name == "." || name == ".." {
        return Err(invalid("it is only dots"));
    }
    if name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(invalid("it holds white space or a control character"));
    }
    if name.contains(OF_PATTERNS) {
        return Err(invalid("it holds one of + * { }, which mean something in policies"));
    }
    Ok(())
}

/// The path of a namespace called `name`, written with a `/` at its end or without, below `parent`.
pub(super) fn path_below(parent: &str, name: &str) -> Result<String, Error> {
    let name = name.strip_suffix('/').unwrap_or(name);
    check(name)?;
    let path = [parent, name, "/"].concat();
    if path.len() > PATH_BYTES_MAX {
        let length = path.len();
        return Err(Error::Invalid(
            format!("the namespace's path has {length} bytes, the most is {PATH_BYTES_MAX}").into(),
        ));
    }
    if path.matches('/').count() > DEPTH_MAX {
        return Err(Error::Invalid(format!("namespaces nest at most {DEPTH_MAX} deep").into()));
    }
    Ok(path)
}
