//! The second factor of a login that its method has found good: none, one that came along, or one that is waited for.

use framework::{Error, Namespace, Reply};

use super::Mfa;
use super::proofs::Proofs;
use crate::mounts::LiveMount;
use crate::store::Lost;
use crate::tokens::admit::Admission;
use crate::tokens::create::NewToken;

/// What is told of a login that waits (published text).
const WAITS: &str = "A login request was issued that is subject to MFA validation. Please make sure to validate the login by sending another request to mfa/validate endpoint.";

impl Mfa {
    /// Makes the token of a login, if it needs no second factor or has brought it; else keeps the login. Either is put into
    /// the reply.
    ///
    /// # Errors
    /// [`Error::DeniedBecause`] for a second factor that is none. [`Lost::Race`] when the login is to be decided again.
    pub(crate) async fn admit(
        &self,
        namespace: &Namespace,
        mount: &LiveMount,
        admission: Admission,
        proofs: &Proofs,
        reply: &mut Reply,
    ) -> Result<(), Lost> {
        let Admission { mut new, warnings } = admission;
        let demands = self.demands(namespace, mount, &new.entity_id).await?;
        if demands.is_empty() {
            reply.auth = Some(self.tokens.issue(&namespace.id, new).await?);
            reply.warnings.extend(warnings);
            return Ok(());
        }
        check_known(&new)?;
        if proofs.is_empty() {
            let held = Box::pin(self.hold(namespace, mount, Admission { new, warnings }, &demands)).await?;
            reply.mfa = Some(held);
            reply.warnings.push(WAITS.to_owned());
            return Ok(());
        }
        let proved = self.prove(&namespace.id, &new.entity_id, &demands, proofs).await?;
        if let Some(login) = &mut new.login {
            login.changes.append(proved);
        }
        reply.auth = Some(self.tokens.issue(&namespace.id, new).await?);
        reply.warnings.extend(warnings);
        Ok(())
    }
}

/// Only an entity has second factors.
fn check_known(new: &NewToken) -> Result<(), Error> {
    if new.entity_id.is_empty() {
        return Err(Error::DeniedBecause("the login needs a second factor, and is nobody's in particular".into()));
    }
    Ok(())
}
