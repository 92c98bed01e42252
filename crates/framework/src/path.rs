//! One row of an engine's table: a template, what it takes, what it does, and who may call it.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use env::BoxFuture;

use crate::context::{Context, Opening, Openings};
use crate::error::Error;
use crate::field::Field;
use crate::input::{FieldSet, Input};
use crate::reply::Reply;
use crate::request::Operation;

/// What a parameter of a template may stand for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Segment {
    /// One segment, without `/`, not empty.
    Name,
    /// The rest of the path, with its `/`, up to one literal segment that may stand behind it in the template; empty
    /// only when a list asks for the top.
    Rest,
}

/// A parameter of a template.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Param {
    /// As in the template and in the input.
    pub name: &'static str,
    /// What it may stand for.
    pub segment: Segment,
    /// A sentence.
    pub description: &'static str,
    /// Several spellings mean the same thing; see [`fold`].
    pub is_folded: bool,
}

/// How the names of things are spelled that are stored in lower case: what a rule says of one spelling has to hold for
/// all.
#[must_use]
pub fn fold(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Who may call a path, and when. The default is: any token whose policies allow it, while unsealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Access {
    /// No token is asked for. A valid one is still made known to the handler.
    pub is_unauthenticated: bool,
    /// The `sudo` capability is needed on top.
    pub is_sudo: bool,
    /// Answered while the server is sealed or not initialized.
    pub works_while_sealed: bool,
    /// Refused in every namespace but the root.
    pub is_root_only: bool,
    /// The token of a wrapped reply may come in place of the caller's. It is not spent by coming: the handler does that.
    pub takes_wrapping_token: bool,
    /// Its replies may hold a secret that ends.
    pub makes_leases: bool,
    /// Answered even when the node refuses other requests for want of room. For what is short and never waits.
    pub is_urgent: bool,
    /// The body of a `DELETE` is read, which otherwise is ignored: a few clients put a field there.
    pub reads_delete_body: bool,
    /// The handler sees the header `Authorization`, whatever the mount's tuning says: it carries credentials of its own.
    pub takes_authorization: bool,
    /// Needs no token, and is answered while sealed, where the listener's configuration says so.
    pub opening: Option<Opening>,
}

impl Access {
    /// The same over a connection to a listener with these openings.
    #[must_use]
    pub fn over(mut self, openings: Openings) -> Self {
        if self.opening.is_some_and(|opening| openings.shows(opening)) {
            (self.is_unauthenticated, self.works_while_sealed) = (true, true);
        }
        self
    }
}

/// What a path's operation says of itself.
#[derive(Clone, Debug)]
pub struct OperationSpec {
    /// A sentence.
    pub description: &'static str,
    /// Everything it takes, the path's parameters left out.
    pub fields: Vec<Field>,
    /// Whether it takes any other name as well.
    pub is_free_form: bool,
}

/// What a path says of itself: all that routing, help and OpenAPI need.
#[derive(Clone, Debug)]
pub struct PathSpec {
    /// Such as `keys/{name}`.
    pub template: &'static str,
    /// A sentence.
    pub description: &'static str,
    /// In the order of the template.
    pub params: Vec<Param>,
    /// Writes stand under [`Operation::Update`].
    pub operations: BTreeMap<Operation, OperationSpec>,
    /// Who may call it.
    pub access: Access,
    /// Whether the engine can tell an existing thing from a new one here, so that policies tell create from update.
    pub knows_existence: bool,
    /// Whether the engine can tell which of its roles a login is for.
    pub knows_role: bool,
    /// Whether the engine can tell which user a login is of.
    pub knows_user: bool,
    /// Whether reading and listing change nothing, here or outside.
    pub has_harmless_reads: bool,
}

impl PathSpec {
    /// The path that is really meant, if its folded parameters came in another spelling.
    pub(crate) fn folded(&self, params: &BTreeMap<&'static str, String>) -> Option<String> {
        let spelled = |name: &str| {
            let param = self.params.iter().find(|param| param.name == name)?;
            let value = params.get(name)?;
            Some(if param.is_folded { fold(value) } else { value.clone() })
        };
        let is_as_it_came =
            |param: &Param| !param.is_folded || params.get(param.name).is_none_or(|value| fold(value) == *value);
        if self.params.iter().all(is_as_it_came) {
            return None;
        }
        let segments = self.template.split('/').map(|segment| {
            let name = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}'));
            name.and_then(spelled).unwrap_or_else(|| segment.to_owned())
        });
        Some(segments.collect::<Vec<_>>().join("/"))
    }
}

