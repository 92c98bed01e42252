//! What a start after `kill -9` takes, and what the server takes after it.

use anyhow::Result;

use crate::account::resident_mib;
use crate::figure::Figure;
use crate::findings::Findings;
use crate::plan::Plan;
use crate::report::number;
use crate::servers::Ours;

/// Some starts of one server.
#[derive(Default)]
pub(super) struct Starts {
    /// To the first answer, in milliseconds.
    pub(super) answered: Figure,
    /// To the end of the unsealing, in milliseconds.
    pub(super) unsealed: Figure,
    /// Resident then, in MiB.
    pub(super) resident: Figure,
}

impl Starts {
    /// Kills the server and starts it again, as often as the plan has rounds.
    pub(super) fn measure(ours: &mut Ours, plan: &Plan) -> Result<Self> {
        let mut starts = Self::default();
        for _ in 0..plan.rounds {
            let (answered, unsealed) = ours.restart()?;
            starts.answered.add(answered.as_secs_f64() * 1e3);
            starts.unsealed.add(unsealed.as_secs_f64() * 1e3);
            starts.resident.add(resident_mib(ours.pid())?);
        }
        Ok(starts)
    }

    /// How much these are above those of a small store, in percent: the row of the time, then the one of the memory.
    pub(super) fn growth(&self, small: &Self, rows: [&str; 2], findings: &mut Findings<'_>) -> Result<()> {
        let figures = [(&self.unsealed, &small.unsealed, "ms"), (&self.resident, &small.resident, "MiB")];
        for (row, (large, small, unit)) in rows.into_iter().zip(figures) {
            let (large, small) = (large.median(), small.median());
            let from = format!("from {} to {} {unit}", number(small), number(large));
            findings.tell(row, 100.0 * (large / small - 1.0), from)?;
        }
        Ok(())
    }
}
