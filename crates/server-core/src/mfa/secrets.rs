//! Secrets: what an entity computes its codes from. Told once, by the reply that makes it, as an `otpauth:` address and as
//! a picture of that to scan.
//!
//! A secret hangs on its entity and on its method, and goes with either.

use barrier::Changes;
use data_encoding::{BASE32_NOPAD, BASE64};
use framework::{Error, Namespace, Reply};
use secret::{Secret, Zeroizing};
use serde_json::json;
use storage::Expectation;

use super::entry::{MethodEntry, SecretEntry};
use super::{Mfa, barcode};
use crate::identity::again;
use crate::keys;
use crate::store::{Lost, encode};

impl Mfa {
    /// Makes a secret of a method for an entity. One that is there stays, and is not told again.
    pub(super) async fn generate(&self, namespace: &Namespace, method: &str, entity: &str) -> Result<Reply, Error> {
        if method.is_empty() {
            return Err(Error::invalid("missing method ID"));
        }
        if entity.is_empty() {
            return Err(Error::invalid("missing entityID"));
        }
        let line = self.line_of(namespace).await?;
        again!(self.try_generate(&namespace.id, &line, method, entity))
    }

    async fn try_generate(
        &self,
        ns: &str,
        line: &[(String, String)],
        method: &str,
        entity: &str,
    ) -> Result<Reply, Lost> {
        let found = self.method_along(line, method).await?;
        let Some((found, (method_ns, _))) = found else {
            return Err(Error::Invalid(format!("configuration for method ID {method:?} does not exist").into()).into());
        };
        let (who, _) = self.identities.entity_behind(ns, entity).await?;
        let who = who.ok_or_else(|| Error::invalid("invalid entity ID"))?;
        let entity = who.value.id.as_str();
        let key = keys::mfa_secret(ns, entity, method)?;
        if let [Some(_)] = self.store.revisions_of([key.clone()]).await? {
            let text = format!("Entity already has a secret for MFA method {:?}", found.value.name);
            return Ok(Reply::empty().warn(text));
        }
        let made = self.draw(&found.value);
        let url = address(&found.value, entity, &made);
        // Before it is stored: a picture that cannot be made must not leave a secret that nobody has seen.
        let picture = barcode::png(url.expose(), found.value.qr_pixels)?;
        let entry = SecretEntry {
            v: 1,
            method_namespace: method_ns.clone(),
            key: made.expose().clone(),
            totp: found.value.totp,
        };
        let mut changes = self.changes(ns).await?;
        changes.expect(Expectation::At(keys::entity(ns, entity)?, who.revision));
        changes.expect(Expectation::At(keys::mfa_method(method_ns, method)?, found.revision));
        changes.create(key, encode(&entry)?);
        let enrolled = keys::mfa_enrolled(method_ns, method, ns, entity)?;
        let [known] = self.store.revisions_of([enrolled.clone()]).await?;
        changes.set(enrolled, known, Vec::new());
        self.commit(changes).await?;
        let mut told = json!({ "url": url.expose() });
        if let Some((picture, fields)) = picture.zip(told.as_object_mut()) {
            fields.insert("barcode".to_owned(), json!(BASE64.encode(&picture)));
        }
        Ok(Reply::data(told))
    }

    /// A fresh secret in base32.
    fn draw(&self, method: &MethodEntry) -> Secret<String> {
        let wanted = usize::try_from(method.key_bytes).unwrap_or_default();
        let mut bytes = Zeroizing::new(Vec::with_capacity(wanted));
        while bytes.len() < wanted {
            let block = Zeroizing::new(self.env.random::<32>());
            let more = block.len().min(wanted - bytes.len());
            bytes.extend_from_slice(block.get(..more).unwrap_or_default());
        }
        Secret::new(BASE32_NOPAD.encode(&bytes))
    }

    /// Takes an entity's secret of a method away; no error when there is none.
    pub(super) async fn destroy(&self, ns: &str, method: &str, entity: &str) -> Result<(), Error> {
        if method.is_empty() {
            return Err(Error::invalid("missing method ID"));
        }
        if entity.is_empty() {
            return Err(Error::invalid("missing entityID"));
        }
        again!(self.try_destroy(ns, method, entity))
    }

    async fn try_destroy(&self, ns: &str, method: &str, entity: &str) -> Result<(), Lost> {
        let (who, _) = self.identities.entity_behind(ns, entity).await?;
        let who = who.ok_or_else(|| Error::invalid("invalid entity ID"))?;
        let entity = who.value.id.as_str();
        let key = keys::mfa_secret(ns, entity, method)?;
        let Some(found) = self.store.get::<SecretEntry>(&key).await? else { return Ok(()) };
        let mut changes = Changes::new();
        changes.delete(key, found.revision);
        self.delete_if_there(keys::mfa_tries(ns, entity, method)?, &mut changes).await?;
        let enrolled = keys::mfa_enrolled(&found.value.method_namespace, method, ns, entity)?;
        self.delete_if_there(enrolled, &mut changes).await?;
        self.commit(changes).await?;
        Ok(())
    }
}

/// What authenticator programs read: the account is the entity, as in Vault.
fn address(method: &MethodEntry, entity: &str, key: &Secret<String>) -> Secret<String> {
    let (issuer, totp) = (escaped(&method.issuer), method.totp);
    let (algorithm, digits, period) = (totp.algorithm.name(), totp.digits, totp.period_secs);
    Secret::new(format!(
        "otpauth://totp/{issuer}:{entity}?algorithm={algorithm}&digits={digits}&issuer={issuer}&period={period}&secret={}",
        key.expose()
    ))
}

/// Percent-encoded but for what RFC 3986 §2.3 calls unreserved.
fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}
