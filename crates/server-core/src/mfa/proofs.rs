//! What comes with a login to prove it a second time, and whether it does.
//!
//! A method is named by its id, by its name, or by its name with its namespace's path in front. A wrong code is counted in
//! a commit before anybody is told that it was wrong, a right one is marked as used in the commit that makes the token.

use std::collections::BTreeMap;
use std::time::Duration;

use barrier::Changes;
use data_encoding::BASE32_NOPAD;
use framework::Error;
use framework::view::from_stored;
use secret::Secret;
use serde_json::{Map, Value};
use storage::{Expectation, Key, Revision};

use super::enforcements::{Demand, Usable};
use super::entry::{SecretEntry, TriesEntry};
use super::{Mfa, totp};
use crate::keys;
use crate::store::{Lost, encode};
use crate::tokens::create::nanos;

/// The most proofs of one login.
const PROOFS_MAX: usize = 32;
/// What may stand in front of a passcode (documented Vault behavior).
const PASSCODE: &str = "passcode=";
/// How many used codes of a secret are remembered. Three can be open at once; the others are for a clock that is put back.
const USED_MAX: usize = 8;

/// What came with a login: methods with passcodes. Does not print.
#[derive(Default)]
pub(crate) struct Proofs(Vec<(String, Secret<String>)>);

impl Proofs {
    /// From the values of `X-Vault-MFA`: `<method>[:<passcode>]`. What makes no sense was refused at the door.
    ///
    /// # Errors
    /// [`Error::Invalid`] for too many.
    pub(crate) fn from_headers(values: &[String]) -> Result<Self, Error> {
        let values = values.iter().filter(|value| !value.is_empty());
        let proofs = values.map(|value| value.split_once(':').unwrap_or((value, "")));
        Self::new(proofs.map(|(method, passcode)| (method.to_owned(), passcode)))
    }

    /// From the payload of `sys/mfa/validate`: to each method a list of passcodes, of which the first counts, or one.
    ///
    /// # Errors
    /// [`Error::Invalid`] for too many, and for what is neither.
    pub(crate) fn from_payload(payload: Map<String, Value>) -> Result<Self, Error> {
        let misfit = || Error::invalid("mfa_payload must have a list of passcodes for each method");
        let mut proofs = Vec::with_capacity(payload.len());
        for (method, value) in payload {
            let first = match value {
                Value::Array(values) => values.into_iter().next().unwrap_or(Value::Null),
                value => value,
            };
            let passcode = match first {
                Value::Null => String::new(),
                Value::String(text) => text,
                Value::Number(number) => number.to_string(),
                _ => return Err(misfit()),
            };
            proofs.push((method, passcode));
        }
        Self::new(proofs.iter().map(|(method, passcode)| (method.clone(), passcode.as_str())))
    }

    fn new<'p>(proofs: impl Iterator<Item = (String, &'p str)>) -> Result<Self, Error> {
        let bare = |passcode: &str| Secret::new(passcode.trim().trim_start_matches(PASSCODE).to_owned());
        let proofs: Vec<_> = proofs.take(PROOFS_MAX + 1).map(|(method, passcode)| (method, bare(passcode))).collect();
        if proofs.len() > PROOFS_MAX {
            return Err(Error::Invalid(format!("more than {PROOFS_MAX} proofs for login MFA").into()));
        }
        Ok(Self(proofs))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The passcode for a method; empty if it was named without one.
    fn of(&self, usable: &Usable) -> Option<&Secret<String>> {
        let Usable { method, namespace_path } = usable;
        let is_meant = |name: &str| {
            let own = name.strip_prefix(namespace_path.as_str()).unwrap_or(name);
            name == method.id || (!method.name.is_empty() && (name == method.name || own == method.name))
        };
        self.0.iter().find(|(name, _)| is_meant(name)).map(|(_, passcode)| passcode)
    }
}

/// What came of one method's passcode.
struct Tried {
    /// Why it was refused.
    complaint: Option<String>,
    /// What is to be stored of it.
    outcome: Option<Outcome>,
}

/// The new state of a secret's tries, with what it stands on.
struct Outcome {
    secret: (Key, Revision),
    tries: (Key, Option<Revision>),
    entry: TriesEntry,
}

impl Outcome {
    fn add_to(&self, changes: &mut Changes) -> Result<(), Error> {
        changes.expect(Expectation::At(self.secret.0.clone(), self.secret.1));
        changes.set(self.tries.0.clone(), self.tries.1, encode(&self.entry)?);
        Ok(())
    }
}

