//! The request pipeline: where does it lead, who asks, may they, then the engine. One file a stage.
//!
//! A denial must not tell whether the thing exists: whoever may not is told so before anything is said about routes.
//!
//! What most requests do not need is boxed where it is awaited: the future of a request is as large as its largest
//! branch, and it is moved, allocated and wiped for each.

use std::sync::Arc;

use env::Env;
use framework::context::Caller;
use framework::engine::Route;
use framework::openapi::{MountPath, Section};
use framework::view::from_stored;
use framework::{Access, Answer, Context, Error, Header, Mounted, Operation, Reply, Request};
use serde_json::{Map, Value};

use crate::audit_log::AuditLog;
use crate::index::Index;
use crate::leases::Leases;
use crate::lockout::Lockout;
use crate::metrics::Metrics;
use crate::mfa::Mfa;
use crate::mfa::proofs::Proofs;
use crate::mounts::{LiveMount, Mounts, is_permanent};
use crate::namespaces::{Place, lock};
use crate::quotas::Quotas;
use crate::store::Store;
use crate::tokens::{Resolved, Tokens, Use, revoke::Children};
use crate::wrapping::{self, Wrapping};

mod audit;
mod authenticate;
pub(crate) mod authorize;
mod headers;
mod leases;
mod lockout;
mod logins;
mod quotas;
pub(crate) mod resolve;

use audit::{Seen, Trail};
use logins::Entry;

/// What unlocks a namespace.
const UNLOCK: &str = "sys/namespaces/api-lock/unlock";

/// What the pipeline needs of the core.
pub(crate) struct Pipeline {
    pub(crate) store: Store,
    pub(crate) env: Env,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) mounts: Arc<Mounts>,
    pub(crate) leases: Arc<Leases>,
    pub(crate) quotas: Arc<Quotas>,
    pub(crate) lockout: Arc<Lockout>,
    pub(crate) wrapping: Arc<Wrapping>,
    pub(crate) mfa: Arc<Mfa>,
    pub(crate) index: Index,
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) metrics: Arc<Metrics>,
}

/// A request that was answered.
struct Done {
    mount_type: String,
    reply: Reply,
    /// How far the store had come, for those who made a change.
    index: Option<String>,
}

/// Where a request leads.
struct Destination<'r> {
    place: Arc<Place>,
    /// The path in the namespace.
    path: &'r str,
    /// None when nothing is mounted there.
    target: Option<Target<'r>>,
}

/// What answers a request.
struct Target<'r> {
    /// None while sealed: then only `sys/` answers, from its table alone.
    mount: Option<Arc<LiveMount>>,
    engine: Arc<dyn Mounted>,
    /// The path behind the mount path.
    path: &'r str,
    /// Where the engine leads it, or why nowhere.
    route: Result<Route, Error>,
    /// The whole path that is really meant, if it came in another spelling.
    folded: Option<String>,
}

impl Pipeline {
    /// Answers a request.
    pub(crate) async fn handle(&self, mut request: Request) -> Answer {
        let mut data = std::mem::take(&mut request.data);
        let (mut trail, mut headers) = (Trail::default(), Vec::new());
        let result = self.run(&request, &mut data, &mut trail, &mut headers).await;
        match self.record_result(trail, &request, &data, result).await {
            Ok(Done { mount_type, reply, index }) => {
                Answer { request_id: request.id, mount_type, result: Ok(reply), index, headers }
            }
            Err(error) => {
                Answer { request_id: request.id, mount_type: String::new(), result: Err(error), index: None, headers }
            }
        }
    }

