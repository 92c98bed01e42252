//! Between the engine and the reply: a row that says so gets a desk, where leases are made. No other request pays for it.

use std::sync::Arc;

use framework::{Error, Request};

use super::{Pipeline, Target};
use crate::leases::desk::{Desk, Holder};
use crate::tokens::Resolved;
use crate::tokens::kind::Kind;

impl Pipeline {
    /// Where the request's leases are made, if its row makes any. Nobody in particular gets none.
    pub(super) fn desk(
        &self,
        request: &Request,
        target: &Target<'_>,
        token: Option<&Resolved>,
    ) -> Result<Option<Arc<Desk>>, Error> {
        let makes_leases = target.route.as_ref().is_ok_and(|route| route.access.makes_leases);
        let (true, Some(mount), Some(token)) = (makes_leases, &target.mount, token) else { return Ok(None) };
        let path = target.folded.as_deref().unwrap_or(&request.path);
        Desk::open(&self.leases, &target.namespace.id, path, mount, holder(token)).map(Some)
    }
}

/// A batch token has no entry that leases could go with: they go with its parent, and end when it does.
fn holder(token: &Resolved) -> Holder {
    let liveness = token.liveness.clone();
    match token.kind {
        Kind::Service => Holder { token: Some(token.hash.clone()), liveness, until: None },
        Kind::Batch => Holder { token: token.entry.parent.clone(), liveness, until: token.state.expires },
    }
}
