//! The listener over TLS: versions, client certificates, reload, and clients that forgot the `s` of `https`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use framework::Reply;
use http_api::{ClientCertificates, Error, ListenerConfig, ProxyBehavior, ProxyProtocol, TlsConfig, TlsVersion};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, ProtocolVersion, RootCertStore, SignatureScheme};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::http2;
use super::rig::{Rig, config, converse};

const REQUEST: &str = "GET /v1/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// A certificate with its key.
struct Identity {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Identity {
    fn self_signed(is_authority: bool) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params(is_authority).self_signed(&key).unwrap();
        Self { certificate, key }
    }

    fn signed_by(authority: &Self) -> Self {
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::new(params(true), &authority.key);
        let certificate = params(false).signed_by(&key, &issuer).unwrap();
        Self { certificate, key }
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.der().clone()]
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }
}

fn params(is_authority: bool) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    if is_authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    params
}

/// A TLS listener whose files a test can exchange.
struct Bench {
    rig: Rig,
    folder: tempfile::TempDir,
    identity: Identity,
}

impl Bench {
    async fn new(change: impl FnOnce(&mut TlsConfig, &tempfile::TempDir)) -> Self {
        Self::with(config(), change).await
    }

    async fn with(mut config: ListenerConfig, change: impl FnOnce(&mut TlsConfig, &tempfile::TempDir)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let identity = Identity::self_signed(false);
        write(&folder, &identity);
        let mut tls = TlsConfig::new(folder.path().join("crt"), folder.path().join("key"));
        change(&mut tls, &folder);
        config.tls = Some(tls);
        let rig = Rig::with(config, |_| Ok(Reply::data(json!({})))).await;
        Self { rig, folder, identity }
    }

    async fn connect(&self, client: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
        connect(self.rig.address, client).await
    }

    fn trusting(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.identity.certificate.der().clone()).unwrap();
        roots
    }

    /// Trusts the listener's first certificate and shows this one.
    fn client(&self, shown: Option<&Identity>) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(self.trusting());
        match shown {
            None => builder.with_no_client_auth(),
            Some(shown) => builder.with_client_auth_cert(shown.chain(), shown.key()).unwrap(),
        }
    }

    fn client_of(&self, version: &'static rustls::SupportedProtocolVersion) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_protocol_versions(&[version]).unwrap();
        builder.with_root_certificates(self.trusting()).with_no_client_auth()
    }
}

fn write(folder: &tempfile::TempDir, identity: &Identity) {
    std::fs::write(folder.path().join("crt"), identity.certificate.pem()).unwrap();
    std::fs::write(folder.path().join("key"), identity.key.serialize_pem()).unwrap();
}

