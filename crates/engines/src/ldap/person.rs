//! What the directory says of one person: whether the password is theirs, by which name they are known, and which groups
//! they are in.

use env::Env;
use ldap::{Connection, Entry, Filter, Scope, Search};
use secret::Secret;

use super::directory::{Directory, Fingerprint};
use super::settings::Settings;

/// The result code of a search that finds more than it was asked for (RFC 4511 §4.1.9).
const SIZE_LIMIT_EXCEEDED: u32 = 4;
/// Asks for no attributes (RFC 4511 §4.5.1.8).
const NO_ATTRIBUTES: &str = "1.1";
/// The groups of an account, nested ones included, as Active Directory computes them.
const TOKEN_GROUPS: &str = "tokenGroups";
/// The most groups that are read one by one.
const TOKEN_GROUPS_MAX: usize = 1_000;

/// Somebody whom the directory knows.
pub(super) struct Person {
    /// What their entity's alias is named after.
    pub(super) alias: String,
    /// The names of their groups, each once.
    pub(super) groups: Vec<String>,
}

/// Why there is nobody.
#[derive(Debug, thiserror::Error)]
pub(super) enum Nobody {
    /// There is no such user, or the password is another.
    #[error("the directory does not know the user by this password")]
    Refused,
    /// The attribute after which the alias is named has no value, or the user is found twice.
    #[error("the directory does not tell the one entry and the value of the attribute in userattr of the user")]
    Nameless,
    /// It does not come to asking.
    #[error("the directory was not asked")]
    Unasked(#[source] framework::Error),
    /// The directory does not let the mount search, with its account or without one.
    #[error("could not bind as the account in binddn, or as nobody where there is none")]
    Account(#[source] ldap::Error),
    /// The directory cannot be asked.
    #[error(transparent)]
    Directory(#[from] ldap::Error),
}

/// What is asked.
pub(super) struct Question<'a> {
    pub(super) env: &'a Env,
    pub(super) settings: &'a Settings,
    pub(super) of: Fingerprint,
    pub(super) username: &'a str,
    /// None for somebody who has logged in before.
    pub(super) password: Option<&'a Secret<String>>,
}

/// Asks the directory about somebody; once more if a connection that was kept is none any more.
pub(super) async fn ask(directory: &Directory, question: &Question<'_>) -> Result<Person, Nobody> {
    let Question { env, settings, of, .. } = question;
    let mut taken = directory.take(env, settings, *of).await?;
    let mut answer = question.put(&mut taken.connection).await;
    if taken.was_kept && matches!(&answer, Err(Nobody::Directory(error)) if error.is_of_connection()) {
        taken = directory.open(env, settings, *of).await?;
        answer = question.put(&mut taken.connection).await;
    }
    directory.give_back(env, *of, taken);
    answer
}

impl Question<'_> {
    async fn put(&self, connection: &mut Connection) -> Result<Person, Nobody> {
        match self.password {
            Some(password) => self.prove(connection, password).await,
            None => {
                self.bind_account(connection).await?;
                let found = self.look_up(connection).await?.ok_or(Nobody::Refused)?;
                let dn = found.dn.clone();
                self.describe(connection, Some(found), &dn).await
            }
        }
    }

    async fn prove(&self, connection: &mut Connection, password: &Secret<String>) -> Result<Person, Nobody> {
        let searches = self.settings.searches();
        let found = if searches {
            self.bind_account(connection).await?;
            self.look_up(connection).await?
        } else {
            None
        };
        // Nobody is asked about like somebody, so that both take as long; whatever is said, nobody does not get in.
        let name = match &found {
            Some(entry) => entry.dn.clone(),
            None => self.settings.bind_name(self.username),
        };
        match connection.bind(&name, password).await {
            Ok(()) if searches && found.is_none() => return Err(Nobody::Refused),
            Ok(()) => {}
            Err(error) if error.is_about_credentials() => return Err(Nobody::Refused),
            Err(error) => return Err(error.into()),
        }
        // The account may see more than the user, and so the groups do not depend on who asks.
        if self.settings.has_account() {
            self.bind_account(connection).await?;
        }
        self.describe(connection, found, &name).await
    }

    /// Binds as the account of the mount, or as nobody where it has none.
    async fn bind_account(&self, connection: &mut Connection) -> Result<(), Nobody> {
        let bound = if self.settings.has_account() {
            let password = Secret::new(self.settings.entry.bind_password.clone());
            connection.bind(&self.settings.entry.bind_dn, &password).await
        } else {
            connection.bind_anonymously().await
        };
        bound.map_err(|error| match error {
            refused @ ldap::Error::Refused { .. } => Nobody::Account(refused),
            error => Nobody::Directory(error),
        })
    }

    /// The one entry of the user; none when there is none, or more than one.
    async fn look_up(&self, connection: &mut Connection) -> Result<Option<Entry>, Nobody> {
        let filter = self.settings.user_filter(self.username).map_err(Nobody::Unasked)?;
        let attributes = [self.settings.entry.user_attr.as_str()];
        let search = Search {
            entries_max: 2,
            page: None,
            ..self.search(&self.settings.entry.user_dn, Scope::Subtree, &filter, &attributes)
        };
        match connection.search(&search).await {
            Ok(mut entries) => Ok(if entries.len() == 1 { entries.pop() } else { None }),
            Err(ldap::Error::Refused { code: SIZE_LIMIT_EXCEEDED, .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn search<'s>(&'s self, base: &'s str, scope: Scope, filter: &'s Filter, attributes: &'s [&'s str]) -> Search<'s> {
        let (dereference, page) = (self.settings.dereference, self.settings.page());
        Search { base, scope, dereference, entries_max: 0, filter, attributes, page }
    }

    /// What is known of somebody who is who they say; `name` is what they have bound with.
    async fn describe(&self, connection: &mut Connection, found: Option<Entry>, name: &str) -> Result<Person, Nobody> {
        let entry = &self.settings.entry;
        let needs_entry = !entry.has_username_as_alias || !entry.upn_domain.is_empty();
        let found = match found {
            None if needs_entry => self.look_up(connection).await?,
            found => found,
        };
        let alias = if entry.has_username_as_alias {
            self.username.to_owned()
        } else {
            let value = found.as_ref().and_then(|found| found.texts(&entry.user_attr).next());
            value.filter(|value| !value.trim().is_empty()).ok_or(Nobody::Nameless)?.to_owned()
        };
        // What a user has bound with is no distinguished name where it is one with a domain.
        let user_dn = match &found {
            Some(found) => found.dn.as_str(),
            None if entry.upn_domain.is_empty() => name,
            None => "",
        };
        if entry.has_anonymous_group_search {
            connection.bind_anonymously().await?;
        }
        let entries = if entry.uses_token_groups {
            self.token_groups(connection, user_dn).await?
        } else {
            self.groups(connection, user_dn).await?
        };
        Ok(Person { alias, groups: group_names(&entries, &entry.group_attr) })
    }

    async fn groups(&self, connection: &mut Connection, user_dn: &str) -> Result<Vec<Entry>, Nobody> {
        let entry = &self.settings.entry;
        let filter = self.settings.group_filter(self.username, user_dn).map_err(Nobody::Unasked)?;
        let Some(filter) = filter.filter(|_| !entry.group_dn.is_empty()) else { return Ok(Vec::new()) };
        let attributes = [entry.group_attr.as_str()];
        let search = self.search(&entry.group_dn, Scope::Subtree, &filter, &attributes);
        Ok(connection.search(&search).await?)
    }

    /// The groups whose security identifiers the directory computes for the user.
    async fn token_groups(&self, connection: &mut Connection, user_dn: &str) -> Result<Vec<Entry>, Nobody> {
        let all = Filter::Present("objectClass".to_owned());
        let user = self.search(user_dn, Scope::Base, &all, &[TOKEN_GROUPS]);
        let user = Search { page: None, ..user };
        let found = connection.search(&user).await?;
        let sids = found.iter().flat_map(|entry| entry.values(TOKEN_GROUPS)).take(TOKEN_GROUPS_MAX);
        let mut groups = Vec::new();
        for base in sids.filter_map(|sid| Some(format!("<SID={}>", sid_text(sid)?))) {
            let group = Search { page: None, ..self.search(&base, Scope::Base, &all, &[NO_ATTRIBUTES]) };
            match connection.search(&group).await {
                Ok(entries) => groups.extend(entries),
                // One that is not for us to read gives nothing.
                Err(ldap::Error::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(groups)
    }
}

/// What groups are called: by the values of the attribute, or else by their own names; the common name of what is a
/// distinguished name (documented Vault behavior). Each name once, in the order in which they are found.
fn group_names(entries: &[Entry], attribute: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    let mut add = |text: &str| {
        let name = ldap::dn::common_name(text).unwrap_or_else(|| text.to_owned());
        if !name.is_empty() && seen.insert(name.clone()) {
            names.push(name);
        }
    };
    for entry in entries {
        if entry.values(attribute).is_empty() {
            add(&entry.dn);
        } else {
            entry.texts(attribute).for_each(&mut add);
        }
    }
    names
}

/// A security identifier as text: `S-1-5-21-…` (MS-DTYP §2.4.2).
fn sid_text(sid: &[u8]) -> Option<String> {
    let [revision, count, a, b, c, d, e, f, rest @ ..] = sid else { return None };
    if rest.len() != usize::from(*count) * 4 {
        return None;
    }
    let authority = u64::from_be_bytes([0, 0, *a, *b, *c, *d, *e, *f]);
    let mut parts = vec![format!("S-{revision}-{authority}")];
    for part in rest.chunks_exact(4) {
        parts.push(u32::from_le_bytes(part.try_into().ok()?).to_string());
    }
    Some(parts.join("-"))
}

#[cfg(test)]
mod tests;
