//! Backups of a running server: made under load, restored, compared with what was acknowledged; killed on the way, on
//! full disks, and as the documentation has an operator do it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use data_encoding::BASE64;
use e2e::chance::Chance;
use e2e::deadline::Deadline;
use e2e::http::Client;
use e2e::operator::{self, Keys};
use e2e::process::Process;
use e2e::server::{Home, Server, Tls};
use e2e::small_disk::SmallDisk;
use e2e::{binary, development, isolation, skip};
use serde_json::{Value, json};

/// Connections that write while a backup is made.
const WRITERS: u64 = 32;
/// Writes that are acknowledged before a backup is begun.
const WRITES_BEFORE: u64 = 400;
/// How long they may take.
const WRITES_MAX: Duration = Duration::from_secs(120);
/// How often a command is killed on its way.
const KILLS: u64 = 30;
const SEED: u64 = 20_261_123;

/// The command line, for one server.
struct Operator {
    folder: tempfile::TempDir,
}

impl Operator {
    fn new() -> Result<Self> {
        Ok(Self { folder: tempfile::tempdir()? })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, server: Option<(&Server, &Keys)>, arguments: &[&str]) -> Result<Command> {
        let mut command = development::command(&binary::find()?, self.folder.path());
        if let Some((server, keys)) = server {
            command.env("VAULT_ADDR", server.url()).env("VAULT_TOKEN", &keys.root_token);
        }
        command.args(["operator", "backup"]).args(arguments);
        Ok(command)
    }

    fn run(&self, server: Option<(&Server, &Keys)>, arguments: &[&str]) -> Result<Output> {
        self.command(server, arguments)?.output().context("starting the command")
    }

