//! What `docs/root-and-rekey.md` promises, with the command line against a real server: a new root token, new keys, a kill in
//! between, and PGP with gpg. The page itself is run in `pages.rs`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use e2e::development::{self, Development};
use e2e::operator::text;
use e2e::server::{Home, Server, Tls};
use e2e::skip;
use serde_json::{Value, json};

/// A server with 3 keys of which 2 are needed, unsealed, and the command line beside it.
struct Bench {
    /// Lends its links to the binary.
    development: Development,
    home: Home,
    server: Server,
    keys: Vec<String>,
}

impl Bench {
    fn new() -> Result<Self> {
        let (development, home) = (Development::start(&[])?, Home::new(Tls::Off)?);
        let server = home.start()?;
        let wanted = json!({"secret_shares": 3, "secret_threshold": 2});
        let made = server.client().expect(200, "PUT", "/v1/sys/init", Some(&wanted))?.json()?;
        let keys = texts(&made["keys"])?;
        let bench = Self { development, home, server, keys };
        ensure!(bench.unseals(&bench.keys[..2])?, "two keys unseal");
        Ok(bench)
    }

    fn unseals(&self, keys: &[String]) -> Result<bool> {
        let mut is_open = false;
        for key in keys {
            let reply = self.server.client().request("PUT", "/v1/sys/unseal", Some(&json!({"key": key})))?;
            is_open = reply.status == 200 && reply.json()?["sealed"] == false;
        }
        Ok(is_open)
    }

    /// Runs a command; gives what it printed as JSON.
    fn run(&self, arguments: &[&str]) -> Result<Value> {
        let printed = self.print(&[arguments, &["-format=json"]].concat())?;
        serde_json::from_str(&printed).with_context(|| format!("{arguments:?} printed {printed}"))
    }

    fn print(&self, arguments: &[&str]) -> Result<String> {
        let output = self.output(arguments)?;
        ensure!(output.status.success(), "{arguments:?}: {output:?}");
        Ok(String::from_utf8(output.stdout)?)
    }

    fn output(&self, arguments: &[&str]) -> Result<Output> {
        let (words, rest) = arguments.split_at(2.min(arguments.len()));
        // Flags come before the key.
        let (flags, keys): (Vec<&str>, Vec<&str>) = rest.iter().copied().partition(|it| it.starts_with('-'));
        let mut command = development::command(&self.development.bin().join("vault"), self.home.path());
        command.env("VAULT_ADDR", self.server.url()).args(words).args(flags).args(keys);
        Ok(command.output()?)
    }

    fn policies(&self, token: &str) -> Result<Value> {
        let reply = self.server.client().with_token(token).expect(200, "GET", "/v1/auth/token/lookup-self", None)?;
        Ok(reply.json()?["data"]["policies"].clone())
    }
}

fn texts(value: &Value) -> Result<Vec<String>> {
    let list = value.as_array().with_context(|| format!("{value} is no list"))?;
    list.iter().map(|text| Ok(text.as_str().context("no text")?.to_owned())).collect()
}

