//! TLS of a listener: reads certificate, key and authorities, and exchanges them while the listener runs.
//!
//! Everything that depends on the rustls version is in here. A reload replaces the whole configuration, so that a
//! session that was opened under old authorities cannot be resumed under new ones; a failed one changes nothing.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use arc_swap::ArcSwap;
use env::Env;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::time_provider::TimeProvider;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio_rustls::TlsAcceptor;

use crate::config::{ClientCertificates, TlsConfig, TlsVersion};
use crate::error::Error;
use verifier::AskingVerifier;

mod verifier;

/// The longest PEM file, in bytes: a thousand certificates.
const PEM_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The protocols that are offered, best first (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The TLS side of one listener.
pub(crate) struct Tls {
    config: TlsConfig,
    env: Env,
    current: ArcSwap<ServerConfig>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// When a file cannot be read or used.
    pub(crate) fn load(config: &TlsConfig, env: &Env) -> Result<Self, Error> {
        let current = ArcSwap::from_pointee(build(config, env)?);
        Ok(Self { config: config.clone(), env: env.clone(), current })
    }

    /// Reads the files again; handshakes from now on use them.
    ///
    /// # Errors
    /// As [`Self::load`]; then all stays as it was.
    pub(crate) fn reload(&self) -> Result<(), Error> {
        self.current.store(Arc::new(build(&self.config, &self.env)?));
        Ok(())
    }

    /// For one handshake.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load_full())
    }
}

fn build(config: &TlsConfig, env: &Env) -> Result<ServerConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let clock = Arc::new(EnvClock(env.clone()));
    let versions = versions(config.version_min, config.version_max);
    if versions.is_empty() {
        return Err(Error::Versions { source: None });
    }
    let builder = ServerConfig::builder_with_details(Arc::clone(&provider), clock)
        .with_protocol_versions(&versions)
        .map_err(|source| Error::Versions { source: Some(source) })?;
    let builder = match client_verifier(&config.client_certificates, provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let chain = certificates(&config.certificate_file)?;
    let mut server = builder.with_single_cert(chain, key(&config.key_file)?).map_err(|source| Error::Pair {
        certificate: config.certificate_file.clone(),
        key: config.key_file.clone(),
        source,
    })?;
    server.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(server)
}

fn versions(min: TlsVersion, max: TlsVersion) -> Vec<&'static SupportedProtocolVersion> {
    let known = [(TlsVersion::V1_3, &rustls::version::TLS13), (TlsVersion::V1_2, &rustls::version::TLS12)];
    known.into_iter().filter(|(version, _)| (min..=max).contains(version)).map(|(_, version)| version).collect()
}

fn client_verifier(
    wanted: &ClientCertificates,
    provider: Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, Error> {
    let path = match wanted {
        ClientCertificates::Unasked => return Ok(None),
        ClientCertificates::Asked => return Ok(Some(Arc::new(AskingVerifier::new(&provider)))),
        ClientCertificates::Required { authorities_file } => authorities_file,
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        let refuse = |source: rustls::Error| Error::Authorities { path: path.clone(), source: Box::new(source) };
        roots.add(certificate).map_err(refuse)?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
    Ok(Some(verifier.map_err(|source| Error::Authorities { path: path.clone(), source: Box::new(source) })?))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let refuse = |source| Error::Certificates { path: path.to_owned(), source };
    let pem = read(path)?;
    let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|source| refuse(Some(source)))?;
    if chain.is_empty() { Err(refuse(None)) } else { Ok(chain) }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let pem = secret::SecretBytes::new(read(path)?);
    PrivateKeyDer::from_pem_slice(pem.expose()).map_err(|source| Error::Key { path: path.to_owned(), source })
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let refuse = |source| Error::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).map_err(refuse)?.take(PEM_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(refuse)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= PEM_BYTES_MAX => Ok(bytes),
        _ => Err(Error::TooLong { path: path.to_owned(), max: PEM_BYTES_MAX }),
    }
}

/// Tells rustls the time of our environment.
#[derive(Debug)]
struct EnvClock(Env);

impl TimeProvider for EnvClock {
    fn current_time(&self) -> Option<UnixTime> {
        self.0.now().duration_since(UNIX_EPOCH).ok().map(UnixTime::since_unix_epoch)
    }
}

#[cfg(test)]
mod tests;
