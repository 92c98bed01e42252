//! Every request is recorded before its engine runs, and its answer before it leaves. If no audit device takes the
//! record, the request ends there. What changes nothing wherever it leads may run while its record is being written: the
//! answer waits for both.
//!
//! Not recorded is what only asks how the node is (health, seal status), so that a node whose devices stand still can
//! be looked at, and whatever comes while the node is sealed, since what records are hashed with is sealed too.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use ::audit::record::{self, About, Caller, CallerText, Granting, Judged, Place};
use ::audit::{Device, Receipt};
use data_encoding::BASE64;
use framework::view::from_stored;
use framework::{Access, Error, Kind, Operation, Request};
use serde_json::{Map, Value};

use super::{Destination, Done, Pipeline, authorize};
use crate::audit_log::Active;
use crate::bootstrap;
use crate::keys::ROOT_NAMESPACE;
use crate::mounts::LiveMount;
use crate::tokens::Resolved;
use crate::wrapping;

/// What is told when no device takes a request's record. Clients search for the first two words.
const REQUEST_REFUSED: &str = "internal error: no audit device could record the request";
/// The same for an answer.
const REPLY_REFUSED: &str =
    "internal error: no audit device could record the reply; what was asked for may have been done";

/// What is told as long as the declared devices are not in force.
const DEVICES_AWAITED: &str = "the audit devices that the server's configuration declares are not in force yet";

/// What has been recorded of a request.
#[derive(Default)]
pub(super) enum Trail {
    /// Nothing yet.
    #[default]
    Begun,
    /// Nothing, and nothing will be.
    Silent,
    /// The request; its answer is to follow.
    Recorded(Recorded),
}

/// Which of the two records of a request.
#[derive(Clone, Copy)]
enum Half {
    Request,
    Reply,
}

/// A record that is on its way to the devices.
struct Submitted {
    receipt: Receipt,
    /// On the monotonic clock.
    began: Duration,
}

/// What the second record needs of the first.
pub(super) struct Recorded {
    active: Arc<Active>,
    /// The first record, if the answer is to wait for it.
    first: Option<Submitted>,
    /// One for each device.
    abouts: Vec<About>,
    operation: Operation,
    mount: Option<Arc<LiveMount>>,
}

/// A request as far as the pipeline has come with it.
pub(super) struct Seen<'s> {
    pub(super) request: &'s Request,
    /// With create told from update, if that is known.
    pub(super) operation: Operation,
    pub(super) data: &'s Map<String, Value>,
    pub(super) to: Option<&'s Destination<'s>>,
    pub(super) token: Option<&'s Resolved>,
    /// Whether nothing is changed by what is done next, here or outside.
    pub(super) is_harmless: bool,
}

impl Trail {
    /// Leaves the request out, whatever becomes of it.
    pub(super) fn leave_out(&mut self) {
        *self = Self::Silent;
    }

    /// Leaves out what only asks how the node is.
    pub(super) fn leave_out_probes(&mut self, access: Access, operation: Operation) {
        if access.works_while_sealed && access.is_unauthenticated && !operation.has_body() {
            *self = Self::Silent;
        }
    }
}

impl Pipeline {
    /// Records a request that is about to be answered, or refused with this error.
    pub(super) async fn record_request(
        &self,
        trail: &mut Trail,
        seen: &Seen<'_>,
        error: Option<&Error>,
    ) -> Result<(), Error> {
        let Trail::Begun = trail else { return Ok(()) };
        // If anything goes wrong below, the request ends and there is no reply to be recorded.
        *trail = Trail::Silent;
        let Some(active) = self.audit.current().await? else {
            return if error.is_none() { self.admit_unrecorded(seen) } else { Ok(()) };
        };
        *trail = Trail::Recorded(Box::pin(self.submit_request(active, seen, error)).await?);
        Ok(())
    }

    /// Where devices are declared and none is in force yet, only that passes which puts them in force, or is about the seal.
    fn admit_unrecorded(&self, seen: &Seen<'_>) -> Result<(), Error> {
        let is_own = || seen.token.is_some_and(|token| bootstrap::is_own(&token.entry));
        let is_about_seal = || seen.to.is_some_and(|to| to.access().works_while_sealed);
        if !self.audit.is_awaited() || is_own() || is_about_seal() {
            return Ok(());
        }
        Err(Error::Busy(DEVICES_AWAITED.into()))
    }

