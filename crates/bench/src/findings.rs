//! What a subject has found out, on its way to the table. Every figure is told as soon as it is known: those of a subject
//! that fails later are not lost.

use std::io::Write;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::budgets::Row;

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The row that it belongs to.
    pub row: String,
    /// In the unit that the row's text names.
    pub value: f64,
    /// The measurements behind it, with their units.
    pub from: String,
}

/// One line of what a worker tells.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Told {
    /// One more.
    Figure(Finding),
    /// Why there are no more.
    Failure(String),
}

/// Where a subject tells what it finds.
pub struct Findings<'a> {
    rows: &'static [Row],
    out: &'a mut dyn Write,
}

impl<'a> Findings<'a> {
    /// For the subject that has these rows; a line of JSON for each figure goes to `out`.
    pub fn new(rows: &'static [Row], out: &'a mut dyn Write) -> Self {
        Self { rows, out }
    }

    /// The figure of one row.
    ///
    /// # Errors
    /// When the subject has no such row, the figure is none, or nobody takes it.
    pub fn tell(&mut self, row: &str, value: f64, from: impl Into<String>) -> Result<()> {
        ensure!(self.rows.iter().any(|known| known.name == row), "no row is called {row:?}");
        ensure!(value.is_finite(), "{row}: {value} is no figure");
        self.write(&Told::Figure(Finding { row: row.to_owned(), value, from: from.into() }))
    }

    /// Why there are no more figures.
    pub(crate) fn fail(&mut self, failure: String) -> Result<()> {
        self.write(&Told::Failure(failure))
    }

    fn write(&mut self, told: &Told) -> Result<()> {
        let line = serde_json::to_string(told)?;
        writeln!(self.out, "{line}").and_then(|()| self.out.flush()).context("telling a figure")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Goal;

    const ROWS: &[Row] = &[Row { name: "read", what: "a read", goal: Goal::None }];

    #[test]
    fn figures_and_failures_arrive_as_they_were_told() {
        let mut lines = Vec::new();
        let mut findings = Findings::new(ROWS, &mut lines);
        findings.tell("read", 0.5, "1 ÷ 2").expect("a row of the subject");
        findings.fail("killed".to_owned()).expect("a failure can be told");
        let mut told = lines.split_inclusive(|byte| *byte == b'\n').map(|line| serde_json::from_slice(line).unwrap());
        let figure = Finding { row: "read".into(), value: 0.5, from: "1 ÷ 2".into() };
        assert_eq!(told.next(), Some(Told::Figure(figure)));
        assert_eq!(told.next(), Some(Told::Failure("killed".into())));
    }

    #[test]
    fn what_is_no_figure_or_no_row_is_refused() {
        let mut lines = Vec::new();
        assert!(Findings::new(ROWS, &mut lines).tell("write", 0.5, "").is_err());
        assert!(Findings::new(ROWS, &mut lines).tell("read", f64::NAN, "").is_err());
        assert!(lines.is_empty());
    }
}
