//! Second stage: who asks.

use std::sync::Arc;

use framework::{Access, Error, Request};

use super::Pipeline;
use crate::namespaces::Place;
use crate::tokens::Resolved;

impl Pipeline {
    /// The token that came with the request. Where the row asks for none, a missing or a bad one is nobody, and while
    /// sealed there is nobody to find. A token that is bound to other networks, or of another
    /// namespace than that of the request and those above it, is as bad as one that is not there, and is not spent.
    pub(super) async fn authenticate(
        &self,
        request: &Request,
        place: &Place,
        access: Access,
    ) -> Result<Option<Arc<Resolved>>, Error> {
        let is_open = access.is_unauthenticated;
        let Some(token) = request.token.as_ref().map(secret::Secret::expose).filter(|token| !token.is_empty()) else {
            return if is_open { Ok(None) } else { Err(Error::Denied) };
        };
        let signed = if access.takes_wrapping_token { Box::pin(self.wrapping.plain(token)).await? } else { None };
        let token = signed.as_ref().map_or(token.as_str(), |signed| signed.expose());
        // One of a wrapped reply is good for opening it, wherever its bearer stands.
        let reaches = |token: &Resolved| {
            token.reaches(&place.namespace) || (access.takes_wrapping_token && token.entry.is_wrapping())
        };
        match self.tokens.resolve(token).await {
            Ok(token) if token.admits(&request.connection) && reaches(&token) => Ok(Some(token)),
            Ok(_) if is_open => Ok(None),
            Ok(_) => Err(Error::Denied),
            Err(Error::Denied | Error::Sealed) if is_open => Ok(None),
            Err(error) => Err(error),
        }
    }
}
