//! Second factors of logins: hvac and the command line, with codes that pyotp computes, and the page, run as it is written.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use e2e::development::{self, Development};
use e2e::server::without_settings;
use e2e::{binary, skip};

/// Where another program computes codes: Python with pyotp, unless it is not there.
fn python(what: &str) -> Result<Option<PathBuf>> {
    let python = match binary::python() {
        Ok(python) => python,
        Err(why) => {
            skip(what, &why.to_string());
            return Ok(None);
        }
    };
    let found = Command::new(&python).args(["-c", "import pyotp"]).output().context("starting Python")?;
    if !found.status.success() {
        skip(what, "pyotp is not in .venv (`make test` installs it)");
        return Ok(None);
    }
    Ok(Some(python))
}

#[test]
fn hvac_logs_in_with_the_codes_of_another_program() -> Result<()> {
    let Some(python) = python("second factors through hvac")? else { return Ok(()) };
    let server = Development::start(&[])?;
    let mut command = Command::new(python);
    command.arg(binary::workspace().join("crates/e2e/python/mfa.py"));
    command.args([&server.address, &server.root_token]).arg(server.home());
    let output = without_settings(&mut command).env("HOME", server.home()).output().context("starting Python")?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    ensure!(output.status.success() && said.contains("all of it"), "{said}\nserver:\n{}", server.process.output());
    Ok(())
}

/// A folder with an `oathtool` that asks pyotp, for whoever runs the page without a phone.
fn phone(server: &Development, python: &Path) -> Result<PathBuf> {
    let folder = server.home().join("phone");
    std::fs::create_dir(&folder)?;
    let script = binary::workspace().join("crates/e2e/python/oathtool.py");
    let program = folder.join("oathtool");
    std::fs::write(&program, format!("#!/bin/sh\nexec {} {} \"$@\"\n", python.display(), script.display()))?;
    let mut permissions = std::fs::metadata(&program)?.permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
    std::fs::set_permissions(&program, permissions)?;
    Ok(folder)
}

#[test]
fn the_page_on_second_factors_works_as_it_is_written() -> Result<()> {
    let Some(python) = python("docs/mfa.md")? else { return Ok(()) };
    let Some(bash) = binary::on_path("bash") else {
        skip("docs/mfa.md", "bash is not installed");
        return Ok(());
    };
    let text = std::fs::read_to_string(binary::workspace().join("docs/mfa.md"))?;
    let commands: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    ensure!(commands.len() >= 18, "docs/mfa.md has {} commands", commands.len());
    let server = Development::start(&[])?;
    let path = [phone(&server, &python)?, server.bin(), "/usr/bin".into(), "/bin".into()];
    let mut shell = development::command(&bash, &server.home());
    shell.env("VAULT_ADDR", &server.address).env("PATH", std::env::join_paths(path)?).current_dir(server.home());
    let output = shell.args(["-euxo", "pipefail", "-c", &commands.join("\n")]).output()?;
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "docs/mfa.md ends with {}:\n{printed}{errors}", output.status);
    let picture = std::fs::read(server.home().join("bob.png"))?;
    ensure!(picture.starts_with(b"\x89PNG"), "the picture is none");
    ensure!(printed.contains("[default]"), "the last command shows the policies of the token: {printed}");
    Ok(())
}

/// The command line is asked for the code, as it asks people: on a terminal, which `script` gives it.
#[test]
fn the_command_line_asks_for_the_second_factor() -> Result<()> {
    let Some(python) = python("the second factor on a terminal")? else { return Ok(()) };
    let Some(script) = binary::on_path("script") else {
        skip("the second factor on a terminal", "script is not installed");
        return Ok(());
    };
    let server = Development::start(&[])?;
    let phone = phone(&server, &python)?;
    let run = |arguments: &[&str]| -> Result<String> {
        let output = server.run("vault", arguments)?;
        ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
    };
    run(&["auth", "enable", "userpass"])?;
    run(&["write", "auth/userpass/users/bob", "password=wonder"])?;
    let method = run(&["write", "-field=method_id", "identity/mfa/method/totp", "issuer=e2e"])?;
    let entity = run(&["write", "-field=id", "identity/entity", "name=bob"])?;
    let accessor = run(&["read", "-field=accessor", "sys/auth/userpass"])?;
    let (of, at) = (format!("canonical_id={entity}"), format!("mount_accessor={accessor}"));
    run(&["write", "identity/entity-alias", "name=bob", &of, &at])?;
    let about = [format!("method_id={method}"), format!("entity_id={entity}")];
    let url =
        run(&["write", "-field=url", "identity/mfa/method/totp/admin-generate", about[0].as_str(), about[1].as_str()])?;
    let (_, secret) = url.split_once("secret=").context("no secret in the address")?;
    let (methods, mounts) = (format!("mfa_method_ids={method}"), format!("auth_method_accessors={accessor}"));
    run(&["write", "identity/mfa/login-enforcement/people", &methods, &mounts])?;
    let vault = server.bin().join("vault");
    let login = format!("{} login -method=userpass -no-store username=bob password=wonder", vault.display());
    let mut typing = development::command(&script, &server.home());
    typing.env("VAULT_ADDR", &server.address).args(["-qec", &login, "/dev/null"]);
    typing.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut typing = typing.spawn().context("starting script")?;
    let mut keyboard = typing.stdin.take().context("it has a keyboard")?;
    let mut screen = typing.stdout.take().context("it has a screen")?;
    // What is typed before it asks is thrown away.
    let mut shown = Vec::new();
    while !String::from_utf8_lossy(&shown).contains("Passcode for totp method") {
        let mut some = [0; 1024];
        let length = screen.read(&mut some)?;
        ensure!(length > 0, "it asks for nothing: {}", String::from_utf8_lossy(&shown));
        shown.extend_from_slice(&some[..length]);
    }
    keyboard.write_all(&Command::new(phone.join("oathtool")).args(["--totp", "-b", secret]).output()?.stdout)?;
    screen.read_to_end(&mut shown)?;
    let status = typing.wait()?;
    drop(keyboard);
    let shown = String::from_utf8_lossy(&shown);
    ensure!(status.success() && shown.contains("hvs."), "{shown}");
    Ok(())
}
