//! Clears up a commit whose answer was lost.

use std::time::Duration;

use env::Env;

use crate::{Batch, CommitId, Error, Outcome, READ_KEYS_MAX, Receipt, Storage, Write};

/// The first pause before an unanswered commit is sent again; it doubles each time.
const PAUSE_FIRST: Duration = Duration::from_millis(5);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// What [`settle`] found out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Settled {
    /// What the store answered, or [`Outcome::Unknown`].
    Answered(Outcome),
    /// No answer came, but the batch had left its id: it went through. The receipt's position is that of the look, at
    /// or after the commit's own: others may have overwritten some of its keys in between.
    Traced(Receipt),
}

impl Settled {
    /// The outcome, for whom it does not matter how it was found out.
    #[must_use]
    pub fn into_outcome(self) -> Outcome {
        match self {
            Self::Answered(outcome) => outcome,
            Self::Traced(receipt) => Outcome::Committed(receipt),
        }
    }
}

/// Commits, and after [`Outcome::Unknown`] sends the same batch again until the outcome is known or `patience` has
/// passed. A conflict on a key that carries this batch's id means that an earlier try went through.
///
/// [`Outcome::Unknown`] remains when nothing proves either side: the caller answers 500 and never guesses. That is so
/// also for a batch of deletes alone, which leaves no trace: if somebody else may have deleted the key, it is not
/// ours to say that we did.
///
/// # Errors
/// As [`Storage::commit`]; after an unknown outcome an error no longer means that nothing was written, so it comes
/// back as [`Outcome::Unknown`].
pub async fn settle(storage: &dyn Storage, env: &Env, batch: &Batch, patience: Duration) -> Result<Settled, Error> {
    let deadline = env.monotonic() + patience;
    let mut pause = PAUSE_FIRST;
    let mut is_unknown = false;
    loop {
        match storage.commit(batch).await {
            Ok(Outcome::Unknown) => is_unknown = true,
            Ok(outcome @ Outcome::Committed(_)) => return Ok(Settled::Answered(outcome)),
            Ok(outcome @ Outcome::Conflict(_)) if !is_unknown => return Ok(Settled::Answered(outcome)),
            Ok(Outcome::Conflict(_)) => {
                if let Ok(receipt) = trace(storage, batch).await {
                    return Ok(receipt.map_or(Settled::Answered(Outcome::Unknown), Settled::Traced));
                }
            }
            Err(error) if !is_unknown => return Err(error),
            Err(_) => {}
        }
        if env.monotonic() + pause > deadline {
            return Ok(Settled::Answered(Outcome::Unknown));
        }
        env.sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// The receipt of a batch that left its id on one of its keys, as of the position at which it was found there.
async fn trace(storage: &dyn Storage, batch: &Batch) -> Result<Option<Receipt>, Error> {
    let id: CommitId = batch.id;
    let keys: Vec<_> = batch.writes.iter().filter(|write| write.value().is_some()).map(Write::key).cloned().collect();
    for keys in keys.chunks(READ_KEYS_MAX) {
        let snapshot = storage.read(keys).await?;
        if let Some(entry) = snapshot.entries.iter().flatten().find(|entry| entry.commit == id) {
            return Ok(Some(Receipt { position: snapshot.position, revision: entry.revision }));
        }
    }
    Ok(None)
}
