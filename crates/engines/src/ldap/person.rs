//! What the directory says of one person: whether the password is theirs, by which name they are known, and which groups
//! they are in.

use env::Env;
use framework::path::fold;
use ldap::{Connection, Entry, Filter, Scope, Search};
use secret::Secret;

use super::directory::{Directory, Fingerprint};
use super::entry::ConfigEntry;
use super::settings::Settings;

/// The result code of a search that finds more than it was asked for (RFC 4511 §4.1.9).
const SIZE_LIMIT_EXCEEDED: u32 = 4;
/// That of a search from where nothing is, or nothing that may be seen.
const NO_SUCH_OBJECT: u32 = 32;
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
                let found = if self.settings.searches() || !self.settings.entry.upn_domain.is_empty() {
                    self.look_up(connection).await?
                } else {
                    self.look_at(connection, &self.settings.bind_name(self.username)).await?
                };
                let found = found.ok_or(Nobody::Refused)?;
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
        let found = match found {
            None => self.own_entry(connection, &name).await?,
            found => found,
        };
        self.describe(connection, found, &name).await
    }

    /// The entry of somebody who was not searched for before they have bound, by this name; none where nobody needs it.
    /// It is that with which they have bound, and no other that a filter would find: they have proven nothing about those.
    /// Whom the filter leaves out is refused like anybody.
    async fn own_entry(&self, connection: &mut Connection, name: &str) -> Result<Option<Entry>, Nobody> {
        let ConfigEntry { has_username_as_alias, upn_domain, .. } = &self.settings.entry;
        if *has_username_as_alias && upn_domain.is_empty() && self.settings.has_usual_filter() {
            return Ok(None);
        }
        // A name with a domain is no distinguished name, and has to be searched for.
        let found = match upn_domain.as_str() {
            "" => self.look_at(connection, name).await?,
            _ => self.look_up(connection).await?,
        };
        found.ok_or(Nobody::Refused).map(Some)
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
        let found = self.find(connection, &self.settings.entry.user_dn, Scope::Subtree).await?;
        Ok(found.filter(|found| self.is_meant(found)))
    }

    /// The entry of this name, if it is one that the filter finds.
    async fn look_at(&self, connection: &mut Connection, dn: &str) -> Result<Option<Entry>, Nobody> {
        self.find(connection, dn, Scope::Base).await
    }

    async fn find(&self, connection: &mut Connection, base: &str, scope: Scope) -> Result<Option<Entry>, Nobody> {
        let filter = self.settings.user_filter(self.username).map_err(Nobody::Unasked)?;
        let attributes = [self.settings.entry.user_attr.as_str()];
        let search = Search { entries_max: 2, page: None, ..self.search(base, scope, &filter, &attributes) };
        match connection.search(&search).await {
            Ok(mut entries) => Ok(if entries.len() == 1 { entries.pop() } else { None }),
            Err(ldap::Error::Refused { code: SIZE_LIMIT_EXCEEDED | NO_SUCH_OBJECT, .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether what the usual filter has found is called as somebody has typed it. Directories take other letters for the
    /// same (RFC 4518 §2.3), and each spelling would be somebody of their own here, with as many guesses.
    fn is_meant(&self, found: &Entry) -> bool {
        let ConfigEntry { user_attr, upn_domain, .. } = &self.settings.entry;
        if !self.settings.has_usual_filter() || !upn_domain.is_empty() || found.values(user_attr).is_empty() {
            return true;
        }
        let spelled = |name: &str| fold(&name.split_whitespace().collect::<Vec<_>>().join(" "));
        found.texts(user_attr).any(|name| spelled(name) == spelled(self.username))
    }

    fn search<'s>(&'s self, base: &'s str, scope: Scope, filter: &'s Filter, attributes: &'s [&'s str]) -> Search<'s> {
        let (dereference, page) = (self.settings.dereference, self.settings.page());
        Search { base, scope, dereference, entries_max: 0, filter, attributes, page }
    }

    /// What is known of somebody who is who they say; `name` is what they have bound with.
    async fn describe(&self, connection: &mut Connection, found: Option<Entry>, name: &str) -> Result<Person, Nobody> {
        let entry = &self.settings.entry;
        let alias = if entry.has_username_as_alias {
            self.username.to_owned()
        } else {
            let value = found.as_ref().and_then(|found| found.texts(&entry.user_attr).next());
            // White space around a value means nothing (RFC 4518 §2.6.1).
            value.map(str::trim).filter(|value| !value.is_empty()).ok_or(Nobody::Nameless)?.to_owned()
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
