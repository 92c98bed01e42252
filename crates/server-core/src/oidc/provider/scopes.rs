//! Scopes: what an application may ask to be told of somebody. And the claims that come of those that it has.

use std::collections::BTreeMap;

use barrier::Changes;
use framework::Error;
use serde_json::{Map, Value};

use super::entry::ScopeEntry;
use crate::identity::{Who, again};
use crate::keys;
use crate::oidc::subject::Known;
use crate::oidc::template::{Room, Template};
use crate::oidc::{Kind, Oidc, check_name};
use crate::store::{Lost, encode};

/// The scope that every request has, and that says nothing.
pub(in crate::oidc) const OPENID: &str = "openid";
/// The longest description, in bytes.
const DESCRIPTION_BYTES_MAX: usize = 4_096;

impl Oidc {
    /// Makes or changes a scope; what is absent stays.
    pub(in crate::oidc) async fn write_scope(
        &self,
        ns: &str,
        name: &str,
        template: Option<&str>,
        description: Option<&str>,
    ) -> Result<(), Error> {
        check_name(Kind::Scope, name)?;
        if name == OPENID {
            return Err(Error::invalid("the \"openid\" scope name is reserved"));
        }
        if let Some(template) = template {
            Template::parse(template)?;
        }
        if description.is_some_and(|text| text.len() > DESCRIPTION_BYTES_MAX) {
            return Err(Error::Invalid(format!("description has more than {DESCRIPTION_BYTES_MAX} bytes").into()));
        }
        again!(self.try_write_scope(ns, name, template, description))
    }

    async fn try_write_scope(
        &self,
        ns: &str,
        name: &str,
        template: Option<&str>,
        description: Option<&str>,
    ) -> Result<(), Lost> {
        let found = self.named::<ScopeEntry>(ns, Kind::Scope, name).await?;
        let revision = found.as_ref().map(|found| found.revision);
        let before = found.map(|found| found.value);
        let mut entry =
            before.unwrap_or_else(|| ScopeEntry { v: 1, template: String::new(), description: String::new() });
        if let Some(template) = template {
            template.clone_into(&mut entry.template);
        }
        if let Some(description) = description {
            description.clone_into(&mut entry.description);
        }
        let mut changes = self.changes(ns).await?;
        changes.set(keys::oidc(ns, Kind::Scope.word(), name)?, revision, encode(&entry)?);
        self.commit(changes).await?;
        Ok(())
    }

    /// Removes a scope that no provider has; no error when there is none.
    pub(in crate::oidc) async fn delete_scope(&self, ns: &str, name: &str) -> Result<(), Error> {
        again!(self.try_delete_scope(ns, name))
    }

    async fn try_delete_scope(&self, ns: &str, name: &str) -> Result<(), Lost> {
        let Some(found) = self.named::<ScopeEntry>(ns, Kind::Scope, name).await? else { return Ok(()) };
        let mut changes = Changes::new();
        self.expect_unused(ns, Kind::Scope, name, &[Kind::Provider], &mut changes).await?;
        changes.delete(keys::oidc(ns, Kind::Scope.word(), name)?, found.revision);
        self.commit(changes).await?;
        Ok(())
    }

    /// The templates of some scopes, those left out that are gone.
    async fn templates<'s>(&self, ns: &str, scopes: &'s [String]) -> Result<Vec<(&'s str, Template)>, Error> {
        let found = self.all_named::<ScopeEntry>(ns, Kind::Scope, scopes).await?;
        let found = scopes.iter().zip(found).filter_map(|(name, found)| Some((name, found?)));
        found.map(|(name, found)| Ok((name.as_str(), Template::parse(&found.value.template)?))).collect()
    }

    /// Two scopes whose templates make one claim, and the claim.
    pub(in crate::oidc) async fn conflict(&self, ns: &str, scopes: &[String]) -> Result<Option<String>, Error> {
        Ok(conflict(&self.templates(ns, scopes).await?))
    }

    /// What the scopes say of somebody. The first of two scopes that make one claim is not believed more than the second:
    /// then there are no claims, but an error.
    pub(in crate::oidc) async fn scope_claims(
        &self,
        ns: &str,
        who: &Who,
        scopes: &[String],
    ) -> Result<Result<Map<String, Value>, String>, Error> {
        let templates = self.templates(ns, scopes).await?;
        if let Some(conflict) = conflict(&templates) {
            return Ok(Err(format!("scope templates have conflicting claims: {conflict}")));
        }
        let (mut claims, mut room) = (Map::new(), Room::default());
        for (_, template) in &templates {
            let known = Known::read(&self.identities, ns, who, template.accessors(), self.env.now().into()).await?;
            match template.fill(&known, &mut room) {
                Ok(filled) => claims.extend(filled),
                Err(Error::Invalid(why)) => return Ok(Err(why.into_owned())),
                Err(error) => return Err(error),
            }
        }
        Ok(Ok(claims))
    }
}

/// Two scopes whose templates make one claim, and the claim.
fn conflict(templates: &[(&str, Template)]) -> Option<String> {
    let mut seen = BTreeMap::new();
    let claims = templates.iter().flat_map(|(scope, template)| template.names().map(move |claim| (claim, scope)));
    for (claim, scope) in claims {
        if let Some(other) = seen.insert(claim, scope) {
            return Some(format!("{claim:?} in scopes {other:?}, {scope:?}"));
        }
    }
    None
}
