//! What a harness does of the core's part in secrets that end: it keeps what was intended and granted in memory, has
//! undone what came of nothing, and renews and revokes when a test says so.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::Timestamp;
use async_trait::async_trait;
use env::Env;
use serde_json::value::RawValue;

use super::Harness;
use crate::error::Error;
use crate::lease::{Held, Intent, Intents, Limits};
use crate::reply::Reply;

/// What the engine of a harness intends and has lent.
pub(super) struct Lending {
    env: Env,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By their numbers; those that have come to something are gone.
    intents: Vec<Option<Kept>>,
    leases: Vec<Option<Kept>>,
}

#[derive(Clone)]
struct Kept {
    kind: &'static str,
    data: Box<RawValue>,
    issued: Timestamp,
    is_withdrawn: bool,
}

impl Kept {
    fn held(&self) -> Held {
        Held::new(self.kind, self.data.clone(), self.issued, self.issued)
    }
}

impl Lending {
    pub(super) fn new(env: Env) -> Arc<Self> {
        Arc::new(Self { env, state: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Intents for Lending {
    async fn intend(&self, kind: &'static str, note: Box<RawValue>) -> Result<Intent, Error> {
        let issued = self.env.now().into();
        let mut state = self.lock();
        state.intents.push(Some(Kept { kind, data: note, issued, is_withdrawn: false }));
        Ok(Intent(state.intents.len() - 1))
    }

    fn withdraw(&self, intent: Intent) {
        if let Some(Some(kept)) = self.lock().intents.get_mut(intent.0) {
            kept.is_withdrawn = true;
        }
    }
}

impl Harness {
    /// Turns a grant into a lease, and has undone what else was intended.
    pub(super) async fn settle_grant(&self, result: &Result<Reply, Error>) {
        if let Ok(Reply { grant: Some(grant), .. }) = result {
            let mut state = self.lending.lock();
            if let Some(kept) = grant.intent.and_then(|Intent(number)| state.intents.get_mut(number)) {
                *kept = None;
            }
            let issued = self.env.now().into();
            let lease = Kept { kind: grant.kind, data: grant.data.clone(), issued, is_withdrawn: false };
            state.leases.push(Some(lease));
        }
        // What cannot be undone now is for a sweep.
        self.sweep().await.ok();
    }

    /// Undoes what was intended and not granted, as the core's sweeper does.
    ///
    /// # Errors
    /// The first that the engine gives; what it is about is kept.
    pub async fn sweep(&self) -> Result<(), Error> {
        let count = self.lending.lock().intents.len();
        let mut outcome = Ok(());
        for number in 0..count {
            let Some(kept) = self.lending.lock().intents.get(number).cloned().flatten() else { continue };
            let undone =
                if kept.is_withdrawn { Ok(()) } else { self.engine.undo(&self.context(""), kept.held()).await };
            match undone {
                Ok(()) => {
                    if let Some(kept) = self.lending.lock().intents.get_mut(number) {
                        *kept = None;
                    }
                }
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        outcome
    }

    /// How many intents neither came to anything nor were undone.
    #[must_use]
    pub fn intended(&self) -> usize {
        self.lending.lock().intents.iter().flatten().count()
    }

    /// How many leases there are.
    #[must_use]
    pub fn lent(&self) -> usize {
        self.lending.lock().leases.iter().flatten().count()
    }

    /// Revokes the lease that was made as the `number`th, from 0.
    ///
    /// # Errors
    /// As the engine says; the lease is kept then.
    ///
    /// # Panics
    /// When there is none.
    pub async fn revoke(&self, number: usize) -> Result<(), Error> {
        self.engine.revoke(&self.context(""), self.lease(number)).await?;
        if let Some(kept) = self.lending.lock().leases.get_mut(number) {
            *kept = None;
        }
        Ok(())
    }

    /// How long the lease that was made as the `number`th may live at a renewal.
    ///
    /// # Errors
    /// As the engine says.
    ///
    /// # Panics
    /// When there is none.
    pub async fn limits(&self, number: usize) -> Result<Option<Limits>, Error> {
        self.engine.limits(&self.context(""), self.lease(number)).await
    }

    fn lease(&self, number: usize) -> Held {
        let kept = self.lending.lock().leases.get(number).cloned().flatten();
        kept.expect("the test has made this lease").held()
    }
}
