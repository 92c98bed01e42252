//! Enforcements: whose logins need a second factor. One that matches a login by any of its lists has to be met; of the
//! methods that it names one is enough. Those of a namespace hold for all namespaces below it.
//!
//! Each write of one changes the namespace's epoch, so that a login in a namespace that never had any pays one look at it.

use barrier::Changes;
use framework::view::Listing;
use framework::{Error, Namespace};
use storage::{Expectation, KeyRange};

use super::entry::{EnforcementEntry, MethodEntry, MethodRef, UseEntry};
use super::{Mfa, PAGE, check_name};
use crate::identity::again;
use crate::keys;
use crate::mounts::LiveMount;
use crate::mounts::entry::Settings;
use crate::policies::texts;
use crate::store::{Found, Lost, decode, encode};

/// The most enforcements of one namespace: all of them are looked at in each login.
const ENFORCEMENTS_MAX: usize = 200;
/// The most methods of one enforcement: each is two more keys of a commit.
const METHODS_MAX: usize = 20;
/// The most items of each other list.
const ITEMS_MAX: usize = 1_000;
/// In how many of the namespaces below is looked for what an enforcement names.
const NAMESPACES_MAX: usize = 200;
/// What is told when an enforcement would hold for nobody.
const FOR_NOBODY: &str =
    "One of auth_method_accessors, auth_method_types, identity_group_ids, identity_entity_ids must be specified";

/// What is changed of an enforcement; of the lists, what is absent stays.
pub(super) struct EnforcementWish {
    pub(super) methods: Vec<String>,
    pub(super) accessors: Option<Vec<String>>,
    pub(super) types: Option<Vec<String>>,
    pub(super) groups: Option<Vec<String>>,
    pub(super) entities: Option<Vec<String>>,
}

/// An enforcement that a login has to meet.
pub(super) struct Demand {
    /// As the reply names it: unique among those of one login.
    pub(super) name: String,
    /// Any of them will do.
    pub(super) methods: Vec<Usable>,
}

/// A method that may be used, with the path of its namespace.
pub(super) struct Usable {
    pub(super) method: MethodEntry,
    pub(super) namespace_path: String,
}

/// A login, as far as it decides which enforcements it is for.
struct Subject<'l> {
    mount: &'l Settings,
    entity: &'l str,
    groups: Vec<String>,
}

impl Subject<'_> {
    fn is_meant_by(&self, enforcement: &EnforcementEntry) -> bool {
        enforcement.accessors.contains(&self.mount.accessor)
            || enforcement.types.contains(&self.mount.engine_type)
            || enforcement.groups.iter().any(|group| self.groups.contains(group))
            || enforcement.entities.iter().any(|entity| entity == self.entity)
    }
}

impl Mfa {
    pub(super) async fn enforcement(&self, ns: &str, name: &str) -> Result<Option<Found<EnforcementEntry>>, Error> {
        self.store.get(&keys::mfa_enforcement(ns, name)?).await
    }

    /// The id of an enforcement, if it and its namespace are there.
    pub(super) async fn enforcement_alive(&self, ns: &str, name: &str) -> Result<Option<String>, Error> {
        if self.mounts.namespaces.home(ns).await?.is_none() {
            return Ok(None);
        }
        Ok(self.enforcement(ns, name).await?.map(|found| found.value.id))
    }

    pub(super) async fn enforcements(&self, ns: &str, listing: &Listing) -> Result<Vec<EnforcementEntry>, Error> {
        let names = texts::names(&self.store, &keys::mfa_enforcements(ns), listing).await?;
        let keys = names.iter().map(|name| keys::mfa_enforcement(ns, name)).collect::<Result<Vec<_>, _>>()?;
        let found = self.store.get_list(&keys).await?;
        let all = keys.iter().zip(found).filter_map(|(key, found)| Some(decode::<EnforcementEntry>(key, &found?)));
        all.map(|found| found.map(|found| found.value)).collect()
    }

    /// Makes or changes an enforcement. It holds for all logins that are finished after this returns.
    pub(super) async fn write_enforcement(
        &self,
        namespace: &Namespace,
        name: &str,
        wish: &EnforcementWish,
    ) -> Result<(), Error> {
        check_name("a login enforcement", name)?;
        let line = self.line_of(namespace).await?;
        again!(self.try_write_enforcement(namespace, &line, name, wish))
    }

