//! The file that keeps the token between commands: `~/.vault-token`, or what `BAO_TOKEN_PATH` or `VAULT_TOKEN_PATH`
//! says. Only the user can read it, and it is replaced in one step, never written half.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use secret::SecretString;

/// The longest token that is read, in bytes.
const TOKEN_BYTES_MAX: u64 = 64 * 1024;

/// Where the token is kept; `None` if nobody knows where home is.
pub(crate) fn path(env: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    if let Some((_, path)) = client::variable(env, "TOKEN_PATH") {
        return Some(PathBuf::from(path));
    }
    let home = env("HOME").filter(|home| !home.is_empty())?;
    Some(Path::new(&home).join(".vault-token"))
}

/// The kept token; `None` if there is none.
pub(crate) fn read(path: &Path) -> Result<Option<SecretString>, std::io::Error> {
    let file = match fs::File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut text = String::new();
    file.take(TOKEN_BYTES_MAX).read_to_string(&mut text)?;
    let token = text.trim();
    Ok((!token.is_empty()).then(|| SecretString::from(token)))
}

/// Keeps a token in place of the previous one.
pub(crate) fn write(path: &Path, token: &SecretString) -> Result<(), std::io::Error> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let fresh = path.with_file_name(name);
    let written = write_new(&fresh, token).and_then(|()| fs::rename(&fresh, path));
    if written.is_err() {
        // Whatever could not be put in place must not lie about; it may not be there at all.
        drop(fs::remove_file(&fresh));
    }
    written
}

fn write_new(path: &Path, token: &SecretString) -> Result<(), std::io::Error> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(token.expose().as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
