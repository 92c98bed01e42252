//! The local files of users and groups: names to numbers, and who belongs where (passwd(5), group(5)).
//!
//! No name service: it would load foreign code and may ask the network, as root. Accounts from elsewhere are numbers.

use std::io::Read as _;

use rustix::process::{Gid, Uid};

use super::ConfinementError;

const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";
/// The most of either file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The most groups that one account belongs to (`NGROUPS_MAX`).
const GROUPS_MAX: usize = 65_536;

/// A user as the file has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct User {
    /// None for a number that the file does not know.
    pub(super) name: Option<String>,
    pub(super) uid: Uid,
    /// The group that it logs in with.
    pub(super) gid: Option<Gid>,
}

/// What the two files say.
#[derive(Debug)]
pub(super) struct Accounts {
    users: String,
    groups: String,
}

impl Accounts {
    /// Reads both.
    pub(super) fn read() -> Result<Self, ConfinementError> {
        let read = |file: &'static str| {
            let mut bytes = Vec::new();
            let opened = std::fs::File::open(file).and_then(|it| it.take(FILE_BYTES_MAX).read_to_end(&mut bytes));
            match opened {
                Ok(_) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
                // An image without users has numbers only.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
                Err(source) => Err(ConfinementError::Accounts { file, source }),
            }
        };
        Ok(Self { users: read(USERS)?, groups: read(GROUPS)? })
    }

    #[cfg(test)]
    pub(super) fn of(users: &str, groups: &str) -> Self {
        Self { users: users.to_owned(), groups: groups.to_owned() }
    }

    /// The user of this name or number.
    pub(super) fn user(&self, wanted: &str) -> Result<User, ConfinementError> {
        let number: Option<u32> = wanted.parse().ok();
        for fields in lines(&self.users) {
            let [name, _, uid, gid, ..] = fields.as_slice() else { continue };
            let (Ok(uid), Ok(gid)) = (uid.parse::<u32>(), gid.parse::<u32>()) else { continue };
            if *name == wanted || number == Some(uid) {
                let name = Some((*name).to_owned());
                return Ok(User { name, uid: Uid::from_raw(uid), gid: Some(Gid::from_raw(gid)) });
            }
        }
        let unknown =
            || ConfinementError::Unknown { kind: "user", name: wanted.to_owned(), file: USERS, hint: ", with a group" };
        number.map(|uid| User { name: None, uid: Uid::from_raw(uid), gid: None }).ok_or_else(unknown)
    }

    /// The group of this name or number.
    pub(super) fn group(&self, wanted: &str) -> Result<Gid, ConfinementError> {
        let found = lines(&self.groups).find_map(|fields| match fields.as_slice() {
            [name, _, gid, ..] if *name == wanted => gid.parse::<u32>().ok(),
            _ => None,
        });
        let unknown = || ConfinementError::Unknown { kind: "group", name: wanted.to_owned(), file: GROUPS, hint: "" };
        found.or_else(|| wanted.parse().ok()).map(Gid::from_raw).ok_or_else(unknown)
    }

    /// The further groups that list the user as a member.
    pub(super) fn groups_of(&self, user: &User) -> Vec<Gid> {
        let Some(name) = &user.name else { return Vec::new() };
        let found = lines(&self.groups).filter_map(|fields| match fields.as_slice() {
            [_, _, gid, members, ..] if members.split(',').any(|member| member == name) => gid.parse::<u32>().ok(),
            _ => None,
        });
        found.take(GROUPS_MAX).map(Gid::from_raw).collect()
    }
}

fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|line| line.split(':').collect())
}
