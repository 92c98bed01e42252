//! An engine: its table, checked and ready to be mounted.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use env::BoxFuture;
use serde_json::{Map, Value};

use crate::context::Context;
use crate::error::Error;
use crate::input::Input;
use crate::lease::{Held, Limits, SecretKind};
use crate::login::{Renewed, Renewing};
use crate::path::{Access, Handler, OperationSpec, Path, PathSpec};
use crate::reply::Reply;
use crate::request::Operation;
use crate::rotation::Rotating;
use crate::router::{Router, TableError};
use crate::view::Due;

/// Which of the pluggable kinds an engine is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Kind {
    /// Mounted at a path of its own.
    #[default]
    Secrets,
    /// Mounted below `auth/`.
    Auth,
}

/// An engine with state `S`: data plus handlers.
pub struct Engine<S> {
    kind: Kind,
    type_name: &'static str,
    help: &'static str,
    paths: Vec<Path<S>>,
    on_due: Option<OnDue<S>>,
    on_rotation: Option<OnRotation<S>>,
    on_upgrade: Option<(&'static str, OnUpgrade<S>)>,
    secrets: Vec<SecretKind<S>>,
    on_renewal: Option<OnRenewal<S>>,
}

type OnUpgrade<S> = Box<dyn for<'a> Fn(&'a S, &'a Context) -> BoxFuture<'a, Result<bool, Error>> + Send + Sync>;
type OnRenewal<S> =
    Box<dyn for<'a> Fn(&'a S, &'a Context, Renewing) -> BoxFuture<'a, Result<Renewed, Error>> + Send + Sync>;
type OnRotation<S> =
    Box<dyn for<'a> Fn(&'a S, &'a Context, Rotating) -> BoxFuture<'a, Result<(), Error>> + Send + Sync>;
type OnDue<S> = Box<dyn for<'a> Fn(&'a S, &'a Context, Due) -> BoxFuture<'a, Result<(), Error>> + Send + Sync>;

/// Where a request leads within a mounted engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// Which row of the table.
    pub index: usize,
    /// The path's parameters by name.
    pub params: BTreeMap<&'static str, String>,
    /// Who may call it.
    pub access: Access,
    /// Whether the engine can tell an existing thing from a new one here.
    pub knows_existence: bool,
    /// Whether the engine can tell which user a login is of here.
    pub knows_user: bool,
    /// Whether reading and listing change nothing here, or outside.
    pub has_harmless_reads: bool,
    /// The path behind the mount path as it is really meant, if it came in another spelling.
    pub folded: Option<String>,
}

/// An engine with its state, ready to answer. What the core holds of every mount.
#[async_trait]
pub trait Mounted: Send + Sync {
    /// Secrets engine or auth method.
    fn kind(&self) -> Kind;

    /// The engine type as the operator writes it.
    fn type_name(&self) -> &'static str;

    /// The engine's own description, for path help.
    fn help(&self) -> &'static str;

    /// All rows of the table.
    fn specs(&self) -> &[PathSpec];

    /// Where a path behind the mount path leads.
    ///
    /// # Errors
    /// [`Error::Unrouted`] when no row matches, [`Error::UnsupportedOperation`] when the row lacks the operation.
    fn route(&self, operation: Operation, path: &str) -> Result<Route, Error>;

    /// Whether the thing that a write is about is there already; asked only where the route knows.
    ///
    /// # Errors
    /// When the input does not fit or storage fails.
    async fn exists(&self, context: &Context, route: &Route, data: &Map<String, Value>) -> Result<bool, Error>;

    /// Whether logins are for roles that the engine can tell; see [`Path::role`].
    fn has_roles(&self) -> bool {
        self.specs().iter().any(|spec| spec.knows_role)
    }

