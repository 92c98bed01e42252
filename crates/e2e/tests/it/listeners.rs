//! Listeners beside the first one: a socket in the file system, through a crash and to an orderly end.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::curl::curl;
use e2e::server::{Home, Tls};

/// How long a server may take to end.
const END_MAX: Duration = Duration::from_secs(60);

#[test]
fn a_unix_socket_serves_survives_a_kill_and_goes_away_at_the_end() -> Result<()> {
    let mut home = Home::new(Tls::Off)?;
    let socket = home.path().join("api.sock");
    let path = socket.to_str().context("a temporary folder has a plain name")?.to_owned();
    home.configure(&format!("listener \"unix\" {{\n  address = \"{path}\"\n  socket_mode = \"0660\"\n}}\n"));
    let ask = || curl(&["--unix-socket", &path, "http://localhost/v1/sys/seal-status"]);
    let mut first = home.start()?;
    ensure!(ask()?.json()?["initialized"] == false);
    ensure!(first.client().request("GET", "/v1/sys/seal-status", None)?.status == 200, "both listeners serve");
    first.process.kill()?;
    ensure!(socket.exists() && ask().is_err(), "a kill leaves the file behind, and nobody listens");
    let mut second = home.start()?;
    ensure!(ask()?.status == 200);
    second.process.signal("TERM")?;
    let ended = second.process.wait_for_exit(END_MAX)?.context("it does not end")?;
    ensure!(ended.success() && !socket.exists(), "{ended}");
    Ok(())
}
