//! `sys/mfa/validate`: the second step of a login that waits. Needs no token: the name of the login and the code are the
//! credentials, and what comes of wrong ones is counted in [`crate::mfa`].

use framework::{Context, Error, Path, Reply, fields};
use serde_json::{Map, Value};

use crate::mfa::Mfa;
use crate::mfa::proofs::Proofs;

pub(super) fn paths() -> Vec<Path<Mfa>> {
    vec![
        Path::new("mfa/validate", "The second step of a login that needs a second factor.")
            .unauthenticated()
            .update(validate, "Complete the login; the reply is that of the login."),
    ]
}

fields! {
    /// A second factor.
    struct Validate {
        /// Name of the login, from its reply.
        mfa_request_id: String,
        /// Ids or names of methods, each with a list of passcodes.
        mfa_payload: Map<String, Value> => secret,
    }
}

async fn validate(mfa: &Mfa, context: &Context, input: Validate) -> Result<Reply, Error> {
    let proofs = Proofs::from_payload(input.mfa_payload)?;
    mfa.complete(context, &input.mfa_request_id, &proofs).await
}