    async fn submit_request(
        &self,
        active: Arc<Active>,
        seen: &Seen<'_>,
        error: Option<&Error>,
    ) -> Result<Recorded, Error> {
        let abouts = describe(&active, seen, error);
        let (time, text) = (self.audit.now(), error.map(ToString::to_string));
        let records = active.devices.iter().zip(&abouts);
        let submitted = self.submit(records.map(|(device, about)| {
            let device = device.as_ref();
            (device, record::request(device, time, about, text.as_deref()))
        }));
        let first = if seen.is_harmless || error.is_some() {
            Some(submitted)
        } else {
            self.unless_refused(submitted, &active, Half::Request).await?;
            None
        };
        let mount = seen.to.and_then(|to| to.target.as_ref()?.mount.clone());
        Ok(Recorded { active, first, abouts, operation: seen.operation, mount })
    }

    /// Records what became of a request. A request that failed before it was recorded is recorded first.
    pub(super) async fn record_result(
        &self,
        mut trail: Trail,
        request: &Request,
        data: &Map<String, Value>,
        result: Result<Done, Error>,
    ) -> Result<Done, Error> {
        if let (Trail::Begun, Err(error)) = (&trail, &result) {
            let seen = Seen { request, operation: request.operation, data, to: None, token: None, is_harmless: true };
            Box::pin(self.record_request(&mut trail, &seen, Some(error))).await?;
        }
        if let Trail::Recorded(recorded) = trail {
            Box::pin(self.record_reply(recorded, result.as_ref())).await?;
        }
        result
    }

    async fn record_reply(&self, recorded: Recorded, result: Result<&Done, &Error>) -> Result<(), Error> {
        let Recorded { active, first, abouts, operation, mount } = recorded;
        let text = result.as_ref().err().map(ToString::to_string);
        let told = match result {
            Ok(done) => Ok(&done.reply),
            Err(_) => Err(text.as_deref().unwrap_or_default()),
        };
        let time = self.audit.now();
        let place = mount.as_deref().map(place);
        let second = self.submit(active.devices.iter().zip(&abouts).map(|(device, about)| {
            let device = device.as_ref();
            (device, record::reply(device, time, about, operation, place.as_ref(), told))
        }));
        if let Some(first) = first {
            self.unless_refused(first, &active, Half::Request).await?;
        }
        self.unless_refused(second, &active, Half::Reply).await
    }

    fn submit<'d>(&self, records: impl ExactSizeIterator<Item = (&'d Device, Vec<u8>)>) -> Submitted {
        let began = self.metrics.now();
        Submitted { receipt: self.audit.submit(records, began), began }
    }

    async fn unless_refused(&self, submitted: Submitted, active: &Active, half: Half) -> Result<(), Error> {
        let metrics = &self.metrics;
        let (shown, times, failures) = match half {
            Half::Request => (REQUEST_REFUSED, &metrics.audit_request, &metrics.audit_request_failure),
            Half::Reply => (REPLY_REFUSED, &metrics.audit_reply, &metrics.audit_reply_failure),
        };
        let is_taken = submitted.receipt.await;
        metrics.took(times, submitted.began);
        if is_taken {
            return Ok(());
        }
        failures.add();
        let why = active.devices.iter().find_map(|device| device.failure());
        let why = why.map_or_else(|| "every device is behind or cannot be opened".to_owned(), |why| why.to_string());
        Err(Error::WorldShown { shown: shown.into(), source: why.into() })
    }
}