#[test]
fn keys_make_a_root_token_and_new_keys_through_the_command_line() -> Result<()> {
    let mut bench = Bench::new()?;
    let keys = bench.keys.clone();
    let begun = bench.run(&["operator", "generate-root", "-init"])?;
    bench.run(&["operator", "generate-root", &keys[0]])?;
    let done = bench.run(&["operator", "generate-root", &keys[2]])?;
    let decode = format!("-decode={}", text(&done, "/encoded_token")?);
    let otp = format!("-otp={}", text(&begun, "/otp")?);
    let token = bench.print(&["operator", "generate-root", &decode, &otp])?;
    assert_eq!(bench.policies(token.trim())?, json!(["root"]));

    let begun = bench.run(&["operator", "rekey", "-init", "-key-shares=2", "-key-threshold=2"])?;
    let refused = bench.output(&["operator", "rekey", "-cancel"])?;
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    bench.print(&["operator", "rekey", "-cancel", &format!("-nonce={}", text(&begun, "/nonce")?)])?;

    bench.run(&["operator", "rekey", "-init", "-verify", "-key-shares=2", "-key-threshold=2"])?;
    bench.run(&["operator", "rekey", &keys[1]])?;
    let made = bench.run(&["operator", "rekey", &keys[0]])?;
    let new = texts(&made["keys"])?;
    bench.server.process.kill()?;
    bench.server = bench.home.start()?;
    ensure!(!bench.unseals(&new)?, "unverified keys do not count");
    bench.server.client().expect(200, "PUT", "/v1/sys/unseal", Some(&json!({"reset": true})))?;
    ensure!(bench.unseals(&keys[..2])?, "the old ones do");

    bench.run(&["operator", "rekey", "-init", "-verify", "-key-shares=2", "-key-threshold=2"])?;
    bench.run(&["operator", "rekey", &keys[1]])?;
    let new = texts(&bench.run(&["operator", "rekey", &keys[0]])?["keys"])?;
    bench.run(&["operator", "rekey", "-verify", &new[0]])?;
    bench.run(&["operator", "rekey", "-verify", &new[1]])?;
    bench.server.process.kill()?;
    bench.server = bench.home.start()?;
    ensure!(!bench.unseals(&keys[..2])?, "verified keys take the place of the old ones at once");
    ensure!(bench.unseals(&new)?);
    assert_eq!(bench.policies(token.trim())?, json!(["root"]), "tokens stay");
    Ok(())
}

#[test]
fn a_server_that_dies_after_a_rekey_opens_with_the_keys_that_people_have() -> Result<()> {
    for has_new in [false, true] {
        let mut bench = Bench::new()?;
        let old = bench.keys.clone();
        bench.run(&["operator", "rekey", "-init", "-key-shares=2", "-key-threshold=2"])?;
        bench.run(&["operator", "rekey", &old[1]])?;
        let new = texts(&bench.run(&["operator", "rekey", &old[0]])?["keys"])?;
        bench.server.process.kill()?;
        bench.server = bench.home.start()?;
        let (used, lost) = if has_new { (&new[..], &old[..2]) } else { (&old[..2], &new[..]) };
        ensure!(bench.unseals(used)?, "{has_new}");
        bench.server.process.kill()?;
        bench.server = bench.home.start()?;
        ensure!(!bench.unseals(lost)?, "one set is left");
    }
    Ok(())
}

/// gpg with a folder of its own, and two keys in it.
pub(super) struct Gpg {
    pub(super) home: PathBuf,
}

impl Gpg {
    /// `None`, said aloud, where it is not installed.
    pub(super) fn new(home: &Path) -> Result<Option<Self>> {
        if Command::new("gpg").arg("--version").output().is_err() {
            skip("keys for PGP", "gpg is not installed");
            return Ok(None);
        }
        let home = home.join("gpg");
        std::fs::create_dir(&home)?;
        std::fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        Ok(Some(Self { home }))
    }

    fn run(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let output = Command::new("gpg")
            .arg("--homedir")
            .arg(&self.home)
            .args(["--batch", "--quiet", "--yes", "--passphrase", "", "--pinentry-mode", "loopback"])
            .args(arguments)
            .stdin(Stdio::null())
            .output()?;
        ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(output.stdout)
    }

    /// A new key; gives the file of its public part, armored or not, and its fingerprint.
    pub(super) fn key(&self, name: &str, algorithms: (&str, &str), is_armored: bool) -> Result<(String, String)> {
        let user = format!("{name}@example.com");
        self.run(&["--quick-generate-key", &user, algorithms.0, "sign,cert", "never"])?;
        let listed = String::from_utf8(self.run(&["--with-colons", "--list-keys", &user])?)?;
        let fingerprint = listed.lines().find_map(|line| line.strip_prefix("fpr:::::::::")?.split(':').next());
        let fingerprint = fingerprint.context("no fingerprint")?.to_owned();
        self.run(&["--quick-add-key", &fingerprint, algorithms.1, "encr", "never"])?;
        let file = self.home.join(name).display().to_string();
        let armor = if is_armored { "--armor" } else { "--no-armor" };
        self.run(&[armor, "--output", &file, "--export", &user])?;
        Ok((file, fingerprint.to_lowercase()))
    }