    async fn run(
        &self,
        request: &Request,
        data: &mut Map<String, Value>,
        trail: &mut Trail,
        headers: &mut Vec<Header>,
    ) -> Result<Done, Error> {
        let began = self.metrics.now();
        wrapping::check_ttl(request.wrap_ttl)?;
        let mut to = self.resolve(request).await?;
        let mut access = to.access();
        // Whoever probes a node asks how that one is, whatever it has seen of the store.
        if !access.works_while_sealed && self.index.reach(&request.indexes).await? {
            to = self.resolve(request).await?;
            access = to.access();
        }
        trail.leave_out_probes(access, request.operation);
        if !self.quotas.has_none(quotas::KIND) {
            // On the heap: requests to a server without quotas do not carry it along.
            Box::pin(self.count(request, &to, data, trail, headers)).await?;
        }
        let token = self.authenticate(request, &to.place, access).await;
        self.metrics.took(&self.metrics.check_token, began);
        let token = token.map_err(|error| not_a_wrapping_token(error, request, access, data))?;
        let used = self.spend(token.as_deref(), access).await?;
        let (place, path) = (Arc::clone(&to.place), to.path);
        let mut result = self.answer(request, to, token.as_ref(), data, access.is_unauthenticated, trail).await;
        if let (Use::Last, Ok((_, reply))) = (&used, &result)
            && reply.lease.as_ref().is_some_and(|lease| !lease.id.is_empty())
        {
            // It goes with the token, in a moment (documented Vault behavior).
            result = Err(Error::invalid(
                "Secret cannot be returned; token had one use left, so leased credentials were immediately revoked.",
            ));
        }
        // What nobody in particular gets is not worth keeping, and would let anybody fill the store.
        let is_login = matches!(&result, Ok((_, Reply { auth: Some(_), .. })));
        if request.wrap_ttl.is_some() && (is_login || !access.is_unauthenticated) {
            result = Box::pin(self.wrap(request, &place, path, result)).await;
        }
        if let (Use::Last, Some(token)) = (used, &token) {
            Box::pin(self.retire(token)).await;
        }
        let (mount_type, reply) = result?;
        // Strangers learn nothing of the store, and get nothing that makes a node wait.
        let is_known = token.is_some() || reply.auth.is_some();
        let is_change = request.operation.has_body() || request.operation == Operation::Delete;
        let index = if is_known && is_change { self.index.current() } else { None };
        Ok(Done { mount_type, reply, index })
    }

    /// Spends one use of the caller's token. That of a wrapped reply is good for opening it alone, and is not spent by
    /// being tried elsewhere.
    async fn spend(&self, token: Option<&Resolved>, access: Access) -> Result<Use, Error> {
        match token {
            None => Ok(Use::More),
            Some(_) if access.is_unauthenticated => Ok(Use::More),
            Some(token) if !token.entry.is_wrapping() => self.tokens.spend(token).await,
            Some(_) if access.takes_wrapping_token => Ok(Use::More),
            Some(_) => Err(Error::Denied),
        }
    }

    async fn wrap(
        &self,
        request: &Request,
        place: &Place,
        path: &str,
        result: Result<(String, Reply), Error>,
    ) -> Result<(String, Reply), Error> {
        let (mount_type, reply) = result?;
        let reply = self.wrapping.wrap(&place.namespace.id, request, path, &mount_type, reply).await?;
        Ok((mount_type, reply))
    }

    /// Takes a used-up token away. What was done with its last use is done, so a failure here does not take the reply
    /// back: the token is refused already, and the line that its last use left in the due index ends it later.
    async fn retire(&self, token: &Resolved) {
        match self.tokens.revoke(&token.home.id, &token.hash, Children::Revoke).await {
            Ok(()) | Err(Error::Sealed) => {}
            Err(error) => tracing::warn!(%error, "a used-up token could not be removed and will be tried again"),
        }
    }

    async fn answer(
        &self,
        request: &Request,
        to: Destination<'_>,
        token: Option<&Arc<Resolved>>,
        data: &mut Map<String, Value>,
        is_open: bool,
        trail: &mut Trail,
    ) -> Result<(String, Reply), Error> {
        let caller = token.map(|token| caller(request, token)).unwrap_or_default();
        let token = token.map(Arc::as_ref);
        let Some(target) = &to.target else {
            if !to.place.exists {
                return Err(no_namespace(&to.place, token));
            }
            authorize::check(request, request.operation, &to, token, data)?;
            let full = to.place.namespace.full_path(to.path);
            let may_ask = |token: &Resolved| token.acl.capabilities(&full) != [policy::Capability::Deny.as_str()];
            if request.operation == Operation::Help && !token.is_some_and(may_ask) {
                // As where something is mounted that the caller may do nothing with. Who may do something here is told
                // the same by any other request.
                return Err(Error::Denied);
            }
            check_place(&to)?;
            return Err(Error::Unrouted(no_handler(to.path).into()));
        };
        if !to.place.exists && !is_open && !token.is_some_and(|token| token.entry.is_wrapping()) {
            return Err(no_namespace(&to.place, token));
        }
        let mut context = self.context(request, &to, target, token, caller);
        if target.mount.as_ref().is_some_and(|it| !is_permanent(&it.settings.engine_type)) {
            // Who asks is for every engine to know, what they prove it with for the core alone.
            context.caller.token = None;
        }
        let mut operation = request.operation;
        let allowed = if is_open {
            Ok(false)
        } else {
            operation = self.operation(request, &to, token, &context, data).await?;
            authorize::check(request, operation, &to, token, data)
        };
        let allowed = allowed.and_then(|is_sudo| check_place(&to).map(|()| is_sudo));
        let is_harmless = is_harmless(request, operation, target);
        let seen = Seen { request, operation, data, to: Some(&to), token, is_harmless };
        self.record_request(trail, &seen, allowed.as_ref().err()).await?;
        context.caller.is_sudo = allowed?;
        let mount_type = target.engine.type_name().to_owned();
        if operation == Operation::Help {
            may_know(&to, target, token)?;
            let reply = help(target)?;
            return Ok((mount_type, reply));
        }
        resolve::check_kind(target, token)?;
        let reply = self.ask(request, to, context, operation, data, token).await?;
        Ok((mount_type, reply))
    }

