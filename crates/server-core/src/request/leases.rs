//! Between the engine and the reply: a row that says so gets a desk, where leases are made. No other request pays for it.

use std::sync::Arc;

use framework::Error;

use super::{Destination, Pipeline, Target};
use crate::leases::desk::{Desk, Holder};
use crate::tokens::kind::Kind;
use crate::tokens::{Resolved, named_from, parse_name};

impl Pipeline {
    /// Where the request's leases are made, if its row makes any. Nobody in particular gets none.
    pub(super) fn desk(
        &self,
        to: &Destination<'_>,
        target: &Target<'_>,
        token: Option<&Resolved>,
    ) -> Result<Option<Arc<Desk>>, Error> {
        let makes_leases = target.route.as_ref().is_ok_and(|route| route.access.makes_leases);
        let (true, Some(mount), Some(token)) = (makes_leases, &target.mount, token) else { return Ok(None) };
        let path = target.folded.as_deref().unwrap_or(to.path);
        let ns = to.place.namespace.id.as_str();
        Desk::open(&self.leases, ns, path, mount, holder(token, ns)).map(Some)
    }
}

/// A batch token has no entry that leases could go with: they go with its parent, and end when it does.
fn holder(token: &Resolved, ns: &str) -> Holder {
    let (liveness, home) = (token.liveness.clone(), token.home.id.as_str());
    match token.kind {
        Kind::Service => Holder { token: Some(named_from(ns, home, &token.hash)), liveness, until: None },
        Kind::Batch => {
            let parent = token.entry.parent.as_deref().map(|parent| parse_name(home, parent));
            let parent = parent.map(|(home, hash)| named_from(ns, home, hash));
            Holder { token: parent, liveness, until: token.state.expires }
        }
    }
}
