//! First stage: the namespace, the mount, and the engine's row.

use std::sync::Arc;

use framework::engine::Route;
use framework::{Access, Error, Operation, Request, View};
use storage::Key;

use super::{Destination, Pipeline, Target};
use crate::keys;
use crate::mounts::{LiveMount, Mounts};
use crate::namespaces::Place;
use crate::tokens::Resolved;
use crate::tokens::kind::Kind;

/// Where the core's own endpoints are, in every namespace.
const SYSTEM: &str = "sys/";

/// The mount that a path leads to, the path behind the mount path, and the row of the engine.
type Found<'p> = (Arc<LiveMount>, &'p str, Result<Route, Error>);

/// Where a path leads.
pub(crate) struct Lead<'p> {
    pub(crate) place: Arc<Place>,
    /// What of the path is behind the namespaces that it names.
    pub(crate) path: &'p str,
    /// `None` when nothing is mounted there.
    pub(crate) found: Option<Found<'p>>,
}

/// Where a path of an unsealed server leads from a namespace. It may begin with the names of further ones. No mount can
/// have such a name, so that what is mounted is looked for first, and a request that names none pays for none. `along`
/// are entries to be read with the first ones, if any are read.
pub(crate) async fn lead<'p>(
    mounts: &Mounts,
    from: Arc<Place>,
    operation: Operation,
    path: &'p str,
    along: &(dyn Fn() -> Vec<Key> + Sync),
) -> Result<Lead<'p>, Error> {
    if !from.exists {
        return Ok(Lead { place: from, path, found: None });
    }
    let (mut place, mut path) = (from, path);
    let mut found = mounts.find_along(&place.namespace.id, path, along).await?;
    if found.is_none() {
        let (below, behind) = Box::pin(mounts.namespaces.below(&place, path)).await?;
        if behind.len() < path.len() {
            found = Box::pin(mounts.find_along(&below.namespace.id, behind, along)).await?;
            (place, path) = (below, behind);
        }
    }
    let found = found.map(|(mount, behind)| {
        let route = mount.engine.route(operation, behind).map_err(|error| match error {
            Error::Unrouted(_) => Error::Unrouted("unsupported path".into()),
            error => error,
        });
        (mount, behind, route)
    });
    Ok(Lead { place, path, found })
}

/// The row as it is over the listener that the request came to.
fn over(request: &Request, route: Result<Route, Error>) -> Result<Route, Error> {
    route.map(|route| Route { access: route.access.over(request.connection.openings), ..route })
}

/// The whole path that is really meant, if what is behind the mount path came in another spelling.
pub(crate) fn folded(path: &str, behind: &str, route: &Route) -> Option<String> {
    let mount_path = path.strip_suffix(behind)?;
    route.folded.as_ref().map(|folded| [mount_path, folded.as_str()].concat())
}

impl Pipeline {
    /// Where the request leads.
    ///
    /// While sealed, only the rows of `sys/` that say so are answered; everything else is [`Error::Sealed`]. They are
    /// about the node, so a namespace makes no difference to them: probes send what their environment has set.
    pub(super) async fn resolve<'r>(&self, request: &'r Request) -> Result<Destination<'r>, Error> {
        let is_sealed = self.store.barrier().is_sealed();
        let fixed = |place, path: &'r str| {
            let behind = path.strip_prefix(SYSTEM)?;
            let engine = self.mounts.fixed("system")?;
            let route = over(request, engine.route(request.operation, behind));
            Some(Destination {
                place,
                path,
                target: Some(Target { mount: None, engine, path: behind, route, folded: None }),
            })
        };
        let node = fixed(self.mounts.namespaces.root(), &request.path);
        if let Some(node) = node.filter(|node| node.access().works_while_sealed) {
            return Ok(node);
        }
        if is_sealed {
            return Err(Error::Sealed);
        }
        let from = self.mounts.namespaces.named(&request.namespace).await?;
        let token = || request.token.as_ref().map(|it| self.tokens.first_keys(it.expose())).unwrap_or_default();
        let Lead { place, path, found } = lead(&self.mounts, from, request.operation, &request.path, &token).await?;
        if !place.exists {
            // What asks for no token, or opens a reply, tells strangers as little here as in a namespace that exists.
            let open = fixed(Arc::clone(&place), path).filter(|to| {
                let access = to.access();
                access.is_unauthenticated || access.takes_wrapping_token
            });
            return Ok(open.unwrap_or(Destination { place, path, target: None }));
        }
        let target = found.map(|(mount, behind, route)| Target {
            engine: Arc::clone(&mount.engine),
            mount: Some(mount),
            path: behind,
            folded: route.as_ref().ok().and_then(|route| folded(path, behind, route)),
            route: over(request, route),
        });
        Ok(Destination { place, path, target })
    }

    /// What the row of `sys/` that a path leads to says. Looks at nothing but that table.
    pub(crate) fn access(&self, operation: Operation, path: &str) -> Option<Access> {
        let (path, engine) = path.strip_prefix(SYSTEM).zip(self.mounts.fixed("system"))?;
        engine.route(operation, path).ok().map(|route| route.access)
    }

    /// The storage that the engine gets: the mount's own, or for a cubbyhole the caller's token's, which lives and
    /// dies with the token.
    pub(super) fn view(&self, target: &Target<'_>, token: Option<&Resolved>) -> View {
        match (&target.mount, token) {
            (Some(mount), Some(token)) if mount.settings.engine_type == "cubbyhole" => {
                let prefix = keys::cubbyhole(&token.home.id, &token.hash);
                View::new(self.store.barrier().clone(), prefix, vec![token.liveness.clone()])
            }
            (Some(mount), _) => mount.view(),
            // Rows that answer while sealed keep nothing; an empty view below a prefix that nobody uses.
            (None, _) => View::new(self.store.barrier().clone(), "none/", Vec::new()),
        }
    }
}

/// A batch token has no cubbyhole: there is no entry that its secrets could live and die with.
pub(super) fn check_kind(target: &Target<'_>, token: Option<&Resolved>) -> Result<(), Error> {
    let is_cubbyhole = target.mount.as_ref().is_some_and(|mount| mount.settings.engine_type == "cubbyhole");
    if is_cubbyhole && token.is_some_and(|token| token.kind == Kind::Batch) {
        return Err(Error::invalid("cubbyhole operations are only supported by \"service\" type tokens"));
    }
    Ok(())
}
