//! `make bench`: takes all figures in turns and prints the table. `bench [--quick] [--build] [--rows NAME,NAME] [--write
//! FILE]`; `--worker NAME` is how it starts itself for one subject. What takes long is measured only when it is named, and
//! then its rows alone are written.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use bench::budgets::{SUBJECTS, Subject};
use bench::plan::{Plan, QUICK, WHOLE};
use bench::report::{self, Line};
use bench::worker;

struct Arguments {
    plan: Plan,
    subjects: Vec<&'static Subject>,
    /// Whether they were chosen by name.
    is_choice: bool,
    write: Option<PathBuf>,
    worker: Option<String>,
}

fn main() -> Result<()> {
    let arguments = parse(std::env::args().skip(1))?;
    if let Some(name) = &arguments.worker {
        return worker::work(name, &arguments.plan);
    }
    let lines = tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(measure(&arguments))?;
    println!("{}", report::table(&arguments.plan, &lines));
    let is_measured = |subject: &&Subject| arguments.subjects.iter().any(|it| it.name == subject.name);
    match &arguments.write {
        Some(file) if arguments.is_choice => {
            // Of the others a choice says nothing, and the long ones are never measured but by choice.
            let rows = SUBJECTS.iter().filter(|subject| subject.is_long && is_measured(subject));
            report::rewrite(file, &arguments.plan, &kept(rows, &lines))?;
        }
        Some(file) => report::write(file, &arguments.plan, &kept(SUBJECTS.iter(), &lines))?,
        None => {}
    }
    let failed: Vec<_> = lines.iter().filter_map(Line::failed).collect();
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Arguments> {
    let (mut plan, mut build, mut write, mut worker, mut is_choice) = (WHOLE, false, None, None, false);
    let mut subjects: Vec<_> = SUBJECTS.iter().filter(|subject| !subject.is_long).collect();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--quick" => plan = QUICK,
            "--build" => build = true,
            "--rows" => (subjects, is_choice) = (select(&value()?)?, true),
            "--write" => write = Some(PathBuf::from(value()?)),
            "--worker" => worker = Some(value()?),
            other => bail!("unknown argument {other}"),
        }
    }
    plan.build = build;
    Ok(Arguments { plan, subjects, is_choice, write, worker })
}

/// The subjects of these names, in the order of the table.
fn select(names: &str) -> Result<Vec<&'static Subject>> {
    let names: Vec<_> = names.split(',').map(str::trim).collect();
    let known: Vec<_> = SUBJECTS.iter().map(|subject| subject.name).collect();
    for name in &names {
        ensure!(known.contains(name), "no rows are called {name:?}; there are {}", known.join(", "));
    }
    Ok(SUBJECTS.iter().filter(|subject| names.contains(&subject.name)).collect())
}

/// A line for each row of these subjects: what was measured, or for one that was not its last line.
fn kept(subjects: impl Iterator<Item = &'static Subject>, lines: &[Line]) -> Vec<Line> {
    let rows = subjects.flat_map(|subject| subject.rows);
    rows.map(|row| lines.iter().find(|line| line.is_of(row)).cloned().unwrap_or_else(|| Line::left(row))).collect()
}

/// Measures one subject after the other; a line for each of their rows.
async fn measure(arguments: &Arguments) -> Result<Vec<Line>> {
    let plan = &arguments.plan;
    let mut flags = Vec::new();
    flags.extend((!plan.is_whole).then_some("--quick"));
    flags.extend(plan.build.then_some("--build"));
    let mut lines = Vec::new();
    for subject in &arguments.subjects {
        let start = bench::now();
        worker::say(&format!("{}: {} rows", subject.name, subject.rows.len()));
        let mut outcome = worker::run(subject, &flags).await?;
        if subject.is_long {
            let commit = report::commit();
            outcome.findings.iter_mut().for_each(|finding| finding.from.push_str(&format!("; commit {commit}")));
        }
        worker::say(&format!("{}: {:.0} s", subject.name, start.elapsed().as_secs_f64()));
        if let Some(failure) = &outcome.failure {
            worker::say(&format!("{}: {failure}", subject.name));
        }
        lines.extend(subject.rows.iter().map(|row| Line::new(row, &outcome)));
    }
    Ok(lines)
}
