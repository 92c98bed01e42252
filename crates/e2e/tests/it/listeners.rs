//! Listeners beside the first one: a socket in the file system, through a crash and to an orderly end.

use std::io::{ErrorKind, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::curl::curl;
use e2e::server::{Home, Tls};

/// How long a server may take to end.
const END_MAX: Duration = Duration::from_secs(60);
/// More answers than the buffers of two sockets hold.
const ANSWERS: usize = 10_000;

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

#[test]
fn a_client_that_does_not_read_its_answers_is_cut() -> Result<()> {
    let mut home = Home::new(Tls::Off)?;
    let path = home.path().join("api.sock");
    home.configure(&format!("listener \"unix\" {{\n  address = {path:?}\n  http_write_timeout = \"1s\"\n}}\n"));
    let mut server = home.start()?;
    let mut deaf = UnixStream::connect(&path)?;
    deaf.set_write_timeout(Some(END_MAX))?;
    // Ends in an error: once the server sends no more it reads no more either, and then it hangs up.
    let request = "GET /v1/sys/seal-status HTTP/1.1\r\nHost: deaf\r\n\r\n";
    let ended = (0..ANSWERS).try_for_each(|_| deaf.write_all(request.as_bytes()));
    let error = ended.err().context("the server went on answering into the void")?;
    ensure!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
    ensure!(server.client().request("GET", "/v1/sys/seal-status", None)?.status == 200, "others are served");
    server.process.kill()
}
