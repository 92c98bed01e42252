//! Reads the values of one file: coercion as Vault does it, and messages that know where they come from.

use std::time::Duration;

use hcl::{Item, Kind, Value};

use super::error::{ConfigError, Problem};
use super::keys::{Ignored, Refused};

/// The file that is being read, and where its warnings go.
pub(super) struct Reader<'a> {
    pub(super) file: &'a str,
    pub(super) warnings: &'a mut Vec<String>,
}

impl Reader<'_> {
    pub(super) fn error(&self, line: u32, problem: Problem) -> ConfigError {
        ConfigError::At { file: self.file.to_owned(), line, problem }
    }

    pub(super) fn warn(&mut self, line: u32, text: &str) {
        self.warnings.push(format!("{}, line {line}: {text}", self.file));
    }

    /// An error of the language's reader in this file.
    pub(super) fn text_error(&self, error: hcl::Error) -> ConfigError {
        ConfigError::Text { file: self.file.to_owned(), error }
    }

    /// What to do about a key that is not ours.
    pub(super) fn foreign(
        &mut self,
        item: &Item,
        place: &'static str,
        own: &[&'static str],
        ignored: Ignored,
        refused: Refused,
    ) -> Result<(), ConfigError> {
        let (name, line) = (item.name(), item.position().line);
        if let Some((_, hint)) = ignored.iter().find(|(key, _)| *key == name) {
            let hint = if hint.is_empty() { String::new() } else { format!(": {hint}") };
            self.warn(line, &format!("key {name:?} {place} has no effect here{hint}"));
            return Ok(());
        }
        let key = name.to_owned();
        if let Some((_, reason)) = refused.iter().find(|(key, _)| *key == name) {
            return Err(self.error(line, Problem::Unsupported { key, reason }));
        }
        let known = own.iter().chain(ignored.iter().chain(refused).map(|(key, _)| key)).copied();
        let nearest = hcl::nearest(name, known).map(str::to_owned);
        Err(self.error(line, Problem::UnknownKey { key, place, nearest }))
    }

    /// A value that is not as it should be. Its text is shown when it is short and cannot be a secret: no caller
    /// passes one for key material.
    pub(super) fn wrong(&self, item: &Item, expected: impl Into<String>) -> ConfigError {
        const SHOWN_BYTES_MAX: usize = 64;
        let value = &item.value;
        let found = match value.scalar_text().filter(|text| text.len() <= SHOWN_BYTES_MAX) {
            Some(text) => format!("{text:?}"),
            None => value.describe().to_owned(),
        };
        let problem = Problem::Value { key: item.name().to_owned(), expected: expected.into(), found };
        self.error(value.position.line, problem)
    }

    /// The value of an attribute, which a block with labels is not.
    fn attribute<'a>(&self, item: &'a Item, expected: &str) -> Result<&'a Value, ConfigError> {
        if item.keys.len() == 1 { Ok(&item.value) } else { Err(self.wrong(item, expected)) }
    }

    pub(super) fn text(&self, item: &Item) -> Result<String, ConfigError> {
        const EXPECTED: &str = "a string";
        let text = self.attribute(item, EXPECTED)?.scalar_text();
        text.map(String::from).ok_or_else(|| self.wrong(item, EXPECTED))
    }

    /// Text that is not empty.
    pub(super) fn some_text(&self, item: &Item) -> Result<String, ConfigError> {
        self.text(item).and_then(|text| if text.is_empty() { Err(self.wrong(item, "text")) } else { Ok(text) })
    }

    /// A Boolean, or one of the words and numbers that Go takes for one.
    pub(super) fn flag(&self, item: &Item) -> Result<bool, ConfigError> {
        match self.text(item)?.as_str() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" | "" => Ok(false),
            _ => Err(self.wrong(item, "true or false")),
        }
    }

    /// A duration; nothing for zero, which stands for the default everywhere.
    pub(super) fn duration(&self, item: &Item) -> Result<Option<Duration>, ConfigError> {
        const EXPECTED: &str = "a duration such as 90, \"90s\" or \"1h30m\"";
        let text = self.text(item).map_err(|_| self.wrong(item, EXPECTED))?;
        let duration = api::duration::parse(&text).map_err(|_| self.wrong(item, EXPECTED))?;
        Ok(Some(duration).filter(|duration| !duration.is_zero()))
    }

    /// A number from 1 to `max`; nothing for zero, which stands for the default everywhere.
    pub(super) fn count(&self, item: &Item, max: usize) -> Result<Option<usize>, ConfigError> {
        let expected = || format!("a number from 1 to {max}, or 0 for the default");
        let text = self.text(item).map_err(|_| self.wrong(item, expected()))?;
        let count: usize = text.parse().map_err(|_| self.wrong(item, expected()))?;
        if count > max { Err(self.wrong(item, expected())) } else { Ok(Some(count).filter(|count| *count > 0)) }
    }

    /// A list of texts, or one text with commas.
    pub(super) fn texts(&self, item: &Item) -> Result<Vec<String>, ConfigError> {
        const EXPECTED: &str = "a list of strings";
        let value = self.attribute(item, EXPECTED)?;
        match &value.kind {
            Kind::List(values) => {
                let text =
                    |value: &Value| value.scalar_text().map(String::from).ok_or_else(|| self.wrong(item, EXPECTED));
                values.iter().map(text).collect()
            }
            _ => {
                let text = value.scalar_text().ok_or_else(|| self.wrong(item, EXPECTED))?;
                Ok(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect())
            }
        }
    }
}
