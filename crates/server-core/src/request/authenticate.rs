//! Second stage: who asks.

use std::sync::Arc;

use framework::{Access, Error, Request};

use super::Pipeline;
use crate::keys::ROOT_NAMESPACE;
use crate::tokens::{Resolved, namespace_of};

impl Pipeline {
    /// The token that came with the request. Where the row asks for none, a missing or a bad one is nobody, and while
    /// sealed there is nobody to find. A token that is bound to other networks is as bad as one that is not there, and is
    /// not spent.
    pub(super) async fn authenticate(&self, request: &Request, access: Access) -> Result<Option<Arc<Resolved>>, Error> {
        let is_open = access.is_unauthenticated;
        let Some(token) = request.token.as_ref().map(secret::Secret::expose).filter(|token| !token.is_empty()) else {
            return if is_open { Ok(None) } else { Err(Error::Denied) };
        };
        let signed = if access.takes_wrapping_token { self.wrapping.plain(ROOT_NAMESPACE, token).await? } else { None };
        let token = signed.as_ref().map_or(token.as_str(), |signed| signed.expose());
        if namespace_of(token).is_some() {
            // There is no namespace but the root, whose tokens do not name it.
            return if is_open { Ok(None) } else { Err(Error::Denied) };
        }
        match self.tokens.resolve(ROOT_NAMESPACE, token).await {
            Ok(token) if token.admits(&request.connection) => Ok(Some(token)),
            Ok(_) if is_open => Ok(None),
            Ok(_) => Err(Error::Denied),
            Err(Error::Denied | Error::Sealed) if is_open => Ok(None),
            Err(error) => Err(error),
        }
    }
}
