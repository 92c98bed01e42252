//! The table, on the screen and in `docs/performance.md`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

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

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// The figure that the goal is about.
    pub value: f64,
    /// What to aim for.
    pub goal: Goal,
    /// The measurements behind it, with their units.
    pub from: String,
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
pub fn table(rows: &[Row]) -> String {
    let mut text = String::from("| what | here | must | aim | reached | from |\n|---|---|---|---|---|---|\n");
    for Row { what, value, goal, from } in rows {
        let [must, aim] = goal.columns();
        let verdict = goal.verdict(*value);
        text.push_str(&format!("| {what} | {} | {must} | {aim} | {verdict} | {from} |\n", number(*value)));
    }
    text
}

/// Puts the table with commit and date in its place in the file.
///
/// # Errors
/// When the file or the place is missing.
pub fn write(file: &Path, conditions: &str, rows: &[Row]) -> Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let made = format!("{}\n\n{}", conditions.trim_end(), table(rows));
    std::fs::write(file, replace(&text, &made)?).with_context(|| format!("writing {}", file.display()))
}

fn replace(text: &str, made: &str) -> Result<String> {
    let (before, rest) = text.split_once(BEGIN).context("the file has no line where the table begins")?;
    let (_, after) = rest.split_once(END).context("the file has no line where the table ends")?;
    Ok(format!("{before}{BEGIN}\n\n{made}\n{END}{after}"))
}

/// What a program prints about the checkout or the machine, one line; `unknown` when it cannot be asked.
#[must_use]
pub fn ask(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    let text = text.map(|text| String::from_utf8_lossy(&text).trim().to_owned());
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_table_has_a_line_a_row() {
        let row = Row { what: "read".into(), value: 0.512, goal: Goal::AtLeast(0.5, 0.7), from: "1 ÷ 2".into() };
        let last = table(&[row]).lines().last().map(str::to_owned);
        assert_eq!(last.as_deref(), Some("| read | 0.51 | ≥ 0.50 | ≥ 0.70 | must | 1 ÷ 2 |"));
    }
}
