//! What a server that runs in a pod finds in its own files: the cluster's authority, and the token of its account, which the
//! cluster replaces from time to time. So they are read again after a minute.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use framework::Context;
use secret::SecretString;
use tokio::io::AsyncReadExt as _;

use crate::clients::lock;

/// How long what was read is taken for what is there.
const FRESH: Duration = Duration::from_secs(60);
/// The longest file, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// This pod's files.
pub(super) struct Local {
    folder: PathBuf,
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
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, read: Mutex::new(None) }
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