type Erased<S, T> = Arc<dyn for<'a> Fn(&'a S, &'a Context, Input) -> BoxFuture<'a, Result<T, Error>> + Send + Sync>;
type Call<S> = Erased<S, Reply>;
type Exists<S> = Erased<S, bool>;
type Name<S> = Erased<S, Option<String>>;

/// One row of the table of an engine with state `S`.
pub struct Path<S> {
    pub(crate) spec: PathSpec,
    pub(crate) calls: BTreeMap<Operation, Call<S>>,
    pub(crate) exists: Option<Existence<S>>,
    pub(crate) role: Option<NameOf<S>>,
    pub(crate) user: Option<NameOf<S>>,
}

/// How to tell whether the thing that a write is about is there.
pub(crate) struct Existence<S> {
    pub(crate) check: Exists<S>,
    /// The fields that the check takes, so that nothing else of the request has to be copied for it.
    pub(crate) fields: Vec<&'static str>,
}

/// How to tell a name from what came with a login.
pub(crate) struct NameOf<S> {
    pub(crate) tell: Name<S>,
    /// The fields that it takes, so that nothing else of the request has to be copied for it.
    pub(crate) fields: Vec<&'static str>,
}

impl<S: Send + Sync + 'static> NameOf<S> {
    fn new<I: FieldSet>(tell: impl for<'a> Handler<'a, S, I, Option<String>> + 'static) -> Self {
        let fields = I::fields().into_iter().map(|field| field.name).collect();
        Self { tell: adapt::<S, I, Option<String>>(tell), fields }
    }

    fn within<T: Send + Sync + 'static>(self, part: fn(&T) -> &S) -> NameOf<T> {
        let Self { tell, fields } = self;
        let tell: Name<T> = Arc::new(move |state, context, input| tell(part(state), context, input));
        NameOf { tell, fields }
    }
}

/// A plain async function `(&State, &Context, Input) -> Result<T, Error>`. Implemented for every such function.
pub trait Handler<'a, S: 'a, I, T>: Send + Sync {
    /// What it returns.
    type Future: Future<Output = Result<T, Error>> + Send + 'a;

    /// Calls it.
    fn call(&self, state: &'a S, context: &'a Context, input: I) -> Self::Future;
}

impl<'a, F, Fut, S, I, T> Handler<'a, S, I, T> for F
where
    S: 'a,
    F: Fn(&'a S, &'a Context, I) -> Fut + Send + Sync,
    Fut: Future<Output = Result<T, Error>> + Send + 'a,
{
    type Future = Fut;

    fn call(&self, state: &'a S, context: &'a Context, input: I) -> Fut {
        self(state, context, input)
    }
}