    /// Which role a login is for; `None` where the row does not know, and when what came with the login does not say.
    ///
    /// # Errors
    /// When the input does not fit or storage fails.
    async fn role(&self, _: &Context, _: &Route, _: &Map<String, Value>) -> Result<Option<String>, Error> {
        Ok(None)
    }

    /// Which user a login is of; see [`Path::user`]. `None` where the row does not know, and when what came with the login
    /// does not say.
    ///
    /// # Errors
    /// When the input does not fit or storage fails.
    async fn user(&self, _: &Context, _: &Route, _: &Map<String, Value>) -> Result<Option<String>, Error> {
        Ok(None)
    }

    /// Answers the request. Warnings about ignored and replaced fields are added here.
    ///
    /// # Errors
    /// As the handler says.
    fn handle<'a>(
        &'a self,
        context: &'a Context,
        route: Route,
        operation: Operation,
        data: Map<String, Value>,
    ) -> BoxFuture<'a, Result<Reply, Error>>;

    /// Does what is due; see [`Engine::on_due`].
    ///
    /// # Errors
    /// As the hook says, and when the engine has none.
    async fn due(&self, context: &Context, due: Due) -> Result<(), Error>;

    /// The version whose mounts this engine can take over; see [`Engine::on_upgrade`].
    fn upgrades_from(&self) -> Option<&'static str>;

    /// Takes over a part of a mount; says whether nothing is left to do.
    ///
    /// # Errors
    /// As the hook says, and when the engine has none.
    async fn upgrade(&self, context: &Context) -> Result<bool, Error>;

    /// What a token of a login gets when it is renewed; see [`Engine::on_renewal`].
    ///
    /// # Errors
    /// As the hook says, and when the engine has none.
    async fn renew_login(&self, _: &Context, _: Renewing) -> Result<Renewed, Error> {
        Err(no_logins())
    }

    /// Rotates what is claimed; see [`Engine::on_rotation`].
    ///
    /// # Errors
    /// As the hook says, and when the engine has none.
    async fn rotate(&self, _: &Context, _: Rotating) -> Result<(), Error> {
        Err(Error::world("rotate a secret", "the engine does not say how"))
    }

    /// Takes a secret back; see [`SecretKind`].
    ///
    /// # Errors
    /// As the hook says, and when the engine has no such kind.
    async fn revoke(&self, _: &Context, held: Held) -> Result<(), Error> {
        Err(unknown_kind(&held))
    }

    /// Takes back what was intended and may have been made; see [`SecretKind::undo`].
    ///
    /// # Errors
    /// As the hook says, and when the engine has none.
    async fn undo(&self, _: &Context, held: Held) -> Result<(), Error> {
        Err(unknown_kind(&held))
    }

    /// How long a secret may live at a renewal, if the engine says so; see [`SecretKind::limits`].
    ///
    /// # Errors
    /// As the hook says, and when the engine has no such kind.
    async fn limits(&self, _: &Context, held: Held) -> Result<Option<Limits>, Error> {
        Err(unknown_kind(&held))
    }

    /// Renews a secret; see [`SecretKind::renew`].
    ///
    /// # Errors
    /// As the hook says, and when the engine has no such kind.
    async fn renew(&self, _: &Context, held: Held) -> Result<(), Error> {
        Err(unknown_kind(&held))
    }
}

struct Ready<S> {
    engine: Engine<S>,
    specs: Vec<PathSpec>,
    router: Router,
    state: S,
}

