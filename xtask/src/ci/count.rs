//! Reads how many tests passed from what the test runners print.

use std::fmt;
use std::ops::AddAssign;

/// Sums of tests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

/// How a test says that what it needs is not there. It ends well for the runner, so it is moved from passed to skipped.
const SKIPPED: &str = "SKIPPED ";

impl Count {
    /// Adds what one line reports; most lines report nothing.
    pub(crate) fn read_line(&mut self, line: &str) {
        let line = line.trim_start();
        if let Some(sums) = line.strip_prefix("test result: ") {
            // `ok. 12 passed; 0 failed; 0 ignored; …` of cargo test.
            self.passed += number_before(sums, " passed");
            self.failed += number_before(sums, " failed");
            self.skipped += number_before(sums, " ignored");
        } else if line.starts_with("Summary [") && line.contains(" run: ") {
            // `Summary [ 0.1s] 3 tests run: 2 passed, 1 failed, 0 skipped` of nextest.
            self.passed += number_before(line, " passed");
            self.failed += number_before(line, " failed") + number_before(line, " timed out");
            self.skipped += number_before(line, " skipped");
        } else if line.starts_with(SKIPPED) {
            self.skipped += 1;
            self.passed = self.passed.saturating_sub(1);
        }
    }

    /// A step that fails without a failed test counts as one: a test that does not compile did not pass.
    pub(crate) fn of_step(self, passed: bool) -> Self {
        let failed = if passed { self.failed } else { self.failed.max(1) };
        Self { failed, ..self }
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// The number that stands directly before `unit`; 0 when there is none.
fn number_before(text: &str, unit: &str) -> u64 {
    let before = text.find(unit).and_then(|end| text.get(..end)).unwrap_or_default();
    before.rsplit(' ').next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}