    /// Asks the engine, with everything that goes around it: who is locked out, where leases are made, which headers leave.
    async fn ask(
        &self,
        request: &Request,
        to: Destination<'_>,
        mut context: Context,
        operation: Operation,
        data: &mut Map<String, Value>,
        token: Option<&Resolved>,
    ) -> Result<Reply, Error> {
        let Some(target) = &to.target else { return Err(Error::Denied) };
        let attempt = match &target.route {
            // On the heap: no other request carries it along.
            Ok(route) if route.knows_user => Box::pin(self.attempt(&to, target, &context, data)).await?,
            _ => None,
        };
        let desk = self.desk(&to, target, token)?;
        context.intents = desk.clone().map(|desk| desk as _);
        let Some(target) = to.target else { return Err(Error::Denied) };
        let route = target.route?;
        // A row that is open to everybody, of an auth method: no other may make tokens.
        let is_login = route.access.is_unauthenticated && target.engine.kind() == framework::Kind::Auth;
        let data = std::mem::take(data);
        let mut reply = match target.mount.as_deref().filter(|_| is_login) {
            Some(mount) => {
                let path = target.folded.as_deref().unwrap_or(to.path);
                let proofs = proofs(request)?;
                let entry = Entry { engine: &target.engine, mount, route, path, operation, attempt, proofs };
                // On the heap: no other request carries it along.
                Box::pin(self.log_in(&context, entry, data)).await
            }
            None => {
                let began = self.metrics.now();
                let reply = target.engine.handle(&context, route, operation, data).await;
                if let Some(mount) = &target.mount {
                    self.metrics.routed(mount, &to.place.namespace, operation, began);
                }
                reply
            }
        };
        if let Some(desk) = desk {
            reply = Box::pin(desk.close(reply)).await;
        }
        let mut reply = reply?;
        if reply.login.is_some() {
            return Err(Error::world("log somebody in", "the row is none of a login"));
        }
        if let Some(mount) = &target.mount {
            self.metrics.made(mount, &to.place.namespace, &context.path, &reply);
            headers::let_out(&mut reply, &mount.settings);
        }
        Ok(reply)
    }

    /// Tells create from update where the engine can.
    async fn operation(
        &self,
        request: &Request,
        to: &Destination<'_>,
        token: Option<&Resolved>,
        context: &Context,
        data: &Map<String, Value>,
    ) -> Result<Operation, Error> {
        let target = to.target.as_ref().filter(|_| request.operation == Operation::Update);
        let target = target.and_then(|target| Some((target, target.route.as_ref().ok()?)));
        let Some((target, route)) = target.filter(|(_, route)| route.knows_existence) else {
            return Ok(request.operation);
        };
        match target.engine.exists(context, route, data).await {
            Ok(true) => Ok(Operation::Update),
            Ok(false) => Ok(Operation::Create),
            // Even a failure would tell that something is mounted here: it is for those who may write here at all.
            Err(error) => {
                let may = |operation| authorize::check(request, operation, to, token, data).is_ok();
                Err(if may(Operation::Update) || may(Operation::Create) { error } else { Error::Denied })
            }
        }
    }

    fn context(
        &self,
        request: &Request,
        to: &Destination<'_>,
        target: &Target<'_>,
        token: Option<&Resolved>,
        caller: Caller,
    ) -> Context {
        Context {
            view: self.view(target, token),
            env: self.env.clone(),
            mount: target.mount.as_ref().map(|it| Arc::clone(&it.mount)).unwrap_or_default(),
            namespace: Arc::clone(&to.place.namespace),
            caller,
            connection: Arc::clone(&request.connection),
            wrap_ttl: request.wrap_ttl,
            request_id: request.id.clone(),
            path: target.path.to_owned(),
            headers: target
                .mount
                .as_ref()
                .map(|it| headers::let_in(request, &it.settings, to.access()))
                .unwrap_or_default(),
            intents: None,
        }
    }
}

impl Destination<'_> {
    /// What the row says of who may call it; what leads nowhere is like any row.
    fn access(&self) -> Access {
        self.target.as_ref().and_then(|target| target.route.as_ref().ok()).map(|route| route.access).unwrap_or_default()
    }
}

