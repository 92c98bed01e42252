//! One case of a rotation: who answers, what is sent, and what came of it.

use anyhow::{Context as _, Result, ensure};

use crate::account::cpu_seconds;
use crate::figure::Figure;
use crate::plan::Plan;
use crate::report::number;
use crate::wrk::{Load, Outcome};

/// A load on one server, measured once a round.
pub struct Case<'s> {
    /// The server.
    pid: u32,
    /// What is sent; a round may change it.
    pub load: Load,
    name: &'s str,
    /// Whether refusals count as answers.
    may_refuse: bool,
    /// Answers with 2xx or 3xx, a second.
    pub rates: Figure,
    /// Processor time of the server for each answer, refusals among them.
    pub micros: Figure,
    /// In microseconds.
    pub p50: Figure,
    /// In microseconds.
    pub p99: Figure,
    /// Share of the answers that were refusals.
    pub refused: Figure,
}

impl<'s> Case<'s> {
    /// A case in which a refusal is an error: a refused request costs less than an answered one, and a figure with some
    /// in it would flatter.
    #[must_use]
    pub fn new(name: &'s str, pid: u32, load: Load) -> Self {
        let [rates, micros, p50, p99, refused] = Default::default();
        Self { pid, load, name, may_refuse: false, rates, micros, p50, p99, refused }
    }

    /// The same for a case that is about refusals: only what was not refused counts as rate.
    #[must_use]
    pub fn with_refusals(mut self) -> Self {
        self.may_refuse = true;
        self
    }

    /// Measures once.
    ///
    /// # Errors
    /// When the generator fails, or requests were refused that must not be.
    pub fn turn(&mut self) -> Result<()> {
        let before = cpu_seconds(self.pid)?;
        let outcome = self.load.run().with_context(|| self.name.to_owned())?;
        let spent = cpu_seconds(self.pid)? - before;
        if !self.may_refuse {
            check(self.name, outcome)?;
        }
        let refused = outcome.refused / outcome.requests;
        self.rates.add(outcome.rate * (1.0 - refused));
        self.refused.add(refused);
        self.micros.add(spent * 1e6 / outcome.requests);
        self.p50.add(outcome.p50_micros);
        self.p99.add(outcome.p99_micros);
        Ok(())
    }

    /// The rate as a share of another's, and what is behind both. What the processor times by themselves come to stands
    /// beside it: they would show if the load generator, and not the server, were the limit of the other case.
    #[must_use]
    pub fn over(&self, other: &Self) -> (f64, String) {
        let by_time = other.micros.over(&self.micros).median();
        let from = format!("{} ÷ {}; by CPU {}", self.said(), other.said(), number(by_time));
        (self.rates.over(&other.rates).median(), from)
    }

    /// Name, rate and price.
    #[must_use]
    pub fn said(&self) -> String {
        format!("{}: {}/s, {} µs CPU", self.name, number(self.rates.median()), number(self.micros.median()))
    }
}

/// An answer to something, and no refusal.
///
/// # Errors
/// When that is not so.
pub fn check(name: &str, outcome: Outcome) -> Result<()> {
    ensure!(outcome.requests > 0.0, "{name}: nothing was answered");
    ensure!(outcome.refused == 0.0, "{name}: {} of {} were refused", outcome.refused, outcome.requests);
    Ok(())
}

/// Lets the cases take turns.
///
/// # Errors
/// Those of [`Case::turn`].
pub fn rotate(cases: &mut [Case<'_>], plan: &Plan) -> Result<()> {
    for _ in 0..plan.rounds {
        cases.iter_mut().try_for_each(Case::turn)?;
    }
    Ok(())
}
