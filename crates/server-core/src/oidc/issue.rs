//! Identity tokens: made for whoever asks, about nobody but themselves; and looked at for those who cannot verify them.

use framework::{Error, Namespace};
use jose::Unproven;
use serde_json::{Map, Value, json};

use super::entry::{KeyEntry, RoleEntry};
use super::subject::Known;
use super::template::{Room, Template};
use super::{Kind, Oidc, lists};
use crate::identity::Who;

/// An identity token.
pub(super) struct Issued {
    pub(super) token: String,
    pub(super) client_id: String,
    pub(super) ttl_secs: u64,
}

impl Oidc {
    /// A token of a role about the entity of this id.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no such role, its key is not for it, or nobody is behind the caller's token.
    pub(super) async fn issue(&self, namespace: &Namespace, role: &str, entity: &str) -> Result<Issued, Error> {
        let ns = namespace.id.as_str();
        let found = self.named::<RoleEntry>(ns, Kind::Role, role).await?;
        let name = role;
        let role = found.ok_or_else(|| Error::Invalid(format!("role {name:?} not found").into()))?.value;
        let key = self.key_in_use(ns, &role.key).await?;
        let key = key.ok_or_else(|| Error::Invalid(format!("key {:?} not found", role.key).into()))?;
        if !key.admits(&role.client_id) {
            let text = format!(
                "the key {:?} does not list the client ID of the role {name:?} as an allowed client ID",
                role.key
            );
            return Err(Error::Invalid(text.into()));
        }
        let who = self.somebody(ns, entity).await?;
        let who = who.ok_or_else(|| Error::invalid("no entity associated with the request's token"))?;
        let template = Template::parse(&role.template)?;
        let known = Known::read(&self.identities, ns, &who, template.accessors(), self.env.now().into()).await?;
        let mut claims = template.fill(&known, &mut Room::default())?;
        let ttl_secs = role.ttl_secs.min(key.verification_secs);
        let issuer = self.issuer(namespace).await?;
        claims.extend(self.about(namespace, &who, &issuer, &role.client_id, ttl_secs));
        Ok(Issued { token: key.sign(&claims)?, client_id: role.client_id, ttl_secs })
    }

    /// The living entity that an id stands for in a namespace, unless it is disabled.
    pub(super) async fn somebody(&self, ns: &str, entity: &str) -> Result<Option<Who>, Error> {
        if entity.is_empty() {
            return Ok(None);
        }
        Ok(self.identities.who(ns, entity).await?.filter(|who| !who.entity.is_disabled))
    }

    /// The claims that every token has.
    pub(super) fn about(
        &self,
        namespace: &Namespace,
        who: &Who,
        issuer: &str,
        audience: &str,
        ttl_secs: u64,
    ) -> [(String, Value); 6] {
        let now = self.now_secs();
        let expires = now.saturating_add_unsigned(ttl_secs);
        [
            ("iss", json!(issuer)),
            ("sub", json!(who.entity.id)),
            ("aud", json!(audience)),
            ("iat", json!(now)),
            ("exp", json!(expires)),
            ("namespace", json!(namespace.id)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
    }

    /// Why an identity token is not valid here and now; `None` for one that is. What cannot be told is an error.
    pub(super) async fn fault(
        &self,
        namespace: &Namespace,
        token: &str,
        audience: Option<&str>,
    ) -> Result<Option<&'static str>, Error> {
        let ns = namespace.id.as_str();
        let Some(unproven) = Unproven::parse(token) else { return Ok(Some("the token is malformed")) };
        let key = self.key_of_id(ns, unproven.kid.as_deref().unwrap_or_default()).await?;
        let Some(claims) = key.and_then(|key| unproven.prove(&key.key()?)) else {
            return Ok(Some("unable to validate the token signature"));
        };
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("iss") != self.issuer(namespace).await? {
            return Ok(Some("the token is of another issuer"));
        }
        if audience.is_some_and(|audience| text("aud") != audience) {
            return Ok(Some("the token is for another client"));
        }
        if secs(&claims, "exp").is_none_or(|expires| expires <= self.now_secs()) {
            return Ok(Some("the token is expired"));
        }
        let (found, _) = self.identities.entity_behind(ns, text("sub")).await?;
        Ok(match found {
            None => Some("entity was not found"),
            Some(found) if found.value.is_disabled => Some("entity is disabled"),
            Some(_) => None,
        })
    }
}

fn secs(claims: &Map<String, Value>, name: &str) -> Option<i64> {
    claims.get(name)?.as_i64()
}

impl KeyEntry {
    /// Whether tokens for this client may be signed.
    pub(super) fn admits(&self, client_id: &str) -> bool {
        lists(&self.allowed_client_ids, client_id)
    }
}