    /// What it prints when all goes well.
    fn done(&self, server: Option<(&Server, &Keys)>, arguments: &[&str]) -> Result<String> {
        let output = self.run(server, arguments)?;
        ensure!(output.status.success(), "{arguments:?}: {output:?}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// What it says when it fails.
    fn refused(&self, server: Option<(&Server, &Keys)>, arguments: &[&str]) -> Result<String> {
        let output = self.run(server, arguments)?;
        ensure!(!output.status.success(), "{arguments:?}: {output:?}");
        Ok(String::from_utf8(output.stderr)?)
    }
}

fn start(home: &Home) -> Result<(Server, Keys)> {
    let server = home.start()?;
    let keys = operator::initialize(&mut server.client())?;
    let mut root = server.client().with_token(&keys.root_token);
    operator::unseal(&mut root, &keys)?;
    root.expect(204, "POST", "/v1/sys/mounts/kv", Some(&json!({"type": "kv", "options": {"version": "1"}})))?;
    Ok((server, keys))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

/// The position of the store that a reply tells.
fn position(index: &str) -> Result<u64> {
    let state = String::from_utf8(BASE64.decode(index.as_bytes())?)?;
    let local = state.split(':').nth(2).with_context(|| format!("no position in {state}"))?;
    Ok(local.parse()?)
}

/// How far the store had come before a write was asked for, and when it was acknowledged. Its own commit is in between:
/// others may have been made before the reply.
struct Written {
    before: u64,
    acknowledged: u64,
}

/// Writes new keys until it is stopped.
fn write(
    address: SocketAddr,
    token: &str,
    number: u64,
    acknowledged: &AtomicU64,
    stopped: &AtomicBool,
) -> Result<BTreeMap<String, Written>> {
    let mut client = Client::new(address).with_token(token);
    let (mut written, mut before) = (BTreeMap::new(), 0);
    for count in 0_u64.. {
        if stopped.load(Ordering::Relaxed) {
            break;
        }
        let path = format!("/v1/kv/w{number}/{count}");
        let reply = client.expect(204, "PUT", &path, Some(&json!({ "value": path })))?;
        let index = reply.header("x-vault-index").context("a change tells how far the store has come")?;
        let told = position(index)?;
        written.insert(path.clone(), Written { before, acknowledged: told });
        before = told;
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    Ok(written)
}

#[test]
fn a_backup_under_load_holds_what_was_acknowledged_up_to_its_position_and_nothing_else() -> Result<()> {
    let (home, commands) = (Home::new(Tls::Off)?, Operator::new()?);
    let (server, keys) = start(&home)?;
    let (acknowledged, stopped) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            let (acknowledged, stopped) = (Arc::clone(&acknowledged), Arc::clone(&stopped));
            let (address, token) = (server.address, keys.root_token.clone());
            std::thread::spawn(move || write(address, &token, number, &acknowledged, &stopped))
        })
        .collect();
    let until = |count: u64| {
        let deadline = Deadline::after(WRITES_MAX);
        while acknowledged.load(Ordering::Relaxed) < count && !deadline.has_passed() {
            std::thread::yield_now();
        }
    };
    until(WRITES_BEFORE);
    let file = commands.path("load.backup");
    let told = commands.done(Some((&server, &keys)), &["save", "-format=json", text(&file)])?;
    // It stops nobody: as many again are written afterwards.
    let then = acknowledged.load(Ordering::Relaxed);
    until(then + WRITES_BEFORE);
    stopped.store(true, Ordering::Relaxed);
    let mut written = BTreeMap::new();
    for writer in writers {
        written.extend(writer.join().ok().context("a writer panicked")??);
    }
    let told: Value = serde_json::from_str(&told)?;
    let position = told["position"].as_u64().context("a position")?;
    commands.done(Some((&server, &keys)), &["verify", text(&file)])?;

    let restored = Home::new(Tls::Off)?;
    commands.done(None, &["restore", "-keep-tokens", &format!("-data={}", text(&restored.data())), text(&file)])?;
    let server = restored.start()?;
    let mut client = server.client().with_token(&keys.root_token);
    operator::unseal(&mut client, &keys)?;
    let (mut within, mut behind) = (0, 0);
    for (path, Written { before, acknowledged }) in written {
        if acknowledged <= position {
            let read = client.expect(200, "GET", &path, None)?.json()?;
            ensure!(read["data"]["value"] == json!(path), "{path} of {acknowledged} in a backup of {position}");
            within += 1;
        } else if before >= position {
            client.expect(404, "GET", &path, None).with_context(|| format!("{before} is not before {position}"))?;
            behind += 1;
        }
    }
    ensure!(within >= WRITES_BEFORE && behind > 0, "{within} within and {behind} behind: the test proved little");
    Ok(())
}

#[test]
fn the_tokens_of_before_are_refused_and_the_unseal_key_of_then_opens() -> Result<()> {
    let (home, commands) = (Home::new(Tls::Off)?, Operator::new()?);
    let (mut server, keys) = start(&home)?;
    let file = commands.path("a.backup");
    commands.done(Some((&server, &keys)), &["save", text(&file)])?;
    server.process.kill()?;
    let data = format!("-data={}", text(&home.data()));
    let told = commands.refused(None, &["restore", &data, text(&file)])?;
    ensure!(told.contains("replace it with -force"), "{told}");
    commands.done(None, &["restore", "-force", &data, text(&file)])?;
    let server = home.start()?;
    let mut client = server.client().with_token(&keys.root_token);
    client.expect(503, "GET", "/v1/auth/token/lookup-self", None)?;
    operator::unseal(&mut client, &keys)?;
    client.expect(403, "GET", "/v1/auth/token/lookup-self", None)?;
    Ok(())
}

#[test]
fn backups_that_are_cut_edited_or_of_another_cluster_are_told() -> Result<()> {
    let (home, other, commands) = (Home::new(Tls::Off)?, Home::new(Tls::Off)?, Operator::new()?);
    let ((server, keys), (stranger, others)) = (start(&home)?, start(&other)?);
    let file = commands.path("a.backup");
    commands.done(Some((&server, &keys)), &["save", text(&file)])?;
    let bytes = std::fs::read(&file)?;
    for secret in [&keys.root_token, &keys.unseal_key] {
        ensure!(!String::from_utf8_lossy(&bytes).contains(secret.as_str()), "no secret is in a backup");
    }
    let (half, edited) = (commands.path("half"), commands.path("edited"));
    std::fs::write(&half, &bytes[..bytes.len() / 2])?;
    let mut changed = bytes.clone();
    changed[bytes.len() / 2] ^= 1;
    std::fs::write(&edited, changed)?;
    let told = commands.refused(Some((&stranger, &others)), &["verify", text(&file)])?;
    ensure!(told.contains("of another cluster"), "{told}");
    drop(stranger);
    for (name, words) in [(&half, "is cut off at byte"), (&edited, "is damaged"), (&file, "the backup is of cluster")] {
        let data = format!("-data={}", text(&other.data()));
        let told = commands.refused(None, &["restore", "-force", &data, text(name)])?;
        ensure!(told.contains(words), "{told}");
    }
    // And the store that was to be replaced is as it was.
    let server = other.start()?;
    let mut client = server.client().with_token(&others.root_token);
    operator::unseal(&mut client, &others)?;
    client.expect(200, "GET", "/v1/auth/token/lookup-self", None)?;
    Ok(())
}

/// Fills a store with some megabytes, so that copying it takes a moment.
fn fill(server: &Server, keys: &Keys) -> Result<()> {
    let mut client = server.client().with_token(&keys.root_token);
    for number in 0..60 {
        let value = json!({ "value": format!("{number} ").repeat(50_000) });
        client.expect(204, "PUT", &format!("/v1/kv/{number}"), Some(&value))?;
    }
    Ok(())
}

/// Starts a command and kills it after a while of up to so many microseconds; whether it was still running.
fn kill_on_the_way(mut command: Command, chance: &mut Chance, micros_max: u64) -> Result<bool> {
    let mut process = Process::start(&mut command)?;
    let ended = process.wait_for_exit(Duration::from_micros(chance.below(micros_max)))?;
    process.kill()?;
    Ok(ended.is_none())
}

#[test]
fn a_save_that_is_killed_leaves_no_backup_under_its_name() -> Result<()> {
    let (home, commands) = (Home::new(Tls::Off)?, Operator::new()?);
    let (server, keys) = start(&home)?;
    fill(&server, &keys)?;
    let (mut chance, mut killed) = (Chance::new(SEED), 0);
    for number in 0..KILLS {
        let file = commands.path(&format!("{number}.backup"));
        let command = commands.command(Some((&server, &keys)), &["save", text(&file)])?;
        killed += u64::from(kill_on_the_way(command, &mut chance, 300_000)?);
        if file.exists() {
            commands.done(None, &["inspect", text(&file)]).context("what has the name is whole")?;
        }
    }
    ensure!(killed > 0, "nothing was killed on its way: the test proved little");
    // Nothing of them holds the server up.
    commands.done(Some((&server, &keys)), &["save", text(&commands.path("last"))])?;
    Ok(())
}

#[test]
fn a_restore_that_is_killed_leaves_the_old_store_or_the_new_one() -> Result<()> {
    let (home, commands) = (Home::new(Tls::Off)?, Operator::new()?);
    let (mut server, keys) = start(&home)?;
    fill(&server, &keys)?;
    let file = commands.path("a.backup");
    commands.done(Some((&server, &keys)), &["save", text(&file)])?;
    let mut client = server.client().with_token(&keys.root_token);
    client.expect(204, "PUT", "/v1/kv/later", Some(&json!({"value": "not in the backup"})))?;
    server.process.kill()?;
    let data = format!("-data={}", text(&home.data()));
    let (mut chance, mut killed) = (Chance::new(SEED), 0);
    for _ in 0..KILLS {
        let command = commands.command(None, &["restore", "-force", "-keep-tokens", &data, text(&file)])?;
        killed += u64::from(kill_on_the_way(command, &mut chance, 600_000)?);
        let mut server = home.start()?;
        let mut client = server.client().with_token(&keys.root_token);
        operator::unseal(&mut client, &keys)?;
        for number in [0, 30, 59] {
            client.expect(200, "GET", &format!("/v1/kv/{number}"), None)?;
        }
        let later = client.request("GET", "/v1/kv/later", None)?.status;
        ensure!(later == 200 || later == 404, "{later}");
        client.expect(204, "PUT", "/v1/kv/later", Some(&json!({"value": "not in the backup"})))?;
        server.process.kill()?;
    }
    ensure!(killed > 0, "nothing was killed on its way: the test proved little");

    // Where no store was, none comes up that is empty; restoring again does.
    let empty = Home::new(Tls::Off)?;
    std::fs::create_dir(empty.data())?;
    std::fs::write(empty.data().join("store.redb.restoring"), b"half")?;
    let mut refused = empty.spawn()?;
    ensure!(refused.process.wait_for_exit(WRITES_MAX)?.is_some_and(|status| !status.success()), "it starts");
    let told = refused.process.whole_output()?;
    ensure!(told.contains("was not finished: restore again"), "{told}");
    let data = format!("-data={}", text(&empty.data()));
    commands.done(None, &["restore", "-keep-tokens", &data, text(&file)])?;
    let server = empty.start()?;
    operator::unseal(&mut server.client(), &keys)?;
    Ok(())
}

#[test]
fn a_full_disk_ends_a_save_and_a_restore_in_clear_words() -> Result<()> {
    if let Some(why) = SmallDisk::missing() {
        skip("backups to a full disk", &why);
        return Ok(());
    }
    let (home, commands) = (Home::new(Tls::Off)?, Operator::new()?);
    let (mut server, keys) = start(&home)?;
    fill(&server, &keys)?;
    let small = commands.path("small");
    std::fs::create_dir(&small)?;
    let disk = SmallDisk::mount(&small, 4)?;
    let inside = |command: Command, through: &[String]| -> Result<Output> {
        let (program, arguments) = through.split_first().context("an entrance has a program")?;
        let mut entered = Command::new(program);
        entered.args(arguments).arg("env").arg("-i");
        for (name, value) in command.get_envs() {
            if let (Some(name), Some(value)) = (name.to_str(), value.and_then(|it| it.to_str())) {
                entered.arg(format!("{name}={value}"));
            }
        }
        entered.arg(command.get_program()).args(command.get_args());
        entered.output().context("starting nsenter")
    };
    let file = small.join("a.backup");
    let save = commands.command(Some((&server, &keys)), &["save", text(&file)])?;
    let output = inside(save, &disk.entrance())?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(!output.status.success() && told.contains("No space left on device"), "{output:?}");
    let good = commands.path("good");
    commands.done(Some((&server, &keys)), &["save", text(&good)])?;
    server.process.kill()?;
    let data = small.join("data");
    let restore = commands.command(None, &["restore", &format!("-data={}", text(&data)), text(&good)])?;
    let output = inside(restore, &disk.entrance())?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(!output.status.success() && told.contains("No space left on device"), "{output:?}");
    let mut list = Command::new("find");
    list.arg(&small).args(["-type", "f"]);
    let left = inside(list, &disk.entrance())?;
    let left = String::from_utf8_lossy(&left.stdout).into_owned();
    let left: Vec<_> = left.lines().filter(|line| !line.ends_with("/lock")).collect();
    ensure!(left.is_empty(), "{left:?}");
    Ok(())
}

/// The blocks of `docs/backup.md` from the first backup to the restored server, as they are written.
#[test]
fn the_restore_drill_works_as_documented() -> Result<()> {
    if let Some(why) = isolation::missing() {
        skip("the restore drill", &why);
        return Ok(());
    }
    let document = std::fs::read_to_string(binary::workspace().join("docs/backup.md"))?;
    let blocks: Vec<_> = document.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("\n```")).collect();
    let script: Vec<_> = blocks.iter().map(|(block, _)| *block).collect();
    ensure!(script.len() >= 5, "the drill has blocks");
    let folder = tempfile::tempdir()?;
    let (home, bin) = (folder.path().join("home"), folder.path().join("bin"));
    std::fs::create_dir(&home)?;
    std::fs::create_dir(&bin)?;
    binary::link_into(&bin)?;
    let printed = isolation::run(&format!("cd \"$HOME\"\n{}", script.join("\n")), &home, &bin)?;
    for expected in
        ["Success! Saved the backup", "as this cluster has made it", "Success! Restored", "the drill is over"]
    {
        ensure!(printed.contains(expected), "{expected:?} is missing:\n{printed}");
    }
    Ok(())
}