    /// What a message in base64 says.
    fn decrypt(&self, message: &str) -> Result<String> {
        let file = self.home.join("message");
        std::fs::write(&file, data_encoding::BASE64.decode(message.as_bytes())?)?;
        Ok(String::from_utf8(self.run(&["--decrypt", &file.display().to_string()])?)?)
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        // The agent that gpg has started for this folder.
        drop(Command::new("gpgconf").arg("--homedir").arg(&self.home).args(["--kill", "all"]).output());
    }
}

#[test]
fn gpg_opens_what_the_server_hands_out() -> Result<()> {
    let (development, home) = (Development::start(&[])?, Home::new(Tls::Off)?);
    let Some(gpg) = Gpg::new(home.path())? else { return Ok(()) };
    let (curve, curve_print) = gpg.key("curve", ("ed25519", "cv25519"), true)?;
    let (rsa, rsa_print) = gpg.key("rsa", ("rsa2048", "rsa2048"), false)?;
    let both = format!("-pgp-keys={curve},{rsa}");
    let server = home.start()?;
    let mut bench = Bench { development, home, server, keys: Vec::new() };
    let root_key = format!("-root-token-pgp-key={rsa}");
    let made = bench.run(&["operator", "init", "-key-shares=2", "-key-threshold=2", &both, &root_key])?;
    let decrypted = |keys: &Value| texts(keys)?.iter().map(|key| gpg.decrypt(key)).collect::<Result<Vec<_>>>();
    bench.keys = decrypted(&made["unseal_keys_b64"])?;
    ensure!(bench.unseals(&bench.keys)?, "what was decrypted is a key in hexadecimal");
    let root = gpg.decrypt(&text(&made, "/root_token")?)?;
    assert_eq!(bench.policies(&root)?, json!(["root"]));

    let status = bench.run(&["operator", "generate-root", "-init", &format!("-pgp-key={curve}")])?;
    assert_eq!(status["pgp_fingerprint"], json!(curve_print));
    bench.run(&["operator", "generate-root", &bench.keys[0]])?;
    let done = bench.run(&["operator", "generate-root", &bench.keys[1]])?;
    let token = gpg.decrypt(&text(&done, "/encoded_token")?)?;
    assert_eq!(bench.policies(&token)?, json!(["root"]));

    let begun = bench.run(&["operator", "rekey", "-init", "-key-shares=2", "-key-threshold=2", &both, "-backup"])?;
    assert_eq!((&begun["pgp_fingerprints"], &begun["backup"]), (&json!([curve_print, rsa_print]), &json!(true)));
    bench.run(&["operator", "rekey", &bench.keys[0]])?;
    let made = bench.run(&["operator", "rekey", &bench.keys[1]])?;
    let new = decrypted(&made["keys_base64"])?;
    let mut client = bench.server.client().with_token(&root);
    let kept = client.expect(200, "GET", "/v1/sys/rekey/backup", None)?.json()?;
    assert_eq!(kept["data"]["keys_base64"][&curve_print][0], made["keys_base64"][0]);
    assert_eq!(kept["keys"][&rsa_print][0], made["keys"][1], "at the top level, too");
    client.expect(204, "DELETE", "/v1/sys/rekey/backup", None)?;
    client.expect(400, "GET", "/v1/sys/rekey/backup", None)?;
    client.expect(204, "PUT", "/v1/sys/seal", None)?;
    ensure!(!bench.unseals(&bench.keys)?);
    ensure!(bench.unseals(&new)?);
    Ok(())
}