/// The second factors that came with a login.
fn proofs(request: &Request) -> Result<Proofs, Error> {
    let values = request.headers.as_ref().map(|source| source.values(api::header::MFA)).unwrap_or_default();
    Proofs::from_headers(&values)
}

/// Whether nothing changes, here or outside, whatever the engine answers.
fn is_harmless(request: &Request, operation: Operation, target: &Target<'_>) -> bool {
    let is_read = matches!(operation, Operation::Read | Operation::List | Operation::Scan);
    // A wrapped reply is stored.
    is_read && request.wrap_ttl.is_none() && target.route.as_ref().is_ok_and(|route| route.has_harmless_reads)
}

/// The namespace does not exist: told to those who could do something in it, to all others as if they may not.
fn no_namespace(place: &Place, token: Option<&Resolved>) -> Error {
    if token.is_some_and(|token| token.acl.has_any_below(&place.namespace.path)) {
        return Error::Unrouted("namespace not found".into());
    }
    Error::Denied
}

/// What is not answered in this namespace, whoever asks: what is about the whole server, and of a locked one all but
/// what unlocks it and what strangers are told alike in every namespace.
fn check_place(to: &Destination<'_>) -> Result<(), Error> {
    let access = to.access();
    if access.works_while_sealed {
        return Ok(());
    }
    if access.is_root_only && !to.place.is_root() {
        return Err(Error::invalid("operation unavailable in namespaces"));
    }
    let Some(locked) = &to.place.locked else { return Ok(()) };
    let is_system = to.target.as_ref().is_some_and(|target| target.engine.type_name() == "system");
    let is_unlock = to.path == UNLOCK || to.path.starts_with(&[UNLOCK, "/"].concat());
    if is_system && (is_unlock || access.is_unauthenticated || access.takes_wrapping_token) {
        return Ok(());
    }
    Err(lock::refusal(locked))
}

/// A bad token where one of a wrapped reply may come is told as that, unless the body names the one that is meant.
fn not_a_wrapping_token(error: Error, request: &Request, access: Access, data: &Map<String, Value>) -> Error {
    let names_one = data.get("token").and_then(Value::as_str).is_some_and(|token| !token.is_empty());
    match error {
        Error::Denied if access.takes_wrapping_token && request.token.is_some() && !names_one => wrapping::invalid(),
        error => error,
    }
}

fn caller(request: &Request, resolved: &Arc<Resolved>) -> Caller {
    Caller {
        token: request.token.clone(),
        accessor: resolved.entry.accessor.clone(),
        display_name: resolved.entry.display_name.clone(),
        entity_id: resolved.entity_id.clone(),
        issued: Some(from_stored(resolved.entry.created)),
        token_hash: resolved.hash.clone(),
        is_sudo: false,
        judge: Some(Arc::clone(resolved) as _),
    }
}

/// Help is for every valid token, but where an operator has mounted something is for those who may do something there.
fn may_know(to: &Destination<'_>, target: &Target<'_>, token: Option<&Resolved>) -> Result<(), Error> {
    let Some(mount) = target.mount.as_ref().filter(|it| !is_permanent(&it.settings.engine_type)) else { return Ok(()) };
    let before = if target.engine.kind() == framework::Kind::Auth { "auth/" } else { "" };
    let path = [to.place.namespace.path.as_str(), before, mount.settings.path.as_str()].concat();
    if token.is_some_and(|token| token.acl.has_any_below(&path)) { Ok(()) } else { Err(Error::Denied) }
}

fn help(target: &Target<'_>) -> Result<Reply, Error> {
    let mount_path = target.mount.as_ref().map_or("sys/", |it| it.settings.path.as_str());
    let mount_path = match target.engine.kind() {
        framework::Kind::Secrets => mount_path.to_owned(),
        framework::Kind::Auth => ["auth/", mount_path].concat(),
    };
    let engine = target.engine.as_ref();
    let section = section(engine, MountPath::Fixed(&mount_path));
    framework::help::answer(engine, &section, target.path)
}

/// How an engine's table stands in help and OpenAPI.
pub(crate) fn section<'a>(engine: &'a dyn Mounted, mount: MountPath<'a>) -> Section<'a> {
    let tag = match (engine.type_name(), engine.kind()) {
        ("system", _) => "system",
        (_, framework::Kind::Secrets) => "secrets",
        (_, framework::Kind::Auth) => "auth",
    };
    Section { mount, prefix: engine.type_name(), tag, specs: engine.specs() }
}

fn no_handler(path: &str) -> String {
    format!("no handler for route \"{path}\". route entry not found.")
}
