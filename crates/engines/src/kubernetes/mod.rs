//! Pods that show the token of their service account (the behavior of Vault's Kubernetes method). The cluster itself is
//! asked whether the token is good (TokenReview); a role says which accounts of which namespaces it is for.
//!
//! What a token says counts only after the cluster has said the same. The token goes to the cluster that the operator has
//! named, over TLS, and nowhere else; no answer of the cluster is shown to whoever logs in.

use std::path::PathBuf;
use std::sync::Arc;

use framework::{Engine, Error, Mounted};
use outbound::Url;

use crate::builtin::{self, Options};

mod cluster;
mod config;
mod entry;
mod local;
mod login;
mod role_fields;
mod roles;
mod selector;
mod token;

use cluster::Clusters;
use local::Local;

const HELP: &str = "\
Pods of Kubernetes. The cluster is named at config. A role is made below role/ with the names and namespaces of service \
accounts and the policies of their tokens. A pod logs in at login with the role's name and the token of its account.";

/// Where a pod finds the cluster's authority and the token of its own account.
const OF_THIS_POD: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What the method holds in memory: connections to clusters, and for a minute what this pod's own files say.
pub(crate) struct Kubernetes {
    clusters: Clusters,
    local: Local,
}

/// The method, for one mount or many. It has no options.
///
/// # Errors
/// Never while its table is sound.
pub fn make(_: &Options) -> Result<Arc<dyn Mounted>, Error> {
    within(PathBuf::from(OF_THIS_POD), local::cluster_of_this_pod())
}

/// The method of a server whose pod has its files here and runs in this cluster.
fn within(folder: PathBuf, cluster: Option<Url>) -> Result<Arc<dyn Mounted>, Error> {
    let engine = Engine::auth("kubernetes", HELP)
        .paths([config::path(), roles::list(), roles::item(), login::path()])
        .on_renewal(login::renew);
    builtin::mount(engine, Kubernetes { clusters: Clusters::default(), local: Local::new(folder, cluster) })
}

#[cfg(test)]
mod tests;