async fn connect(address: SocketAddr, client: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(client)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

#[tokio::test]
async fn a_request_over_tls_says_so() {
    let bench = Bench::new(|_, _| {}).await;
    let stream = bench.connect(bench.client(None)).await.unwrap();
    assert_eq!(stream.get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(converse(stream, REQUEST).await.status, 200);
    let connection = bench.rig.last().connection;
    assert!(connection.is_tls && connection.client_certificates.is_empty());
}

#[tokio::test]
async fn a_proxys_header_stands_in_front_of_the_handshake() {
    let mut config = config();
    let authorized = vec!["127.0.0.1".parse().unwrap()];
    config.proxy_protocol = Some(ProxyProtocol { behavior: ProxyBehavior::DenyUnauthorized, authorized });
    let bench = Bench::with(config, |_, _| {}).await;
    for (header, client) in [("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n", "192.0.2.1"), ("", "127.0.0.1")] {
        let mut stream = TcpStream::connect(bench.rig.address).await.unwrap();
        stream.write_all(header.as_bytes()).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(bench.client(None))).connect(name, stream).await.unwrap();
        assert_eq!(converse(stream, REQUEST).await.status, 200);
        let connection = bench.rig.last().connection;
        assert!(connection.is_tls);
        assert_eq!(connection.remote.unwrap().ip().to_string(), client);
    }
    let mut plain = TcpStream::connect(bench.rig.address).await.unwrap();
    plain.write_all(b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n").await.unwrap();
    let answered = converse(plain, REQUEST).await;
    assert_eq!((answered.status, answered.body.as_str()), (400, "Client sent an HTTP request to an HTTPS server.\n"));
}

#[tokio::test]
async fn the_protocol_is_chosen_in_the_handshake() {
    let bench = Bench::new(|_, _| {}).await;
    let mut client = bench.client(None);
    client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = bench.connect(client).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut sender = http2::connect(stream).await;
    assert_eq!(http2::ask(&mut sender, "GET", "/v1/a", "").await.status(), 200);
}

#[tokio::test]
async fn versions_outside_of_the_range_are_refused() {
    let bench = Bench::new(|tls, _| tls.version_min = TlsVersion::V1_3).await;
    assert!(bench.connect(bench.client_of(&rustls::version::TLS12)).await.is_err());
    assert!(bench.connect(bench.client_of(&rustls::version::TLS13)).await.is_ok());
    let bench = Bench::new(|tls, _| tls.version_max = TlsVersion::V1_2).await;
    assert!(bench.connect(bench.client_of(&rustls::version::TLS13)).await.is_err());
    assert!(bench.connect(bench.client_of(&rustls::version::TLS12)).await.is_ok());
}

#[tokio::test]
async fn any_client_certificate_is_handed_to_the_service() {
    let bench = Bench::new(|_, _| {}).await;
    // An authority as a client is unusual, yet other servers of this API take it.
    for shown in [Identity::self_signed(false), Identity::self_signed(true)] {
        let stream = bench.connect(bench.client(Some(&shown))).await.unwrap();
        assert_eq!(converse(stream, REQUEST).await.status, 200);
        let expected: Vec<_> = shown.chain().iter().map(|certificate| certificate.to_vec()).collect();
        assert_eq!(bench.rig.last().connection.client_certificates, expected);
    }
}

#[tokio::test]
async fn a_client_certificate_without_its_key_is_refused() {
    let bench = Bench::new(|_, _| {}).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let (shown, other) = (Identity::self_signed(false), Identity::self_signed(false));
        let provider = aws_lc_rs::default_provider();
        let key = provider.key_provider.load_private_key(other.key()).unwrap();
        // `CertifiedKey::new` does not compare the two.
        let stolen = rustls::sign::CertifiedKey::new(shown.chain(), key);
        let resolver = Arc::new(rustls::sign::SingleCertAndKey::from(stolen));
        let builder = ClientConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(&[version]);
        let client = builder.unwrap().with_root_certificates(bench.trusting()).with_client_cert_resolver(resolver);
        let status = match bench.connect(client).await {
            Ok(stream) => answered(stream).await,
            Err(_) => 0,
        };
        assert_eq!(status, 0);
    }
    assert_eq!(bench.rig.count(), 0);
}

/// The status, or 0 if the listener hung up: with TLS 1.3 a client hears of its refusal only when it reads.
async fn answered(mut stream: TlsStream<TcpStream>) -> u16 {
    use tokio::io::AsyncWriteExt as _;
    // The listener may have closed already.
    drop(stream.write_all(REQUEST.as_bytes()).await);
    super::rig::read(stream).await.status
}

#[tokio::test]
async fn a_required_client_certificate_leads_to_the_authority() {
    let authority = Identity::self_signed(true);
    let pem = authority.certificate.pem();
    let bench = Bench::new(move |tls, folder| {
        let authorities_file: PathBuf = folder.path().join("ca");
        std::fs::write(&authorities_file, pem).unwrap();
        tls.client_certificates = ClientCertificates::Required { authorities_file };
    })
    .await;
    let (known, stranger) = (Identity::signed_by(&authority), Identity::self_signed(false));
    for (shown, expected) in [(Some(&known), 200), (Some(&stranger), 0), (None, 0)] {
        let stream = bench.connect(bench.client(shown)).await.unwrap();
        assert_eq!(answered(stream).await, expected);
    }
    assert_eq!(bench.rig.count(), 1);
}

#[tokio::test]
async fn an_unasked_client_shows_nothing() {
    let bench = Bench::new(|tls, _| tls.client_certificates = ClientCertificates::Unasked).await;
    let shown = Identity::self_signed(false);
    let stream = bench.connect(bench.client(Some(&shown))).await.unwrap();
    assert_eq!(converse(stream, REQUEST).await.status, 200);
    assert!(bench.rig.last().connection.client_certificates.is_empty());
}

#[tokio::test]
async fn a_reload_changes_the_certificate_and_a_bad_one_keeps_the_old() {
    let bench = Bench::new(|_, _| {}).await;
    let shown = async || {
        let stream = connect(bench.rig.address, trusting_anyone()).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    };
    let first = bench.identity.certificate.der().to_vec();
    assert_eq!(shown().await, first);
    let next = Identity::self_signed(false);
    write(&bench.folder, &next);
    assert_eq!(shown().await, first, "files count only once they are read");
    bench.rig.handle.reload().unwrap();
    assert_eq!(shown().await, next.certificate.der().to_vec());
    std::fs::write(bench.folder.path().join("crt"), "not PEM").unwrap();
    assert!(matches!(bench.rig.handle.reload(), Err(Error::Certificates { .. })));
    assert_eq!(shown().await, next.certificate.der().to_vec());
}

#[tokio::test]
async fn plain_http_on_the_tls_port_is_explained() {
    let bench = Bench::new(|_, _| {}).await;
    let answered = bench.rig.say(REQUEST).await;
    assert_eq!(answered.status, 400);
    assert_eq!(answered.body, "Client sent an HTTP request to an HTTPS server.\n");
}

#[tokio::test]
async fn a_stalled_handshake_is_closed() {
    let bench = Bench::new(|_, _| {}).await;
    let silent = bench.rig.connect().await;
    assert_eq!(bench.rig.turn_until(super::rig::read(silent)).await.status, 0);
    let mut stalled = bench.rig.connect().await;
    tokio::io::AsyncWriteExt::write_all(&mut stalled, &[22, 3, 1]).await.unwrap();
    assert_eq!(bench.rig.turn_until(super::rig::read(stalled)).await.status, 0);
}

#[tokio::test]
async fn tls_on_a_plain_port_does_no_harm() {
    let rig = Rig::new(|_| Ok(Reply::data(json!({})))).await;
    assert!(connect(rig.address, trusting_anyone()).await.is_err());
    assert_eq!(rig.get("/v1/a").await.status, 200);
}

/// For tests that look at the certificate themselves.
fn trusting_anyone() -> ClientConfig {
    let provider = aws_lc_rs::default_provider();
    let schemes = provider.signature_verification_algorithms.supported_schemes();
    let builder = ClientConfig::builder_with_provider(Arc::new(provider)).with_safe_default_protocol_versions();
    let builder = builder.unwrap().dangerous().with_custom_certificate_verifier(Arc::new(Anyone(schemes)));
    builder.with_no_client_auth()
}

#[derive(Debug)]
struct Anyone(Vec<SignatureScheme>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}