    async fn try_write_enforcement(
        &self,
        namespace: &Namespace,
        line: &[(String, String)],
        name: &str,
        wish: &EnforcementWish,
    ) -> Result<(), Lost> {
        let ns = namespace.id.as_str();
        let found = self.enforcement(ns, name).await?;
        let revision = found.as_ref().map(|found| found.revision);
        let before = found.map(|found| found.value);
        let mut changes = self.changes(ns).await?;
        let methods = self.named_methods(line, &wish.methods, &mut changes).await?;
        let keep = |new: &Option<Vec<String>>, old: Option<&Vec<String>>| {
            new.clone().or_else(|| old.cloned()).unwrap_or_default()
        };
        let entry = EnforcementEntry {
            v: 1,
            id: before.as_ref().map_or_else(|| self.env.uuid(), |before| before.id.clone()),
            name: name.to_owned(),
            methods,
            accessors: keep(&wish.accessors, before.as_ref().map(|it| &it.accessors)),
            types: keep(&wish.types, before.as_ref().map(|it| &it.types)),
            groups: keep(&wish.groups, before.as_ref().map(|it| &it.groups)),
            entities: keep(&wish.entities, before.as_ref().map(|it| &it.entities)),
        };
        self.check(namespace, &entry, wish).await?;
        if before.is_none() {
            let range = KeyRange::prefix(&keys::prefix(&keys::mfa_enforcements(ns))?);
            if self.store.keys(range, ENFORCEMENTS_MAX).await?.0.len() >= ENFORCEMENTS_MAX {
                let text = format!("a namespace can have {ENFORCEMENTS_MAX} login enforcements at most");
                return Err(Error::Invalid(text.into()).into());
            }
        }
        let had = before.map(|before| before.methods).unwrap_or_default();
        self.change_uses(ns, name, &had, &entry.methods, &mut changes).await?;
        self.turn_epoch(ns, &mut changes).await?;
        changes.set(keys::mfa_enforcement(ns, name)?, revision, encode(&entry)?);
        self.commit(changes).await?;
        Ok(())
    }

    /// Finds methods in the namespace and those above it, and adds to a commit that they stay.
    async fn named_methods(
        &self,
        line: &[(String, String)],
        ids: &[String],
        changes: &mut Changes,
    ) -> Result<Vec<MethodRef>, Error> {
        if ids.is_empty() {
            return Err(Error::invalid("missing method ids"));
        }
        if ids.len() > METHODS_MAX {
            return Err(Error::Invalid(format!("mfa_method_ids can have {METHODS_MAX} items at most").into()));
        }
        let mut methods: Vec<MethodRef> = Vec::new();
        for id in ids {
            if methods.iter().any(|known| known.id == *id) {
                continue;
            }
            let found = self.method_along(line, id).await?;
            let (found, at) = found.ok_or_else(|| Error::invalid("one of the provided method ids doesn't exist"))?;
            changes.expect(Expectation::At(keys::mfa_method(&at.0, id)?, found.revision));
            methods.push(MethodRef { namespace: at.0.clone(), id: id.clone() });
        }
        Ok(methods)
    }

