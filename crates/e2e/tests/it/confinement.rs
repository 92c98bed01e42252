//! The server locks itself in: what `/proc` says of it, what it can no longer do, and that everything else goes on.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::operator;
use e2e::server::{Home, Server, Tls};
use e2e::skip;
use serde_json::json;

/// How long a server may take to end, or to show that it has read a signal.
const EFFECT_MAX: Duration = Duration::from_secs(60);
/// A user and group that own nothing.
const NOBODY: u32 = 65_534;

/// A line of `/proc/PID/status`.
fn status(server: &Server, name: &str) -> Result<String> {
    let text = std::fs::read_to_string(format!("/proc/{}/status", server.process.id()))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    Ok(line.with_context(|| format!("no {name} in\n{text}"))?.trim().to_owned())
}

fn file_device(path: &Path) -> serde_json::Value {
    json!({"type": "file", "options": {"file_path": path.display().to_string()}})
}

#[test]
fn a_confined_server_serves_and_writes_audit_files_only_where_the_configuration_says() -> Result<()> {
    let mut home = Home::new(Tls::Off)?;
    let (audit, outside) = (home.path().join("audit"), home.path().join("outside"));
    std::fs::create_dir(&audit)?;
    std::fs::create_dir(&outside)?;
    home.configure(&format!("audit_dirs = [\"{}\"]\n", audit.display()));
    let server = home.start()?;
    assert_eq!((status(&server, "NoNewPrivs")?.as_str(), status(&server, "Seccomp")?.as_str()), ("1", "2"));
    let log = server.process.output();
    ensure!(log.contains("confined: capabilities:") && log.contains("system calls: seccomp"), "{log}");

    let keys = operator::initialize(&mut server.client())?;
    let mut root = server.client().with_token(&keys.root_token);
    operator::unseal(&mut root, &keys)?;
    let path = outside.join("log");
    let refused = root.expect(400, "PUT", "/v1/sys/audit/out", Some(&file_device(&path)))?.text();
    ensure!(refused.contains("audit_dirs") && refused.contains(&audit.display().to_string()), "{refused}");
    // A link is not seen in the path. The kernel sees it, where it has Landlock.
    if log.contains("Landlock") {
        std::os::unix::fs::symlink(&path, audit.join("link"))?;
        let refused = root.expect(400, "PUT", "/v1/sys/audit/link", Some(&file_device(&audit.join("link"))))?.text();
        ensure!(refused.contains("the device takes no record"), "{refused}");
    } else {
        skip("files behind links", "this kernel has no Landlock");
    }
    ensure!(!path.exists(), "a file was made outside");

    let path = audit.join("log");
    root.expect(204, "PUT", "/v1/sys/audit/file", Some(&file_device(&path)))?;
    root.expect(204, "POST", "/v1/sys/mounts/kv", Some(&json!({"type": "kv"})))?;
    root.expect(204, "PUT", "/v1/kv/app", Some(&json!({"pass": "kept"})))?;
    std::fs::rename(&path, audit.join("log.1"))?;
    let mut server = server;
    server.process.signal("HUP")?;
    server.process.wait_until("new audit file", EFFECT_MAX, |_| {
        root.request("GET", "/v1/kv/app", None).ok()?;
        std::fs::metadata(&path).ok().filter(|it| it.len() > 0).map(drop)
    })?;
    ensure!(root.expect(200, "GET", "/v1/sys/host-info", None)?.json()?["data"]["memory"]["total"].as_u64() > Some(0));
    server.process.signal("TERM")?;
    let ended = server.process.wait_for_exit(EFFECT_MAX)?.context("it does not end")?;
    ensure!(ended.success(), "{ended}: {}", server.process.output());
    Ok(())
}

#[test]
fn a_server_that_is_not_to_be_confined_is_not() -> Result<()> {
    let mut home = Home::new(Tls::Off)?;
    home.configure("confinement = \"off\"\n");
    let server = home.start()?;
    assert_eq!(status(&server, "Seccomp")?, "0");
    ensure!(server.process.output().contains("not confined: confinement is off"), "{}", server.process.output());
    let keys = operator::initialize(&mut server.client())?;
    let mut root = server.client().with_token(&keys.root_token);
    operator::unseal(&mut root, &keys)?;
    let path = home.path().join("anywhere");
    root.expect(204, "PUT", "/v1/sys/audit/file", Some(&file_device(&path)))?;
    ensure!(path.exists());
    Ok(())
}

#[test]
fn root_becomes_the_user_that_the_configuration_names_and_keeps_no_rights() -> Result<()> {
    if std::fs::metadata("/proc/self")?.uid() != 0 {
        skip("the change of the user", "the tests do not run as root");
        return Ok(());
    }
    let mut home = Home::new(Tls::On)?;
    home.configure(&format!("user = \"{NOBODY}\"\ngroup = \"{NOBODY}\"\nconfinement = \"require\"\n"));
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o755))?;
    let mut server = home.spawn()?;
    let was_refused = server.process.wait_for_exit(Duration::ZERO)?.is_some();
    if server.wait_until_it_answers().is_err() || was_refused {
        let log = server.process.whole_output()?;
        ensure!(log.contains("confinement is required, but"), "{log}");
        skip("the change of the user", "this kernel cannot confine as required");
        return Ok(());
    }
    let nobody = format!("{NOBODY}\t{NOBODY}\t{NOBODY}\t{NOBODY}");
    assert_eq!((status(&server, "Uid")?, status(&server, "Gid")?), (nobody.clone(), nobody));
    assert_eq!(status(&server, "Groups")?, "");
    // One capability: to lock memory.
    for set in ["CapPrm", "CapEff", "CapBnd"] {
        assert_eq!(status(&server, set)?, "0000000000004000", "{set}");
    }
    assert_eq!(std::fs::metadata(home.data())?.uid(), NOBODY, "the storage folder is its own");
    ensure!(!server.process.output().contains("not fully protected"), "{}", server.process.output());
    Ok(())
}

#[test]
fn what_cannot_be_is_refused_before_anything_starts() -> Result<()> {
    for (settings, expected) in [
        ("confinement = \"yes\"\n", "key \"confinement\" takes auto, require or off, not \"yes\""),
        ("audit_dirs = [\"logs\"]\n", "key \"audit_dirs\" takes up to 64 absolute paths"),
        ("audit_dirs = [\"/nowhere/at/all\"]\n", "audit_dirs names /nowhere/at/all, which is not a folder"),
        ("user = \"nobody-here-has-this-name\"\n", "user \"nobody-here-has-this-name\" is not in /etc/passwd"),
    ] {
        let mut home = Home::new(Tls::Off)?;
        home.configure(settings);
        let mut server = home.spawn()?;
        let ended = server.process.wait_for_exit(EFFECT_MAX)?.context("it does not end")?;
        let log = server.process.whole_output()?;
        ensure!(ended.code() == Some(1) && log.contains(expected), "{settings}: {ended}: {log}");
        ensure!(!home.data().exists(), "{settings}: a store was made");
    }
    Ok(())
}
