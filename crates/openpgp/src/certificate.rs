//! A transferable public key (RFC 9580 §10.1): which of its keys its owner wants to be encrypted to, now.
//!
//! Whatever a key says of itself counts only by a signature of its owner that holds, that has not expired, and that was
//! made over SHA-2 or SHA-3. What its owner takes back is taken back over any hash: whoever could forge that would only
//! have a key refused. Signatures of others are passed over.

use pgp::composed::{Deserializable as _, SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{PublicKey as PrimaryKey, Signature, SignatureType, SubpacketType};
use pgp::ser::Serialize as _;
use pgp::types::{EcdhPublicParams, KeyDetails, KeyVersion, PublicParams, RsaPublicParams, Tag};

use crate::{Effort, KeyError, Recipient, framing};

/// The most signatures of one key that are verified: that costs time, and strangers send keys.
const VERIFIED_MAX: usize = 64;
/// The shortest RSA modulus, in bits. The longest, 8192, is rPGP's limit.
const RSA_BITS_MIN: u16 = 2048;

/// Reads one key and nothing beside it.
pub(crate) fn read(bytes: &[u8]) -> Result<SignedPublicKey, KeyError> {
    match bytes.first() {
        // The tag of the first packet, in the newer or the older form (§4.2); rPGP would skip packets until a key comes.
        Some(first) if first & 0xc0 == 0xc0 && first & 0x3f == u8::from(Tag::PublicKey) => {}
        Some(first) if first & 0xc0 == 0x80 && (first >> 2) & 0x0f == u8::from(Tag::PublicKey) => {}
        Some(first) if first & 0x80 != 0 => return Err(KeyError::NotPublic),
        _ => return Err(KeyError::Malformed),
    }
    framing::check(bytes)?;
    let mut keys = SignedPublicKey::from_bytes_many(bytes).map_err(|_| KeyError::Malformed)?;
    let key = keys.next().and_then(Result::ok).ok_or(KeyError::Malformed)?;
    match keys.next() {
        None => Ok(key),
        Some(Ok(_)) => Err(KeyError::Several),
        Some(Err(_)) => Err(KeyError::Malformed),
    }
}

/// As people know the key.
pub(crate) fn fingerprint(certificate: &SignedPublicKey) -> String {
    format!("{:x}", certificate.primary_key.fingerprint())
}

/// The part to encrypt to: of several subkeys the newest, without any the primary key.
pub(crate) fn recipient(
    certificate: &SignedPublicKey,
    now_secs: u64,
    effort: &mut Effort,
) -> Result<Recipient, KeyError> {
    let primary = &certificate.primary_key;
    if primary.version() != KeyVersion::V4 {
        return Err(KeyError::Version(primary.version().into()));
    }
    let mut owner = Owner { key: primary, now_secs, verified: 0, effort };
    let standing = owner.of_primary(certificate)?;
    if standing.is_revoked {
        return Err(KeyError::Revoked);
    }
    if standing.is_expired(primary, now_secs) {
        return Err(KeyError::Expired);
    }
    let mut newest: Option<&SignedPublicSubKey> = None;
    let mut has_expired = false;
    for subkey in &certificate.public_subkeys {
        let standing = owner.of_subkey(subkey)?;
        has_expired |= standing.is_expired(&subkey.key, now_secs);
        let is_newer = newest.is_none_or(|other| other.key.created_at() <= subkey.key.created_at());
        if is_newer && standing.is_usable(&subkey.key, now_secs) {
            newest = Some(subkey);
        }
    }
    if let Some(subkey) = newest {
        return Ok(Recipient::Subkey(subkey.key.clone()));
    }
    // A primary key without flags is for signatures.
    if standing.is_usable(primary, now_secs) && standing.said.is_some_and(|said| said.has_flags) {
        return Ok(Recipient::Primary(primary.clone()));
    }
    Err(if has_expired { KeyError::Expired } else { KeyError::NoEncryption })
}

/// Who signs.
struct Owner<'k> {
    key: &'k PrimaryKey,
    now_secs: u64,
    /// How many signatures were verified.
    verified: usize,
    /// What may be verified of this key and others.
    effort: &'k mut Effort,
}

/// What the owner says of one key.
#[derive(Default)]
struct Standing {
    /// The newest statement.
    said: Option<Statement>,
    is_revoked: bool,
}

#[derive(Clone, Copy)]
struct Statement {
    created_secs: u32,
    /// From the key's creation on; 0 is never.
    key_expires_secs: u32,
    is_for_encryption: bool,
    has_flags: bool,
}

