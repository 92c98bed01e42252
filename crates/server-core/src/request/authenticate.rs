//! Second stage: who asks.

use std::sync::Arc;

use framework::{Error, Request};

use super::Pipeline;
use crate::keys::ROOT_NAMESPACE;
use crate::tokens::Resolved;

impl Pipeline {
    /// The token that came with the request. `is_open` is whether the row asks for none: then a missing or a bad one
    /// is nobody, and while sealed there is nobody to find.
    pub(super) async fn authenticate(&self, request: &Request, is_open: bool) -> Result<Option<Arc<Resolved>>, Error> {
        let Some(token) = request.token.as_ref().map(secret::Secret::expose).filter(|token| !token.is_empty()) else {
            return if is_open { Ok(None) } else { Err(Error::Denied) };
        };
        match self.tokens.resolve(ROOT_NAMESPACE, token).await {
            Ok(token) => Ok(Some(token)),
            Err(Error::Denied | Error::Sealed) if is_open => Ok(None),
            Err(error) => Err(error),
        }
    }
}