impl<S: Send + Sync + 'static> Engine<S> {
    /// A secrets engine of this type.
    #[must_use]
    pub fn secrets(type_name: &'static str, help: &'static str) -> Self {
        Self {
            kind: Kind::Secrets,
            type_name,
            help,
            paths: Vec::new(),
            on_due: None,
            on_rotation: None,
            on_upgrade: None,
            secrets: Vec::new(),
            on_renewal: None,
        }
    }

    /// An auth method of this type.
    #[must_use]
    pub fn auth(type_name: &'static str, help: &'static str) -> Self {
        Self {
            kind: Kind::Auth,
            type_name,
            help,
            paths: Vec::new(),
            on_due: None,
            on_rotation: None,
            on_upgrade: None,
            secrets: Vec::new(),
            on_renewal: None,
        }
    }

    /// Adds rows to the table.
    #[must_use]
    pub fn paths(mut self, paths: impl IntoIterator<Item = Path<S>>) -> Self {
        self.paths.extend(paths);
        self
    }

    /// What is done about a line that the engine has put into the due index: all of it, or a bounded part. The line is
    /// taken away in the same commit as the last of the work; as long as it stays, the hook is called again, at once
    /// after a success and a little later after an error. Several nodes may call it for the same line at once.
    ///
    /// The context has the mount's view and nobody as its caller.
    #[must_use]
    pub fn on_due(mut self, hook: impl for<'a> Handler<'a, S, Due, ()> + 'static) -> Self {
        self.on_due = Some(Box::new(move |state, context, due| Box::pin(hook.call(state, context, due))));
        self
    }

    /// How what the engine has [planned](crate::rotation::plan) is rotated: whatever has to be done outside, and the commit
    /// of [`Rotating::finish`] that stores the new secret. It is called for one claim at a time; for one that was not
    /// brought to its end, another is made, and then the outside may hold what nobody knows. What is gone ends with
    /// [`Rotating::end`].
    ///
    /// The context has the mount's view and nobody as its caller.
    #[must_use]
    pub fn on_rotation(mut self, hook: impl for<'a> Handler<'a, S, Rotating, ()> + 'static) -> Self {
        self.on_rotation = Some(Box::new(move |state, context, it| Box::pin(hook.call(state, context, it))));
        self
    }

    /// What a token of a login gets when it is renewed: its user or role as it is now, as
    /// [`TokenTerms`](crate::terms::TokenTerms), or as [`Renewed`] where the engine tells of groups too. Whom the engine
    /// does not know any more, or would give other policies, it refuses with [`Error::Invalid`]. Needed by every engine
    /// that answers with a [`Login`](crate::Login) of renewable tokens.
    ///
    /// The context has the mount's view, the connection over which the renewal is asked for, and nobody as its caller.
    #[must_use]
    pub fn on_renewal<T: Into<Renewed> + 'static>(
        mut self,
        hook: impl for<'a> Handler<'a, S, Renewing, T> + 'static,
    ) -> Self {
        self.on_renewal = Some(Box::new(move |state, context, it| {
            let asked = hook.call(state, context, it);
            Box::pin(async move { asked.await.map(Into::into) })
        }));
        self
    }

    /// Adds a kind of secret that ends.
    #[must_use]
    pub fn secret(mut self, kind: SecretKind<S>) -> Self {
        self.secrets.push(kind);
        self
    }

    /// How a mount whose option `version` was `from` becomes one of this engine. The hook turns a bounded part of what is
    /// stored into this engine's form, in commits that leave each thing in the one form or the other, and says whether
    /// nothing is left to do. It is called until it says so, also after a crash and on two nodes at once; the mount
    /// answers nothing meanwhile.
    #[must_use]
    pub fn on_upgrade(mut self, from: &'static str, hook: impl for<'a> Handler<'a, S, (), bool> + 'static) -> Self {
        self.on_upgrade = Some((from, Box::new(move |state, context| Box::pin(hook.call(state, context, ())))));
        self
    }

    /// Checks the table and joins it with its state.
    ///
    /// # Errors
    /// When two templates match the same paths, or a template and its parameters differ.
    pub fn mount(self, state: S) -> Result<Arc<dyn Mounted>, TableError> {
        let specs: Vec<_> = self.paths.iter().map(|path| path.spec.clone()).collect();
        let router = Router::new(&specs)?;
        Ok(Arc::new(Ready { engine: self, specs, router, state }))
    }
}

