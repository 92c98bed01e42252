//! The list of engines in this crate: what an operator can write as a type, and how each is made.
//!
//! A readable list without link-time magic: an engine that is not in it does not exist.

use std::collections::BTreeMap;
use std::sync::Arc;

use framework::{Engine, Error, Kind, Mounted};

use crate::{approle, cert, cubbyhole, genesyscloud, jwt, kubernetes, kv, ldap, terraform, userpass};

/// A mount's options, as the operator wrote them.
pub type Options = BTreeMap<String, String>;

/// One engine type.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// As the operator writes it.
    pub type_name: &'static str,
    /// Secrets engine or auth method.
    pub kind: Kind,
    /// A sentence, for `plugins/catalog` and the UI.
    pub description: &'static str,
    /// Whether operators mount it; otherwise the core does, once in each namespace.
    pub is_mountable: bool,
    /// Makes one for a mount with these options. [`Error::Invalid`] when it cannot have them.
    pub make: fn(&Options) -> Result<Arc<dyn Mounted>, Error>,
}

/// Every engine type of this crate.
#[must_use]
pub const fn builtin() -> &'static [Builtin] {
    &[
        Builtin {
            type_name: "approle",
            kind: Kind::Auth,
            description: "Roles of machines, with secret ids.",
            is_mountable: true,
            make: approle::make,
        },
        Builtin {
            type_name: "cert",
            kind: Kind::Auth,
            description: "Clients with TLS certificates.",
            is_mountable: true,
            make: cert::make,
        },
        Builtin {
            type_name: "cubbyhole",
            kind: Kind::Secrets,
            description: "Private secrets of each token.",
            is_mountable: false,
            make: cubbyhole::make,
        },
        Builtin {
            type_name: "genesyscloud",
            kind: Kind::Secrets,
            description: "OAuth clients of Genesys Cloud, made for callers or kept and rotated.",
            is_mountable: true,
            make: genesyscloud::make,
        },
        Builtin {
            type_name: "jwt",
            kind: Kind::Auth,
            description: "Tokens that others have signed: JSON Web Tokens.",
            is_mountable: true,
            make: jwt::make_jwt,
        },
        Builtin {
            type_name: "kubernetes",
            kind: Kind::Auth,
            description: "Pods with the tokens of their service accounts.",
            is_mountable: true,
            make: kubernetes::make,
        },
        Builtin {
            type_name: "kv",
            kind: Kind::Secrets,
            description: "Secrets as JSON objects under paths, with versions or without.",
            is_mountable: true,
            make: kv::make,
        },
        Builtin {
            type_name: "ldap",
            kind: Kind::Auth,
            description: "People of a directory, with the passwords and groups that it knows.",
            is_mountable: true,
            make: ldap::make,
        },
        Builtin {
            type_name: "oidc",
            kind: Kind::Auth,
            description: "Logins at an OpenID provider, in a browser or with its tokens.",
            is_mountable: true,
            make: jwt::make_oidc,
        },
        Builtin {
            type_name: "terraform",
            kind: Kind::Secrets,
            description: "Tokens of Terraform Cloud, HCP Terraform and Terraform Enterprise.",
            is_mountable: true,
            make: terraform::make,
        },
        Builtin {
            type_name: "userpass",
            kind: Kind::Auth,
            description: "Users with passwords.",
            is_mountable: true,
            make: userpass::make,
        },
    ]
}

/// Checks an engine's table and joins it with its state.
pub(crate) fn mount<S: Send + Sync + 'static>(engine: Engine<S>, state: S) -> Result<Arc<dyn Mounted>, Error> {
    engine.mount(state).map_err(|source| Error::world("check the table of an engine", source))
}

#[cfg(test)]
mod tests;
