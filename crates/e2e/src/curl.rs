//! curl as a client: what it sends by itself, and what it got, down to the HTTP version.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::server::without_settings;

/// What curl got.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The HTTP version: `1.1` or `2`.
    pub version: String,
    /// The header lines as they came.
    pub headers: Vec<String>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    /// When it is not JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("reading JSON from {:?}", self.body))
    }

    /// The first header of this name, which is given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let is_name = |line: &&String| line.to_ascii_lowercase().starts_with(&format!("{name}:"));
        self.headers.iter().find(is_name).and_then(|line| line.split_once(':')).map(|(_, value)| value.trim())
    }
}

/// Runs curl with these arguments.
///
/// # Errors
/// When there is no curl, or it got no reply: no connection, a certificate that it does not trust.
pub fn curl(arguments: &[&str]) -> Result<Answer> {
    let folder = tempfile::tempdir()?;
    let headers = folder.path().join("headers");
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "60", "--write-out", "\n%{http_code} %{http_version}"]);
    command.arg("--dump-header").arg(&headers).args(arguments).stdin(Stdio::null());
    let output = without_settings(&mut command).output().context("starting curl")?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, end) = printed.rsplit_once('\n').context("curl printed nothing")?;
    let (status, version) = end.split_once(' ').context("curl printed no status")?;
    ensure!(status != "000", "curl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(Answer {
        status: status.parse()?,
        version: version.to_owned(),
        headers: std::fs::read_to_string(headers)?.lines().map(str::to_owned).collect(),
        body: body.to_owned(),
    })
}
