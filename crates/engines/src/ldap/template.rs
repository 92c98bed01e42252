//! Filters with gaps: `({{.UserAttr}}={{.Username}})`. Of the templates that Vault takes here these are the ones that
//! people write; what goes into a gap is escaped already.

use framework::Error;

/// What a gap may stand for, with what goes there.
pub(super) type Values<'a> = [(&'a str, &'a str)];

/// The text with its gaps filled; `setting` is its name in complaints.
///
/// # Errors
/// [`Error::Invalid`] for a gap that is none of these, or does not end.
pub(super) fn render(setting: &str, text: &str, values: &Values<'_>) -> Result<String, Error> {
    let mut rendered = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("{{") {
        rendered.push_str(before);
        let (gap, behind) = behind.split_once("}}").ok_or_else(|| complain(setting, values))?;
        let name = gap.trim().strip_prefix('.').ok_or_else(|| complain(setting, values))?;
        let value = values.iter().find(|(known, _)| *known == name).ok_or_else(|| complain(setting, values))?;
        rendered.push_str(value.1);
        rest = behind;
    }
    rendered.push_str(rest);
    Ok(rendered)
}

fn complain(setting: &str, values: &Values<'_>) -> Error {
    let known: Vec<_> = values.iter().map(|(name, _)| format!("{{{{.{name}}}}}")).collect();
    let text = format!("error parsing {setting}: gaps in it must be {}", known.join(" or "));
    Error::Invalid(text.into())
}
