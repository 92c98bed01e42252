//! How much of everything one run measures.

use std::time::Duration;

/// The numbers of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How often the cases take turns.
    pub rounds: usize,
    /// One case in one round.
    pub time: Duration,
    /// Secrets that count as few.
    pub few: u32,
    /// Secrets that a server has taken when its memory is looked at.
    pub loaded: u32,
    /// Secrets under the long list, and before the last restart.
    pub secrets: u32,
    /// TLS connections that stay open.
    pub idle: u32,
    /// Whether a clean release build is part of it.
    pub build: bool,
    /// Whether budgets that name a size are judged: only at that size.
    pub is_whole: bool,
}

/// What is published.
pub const WHOLE: Plan = Plan {
    rounds: 5,
    time: Duration::from_secs(2),
    few: 10_000,
    loaded: 100_000,
    secrets: 1_000_000,
    idle: 10_000,
    build: false,
    is_whole: true,
};

/// Fewer rounds and smaller stores: two minutes, for whoever has just changed something.
pub const QUICK: Plan = Plan {
    rounds: 3,
    time: Duration::from_secs(1),
    few: 2_000,
    loaded: 10_000,
    secrets: 20_000,
    idle: 1_000,
    build: false,
    is_whole: false,
};

impl Plan {
    /// A text of the table with this run's sizes in it.
    #[must_use]
    pub fn fill_in(&self, text: &str) -> String {
        let sizes =
            [("{few}", self.few), ("{loaded}", self.loaded), ("{secrets}", self.secrets), ("{idle}", self.idle)];
        sizes.iter().fold(text.to_owned(), |text, (name, size)| text.replace(name, &thousands(*size)))
    }

    /// Whether a row with this text has its budget in this run.
    #[must_use]
    pub fn judges(&self, text: &str) -> bool {
        self.is_whole || !text.contains('{')
    }
}

/// `1,000,000`.
#[must_use]
pub fn thousands(number: u32) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_with_commas() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345, "12,345"), (1_000_000, "1,000,000")] {
            assert_eq!(thousands(number), text);
        }
    }

    #[test]
    fn a_budget_that_names_a_size_holds_at_that_size_only() {
        assert_eq!(WHOLE.fill_in("of {secrets} and {idle}"), "of 1,000,000 and 10,000");
        assert!(WHOLE.judges("of {secrets}") && QUICK.judges("a read"));
        assert!(!QUICK.judges("of {secrets}"));
    }
}
