//! A socket in the file system: its file, who may connect to it, and what a crash left behind.
//!
//! Mode and owner of the file are the only lock on the door, so they are set before anybody can connect. Nothing is ever
//! removed but a socket that nobody listens on.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, lchown};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixSocket, UnixStream};

use crate::config::{Endpoint, UnixEndpoint};
use crate::error::Error;

/// How many connections wait in the kernel's queue.
const QUEUE: u32 = 1024;
const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";
/// The longest of these files that is read, in bytes.
const NAMES_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The file of a bound socket, which goes away with this, unless somebody has put another one in its place.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.identity) {
            // Nobody is left to tell; the next start removes it.
            drop(fs::remove_file(&self.path));
        }
    }
}

/// Makes the socket, with its mode and owner, and listens on it.
///
/// # Errors
/// When the path is taken, by a listener or by anything that is no socket, or the file cannot be given to whom it should.
pub(crate) async fn bind(endpoint: &UnixEndpoint) -> Result<(UnixListener, SocketFile), Error> {
    let refuse = |source| Error::Bind { endpoint: Endpoint::Unix(endpoint.clone()), source };
    let user = endpoint.user.as_deref().map(|name| owner(USERS, name)).transpose()?;
    let group = endpoint.group.as_deref().map(|name| owner(GROUPS, name)).transpose()?;
    make_room(&endpoint.path).await.map_err(refuse)?;
    let socket = UnixSocket::new_stream().map_err(refuse)?;
    socket.bind(&endpoint.path).map_err(refuse)?;
    let made = fs::symlink_metadata(&endpoint.path).map_err(refuse)?;
    let file = SocketFile { path: endpoint.path.clone(), identity: (made.dev(), made.ino()) };
    if user.is_some() || group.is_some() {
        lchown(&endpoint.path, user, group).map_err(refuse)?;
    }
    fs::set_permissions(&endpoint.path, Permissions::from_mode(endpoint.mode)).map_err(refuse)?;
    // Nobody can connect before this.
    let listener = socket.listen(QUEUE).map_err(refuse)?;
    Ok((listener, file))
}

/// Removes the socket of a server that is gone.
async fn make_room(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something that is not a socket is there"));
    }
    match UnixStream::connect(path).await {
        // That it refuses is the one sure sign that nobody listens.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        _ => Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there")),
    }
}

/// The number of a user or group: itself, or what the file says. Names from elsewhere (LDAP) have to be given as numbers.
fn owner(file: &'static str, name: &str) -> Result<u32, Error> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    let path = PathBuf::from(file);
    let refuse = |source| Error::Read { path: path.clone(), source };
    let length = fs::metadata(&path).map_err(refuse)?.len();
    if length > NAMES_BYTES_MAX {
        return Err(Error::TooLong { path, max: NAMES_BYTES_MAX });
    }
    let text = fs::read_to_string(&path).map_err(refuse)?;
    number_of(&text, name).ok_or_else(|| Error::Owner { name: name.to_owned(), file })
}

/// The third field of the line that begins with the name (passwd(5), group(5)).
fn number_of(text: &str, name: &str) -> Option<u32> {
    let mut lines = text.lines().map(|line| line.split(':'));
    lines.find_map(|mut fields| if fields.next() == Some(name) { fields.nth(1)?.parse().ok() } else { None })
}

#[cfg(test)]
mod tests;
