//! Where the token is kept between commands: the user's file, or a program of the user's choice.
//!
//! The program, a *token helper*, is named by `token_helper` in `~/.vault` (or where `VAULT_CONFIG_PATH` says). It is
//! run with one word: `get` prints the token, `store` takes it on standard input, `erase` forgets it. The token never
//! stands among a program's arguments, where other users could see it.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use secret::SecretString;

use crate::failure::Failure;
use crate::terminal::Environment;
use crate::token_file;

/// The place of the token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Store {
    File(PathBuf),
    /// The path of a program.
    Helper(PathBuf),
}

impl Store {
    /// The place that the user's settings name; `None` if nobody knows where home is.
    pub fn find(env: &Environment) -> Result<Option<Self>, Failure> {
        if let Some(helper) = configured(env)? {
            return Ok(Some(Self::Helper(helper)));
        }
        Ok(token_file::path(env).map(Self::File))
    }

    /// The kept token; `None` if there is none.
    pub fn read(&self) -> Result<Option<SecretString>, Failure> {
        match self {
            Self::File(path) => token_file::read(path)
                .map_err(|error| Failure::usage(format!("Could not read the token file {}: {error}", path.display()))),
            Self::Helper(program) => {
                let printed = SecretString::new(run(program, "get", None)?);
                let token = SecretString::from(printed.expose().trim());
                Ok((!token.expose().is_empty()).then_some(token))
            }
        }
    }

    /// Keeps a token in place of the previous one.
    pub fn write(&self, token: &SecretString) -> Result<(), Failure> {
        match self {
            Self::File(path) => token_file::write(path, token)
                .map_err(|error| Failure::usage(format!("Could not keep the token in {}: {error}", path.display()))),
            Self::Helper(program) => run(program, "store", Some(token)).map(drop),
        }
    }

    /// Forgets the token.
    pub fn erase(&self) -> Result<(), Failure> {
        match self {
            Self::File(path) => match std::fs::remove_file(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    Err(Failure::usage(format!("Could not remove the token file {}: {error}", path.display())))
                }
                _ => Ok(()),
            },
            Self::Helper(program) => run(program, "erase", None).map(drop),
        }
    }
}

/// The helper that the user's settings name.
fn configured(env: &Environment) -> Result<Option<PathBuf>, Failure> {
    let path = match client::variable(env, "CONFIG_PATH") {
        Some((_, path)) => PathBuf::from(path),
        None => match env("HOME").filter(|home| !home.is_empty()) {
            Some(home) => Path::new(&home).join(".vault"),
            None => return Ok(None),
        },
    };
    let wrong = |problem: &str| Failure::usage(format!("Could not use the settings in {}: {problem}", path.display()));
    let text = match std::fs::read_to_string(&path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) => return Ok(None),
        read => read.map_err(|error| wrong(&error.to_string()))?,
    };
    let settings = hcl::parse(&text).map_err(|error| wrong(&error.to_string()))?;
    let Some(item) = settings.last("token_helper") else { return Ok(None) };
    let helper = item.value.as_str().ok_or_else(|| wrong("token_helper must be a text"))?;
    if helper.is_empty() {
        return Ok(None);
    }
    // A name that is looked for elsewhere could be a program of somebody else's, who would be given the token.
    if !helper.starts_with('/') {
        return Err(wrong("token_helper must be the absolute path of a program"));
    }
    Ok(Some(PathBuf::from(helper)))
}

/// Runs the helper; what it has printed. The failure tells what it complains of, never what it was given.
fn run(program: &Path, word: &str, stdin: Option<&SecretString>) -> Result<String, Failure> {
    let failed =
        |problem: &str| Failure::usage(format!("The token helper \"{} {word}\" failed: {problem}", program.display()));
    let output = spawn(program, word, stdin).map_err(|error| failed(&error.to_string()))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        return Err(failed(format!("{}\n{}", output.status, complaint.trim()).trim_end()));
    }
    String::from_utf8(output.stdout).map_err(|_| failed("it printed something that is not text"))
}

fn spawn(program: &Path, word: &str, stdin: Option<&SecretString>) -> std::io::Result<Output> {
    let mut command = Command::new(program);
    command.arg(word).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.spawn()?;
    if let (Some(token), Some(mut pipe)) = (stdin, child.stdin.take())
        && let Err(error) = pipe.write_all(token.expose().as_bytes())
        // A helper that reads nothing tells by its status whether that was right.
        && error.kind() != ErrorKind::BrokenPipe
    {
        drop(child.kill());
        child.wait()?;
        return Err(error);
    }
    child.wait_with_output()
}

#[cfg(test)]
mod tests;
