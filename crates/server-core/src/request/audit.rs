//! Every request is recorded before its engine runs, and its answer before it leaves. If no audit device takes the
//! record, the request ends there.
//!
//! Not recorded is what only asks how the node is (health, seal status), so that a node whose devices stand still can
//! be looked at, and whatever comes while the node is sealed, since what records are hashed with is sealed too.

use std::borrow::Cow;
use std::sync::Arc;

use ::audit::record::{self, About, Caller, Place};
use ::audit::{Device, Receipt};
use framework::view::from_stored;
use framework::{Access, Error, Kind, Operation, Request};
use serde_json::{Map, Value};

use super::{Destination, Done, Pipeline};
use crate::audit_log::Active;
use crate::mounts::LiveMount;
use crate::tokens::Resolved;

/// What is told when no device takes a request's record. Clients search for the first two words.
const REQUEST_REFUSED: &str = "internal error: no audit device could record the request";
/// The same for an answer.
const REPLY_REFUSED: &str =
    "internal error: no audit device could record the reply; what was asked for may have been done";

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

/// What the second record needs of the first.
pub(super) struct Recorded {
    active: Arc<Active>,
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
        let Some(active) = self.audit.current().await? else { return Ok(()) };
        *trail = Trail::Recorded(Box::pin(self.submit_request(active, seen, error)).await?);
        Ok(())
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
        let records = records.map(|(device, about)| {
            let device = device.as_ref();
            (device, record::request(device, time, about, text.as_deref()))
        });
        let receipt = Device::submit(records);
        self.unless_refused(receipt, &active, Half::Request).await?;
        let mount = seen.to.and_then(|to| to.target.as_ref()?.mount.clone());
        Ok(Recorded { active, abouts, operation: seen.operation, mount })
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
            let seen = Seen { request, operation: request.operation, data, to: None, token: None };
            Box::pin(self.record_request(&mut trail, &seen, Some(error))).await?;
        }
        if let Trail::Recorded(recorded) = trail {
            Box::pin(self.submit_reply(&recorded, result.as_ref())).await?;
        }
        result
    }

    async fn submit_reply(&self, recorded: &Recorded, result: Result<&Done, &Error>) -> Result<(), Error> {
        let text = result.as_ref().err().map(ToString::to_string);
        let told = match result {
            Ok(done) => Ok(&done.reply),
            Err(_) => Err(text.as_deref().unwrap_or_default()),
        };
        let time = self.audit.now();
        let place = recorded.mount.as_deref().map(place);
        let receipt = Device::submit(recorded.active.devices.iter().zip(&recorded.abouts).map(|(device, about)| {
            let device = device.as_ref();
            (device, record::reply(device, time, about, recorded.operation, place.as_ref(), told))
        }));
        self.unless_refused(receipt, &recorded.active, Half::Reply).await
    }

    async fn unless_refused(&self, receipt: Receipt, active: &Active, half: Half) -> Result<(), Error> {
        let metrics = &self.metrics;
        let (shown, times, failures) = match half {
            Half::Request => (REQUEST_REFUSED, &metrics.audit_request, &metrics.audit_request_failure),
            Half::Reply => (REPLY_REFUSED, &metrics.audit_reply, &metrics.audit_reply_failure),
        };
        let began = metrics.now();
        let is_taken = self.audit.is_taken(receipt).await;
        metrics.took(times, began);
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
fn describe(active: &Active, seen: &Seen<'_>, error: Option<&Error>) -> Vec<About> {
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
    let caller = seen.token.map(|token| caller(token, error));
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
        caller: caller.as_ref(),
    };
    active.devices.iter().map(|device| record::about(device, &about)).collect()
}

fn caller<'t>(token: &'t Resolved, error: Option<&Error>) -> Caller<'t> {
    let entry = &token.entry;
    let token_policies: Vec<_> = entry.policies.iter().map(String::as_str).collect();
    let identity_policies: Vec<_> = token.identity_policies.iter().map(String::as_str).collect();
    let mut policies = [token_policies.as_slice(), &identity_policies].concat();
    policies.sort_unstable();
    policies.dedup();
    Caller {
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
        is_allowed: Some(error.is_none()),
    }
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
