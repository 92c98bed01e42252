//! ACL policies: their stored text and their parsed form. `root` has no text and cannot be written; `default` is made
//! at init, can be changed and cannot be removed.

use std::sync::Arc;

use framework::Error;
use framework::view::Listing;
use policy::Policy;
use quick_cache::sync::Cache;
use storage::{Key, Revision};

use crate::keys;
use crate::store::{Store, decode, encode};

pub(crate) mod password;
pub(crate) mod texts;

use texts::TextEntry;

/// The policy that nothing is refused to.
pub const ROOT: &str = "root";
/// The policy that tokens get unless asked otherwise.
pub const DEFAULT: &str = "default";
/// The policy of the tokens of wrapped replies: they open their own reply and nothing else.
pub(crate) const RESPONSE_WRAPPING: &str = "response-wrapping";
/// Names that tokens get from the server alone.
pub(crate) const RESERVED: [&str; 2] = [RESPONSE_WRAPPING, "control-group"];

/// The longest policy text.
const TEXT_BYTES_MAX: usize = 256 * 1024;
/// The longest policy name.
const NAME_BYTES_MAX: usize = 512;
/// How many parsed policies are kept.
const PARSED_MAX: usize = 2_000;

/// The rules of [`RESPONSE_WRAPPING`], which nobody can write.
fn response_wrapping() -> Result<Arc<Policy>, Error> {
    let text = "path \"sys/wrapping/unwrap\" { capabilities = [\"update\"] }";
    let policy = Policy::parse(RESPONSE_WRAPPING, text);
    policy.map(Arc::new).map_err(|source| Error::world("parse the policy of wrapping tokens", source))
}

/// The policies of all namespaces.
pub(crate) struct Policies {
    store: Store,
    /// Parsed texts by storage key, valid for one revision. Policies are configuration, not secrets.
    parsed: Cache<Key, (Revision, Arc<Policy>)>,
}

/// A policy as it was when an ACL was made from it.
pub(crate) struct Source {
    pub(crate) key: Key,
    pub(crate) revision: Option<Revision>,
    pub(crate) policy: Option<Arc<Policy>>,
}

impl Policies {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, parsed: Cache::new(PARSED_MAX) }
    }

    /// The entry of the `default` policy that init writes.
    pub(crate) fn initial(ns: &str) -> Result<(Key, Vec<u8>), Error> {
        Ok((keys::policy(ns, DEFAULT)?, encode(&TextEntry::new(policy::DEFAULT))?))
    }

    /// The text of a policy, `None` if there is none.
    pub(crate) async fn text(&self, ns: &str, name: &str) -> Result<Option<String>, Error> {
        texts::read(&self.store, &keys::policy(ns, name)?).await
    }

    /// The parsed policies of these names with what they were read from; absent ones too.
    pub(crate) async fn sources(&self, ns: &str, names: &[String]) -> Result<Vec<Source>, Error> {
        let names: Vec<_> = names.iter().filter(|name| *name != ROOT).collect();
        let keys = names.iter().map(|name| keys::policy(ns, name)).collect::<Result<Vec<_>, _>>()?;
        let entries = self.store.get_list(&keys).await?;
        let found = keys.into_iter().zip(names).zip(entries);
        found
            .map(|((key, name), entry)| {
                let Some(entry) = entry else {
                    let policy = if name == RESPONSE_WRAPPING { Some(response_wrapping()?) } else { None };
                    return Ok(Source { key, revision: None, policy });
                };
                let policy = self.parse(&key, name, &entry)?;
                Ok(Source { key, revision: Some(entry.revision), policy: Some(policy) })
            })
            .collect()
    }

    fn parse(&self, key: &Key, name: &str, entry: &barrier::Opened) -> Result<Arc<Policy>, Error> {
        if let Some((revision, policy)) = self.parsed.get(key)
            && revision == entry.revision
        {
            return Ok(policy);
        }
        let found = decode::<TextEntry>(key, entry)?;
        let policy = Policy::parse(name, &found.value.text)
            .map_err(|source| Error::world(format!("parse the stored policy \"{name}\""), source))?;
        let policy = Arc::new(policy);
        self.parsed.insert(key.clone(), (entry.revision, Arc::clone(&policy)));
        Ok(policy)
    }

    /// Stores a policy, old or new; gives back what its author should be told.
    pub(crate) async fn write(&self, ns: &str, name: &str, text: &str) -> Result<Vec<String>, Error> {
        check_name(name)?;
        if name == ROOT || RESERVED.contains(&name) {
            return Err(Error::Invalid(format!("cannot update \"{name}\" policy").into()));
        }
        check_text(text)?;
        let policy = Policy::parse(name, text);
        let policy = policy.map_err(|why| Error::Invalid(format!("failed to parse policy: {why}").into()))?;
        check_enforced(&policy)?;
        texts::write(&self.store, ns, &keys::policy(ns, name)?, text).await?;
        Ok(policy.warnings().iter().map(|it| format!("line {}: {}", it.line, it.text)).collect())
    }

    /// Removes a policy; no error when there is none.
    pub(crate) async fn delete(&self, ns: &str, name: &str) -> Result<(), Error> {
        if name == ROOT || name == DEFAULT || RESERVED.contains(&name) {
            return Err(Error::Invalid(format!("cannot delete \"{name}\" policy").into()));
        }
        texts::delete(&self.store, &keys::policy(ns, name)?).await
    }

    /// The names of a page, sorted, `root` among them: it is a policy without a text.
    pub(crate) async fn names(&self, ns: &str, listing: &Listing) -> Result<Vec<String>, Error> {
        let mut names = texts::names(&self.store, &keys::policies(ns), listing).await?;
        if *ROOT > *listing.after {
            names.push(ROOT.to_owned());
            names.sort();
        }
        names.truncate(listing.limit.unwrap_or(usize::MAX));
        Ok(names)
    }

    /// Drops what was parsed; the server is being sealed.
    pub(crate) fn forget(&self) {
        self.parsed.clear();
    }
}

/// The name as it is stored: lower case (documented Vault behavior).
pub(crate) fn sanitize_name(name: &str) -> String {
    framework::path::fold(name)
}

/// Refuses what would be stored and not enforced: a policy that looks stricter than it is does harm.
fn check_enforced(policy: &Policy) -> Result<(), Error> {
    for rule in policy.rules() {
        let own = &rule.constraints;
        let asked = [
            ("mfa_methods", !own.mfa_methods.is_empty()),
            ("control_group", own.control_group.is_some()),
            ("pagination_limit", own.pagination_limit.is_some()),
            ("list_scan_response_keys_filter_path", own.list_scan_response_keys_filter_path.is_some()),
        ];
        if let Some((key, _)) = asked.into_iter().find(|(_, is_asked)| *is_asked) {
            let text = format!(
                "the rule for \"{}\" on line {} has \"{key}\", which this release does not enforce: leave it out",
                rule.path, rule.line
            );
            return Err(Error::Invalid(text.into()));
        }
    }
    Ok(())
}

fn check_text(text: &str) -> Result<(), Error> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Error::Invalid(format!("policy has {} bytes, the most is {TEXT_BYTES_MAX}", text.len()).into()));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), Error> {
    if name.is_empty() {
        return Err(Error::invalid("policy name is missing"));
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(Error::Invalid(
            format!("policy name has {} bytes, the most is {NAME_BYTES_MAX}", name.len()).into(),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
