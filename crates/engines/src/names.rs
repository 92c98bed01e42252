//! What named things of auth methods can be called: names stand in storage keys, in tokens and in templates of policies.

use framework::Error;
use framework::path::fold;

/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 512;

/// A name as it is stored, in lower case: letters, digits and `_`, with `-` and `.` in between.
///
/// # Errors
/// [`Error::Invalid`] for any other name of a `what`.
pub(crate) fn check(what: &str, name: &str) -> Result<String, Error> {
    let name = fold(name);
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_fine = name.starts_with(is_word) && name.ends_with(is_word);
    if !is_fine || name.len() > NAME_BYTES_MAX || name.contains(|c| !is_word(c) && c != '-' && c != '.') {
        let text = format!(
            "the name of a {what} has 1 to {NAME_BYTES_MAX} letters, digits, '_', '-' or '.', and none of the last two at \
             its ends"
        );
        return Err(Error::Invalid(text.into()));
    }
    Ok(name)
}