impl<S> Ready<S> {
    /// The row that a route names. Routes are made by `route` of the same table only.
    fn path(&self, route: &Route) -> Result<&Path<S>, Error> {
        self.engine.paths.get(route.index).ok_or(Error::UnsupportedOperation)
    }

    fn secret(&self, held: &Held) -> Result<&SecretKind<S>, Error> {
        self.engine.secrets.iter().find(|kind| kind.name == held.kind()).ok_or_else(|| unknown_kind(held))
    }
}

#[async_trait]
impl<S: Send + Sync + 'static> Mounted for Ready<S> {
    fn kind(&self) -> Kind {
        self.engine.kind
    }

    fn type_name(&self) -> &'static str {
        self.engine.type_name
    }

    fn help(&self) -> &'static str {
        self.engine.help
    }

    fn specs(&self) -> &[PathSpec] {
        &self.specs
    }

    fn route(&self, operation: Operation, path: &str) -> Result<Route, Error> {
        let is_list = matches!(operation, Operation::List | Operation::Scan | Operation::Help);
        let unrouted = || Error::Unrouted("unsupported path".into());
        let found = self.router.find(path, is_list).ok_or_else(unrouted)?;
        let path = self.engine.paths.get(found.index).ok_or_else(unrouted)?;
        let row = table_operation(operation);
        if row != Operation::Help && !path.calls.contains_key(&row) {
            return Err(Error::UnsupportedOperation);
        }
        let params = path.spec.params.iter().map(|param| param.name).zip(found.captures).collect();
        let folded = path.spec.folded(&params);
        let PathSpec { access, knows_existence, knows_user, has_harmless_reads, .. } = path.spec;
        Ok(Route { index: found.index, params, access, knows_existence, knows_user, has_harmless_reads, folded })
    }

    async fn exists(&self, context: &Context, route: &Route, data: &Map<String, Value>) -> Result<bool, Error> {
        let Some(existence) = &self.path(route)?.exists else { return Ok(true) };
        (existence.check)(&self.state, context, partial(route, data, &existence.fields)).await
    }

    async fn role(&self, context: &Context, route: &Route, data: &Map<String, Value>) -> Result<Option<String>, Error> {
        let Some(role) = &self.path(route)?.role else { return Ok(None) };
        (role.tell)(&self.state, context, partial(route, data, &role.fields)).await
    }

    async fn user(&self, context: &Context, route: &Route, data: &Map<String, Value>) -> Result<Option<String>, Error> {
        let Some(user) = &self.path(route)?.user else { return Ok(None) };
        (user.tell)(&self.state, context, partial(route, data, &user.fields)).await
    }

    fn handle<'a>(
        &'a self,
        context: &'a Context,
        route: Route,
        operation: Operation,
        data: Map<String, Value>,
    ) -> BoxFuture<'a, Result<Reply, Error>> {
        let row = table_operation(operation);
        let path = self.engine.paths.get(route.index);
        let Some((call, spec)) = path.and_then(|path| path.calls.get(&row).zip(path.spec.operations.get(&row))) else {
            return Box::pin(std::future::ready(Err(Error::UnsupportedOperation)));
        };
        let (ignored, replaced) = if spec.is_free_form { Default::default() } else { unused(spec, &route, &data) };
        let reply = call(&self.state, context, Input::new(route.params, data));
        if ignored.is_empty() && replaced.is_empty() {
            return reply;
        }
        Box::pin(async move {
            let mut reply = reply.await?;
            warn(&mut reply, &ignored, &replaced);
            Ok(reply)
        })
    }

    async fn due(&self, context: &Context, due: Due) -> Result<(), Error> {
        match &self.engine.on_due {
            Some(hook) => hook(&self.state, context, due).await,
            None => Err(Error::world("do what is due", "the engine puts nothing off")),
        }
    }

    fn upgrades_from(&self) -> Option<&'static str> {
        self.engine.on_upgrade.as_ref().map(|(from, _)| *from)
    }

    async fn upgrade(&self, context: &Context) -> Result<bool, Error> {
        match &self.engine.on_upgrade {
            Some((_, hook)) => hook(&self.state, context).await,
            None => Err(Error::world("upgrade a mount", "the engine takes nothing over")),
        }
    }

    async fn renew_login(&self, context: &Context, renewing: Renewing) -> Result<Renewed, Error> {
        match &self.engine.on_renewal {
            Some(hook) => hook(&self.state, context, renewing).await,
            None => Err(no_logins()),
        }
    }

    async fn rotate(&self, context: &Context, rotating: Rotating) -> Result<(), Error> {
        match &self.engine.on_rotation {
            Some(hook) => hook(&self.state, context, rotating).await,
            None => Err(Error::world("rotate a secret", "the engine does not say how")),
        }
    }

    async fn revoke(&self, context: &Context, held: Held) -> Result<(), Error> {
        let kind = self.secret(&held)?;
        (kind.revoke)(&self.state, context, held).await
    }

    async fn undo(&self, context: &Context, held: Held) -> Result<(), Error> {
        match &self.secret(&held)?.undo {
            Some(undo) => undo(&self.state, context, held).await,
            None => Err(Error::world("undo what was intended", "the kind of secret does not say how")),
        }
    }

    async fn limits(&self, context: &Context, held: Held) -> Result<Option<Limits>, Error> {
        match &self.secret(&held)?.limits {
            Some(limits) => limits(&self.state, context, held).await.map(Some),
            None => Ok(None),
        }
    }

    async fn renew(&self, context: &Context, held: Held) -> Result<(), Error> {
        match &self.secret(&held)?.renew {
            Some(renew) => renew(&self.state, context, held).await,
            None => Ok(()),
        }
    }
}

