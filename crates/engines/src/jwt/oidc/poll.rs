//! What a client asks while the browser is at the provider, which sends it to this server itself: whether the login is
//! finished, and then for the token.

use framework::{Context, Error, Path, Reply, fields};

use super::callback::{admit_vouched, opened};
use super::finished;
use crate::jwt::Jwt;
use crate::jwt::entry::CallbackMode;
use crate::jwt::login::check_network;

/// What is said as long as nobody has come back from the provider (RFC 8628 §3.5): clients search for it.
const PENDING: &str = "authorization_pending";

fields! {
    /// A client that waits.
    struct Poll {
        /// What the client began with.
        client_nonce: String = String::new(),
        /// The login's state, as oidc/auth_url has told it.
        state: String = String::new(),
    }
}

pub(in crate::jwt) fn path() -> Path<Jwt> {
    Path::new("oidc/poll", "Wait for the end of a login in a browser, for roles with callback_mode=direct.")
        .unauthenticated()
        .update(poll, "Log in once the provider has sent the browser here.")
}

async fn poll(_: &Jwt, context: &Context, input: Poll) -> Result<Reply, Error> {
    let opened = opened(context, &input.state).await?;
    if !opened.begun.is_begun_with(&input.client_nonce) {
        return Err(Error::invalid("invalid client_nonce"));
    }
    let found = opened.found(context).await?;
    if found.wanted.role.callback_mode != CallbackMode::Direct {
        let text = "the role's callback_mode is not direct: what the browser brings goes to oidc/callback";
        return Err(Error::invalid(text));
    }
    check_network(context, &found.wanted.role)?;
    match finished::find(context, &found.begun).await? {
        None => Err(Error::invalid(PENDING)),
        Some(end) => admit_vouched(context, &found, end),
    }
}
