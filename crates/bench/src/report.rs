//! The table, on the screen and in `docs/performance.md`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::budgets::Row;
use crate::plan::Plan;
use crate::worker::Outcome;

/// What the command writes stands between these lines; everything else in the file is written by people.
const BEGIN: &str = "<!-- written by `make bench`: begin -->";
const END: &str = "<!-- written by `make bench`: end -->";

/// Which way is better, and how far one must and wants to get.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// At least the first, better the second.
    AtLeast(f64, f64),
    /// At most the first, better the second.
    AtMost(f64, f64),
    /// Shown for what it is.
    None,
}

/// One row with what was found.
#[derive(Clone, Debug)]
pub struct Line {
    row: Row,
    cell: Cell,
}

#[derive(Clone, Debug)]
enum Cell {
    Found {
        value: f64,
        from: String,
    },
    Failed(String),
    /// Nobody has asked for it in this run.
    Left,
}

impl Line {
    /// What a subject's outcome says of one of its rows.
    #[must_use]
    pub fn new(row: &Row, outcome: &Outcome) -> Self {
        let found = outcome.findings.iter().find(|finding| finding.row == row.name);
        let cell = match (found, &outcome.failure) {
            (Some(found), _) => Cell::Found { value: found.value, from: found.from.clone() },
            (None, Some(failure)) => Cell::Failed(failure.clone()),
            (None, None) => Cell::Left,
        };
        Self { row: *row, cell }
    }

    /// A row that nobody has measured.
    #[must_use]
    pub fn left(row: &Row) -> Self {
        Self { row: *row, cell: Cell::Left }
    }

    /// Whether it is the line of this row.
    #[must_use]
    pub fn is_of(&self, row: &Row) -> bool {
        self.row.name == row.name
    }

    /// The row's name, if its subject failed before it.
    #[must_use]
    pub fn failed(&self) -> Option<&'static str> {
        matches!(self.cell, Cell::Failed(_)).then_some(self.row.name)
    }

    /// As Markdown. A row that nobody asked for keeps its last line in `before`, which says of which commit it is.
    fn markdown(&self, plan: &Plan, before: &str) -> String {
        let what = plan.fill_in(self.row.what);
        let goal = if plan.judges(self.row.what) { self.row.goal } else { Goal::None };
        let [must, aim] = goal.columns();
        match &self.cell {
            Cell::Found { value, from } => {
                let verdict = goal.verdict(*value);
                format!("| {what} | {} | {must} | {aim} | {verdict} | {from} |", number(*value))
            }
            Cell::Failed(failure) => {
                let failure = failure.trim().replace(['|', '\n'], " ");
                format!("| {what} | – | {must} | {aim} | **failed** | {failure} |")
            }
            Cell::Left => {
                let last = before.lines().find(|line| line.starts_with(&format!("| {what} |")));
                last.map_or_else(|| format!("| {what} | – | {must} | {aim} | | not measured |"), str::to_owned)
            }
        }
    }
}

impl Line {
    /// The text with this line in the place of the last one of its row.
    fn replaced_in(&self, plan: &Plan, text: &str) -> Result<String> {
        let begin = format!("| {} |", plan.fill_in(self.row.what));
        let last = text.lines().find(|line| line.starts_with(&begin));
        let last = last.with_context(|| format!("the table has no row of {begin} run `make bench` first"))?;
        Ok(text.replacen(last, &self.markdown(plan, text), 1))
    }
}

impl Goal {
    fn columns(self) -> [String; 2] {
        match self {
            Self::AtLeast(must, aim) => [format!("≥ {}", number(must)), format!("≥ {}", number(aim))],
            Self::AtMost(must, aim) => [format!("≤ {}", number(must)), format!("≤ {}", number(aim))],
            Self::None => [String::new(), String::new()],
        }
    }

    /// `aim`, `must`, `missed`, or nothing where there is no goal.
    #[must_use]
    pub fn verdict(self, value: f64) -> &'static str {
        let reached = |limit: f64| match self {
            Self::AtLeast(..) => value >= limit,
            Self::AtMost(..) | Self::None => value <= limit,
        };
        match self {
            Self::None => "",
            Self::AtLeast(_, aim) | Self::AtMost(_, aim) if reached(aim) => "aim",
            Self::AtLeast(must, _) | Self::AtMost(must, _) if reached(must) => "must",
            Self::AtLeast(..) | Self::AtMost(..) => "**missed**",
        }
    }
}

/// Two digits that matter, at least.
#[must_use]
pub fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The rows as Markdown.
#[must_use]
pub fn table(plan: &Plan, lines: &[Line]) -> String {
    table_after(plan, lines, "")
}

fn table_after(plan: &Plan, lines: &[Line], before: &str) -> String {
    let mut text = String::from("| what | here | must | aim | reached | from |\n|---|---|---|---|---|---|\n");
    for line in lines {
        text.push_str(&line.markdown(plan, before));
        text.push('\n');
    }
    text
}