impl<S: Send + Sync + 'static> Path<S> {
    /// A path of this template with no operation yet. Every `{name}` in it needs a [`param`](Self::param).
    #[must_use]
    pub fn new(template: &'static str, description: &'static str) -> Self {
        let spec = PathSpec {
            template,
            description,
            params: Vec::new(),
            operations: BTreeMap::new(),
            access: Access::default(),
            knows_existence: false,
            knows_role: false,
            knows_user: false,
            has_harmless_reads: false,
        };
        Self { spec, calls: BTreeMap::new(), exists: None, role: None, user: None }
    }

    /// Describes a parameter of the template.
    #[must_use]
    pub fn param(mut self, name: &'static str, segment: Segment, description: &'static str) -> Self {
        self.spec.params.push(Param { name, segment, description, is_folded: false });
        self
    }

    /// Describes a parameter that is [folded](fold) before it is used. Policies are asked about the spelling that came
    /// and the one that is used.
    #[must_use]
    pub fn folded_param(mut self, name: &'static str, segment: Segment, description: &'static str) -> Self {
        self.spec.params.push(Param { name, segment, description, is_folded: true });
        self
    }

    /// Needs no token.
    #[must_use]
    pub fn unauthenticated(mut self) -> Self {
        self.spec.access.is_unauthenticated = true;
        self
    }

    /// Needs the `sudo` capability.
    #[must_use]
    pub fn sudo(mut self) -> Self {
        self.spec.access.is_sudo = true;
        self
    }

    /// Answered while sealed or not initialized; such a path needs no token either, since there is none to check.
    #[must_use]
    pub fn while_sealed(mut self) -> Self {
        self.spec.access.works_while_sealed = true;
        self.unauthenticated()
    }

    /// Answered even when the node refuses other requests for want of room: what an operator needs to see and to act.
    #[must_use]
    pub fn urgent(mut self) -> Self {
        self.spec.access.is_urgent = true;
        self
    }

    /// Needs no token, and is answered while sealed, over listeners that the operator has opened for it.
    #[must_use]
    pub fn opened_by(mut self, opening: Opening) -> Self {
        self.spec.access.opening = Some(opening);
        self
    }

    /// Reads the body of a `DELETE`, too.
    #[must_use]
    pub fn with_delete_body(mut self) -> Self {
        self.spec.access.reads_delete_body = true;
        self
    }

    /// Refused in every namespace but the root.
    #[must_use]
    pub fn root_only(mut self) -> Self {
        self.spec.access.is_root_only = true;
        self
    }

    /// Takes the token of a wrapped reply in place of the caller's; it opens nothing else.
    #[must_use]
    pub fn takes_wrapping_token(mut self) -> Self {
        self.spec.access.takes_wrapping_token = true;
        self
    }

    /// Asks for credentials of its own in the header `Authorization`, which it then sees: those of an application, say. For
    /// rows of the core that need no token.
    #[must_use]
    pub fn takes_authorization(mut self) -> Self {
        self.spec.access.takes_authorization = true;
        self
    }

    /// May answer with a secret that ends, and announce what it makes outside.
    #[must_use]
    pub fn makes_leases(mut self) -> Self {
        self.spec.access.makes_leases = true;
        self
    }

    /// Reading and listing here change nothing, neither what is stored nor anything outside: so that they may be done
    /// while their audit record is still being written. The reply waits for it.
    #[must_use]
    pub fn harmless_reads(mut self) -> Self {
        self.spec.has_harmless_reads = true;
        self
    }

    /// Tells `create` from `update` for policies: whether the thing is there already.
    #[must_use]
    pub fn exists<I: FieldSet>(mut self, check: impl for<'a> Handler<'a, S, I, bool> + 'static) -> Self {
        let fields = I::fields().into_iter().map(|field| field.name).collect();
        self.exists = Some(Existence { check: adapt::<S, I, bool>(check), fields });
        self.spec.knows_existence = true;
        self
    }

    /// Tells which role of the engine's a login is for, from what came with it and nothing else having been checked: a
    /// quota may be for one role. `None` when there is no such role. It is asked before anybody has proven anything, so
    /// it must change nothing and be cheap.
    #[must_use]
    pub fn role<I: FieldSet>(mut self, tell: impl for<'a> Handler<'a, S, I, Option<String>> + 'static) -> Self {
        self.role = Some(NameOf::new::<I>(tell));
        self.spec.knows_role = true;
        self
    }

    /// Tells which user a login is of, by the name that the engine knows the user by, from what came with it: who fails
    /// too often is locked out. A name that nobody has is told like any other. It is asked before anybody has proven
    /// anything, so it must change nothing and be cheap. A login that fails for its credentials answers with
    /// [`Error::BadCredentials`].
    #[must_use]
    pub fn user<I: FieldSet>(mut self, tell: impl for<'a> Handler<'a, S, I, Option<String>> + 'static) -> Self {
        self.user = Some(NameOf::new::<I>(tell));
        self.spec.knows_user = true;
        self
    }

    /// What reading it does.
    #[must_use]
    pub fn read<I: FieldSet>(self, f: impl for<'a> Handler<'a, S, I, Reply> + 'static, about: &'static str) -> Self {
        self.on(Operation::Read, f, about)
    }

    /// What writing it does; `POST` and `PUT` alike.
    #[must_use]
    pub fn update<I: FieldSet>(self, f: impl for<'a> Handler<'a, S, I, Reply> + 'static, about: &'static str) -> Self {
        self.on(Operation::Update, f, about)
    }

    /// What merging into it does.
    #[must_use]
    pub fn patch<I: FieldSet>(self, f: impl for<'a> Handler<'a, S, I, Reply> + 'static, about: &'static str) -> Self {
        self.on(Operation::Patch, f, about)
    }

    /// What deleting it does.
    #[must_use]
    pub fn delete<I: FieldSet>(self, f: impl for<'a> Handler<'a, S, I, Reply> + 'static, about: &'static str) -> Self {
        self.on(Operation::Delete, f, about)
    }

    /// What listing it does.
    #[must_use]
    pub fn list<I: FieldSet>(self, f: impl for<'a> Handler<'a, S, I, Reply> + 'static, about: &'static str) -> Self {
        self.on(Operation::List, f, about)
    }

    /// What scanning it does: the names of everything below, folders folded out (OpenBao's verb). A policy grants it with
    /// a capability of its own.
    #[must_use]
    pub fn scan<I: FieldSet>(self, f: impl for<'a> Handler<'a, S, I, Reply> + 'static, about: &'static str) -> Self {
        self.on(Operation::Scan, f, about)
    }

    /// The same row in the table of an engine whose state holds `S` as a part, so that a handler gets that part alone.
    #[must_use]
    pub fn within<T: Send + Sync + 'static>(self, part: fn(&T) -> &S) -> Path<T> {
        let calls = self.calls.into_iter().map(|(operation, call)| {
            let call: Call<T> = Arc::new(move |state, context, input| call(part(state), context, input));
            (operation, call)
        });
        let exists = self.exists.map(|Existence { check, fields }| {
            let check: Exists<T> = Arc::new(move |state, context, input| check(part(state), context, input));
            Existence { check, fields }
        });
        let (role, user) = (self.role.map(|it| it.within(part)), self.user.map(|it| it.within(part)));
        Path { spec: self.spec, calls: calls.collect(), exists, role, user }
    }

    fn on<I: FieldSet>(
        mut self,
        operation: Operation,
        handler: impl for<'a> Handler<'a, S, I, Reply> + 'static,
        description: &'static str,
    ) -> Self {
        let params = &self.spec.params;
        let fields = I::fields().into_iter().filter(|field| params.iter().all(|it| it.name != field.name)).collect();
        let spec = OperationSpec { description, fields, is_free_form: I::IS_FREE_FORM };
        self.spec.operations.insert(operation, spec);
        self.calls.insert(operation, adapt::<S, I, Reply>(handler));
        self
    }
}

/// A handler of any input type as one that takes loose values: decoding comes first, and a value that does not fit
/// never reaches the handler.
fn adapt<S, I, T>(handler: impl for<'a> Handler<'a, S, I, T> + 'static) -> Erased<S, T>
where
    S: Send + Sync + 'static,
    I: FieldSet,
    T: Send + 'static,
{
    Arc::new(move |state, context, mut input| match I::decode(&mut input) {
        Ok(input) => Box::pin(handler.call(state, context, input)),
        Err(error) => Box::pin(std::future::ready(Err(error))),
    })
}
