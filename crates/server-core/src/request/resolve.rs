//! First stage: the namespace, the mount, and the engine's row.

use std::sync::Arc;

use framework::engine::Route;
use framework::{Error, Operation, Request, View};

use super::{Pipeline, Target, root_namespace};
use crate::keys;
use crate::mounts::{LiveMount, Mounts};
use crate::tokens::Resolved;
use crate::tokens::kind::Kind;

/// Where the core's own endpoints are, in every namespace.
const SYSTEM: &str = "sys/";

/// The mount that a path leads to, the path behind the mount path, and the row of the engine.
type Lead<'p> = (Arc<LiveMount>, &'p str, Result<Route, Error>);

/// Where a path of an unsealed server leads; `None` when nothing is mounted there.
pub(crate) async fn lead<'p>(
    mounts: &Mounts,
    ns: &str,
    operation: Operation,
    path: &'p str,
) -> Result<Option<Lead<'p>>, Error> {
    let Some((mount, path)) = mounts.find(ns, path).await? else { return Ok(None) };
    let route = mount.engine.route(operation, path).map_err(|error| match error {
        Error::Unrouted(_) => Error::Unrouted("unsupported path".into()),
        error => error,
    });
    Ok(Some((mount, path, route)))
}

/// The whole path that is really meant, if what is behind the mount path came in another spelling.
pub(crate) fn folded(path: &str, behind: &str, route: &Route) -> Option<String> {
    let mount_path = path.strip_suffix(behind)?;
    route.folded.as_ref().map(|folded| [mount_path, folded.as_str()].concat())
}

impl Pipeline {
    /// Where the request leads; `None` when nothing is mounted there.
    ///
    /// While sealed, only the rows of `sys/` that say so are answered; everything else is [`Error::Sealed`]. They are
    /// about the node, so a namespace makes no difference to them: probes send what their environment has set.
    pub(super) async fn resolve<'r>(&self, request: &'r Request) -> Result<Option<Target<'r>>, Error> {
        let is_sealed = self.store.barrier().is_sealed();
        if let Some(path) = request.path.strip_prefix(SYSTEM)
            && let Some(engine) = self.mounts.fixed("system")
        {
            let route = engine.route(request.operation, path);
            if matches!(&route, Ok(route) if route.access.works_while_sealed) {
                return Ok(Some(Target {
                    namespace: root_namespace(),
                    mount: None,
                    engine,
                    path,
                    route,
                    folded: None,
                }));
            }
        }
        if is_sealed {
            return Err(Error::Sealed);
        }
        let namespace = request.namespace.trim_matches('/');
        if !namespace.is_empty() && namespace != keys::ROOT_NAMESPACE {
            // Whether a namespace exists is told to nobody who has no rights there.
            return Err(Error::Denied);
        }
        let found = lead(&self.mounts, keys::ROOT_NAMESPACE, request.operation, &request.path).await?;
        Ok(found.map(|(mount, path, route)| Target {
            namespace: root_namespace(),
            engine: Arc::clone(&mount.engine),
            mount: Some(mount),
            path,
            folded: route.as_ref().ok().and_then(|route| folded(&request.path, path, route)),
            route,
        }))
    }

    /// Whether the row of `sys/` that a path leads to says so. Looks at nothing but that table.
    pub(crate) fn is_urgent(&self, operation: Operation, path: &str) -> bool {
        let Some((path, engine)) = path.strip_prefix(SYSTEM).zip(self.mounts.fixed("system")) else { return false };
        engine.route(operation, path).is_ok_and(|route| route.access.is_urgent)
    }

    /// The storage that the engine gets: the mount's own, or for a cubbyhole the caller's token's, which lives and
    /// dies with the token.
    pub(super) fn view(&self, target: &Target<'_>, token: Option<&Resolved>) -> View {
        match (&target.mount, token) {
            (Some(mount), Some(token)) if mount.settings.engine_type == "cubbyhole" => {
                let prefix = keys::cubbyhole(&token.namespace, &token.hash);
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