/// Puts the table with commit and date in its place in the file.
///
/// # Errors
/// When the file or the place is missing.
pub fn write(file: &Path, plan: &Plan, lines: &[Line]) -> Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let made = format!("{}\n\n{}", conditions(plan), table_after(plan, lines, &text));
    std::fs::write(file, replace(&text, &made)?).with_context(|| format!("writing {}", file.display()))
}

/// Puts these lines in the place of those that the file has of their rows.
///
/// # Errors
/// When the file has no line of one of the rows.
pub fn rewrite(file: &Path, plan: &Plan, lines: &[Line]) -> Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let text = lines.iter().try_fold(text, |text, line| line.replaced_in(plan, &text))?;
    std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))
}

/// What the figures were taken of, and on what.
fn conditions(plan: &Plan) -> String {
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    format!(
        "Commit {}, {}; {} rounds of {} s a case, medians of all; {} cores of {}, the server on one, the load on another.",
        commit(),
        ask("date", &["-u", "+%Y-%m-%d"]),
        plan.rounds,
        plan.time.as_secs_f64(),
        ask("nproc", &[]),
        model.trim_start_matches([' ', '\t', ':']),
    )
}

/// The commit that is measured.
#[must_use]
pub fn commit() -> String {
    ask("git", &["describe", "--always", "--dirty"])
}

fn replace(text: &str, made: &str) -> Result<String> {
    let (before, rest) = text.split_once(BEGIN).context("the file has no line where the table begins")?;
    let (_, after) = rest.split_once(END).context("the file has no line where the table ends")?;
    Ok(format!("{before}{BEGIN}\n\n{made}\n{END}{after}"))
}

/// What a program prints about the checkout or the machine, one line; `unknown` when it cannot be asked.
fn ask(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    let text = text.map(|text| String::from_utf8_lossy(&text).trim().to_owned());
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Finding;
    use crate::plan::{QUICK, WHOLE};

    #[test]
    fn a_goal_is_reached_from_its_side() {
        let cases = [
            (Goal::AtLeast(0.5, 0.7), 0.7, "aim"),
            (Goal::AtLeast(0.5, 0.7), 0.5, "must"),
            (Goal::AtLeast(0.5, 0.7), 0.49, "**missed**"),
            (Goal::AtMost(40.0, 15.0), 15.0, "aim"),
            (Goal::AtMost(40.0, 15.0), 40.0, "must"),
            (Goal::AtMost(40.0, 15.0), 41.0, "**missed**"),
            (Goal::AtLeast(0.5, 0.7), f64::NAN, "**missed**"),
            (Goal::None, 1.0, ""),
        ];
        for (goal, value, verdict) in cases {
            assert_eq!(goal.verdict(value), verdict, "{goal:?} {value}");
        }
    }

    #[test]
    fn only_the_part_between_the_marks_is_replaced() {
        let text = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        assert_eq!(replace(&text, "new").expect("both marks"), format!("before\n{BEGIN}\n\nnew\n{END}\nafter\n"));
        assert!(replace("no marks", "new").is_err());
        assert!(replace(BEGIN, "new").is_err());
    }

    const ROW: Row = Row { name: "read", what: "a read", goal: Goal::AtLeast(0.5, 0.7) };

    fn outcome(values: &[f64], failure: Option<&str>) -> Outcome {
        let findings = values.iter().map(|value| Finding { row: "read".into(), value: *value, from: "1 ÷ 2".into() });
        Outcome { findings: findings.collect(), failure: failure.map(str::to_owned) }
    }

    #[test]
    fn a_row_shows_its_figure_its_failure_or_its_last_figure() {
        let found = "| a read | 0.51 | ≥ 0.50 | ≥ 0.70 | must | 1 ÷ 2 |";
        let cases = [
            (outcome(&[0.512], None), "", found),
            (outcome(&[0.512], Some("killed")), "", found),
            (outcome(&[], Some("killed |\nby 9")), "", "| a read | – | ≥ 0.50 | ≥ 0.70 | **failed** | killed   by 9 |"),
            (outcome(&[], None), "", "| a read | – | ≥ 0.50 | ≥ 0.70 | | not measured |"),
            (outcome(&[], None), "x\n| a read | 9 | commit f |\ny", "| a read | 9 | commit f |"),
        ];
        for (outcome, before, line) in cases {
            assert_eq!(Line::new(&ROW, &outcome).markdown(&WHOLE, before), line);
        }
        let kept = "a\n| a read | 9 | commit f |\nb\n";
        let line = Line::new(&ROW, &outcome(&[0.512], None));
        assert_eq!(line.replaced_in(&WHOLE, kept).expect("it is there"), format!("a\n{found}\nb\n"));
        assert!(line.replaced_in(&WHOLE, "a\nb\n").is_err());
        let row = Row { what: "of {secrets}", ..ROW };
        assert_eq!(
            Line::new(&row, &outcome(&[0.1], None)).markdown(&QUICK, ""),
            "| of 20,000 | 0.10 |  |  |  | 1 ÷ 2 |",
            "a budget holds at its size only"
        );
    }
}
