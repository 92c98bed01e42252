//! What is stored of roles, revocation lists and the method's settings, and where.

use data_encoding::BASE64;
use framework::terms::{OlderNames, TokenTerms};
use framework::view::StoredTime;
use framework::{Error, Stored, View};
use serde::{Deserialize, Serialize};
use x509::Serial;

/// Where roles are, below the mount's part of the storage, and what is behind all of them.
pub(super) const ROLES: &str = "cert/";
pub(super) const ROLES_END: &str = "cert0";
/// Where revocation lists are.
pub(super) const LISTS: &str = "crl/";
pub(super) const LISTS_END: &str = "crl0";
/// The method's settings, once they have been written.
pub(super) const CONFIG: &str = "config";

/// A role.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct RoleEntry {
    pub(super) v: u32,
    /// As it was written, PEM.
    pub(super) certificate: String,
    pub(super) display_name: String,
    pub(super) allowed: Allowed,
    /// `oid:value` or `hex:oid:value`.
    pub(super) required_extensions: Vec<String>,
    pub(super) metadata_extensions: Vec<String>,
    pub(super) ocsp: OcspEntry,
    pub(super) terms: TokenTerms,
    /// Which settings were last written by their older names.
    pub(super) older_names: OlderNames,
}

/// Patterns of names, of which a certificate must have one of each list that is not empty.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Allowed {
    pub(super) names: Vec<String>,
    pub(super) common_names: Vec<String>,
    pub(super) dns_sans: Vec<String>,
    pub(super) email_sans: Vec<String>,
    pub(super) uri_sans: Vec<String>,
    pub(super) organizational_units: Vec<String>,
}

/// Whether and how responders are asked.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct OcspEntry {
    pub(super) is_enabled: bool,
    /// PEM; authorities of the responders' own connections, in place of the system's. Empty for the latter.
    pub(super) ca_certificates: String,
    /// Asked in place of those that a certificate names.
    pub(super) servers: Vec<String>,
    /// Whether somebody gets in when nobody can tell.
    pub(super) fails_open: bool,
    pub(super) asks_all: bool,
    /// How old an answer may be; 0 is as long as it says.
    pub(super) age_max_secs: u64,
    /// How often a responder is asked again that gave no answer.
    pub(super) retries_max: u64,
}

/// The method's settings.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ConfigEntry {
    pub(super) v: u32,
    /// Whether a renewal needs no certificate.
    pub(super) disables_binding: bool,
    /// Whether the metadata of a login goes into the alias, too.
    pub(super) has_alias_metadata: bool,
    pub(super) ocsp_cache_size: u64,
    /// Kept and shown; roles are read anew at each login.
    pub(super) role_cache_size: i64,
}

/// A revocation list.
#[derive(Serialize, Deserialize)]
pub(super) struct ListEntry {
    pub(super) v: u32,
    /// Where it comes from; empty when it was handed in.
    pub(super) url: String,
    /// When it is fetched anew; 0 for never.
    pub(super) fetch_at: StoredTime,
    /// When the next one comes out, in seconds since 1970, if it says so.
    pub(super) next_update: Option<i64>,
    /// The serial numbers, each behind its length in a byte. Base64.
    pub(super) serials: String,
    /// When it was made, in seconds since 1970; 0 where that was not looked at.
    #[serde(default)]
    pub(super) this_update: i64,
    /// The key that has signed what was fetched, as Base64 of DER; empty where no role knows the authority.
    #[serde(default)]
    pub(super) signer: String,
}

impl RoleEntry {
    /// A role as it is before anything is said of it.
    pub(super) fn new(name: &str) -> Self {
        Self {
            v: 1,
            certificate: String::new(),
            display_name: name.to_owned(),
            allowed: Allowed::default(),
            required_extensions: Vec::new(),
            metadata_extensions: Vec::new(),
            ocsp: OcspEntry {
                is_enabled: false,
                ca_certificates: String::new(),
                servers: Vec::new(),
                fails_open: false,
                asks_all: false,
                age_max_secs: 0,
                retries_max: 4,
            },
            terms: TokenTerms::default(),
            older_names: OlderNames::default(),
        }
    }
}

/// What a mount has whose settings were never written (documented Vault defaults).
impl Default for ConfigEntry {
    fn default() -> Self {
        Self { v: 1, disables_binding: false, has_alias_metadata: false, ocsp_cache_size: 100, role_cache_size: 200 }
    }
}

impl ListEntry {
    /// The serial numbers as they are stored; `None` when there are too many.
    pub(super) fn pack<'a>(serials: impl Iterator<Item = Serial<'a>>) -> Option<String> {
        /// The most bytes of serial numbers and their lengths: what fits into one entry, some 17,000 of them.
        const SERIALS_BYTES_MAX: usize = 360 * 1024;
        let mut packed = Vec::new();
        for serial in serials {
            packed.push(u8::try_from(serial.bytes().len()).ok()?);
            packed.extend(serial.bytes());
            if packed.len() > SERIALS_BYTES_MAX {
                return None;
            }
        }
        Some(BASE64.encode(&packed))
    }

    /// The serial numbers, each as it was in the list.
    pub(super) fn unpack(&self) -> Result<Vec<Vec<u8>>, Error> {
        let packed = BASE64.decode(self.serials.as_bytes());
        let packed = packed.map_err(|source| Error::world("decode a stored revocation list", source))?;
        let mut rest = packed.as_slice();
        let mut serials = Vec::new();
        while let Some((length, behind)) = rest.split_first() {
            let serial = behind.split_at_checked(usize::from(*length));
            let (serial, behind) =
                serial.ok_or_else(|| Error::world("decode a stored revocation list", "a serial number is cut off"))?;
            serials.push(serial.to_vec());
            rest = behind;
        }
        Ok(serials)
    }
}

/// The storage name of a role, whose name is checked already.
pub(super) fn role_place(name: &str) -> String {
    [ROLES, name].concat()
}

/// The storage name of a revocation list, whose name is checked already.
pub(super) fn list_place(name: &str) -> String {
    [LISTS, name].concat()
}

/// A role, with the entry that it was read from.
pub(super) async fn find_role(view: &View, name: &str) -> Result<Option<(RoleEntry, Stored)>, Error> {
    let Some(stored) = view.get(&role_place(name)).await? else { return Ok(None) };
    Ok(Some((stored.json()?, stored)))
}

/// A revocation list, with the entry that it was read from.
pub(super) async fn find_list(view: &View, name: &str) -> Result<Option<(ListEntry, Stored)>, Error> {
    let Some(stored) = view.get(&list_place(name)).await? else { return Ok(None) };
    Ok(Some((stored.json()?, stored)))
}

/// The method's settings.
pub(super) async fn find_config(view: &View) -> Result<(ConfigEntry, Option<Stored>), Error> {
    let Some(stored) = view.get(CONFIG).await? else { return Ok((ConfigEntry::default(), None)) };
    Ok((stored.json()?, Some(stored)))
}
