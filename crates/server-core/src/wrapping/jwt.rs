//! Wrapping tokens in the form of JSON Web Tokens (RFC 7519, ES512 of RFC 7518 §3.4): for receivers that want to know
//! where the reply can be fetched before they try. The claims are those of Vault: `jti` the token, `accessor`, `type`
//! `wrapping`, `addr`. The signature opens nothing by itself; the token inside does.

use std::time::{Duration, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P521_SHA512_FIXED, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use barrier::Changes;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use env::Env;
use framework::Error;
use secret::Secret;
use serde::{Deserialize, Serialize};

use crate::keys;
use crate::store::{Lost, Store};

/// What stands in front of every token that this server signs.
const HEADER: &str = r#"{"alg":"ES512","typ":"JWT"}"#;
/// The longest text that is taken for one, in bytes.
const TEXT_BYTES_MAX: usize = 8 * 1024;
/// Two integers of 521 bits (RFC 7518 §3.4).
const SIGNATURE_BYTES: usize = 132;
/// The claim that tells a wrapping token from any other.
const TYPE: &str = "wrapping";

/// Signs and checks, with nonces that the library draws itself; the key is read through the barrier each time, so that sealing leaves none behind.
pub(super) struct Signer {
    store: Store,
    env: Env,
    address: String,
}

/// What is stored under `core/wrapping-key`.
#[derive(Serialize, Deserialize)]
struct KeyEntry {
    v: u32,
    /// PKCS #8, base64.
    key: String,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    accessor: String,
    addr: String,
    exp: u64,
    iat: u64,
    jti: String,
    r#type: String,
}

/// A text that says it is one of ours. Nothing of it is proven.
pub(super) struct Claimed<'t> {
    /// The token that it names.
    pub(super) token: Secret<String>,
    signed: &'t str,
    signature: Vec<u8>,
}

impl<'t> Claimed<'t> {
    /// Reads what has the form that this server gives its own: its header, its claims, a signature of the right length.
    pub(super) fn parse(text: &'t str) -> Option<Self> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        if BASE64URL_NOPAD.encode(HEADER.as_bytes()) != header {
            return None;
        }
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
        let claims = Secret::new(BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?);
        let claims: Claims = serde_json::from_slice(claims.expose()).ok()?;
        let is_ours = claims.r#type == TYPE && signature.len() == SIGNATURE_BYTES;
        is_ours.then(|| Self { token: Secret::new(claims.jti), signed, signature })
    }
}

impl Signer {
    pub(super) fn new(store: Store, env: Env, address: String) -> Self {
        Self { store, env, address }
    }

    /// A signed text that holds the token.
    pub(super) async fn sign(
        &self,
        token: &Secret<String>,
        accessor: &str,
        ttl: Duration,
    ) -> Result<Secret<String>, Error> {
        let key = match self.key().await? {
            Some(key) => key,
            None => self.generate().await?,
        };
        let now = self.env.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let claims = Claims {
            accessor: accessor.to_owned(),
            addr: self.address.clone(),
            exp: now.saturating_add(ttl.as_secs()),
            iat: now,
            jti: token.expose().clone(),
            r#type: TYPE.to_owned(),
        };
        let claims = Secret::new(framework::view::encode(&claims)?);
        let mut text = BASE64URL_NOPAD.encode(HEADER.as_bytes());
        text.push('.');
        text.push_str(&BASE64URL_NOPAD.encode(claims.expose()));
        let signature = key.sign(&SystemRandom::new(), text.as_bytes());
        let signature = signature.map_err(|source| Error::world("sign a wrapping token", source))?;
        text.push('.');
        text.push_str(&BASE64URL_NOPAD.encode(signature.as_ref()));
        Ok(Secret::new(text))
    }

    /// The token in a text that this cluster has signed. When it expires is for the token to say.
    pub(super) async fn check(&self, claimed: Claimed<'_>) -> Result<Option<Secret<String>>, Error> {
        let Some(key) = self.key().await? else { return Ok(None) };
        let public = UnparsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, key.public_key().as_ref());
        let is_signed = public.verify(claimed.signed.as_bytes(), &claimed.signature).is_ok();
        Ok(is_signed.then_some(claimed.token))
    }

    async fn key(&self) -> Result<Option<EcdsaKeyPair>, Error> {
        let Some(found) = self.store.get::<KeyEntry>(&keys::WRAPPING_KEY).await? else { return Ok(None) };
        let damaged = |why: String| Error::world("open the key of wrapping tokens", why);
        if found.value.v != 1 {
            return Err(damaged("its format is newer than this release".to_owned()));
        }
        let key = BASE64.decode(found.value.key.as_bytes()).map_err(|why| damaged(why.to_string()))?;
        let key = Secret::new(key);
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P521_SHA512_FIXED_SIGNING, key.expose());
        key.map(Some).map_err(|why| damaged(why.to_string()))
    }

    /// Makes the cluster's key; of several nodes that do, one wins, and all use its key.
    async fn generate(&self) -> Result<EcdsaKeyPair, Error> {
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P521_SHA512_FIXED_SIGNING, &SystemRandom::new());
        let made = made.map_err(|source| Error::world("make the key of wrapping tokens", source))?;
        let entry = KeyEntry { v: 1, key: BASE64.encode(made.as_ref()) };
        let mut changes = Changes::new();
        changes.create(keys::WRAPPING_KEY, framework::view::encode(&entry)?);
        match self.store.commit(changes).await {
            Ok(_) | Err(Lost::Race(_)) => {}
            Err(Lost::Failed(error)) => return Err(error),
        }
        self.key().await?.ok_or_else(|| Error::world("open the key of wrapping tokens", "it is not there"))
    }
}