impl Mfa {
    /// What has to be changed together with the making of a token whose login meets these demands.
    ///
    /// # Errors
    /// [`Error::DeniedBecause`] when it does not meet one; what is to be counted of that is stored then.
    /// [`Lost::Race`] when somebody else has tried at the same time.
    pub(super) async fn prove(
        &self,
        ns: &str,
        entity: &str,
        demands: &[Demand],
        proofs: &Proofs,
    ) -> Result<Changes, Lost> {
        // One code is good for all demands of one login that its method meets.
        let mut tried: BTreeMap<&str, Tried> = BTreeMap::new();
        let mut refusal = None;
        for demand in demands {
            let (mut complaints, mut is_met) = (Vec::new(), false);
            for usable in &demand.methods {
                let Some(passcode) = proofs.of(usable) else { continue };
                let id = usable.method.id.as_str();
                if !tried.contains_key(id) {
                    tried.insert(id, self.try_code(ns, entity, usable, passcode).await?);
                }
                match tried.get(id).map(|tried| &tried.complaint) {
                    Some(Some(complaint)) => complaints.push(complaint.clone()),
                    _ => is_met = true,
                }
                if is_met {
                    break;
                }
            }
            if !is_met {
                refusal = Some(refused(demand, complaints));
                break;
            }
        }
        let Some(refusal) = refusal else {
            let mut changes = Changes::new();
            for outcome in tried.values().filter_map(|tried| tried.outcome.as_ref()) {
                outcome.add_to(&mut changes)?;
            }
            return Ok(changes);
        };
        // A right code stays good for the next login; wrong ones count.
        let mut changes = self.changes(ns).await?;
        for tried in tried.values().filter(|tried| tried.complaint.is_some()) {
            tried.outcome.as_ref().map(|outcome| outcome.add_to(&mut changes)).transpose()?;
        }
        if !changes.is_empty() {
            self.commit(changes).await?;
        }
        Err(Error::DeniedBecause(refusal.into()).into())
    }

    async fn try_code(
        &self,
        ns: &str,
        entity: &str,
        usable: &Usable,
        passcode: &Secret<String>,
    ) -> Result<Tried, Error> {
        let refuse = |complaint: String| Tried { complaint: Some(complaint), outcome: None };
        let method = &usable.method;
        if passcode.expose().is_empty() {
            return Ok(refuse("MFA credentials not supplied".to_owned()));
        }
        let (secret_key, tries_key) =
            (keys::mfa_secret(ns, entity, &method.id)?, keys::mfa_tries(ns, entity, &method.id)?);
        let Some(found) = self.store.get::<SecretEntry>(&secret_key).await? else {
            return Ok(refuse(format!(
                "MFA secret for method name {:?} not present in entity {entity:?}",
                method.name
            )));
        };
        let tries = self.store.get::<TriesEntry>(&tries_key).await?;
        let revision = tries.as_ref().map(|tries| tries.revision);
        let mut entry = tries.map(|tries| tries.value).unwrap_or(TriesEntry { v: 1, ..TriesEntry::default() });
        let settings = found.value.totp;
        let (now, period) = (self.now_nanos(), nanos(Duration::from_secs(settings.period_secs)));
        if entry.since > now || now >= entry.since.saturating_add(period) {
            (entry.failures, entry.since) = (0, now);
        }
        if entry.failures >= method.tries_max {
            let (tries, most) = (entry.failures.saturating_add(1), method.tries_max);
            let left = Duration::from_nanos((entry.since.saturating_add(period) - now).unsigned_abs());
            let secs = framework::field::whole_seconds(left);
            return Ok(refuse(format!(
                "maximum TOTP validation attempts {tries} exceeded the allowed attempts {most}. Please try again in {secs} seconds"
            )));
        }
        let key = BASE32_NOPAD.decode(found.value.key.as_bytes()).map(Secret::new);
        let key = key.map_err(|source| Error::world("decode the key of a second factor", source))?;
        let complaint = match totp::find(key.expose(), settings, from_stored(now).unix_secs(), passcode.expose()) {
            Some(counter) if entry.used.contains(&counter) => {
                let secs = settings.period_secs;
                return Ok(refuse(format!("code already used; new code is available in {secs} seconds")));
            }
            Some(counter) => {
                let excess = (entry.used.len() + 1).saturating_sub(USED_MAX);
                entry.used.drain(..excess);
                entry.used.push(counter);
                entry.failures = 0;
                None
            }
            None => {
                entry.failures = entry.failures.saturating_add(1);
                Some("failed to validate TOTP passcode".to_owned())
            }
        };
        let outcome = Outcome { secret: (secret_key, found.revision), tries: (tries_key, revision), entry };
        Ok(Tried { complaint, outcome: Some(outcome) })
    }
}

/// The published text, which clients look into.
fn refused(demand: &Demand, mut complaints: Vec<String>) -> String {
    let ids: Vec<_> = demand.methods.iter().map(|usable| usable.method.id.as_str()).collect();
    let last = format!("login MFA validation failed for methodID: [{}]", ids.join(" "));
    let why = if complaints.is_empty() {
        last
    } else {
        complaints.push(last);
        framework::error::multi(&complaints)
    };
    format!("failed to satisfy enforcement {}. error: {why}", demand.name)
}

#[cfg(test)]
mod tests;
