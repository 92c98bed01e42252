//! Rows at which somebody logs in: asking the auth method, and making the token of whom it lets in.
//!
//! What a login was decided from, and what it takes, is looked at and changed in the commit that makes the token. When
//! somebody else was faster there, the method is asked again, as a handler reads again that lost a race; so of two logins
//! by a secret that is good for one the second is refused, and both get in by one that is good for two.

use std::sync::Arc;

use framework::engine::Route;
use framework::view::{COMMIT_TRIES, contended};
use framework::{Context, Error, Mounted, Operation, Reply};
use serde_json::{Map, Value};

use super::Pipeline;
use crate::lockout::Attempt;
use crate::mfa::proofs::Proofs;
use crate::mounts::LiveMount;
use crate::store::Lost;

/// A request of a row that is open to everybody, at an auth method.
pub(super) struct Entry<'r> {
    pub(super) engine: &'r Arc<dyn Mounted>,
    pub(super) mount: &'r LiveMount,
    pub(super) route: Route,
    /// The request's path, in its namespace.
    pub(super) path: &'r str,
    pub(super) operation: Operation,
    /// Whose failures are counted, if they are.
    pub(super) attempt: Option<Attempt>,
    /// The second factors that came along.
    pub(super) proofs: Proofs,
}

impl Pipeline {
    /// Asks the method, and answers with the token of whom it lets in, or with the second factor that is still needed.
    pub(super) async fn log_in(
        &self,
        context: &Context,
        entry: Entry<'_>,
        data: Map<String, Value>,
    ) -> Result<Reply, Error> {
        let Entry { engine, mount, route, path, operation, attempt, proofs } = entry;
        for _ in 0..COMMIT_TRIES {
            let began = self.metrics.now();
            let reply = engine.handle(context, route.clone(), operation, data.clone()).await;
            self.metrics.routed(mount, &context.namespace, operation, began);
            if let Some(attempt) = &attempt {
                self.judge(attempt, &reply).await;
            }
            let mut reply = reply?;
            let Some(login) = reply.login.take() else { return Ok(reply) };
            let admitted = match self.tokens.judge(context, mount, path, login).await {
                Ok(admission) => self.mfa.admit(&context.namespace, mount, admission, &proofs, &mut reply).await,
                Err(lost) => Err(lost),
            };
            match admitted {
                Ok(()) => return Ok(reply),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(contended())
    }
}
