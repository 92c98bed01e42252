//! What a server that runs in a pod finds in its own files: the cluster's authority, and the token of its account, which the
//! cluster replaces from time to time. So they are read again after a minute.
//!
//! The token says who this server is: it is shown to this server's own cluster and to nobody else, whatever host a mount
//! names, or else who may set up a mount could have it sent to themselves.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use framework::Context;
use outbound::{Url, parse_url};
use secret::SecretString;
use tokio::io::AsyncReadExt as _;

use crate::clients::lock;

/// How long what was read is taken for what is there.
const FRESH: Duration = Duration::from_secs(60);
/// The longest file, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What the cluster's API is called within a cluster.
const NAMES: [&str; 2] = ["kubernetes.default.svc", "kubernetes.default.svc.cluster.local"];

/// The cluster's API as pods are told of it in their environment.
pub(super) fn cluster_of_this_pod() -> Option<Url> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (host, port) = (variable("KUBERNETES_SERVICE_HOST")?, variable("KUBERNETES_SERVICE_PORT"));
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    parse_url(&format!("https://{host}:{}", port.as_deref().unwrap_or("443"))).ok()
}

/// This pod's files.
pub(super) struct Local {
    folder: PathBuf,
    /// The URL of the cluster's API, as the cluster tells its pods; none outside of one.
    cluster: Option<Url>,
    /// What was read, and when, by the monotonic clock.
    read: Mutex<Option<(Duration, Files)>>,
}

/// What is in them; none where there is no such file.
#[derive(Clone, Default)]
pub(super) struct Files {
    pub(super) ca_cert: Option<String>,
    pub(super) token: Option<SecretString>,
}

impl Local {
    pub(super) fn new(folder: PathBuf, cluster: Option<Url>) -> Self {
        Self { folder, cluster, read: Mutex::new(None) }
    }

    /// Whether this is the cluster that this server runs in: at the address that pods are told, or by one of the names that
    /// each cluster has for it.
    pub(super) fn is_own_cluster(&self, host: &str) -> bool {
        let (Some(own), Ok(asked)) = (&self.cluster, parse_url(host)) else { return false };
        let is_same =
            (asked.host_str(), asked.port_or_known_default()) == (own.host_str(), own.port_or_known_default());
        let is_by_name = asked.host_str().is_some_and(|name| NAMES.contains(&name));
        asked.scheme() == "https" && (is_same || is_by_name)
    }

    /// What is in the files, or was a minute ago at the most.
    pub(super) async fn files(&self, context: &Context) -> Files {
        let now = context.env.monotonic();
        if let Some((at, files)) = &*lock(&self.read)
            && now.saturating_sub(*at) < FRESH
        {
            return files.clone();
        }
        let token = self.text("token").await.map(SecretString::new);
        let files = Files { ca_cert: self.text("ca.crt").await, token };
        *lock(&self.read) = Some((now, files.clone()));
        files
    }

    /// The text of a file, without white space around it; none when it cannot be read, as outside of a pod.
    async fn text(&self, name: &str) -> Option<String> {
        let file = tokio::fs::File::open(self.folder.join(name)).await.ok()?;
        let mut text = String::new();
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).await.ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }
}