/// The path's parameters, and a copy of some of the request's values.
fn partial(route: &Route, data: &Map<String, Value>, fields: &[&'static str]) -> Input {
    let names = fields.iter().filter(|name| !route.params.contains_key(*name));
    let values = names.filter_map(|name| Some(((*name).to_owned(), data.get(*name)?.clone()))).collect();
    Input::new(route.params.clone(), values)
}

fn no_logins() -> Error {
    Error::world("renew a login", "the engine does not say how")
}

fn unknown_kind(held: &Held) -> Error {
    Error::world("look after a secret", format!("the engine has no secrets of the kind \"{}\"", held.kind()))
}

/// The table has one row entry for all writes.
fn table_operation(operation: Operation) -> Operation {
    if operation == Operation::Create { Operation::Update } else { operation }
}

/// The values that no field takes: those that nothing knows, and those that the path's parameters hide.
fn unused(spec: &OperationSpec, route: &Route, data: &Map<String, Value>) -> (Vec<String>, Vec<String>) {
    let is_ignored = |name: &&String| !spec.fields.iter().any(|field| field.name == name.as_str());
    let is_hidden = |name: &&String| route.params.contains_key(name.as_str());
    let (replaced, rest): (Vec<_>, Vec<_>) = data.keys().partition(is_hidden);
    (rest.into_iter().filter(is_ignored).cloned().collect(), replaced.into_iter().cloned().collect())
}

/// Only a reply with an envelope can carry warnings, so a 204 stays one (documented Vault behavior).
fn warn(reply: &mut Reply, ignored: &[String], replaced: &[String]) {
    if reply.is_empty() || reply.body.is_some() {
        return;
    }
    if !ignored.is_empty() {
        reply.warnings.push(format!("Endpoint ignored these unrecognized parameters: [{}]", ignored.join(" ")));
    }
    if !replaced.is_empty() {
        let names = replaced.join(" ");
        reply.warnings.push(format!(
            "Endpoint replaced the value of these parameters with the values captured from the endpoint's path: [{names}]"
        ));
    }
}

#[cfg(test)]
mod tests;