/// What both records of a request have in common, for each device.
fn describe(active: &Arc<Active>, seen: &Seen<'_>, error: Option<&Error>) -> Vec<About> {
    let request = seen.request;
    let source = request.headers.as_ref();
    let headers: Vec<_> = match source {
        Some(source) => {
            let values = active.headers.iter().map(|(name, is_hashed)| (name.clone(), source.values(name), *is_hashed));
            values.filter(|(_, values, _)| !values.is_empty()).collect()
        }
        None => Vec::new(),
    };
    let mount = seen.to.and_then(|to| to.target.as_ref()?.mount.as_deref());
    let place = mount.map(place);
    let granting = seen.token.map(|token| granting(seen, token, error)).unwrap_or_default();
    let judged = seen.token.map(|token| judged(token, &granting, error));
    let about = record::Request {
        id: &request.id,
        operation: seen.operation,
        path: seen.to.map_or(request.path.as_str(), |to| to.path),
        token: request.token.as_ref().map_or("", |token| token.expose()),
        data: seen.data,
        remote: request.connection.remote,
        wrap_ttl: request.wrap_ttl,
        namespace: seen.to.map(|to| to.place.namespace.as_ref()),
        headers: &headers,
        place: place.as_ref(),
        judged: judged.as_ref(),
    };
    let texts = seen.token.map(|token| {
        token.caller_texts.by(active, || {
            // By its plain text, in whichever form it came: it was found valid, so the one is what the other names.
            let plain = wrapping::named_by(about.token);
            let caller = caller(token, plain.as_ref().map_or(about.token, |plain| plain.expose()));
            active.devices.iter().map(|device| CallerText::new(device, &caller)).collect()
        })
    });
    let text = |index: usize| texts.as_ref().and_then(|known| known.of(index));
    let devices = active.devices.iter().enumerate();
    devices.map(|(index, device)| record::about(device, &about, text(index))).collect()
}

/// The name and the namespace of each policy that allows the request. The policies are asked once more, so that only a
/// request that is recorded needs it.
fn granting(seen: &Seen<'_>, token: &Resolved, error: Option<&Error>) -> Vec<(Arc<str>, Arc<str>)> {
    match seen.to.filter(|to| error.is_none() && !to.access().is_unauthenticated) {
        Some(to) => authorize::granting(seen.request, seen.operation, to, token, seen.data),
        None => Vec::new(),
    }
}

fn judged<'t>(token: &'t Resolved, granting: &'t [(Arc<str>, Arc<str>)], error: Option<&Error>) -> Judged<'t> {
    let granting = granting.iter().map(|(name, namespace)| {
        let namespace_id = match namespace.as_ref() {
            "" => ROOT_NAMESPACE,
            path if path == token.home.path => &token.home.id,
            _ => "",
        };
        Granting { name, namespace_id, namespace_path: namespace }
    });
    Judged { is_allowed: error.is_none(), granting: granting.collect() }
}

fn caller<'t>(token: &'t Resolved, text: &'t str) -> Caller<'t> {
    let entry = &token.entry;
    let token_policies: Vec<_> = entry.policies.iter().map(String::as_str).collect();
    let identity_policies: Vec<_> = token.identity_policies.iter().map(String::as_str).collect();
    let mut policies = [token_policies.as_slice(), &identity_policies].concat();
    policies.sort_unstable();
    policies.dedup();
    Caller {
        token: text,
        client_id: client_id(token),
        accessor: &entry.accessor,
        display_name: &entry.display_name,
        policies,
        token_policies,
        identity_policies,
        metadata: entry.meta.as_ref(),
        entity_id: &token.entity_id,
        token_type: token.kind.name(),
        token_ttl: entry.ttl(),
        token_issue_time: from_stored(entry.created),
    }
}

/// Who a token is counted as: its entity, or else all tokens that have the same policies in the same namespace
/// (documented Vault behavior; the root token's is the one that Vault's own records show).
fn client_id(token: &Resolved) -> String {
    if !token.entity_id.is_empty() {
        return token.entity_id.clone();
    }
    let mut policies: Vec<_> = token.entry.policies.iter().map(String::as_str).collect();
    policies.sort_unstable();
    let text = [&policies.join("\u{7f}"), "\0", &token.home.id].concat();
    BASE64.encode(&secret::sha256(text.as_bytes()))
}

fn place(mount: &LiveMount) -> Place<'_> {
    let settings = &mount.settings;
    let (point, class) = match mount.engine.kind() {
        Kind::Secrets => (Cow::Borrowed(settings.path.as_str()), "secret"),
        Kind::Auth => (Cow::Owned(["auth/", &settings.path].concat()), "auth"),
    };
    Place {
        point,
        kind: &settings.engine_type,
        accessor: &settings.accessor,
        class,
        clear_request_keys: &settings.tuning.audit_non_hmac_request_keys,
        clear_reply_keys: &settings.tuning.audit_non_hmac_response_keys,
    }
}