impl Owner<'_> {
    fn of_primary(&mut self, certificate: &SignedPublicKey) -> Result<Standing, KeyError> {
        let (key, details) = (self.key, &certificate.details);
        let mut standing = Standing::default();
        for signature in &details.revocation_signatures {
            standing.is_revoked |= self.accepts(signature, |it| it.verify_key(key))?;
        }
        for signature in details.direct_signatures.iter().filter(|it| it.typ() == Some(SignatureType::Key)) {
            if self.accepts(signature, |it| it.verify_key(key))? {
                standing.note(signature);
            }
        }
        for user in &details.users {
            self.of_user(&user.signatures, |it| it.verify_certification(key, Tag::UserId, &user.id), &mut standing)?;
        }
        for user in &details.user_attributes {
            let verify = |it: &Signature| it.verify_certification(key, Tag::UserAttribute, &user.attr);
            self.of_user(&user.signatures, verify, &mut standing)?;
        }
        Ok(standing)
    }

    /// What is said with a user's name, unless that name was taken back.
    fn of_user(
        &mut self,
        signatures: &[Signature],
        verify: impl Fn(&Signature) -> pgp::errors::Result<()>,
        standing: &mut Standing,
    ) -> Result<(), KeyError> {
        let mut accepted = Vec::new();
        for signature in signatures {
            if self.accepts(signature, &verify)? {
                accepted.push(signature);
            }
        }
        if !accepted.iter().any(|it| it.typ() == Some(SignatureType::CertRevocation)) {
            accepted.into_iter().for_each(|signature| standing.note(signature));
        }
        Ok(())
    }

    fn of_subkey(&mut self, subkey: &SignedPublicSubKey) -> Result<Standing, KeyError> {
        let key = self.key;
        let mut standing = Standing::default();
        for signature in &subkey.signatures {
            if !self.accepts(signature, |it| it.verify_subkey_binding(key, &subkey.key))? {
                continue;
            }
            match signature.typ() {
                Some(SignatureType::SubkeyRevocation) => standing.is_revoked = true,
                _ => standing.note(signature),
            }
        }
        Ok(standing)
    }

    /// Whether a signature is the owner's, of today, and holds.
    fn accepts(
        &mut self,
        signature: &Signature,
        verify: impl FnOnce(&Signature) -> pgp::errors::Result<()>,
    ) -> Result<bool, KeyError> {
        let id = self.key.legacy_key_id();
        let issuers = signature.issuer_key_id();
        let may_be_own = issuers.is_empty() || issuers.contains(&&id);
        let expires_secs = signature.signature_expiration_time().map_or(0, |after| after.as_secs());
        let is_believed = is_strong(signature) || is_revocation(signature);
        if !may_be_own || !is_believed || has_ended(created_secs(signature), expires_secs, self.now_secs) {
            return Ok(false);
        }
        self.verified += 1;
        if self.verified > VERIFIED_MAX {
            return Err(KeyError::TooLong);
        }
        self.effort.spend()?;
        Ok(verify(signature).is_ok())
    }
}

impl Standing {
    fn note(&mut self, signature: &Signature) {
        let created_secs = created_secs(signature);
        if self.said.is_some_and(|said| said.created_secs > created_secs) {
            return;
        }
        let flags = signature.key_flags();
        let has_flags = signature
            .config()
            .is_some_and(|config| config.hashed_subpackets().any(|it| it.typ() == SubpacketType::KeyFlags));
        self.said = Some(Statement {
            created_secs,
            key_expires_secs: signature.key_expiration_time().map_or(0, |after| after.as_secs()),
            // A statement that says nothing about it leaves it to the algorithm.
            is_for_encryption: !has_flags || flags.encrypt_comms() || flags.encrypt_storage(),
            has_flags,
        });
    }

    fn is_expired(&self, key: &impl KeyDetails, now_secs: u64) -> bool {
        self.said.is_some_and(|said| has_ended(key.created_at().as_secs(), said.key_expires_secs, now_secs))
    }

    fn is_usable(&self, key: &impl KeyDetails, now_secs: u64) -> bool {
        let is_for_it = self.said.is_some_and(|said| said.is_for_encryption);
        is_for_it && is_supported(key) && !self.is_revoked && !self.is_expired(key, now_secs)
    }
}

fn created_secs(signature: &Signature) -> u32 {
    signature.created().map_or(0, |created| created.as_secs())
}

/// Whether a time has come that is so long after another one; 0 is never.
fn has_ended(from_secs: u32, after_secs: u32, now_secs: u64) -> bool {
    after_secs != 0 && u64::from(from_secs) + u64::from(after_secs) <= now_secs
}

/// Whether nobody can make two texts with one hash.
fn is_strong(signature: &Signature) -> bool {
    use HashAlgorithm::{Sha3_256, Sha3_512, Sha256, Sha384, Sha512};
    matches!(signature.hash_alg(), Some(Sha256 | Sha384 | Sha512 | Sha3_256 | Sha3_512))
}

/// Whether the signature takes something back: the key, a part of it, or a name.
fn is_revocation(signature: &Signature) -> bool {
    use SignatureType::{CertRevocation, KeyRevocation, SubkeyRevocation};
    matches!(signature.typ(), Some(KeyRevocation | SubkeyRevocation | CertRevocation))
}

/// Whether a session key can be encrypted to a key like this.
fn is_supported(key: &impl KeyDetails) -> bool {
    if key.version() != KeyVersion::V4 {
        return false;
    }
    match key.public_params() {
        PublicParams::RSA(params) => modulus_bits(params) >= RSA_BITS_MIN,
        PublicParams::ECDH(params) => !matches!(params, EcdhPublicParams::Unsupported { .. }),
        PublicParams::X25519(_) => true,
        _ => false,
    }
}

/// As a key is written, its modulus comes first, and begins with how many bits it has (RFC 9580 §3.2, §5.5.5.1).
fn modulus_bits(params: &RsaPublicParams) -> u16 {
    let written = params.to_bytes().unwrap_or_default();
    written.first_chunk().map_or(0, |bits| u16::from_be_bytes(*bits))
}