    /// A method of a namespace or of one that it is in, and which of them that is.
    pub(super) async fn method_along<'l>(
        &self,
        line: &'l [(String, String)],
        id: &str,
    ) -> Result<Option<(Found<MethodEntry>, &'l (String, String))>, Error> {
        for place in line {
            if let Some(found) = self.method(&place.0, id).await? {
                return Ok(Some((found, place)));
            }
        }
        Ok(None)
    }

    /// Whether an enforcement names what is there; only what a request names is looked for.
    async fn check(
        &self,
        namespace: &Namespace,
        entry: &EnforcementEntry,
        wish: &EnforcementWish,
    ) -> Result<(), Error> {
        let lists = [
            ("auth_method_accessors", &entry.accessors),
            ("auth_method_types", &entry.types),
            ("identity_group_ids", &entry.groups),
            ("identity_entity_ids", &entry.entities),
        ];
        if lists.iter().all(|(_, list)| list.is_empty()) {
            return Err(Error::invalid(FOR_NOBODY));
        }
        if let Some((name, _)) = lists.iter().find(|(_, list)| list.len() > ITEMS_MAX) {
            return Err(Error::Invalid(format!("{name} can have {ITEMS_MAX} items at most").into()));
        }
        let types = self.mounts.types().iter().filter(|it| it.kind == framework::Kind::Auth).map(|it| it.name);
        let known = |engine_type: &String| types.clone().any(|name| name == *engine_type);
        if wish.types.iter().flatten().any(|engine_type| !known(engine_type)) {
            return Err(Error::invalid("one of the provided auth method types doesn't exist"));
        }
        for (ids, what) in
            [(&wish.accessors, Named::Mount), (&wish.groups, Named::Group), (&wish.entities, Named::Entity)]
        {
            self.check_all(namespace, ids.as_deref().unwrap_or_default(), what).await?;
        }
        Ok(())
    }

    /// Whether each of these is in the namespace, or in one below it.
    async fn check_all(&self, namespace: &Namespace, ids: &[String], what: Named) -> Result<(), Error> {
        let mut missing = Vec::new();
        for id in ids {
            if !self.is_in(&namespace.id, id, what).await? {
                missing.push(id);
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let below = self.mounts.namespaces.ids_below(&namespace.path, "", NAMESPACES_MAX).await?;
        for id in missing {
            let mut is_there = false;
            for (_, ns) in &below {
                is_there = is_there || self.is_in(ns, id, what).await?;
            }
            if !is_there {
                let text = format!("one of the provided {} doesn't exist", what.plural());
                return Err(Error::Invalid(text.into()));
            }
        }
        Ok(())
    }

    async fn is_in(&self, ns: &str, id: &str, what: Named) -> Result<bool, Error> {
        Ok(match what {
            Named::Group => self.identities.group(ns, id).await?.is_some(),
            Named::Entity => self.identities.entity(ns, id).await?.is_some(),
            Named::Mount => {
                let mount = self.mounts.by_accessor(ns, id).await?;
                mount.is_some_and(|mount| mount.engine.kind() == framework::Kind::Auth)
            }
        })
    }

    async fn change_uses(
        &self,
        ns: &str,
        name: &str,
        had: &[MethodRef],
        now: &[MethodRef],
        changes: &mut Changes,
    ) -> Result<(), Error> {
        for method in now.iter().filter(|method| !had.contains(method)) {
            let line = keys::mfa_use(&method.namespace, &method.id, ns, name)?;
            let [known] = self.store.revisions_of([line.clone()]).await?;
            changes.set(line, known, encode(&UseEntry { v: 1 })?);
        }
        for method in had.iter().filter(|method| !now.contains(method)) {
            self.delete_if_there(keys::mfa_use(&method.namespace, &method.id, ns, name)?, changes).await?;
        }
        Ok(())
    }

    async fn turn_epoch(&self, ns: &str, changes: &mut Changes) -> Result<(), Error> {
        let key = keys::mfa_epoch(ns)?;
        let [known] = self.store.revisions_of([key.clone()]).await?;
        changes.set(key, known, Vec::new());
        Ok(())
    }

    /// Removes an enforcement; no error when there is none.
    pub(super) async fn delete_enforcement(&self, ns: &str, name: &str) -> Result<(), Error> {
        again!(self.try_delete_enforcement(ns, name))
    }

    async fn try_delete_enforcement(&self, ns: &str, name: &str) -> Result<(), Lost> {
        let Some(found) = self.enforcement(ns, name).await? else { return Ok(()) };
        let mut changes = self.changes(ns).await?;
        self.change_uses(ns, name, &found.value.methods, &[], &mut changes).await?;
        self.turn_epoch(ns, &mut changes).await?;
        changes.delete(keys::mfa_enforcement(ns, name)?, found.revision);
        self.commit(changes).await?;
        Ok(())
    }

    /// What a login has to meet; empty for one that needs no second factor.
    pub(super) async fn demands(
        &self,
        namespace: &Namespace,
        mount: &LiveMount,
        entity: &str,
    ) -> Result<Vec<Demand>, Error> {
        let line = self.line_of(namespace).await?;
        let epochs = line.iter().map(|(ns, _)| keys::mfa_epoch(ns)).collect::<Result<Vec<_>, _>>()?;
        let epochs = self.store.revisions(&epochs).await?;
        if epochs.iter().all(Option::is_none) {
            return Ok(Vec::new());
        }
        let who = match entity {
            "" => None,
            entity => self.identities.who(&namespace.id, entity).await?,
        };
        let groups = who.into_iter().flat_map(|who| who.groups).map(|group| group.entry.id).collect();
        let subject = Subject { mount: &mount.settings, entity, groups };
        let mut demands = Vec::new();
        for ((ns, _), _) in line.iter().zip(epochs).filter(|(_, epoch)| epoch.is_some()) {
            self.demands_of(ns, &line, &subject, &mut demands).await?;
        }
        Ok(demands)
    }

    /// Adds what the enforcements of one namespace demand.
    async fn demands_of(
        &self,
        ns: &str,
        line: &[(String, String)],
        subject: &Subject<'_>,
        demands: &mut Vec<Demand>,
    ) -> Result<(), Error> {
        let mut range = KeyRange::prefix(&keys::prefix(&keys::mfa_enforcements(ns))?);
        loop {
            let (page, next) = self.store.page(range.clone(), PAGE).await?;
            for (key, opened) in page {
                let enforcement = decode::<EnforcementEntry>(&key, &opened)?.value;
                if subject.is_meant_by(&enforcement) {
                    let demand = self.demand(ns, line, enforcement, demands).await?;
                    demands.push(demand);
                }
            }
            match next {
                Some(next) => range.start = next,
                None => return Ok(()),
            }
        }
    }

    async fn demand(
        &self,
        ns: &str,
        line: &[(String, String)],
        enforcement: EnforcementEntry,
        others: &[Demand],
    ) -> Result<Demand, Error> {
        let mut methods = Vec::new();
        for method in &enforcement.methods {
            let path = line.iter().find(|(ns, _)| *ns == method.namespace).map(|(_, path)| path);
            let found = self.method(&method.namespace, &method.id).await?;
            // None that an enforcement names can be removed; without any, nobody gets in.
            if let Some((found, path)) = found.zip(path) {
                methods.push(Usable { method: found.value, namespace_path: path.clone() });
            }
        }
        let is_taken = others.iter().any(|other| other.name == enforcement.name);
        let name = if is_taken { format!("{} ({ns})", enforcement.name) } else { enforcement.name };
        Ok(Demand { name, methods })
    }
}

/// What an id is looked for as.
#[derive(Clone, Copy)]
enum Named {
    Mount,
    Group,
    Entity,
}

impl Named {
    const fn plural(self) -> &'static str {
        match self {
            Self::Mount => "auth method accessors",
            Self::Group => "group ids",
            Self::Entity => "entity ids",
        }
    }
}
