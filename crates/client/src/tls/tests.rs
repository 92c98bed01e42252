//! Handshakes with a server of our own, on a free loopback port.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{Client, Config, Tls};

struct World {
    _folder: tempfile::TempDir,
    ca: PathBuf,
    cert: PathBuf,
    key: PathBuf,
    address: String,
}

fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a writable folder");
    path
}

/// A server for the name `vault.test` that insists on a client certificate, and answers each request with `{}`.
async fn world() -> World {
    let mut params = CertificateParams::new(vec![]).expect("valid");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().expect("a key");
    let ca = params.self_signed(&ca_key).expect("a certificate");
    let issuer = Issuer::new(params, ca_key);
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["vault.test".to_owned()]).expect("valid");
    let cert = params.signed_by(&key, &issuer).expect("a certificate");

    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(ca.der().clone()).expect("a certificate");
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let private = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("valid")
        .with_client_cert_verifier(verifier.build().expect("valid"))
        .with_single_cert(vec![cert.der().clone()], private)
        .expect("valid");
    let address = serve(config).await;

    let folder = tempfile::tempdir().expect("a folder");
    World {
        ca: file(folder.path(), "ca.pem", &ca.pem()),
        cert: file(folder.path(), "cert.pem", &cert.pem()),
        key: file(folder.path(), "key.pem", &key.serialize_pem()),
        _folder: folder,
        address,
    }
}

async fn serve(config: ServerConfig) -> String {
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("https://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            // A handshake that fails is what some tests want.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut buffer = [0; 4096];
            if stream.read(&mut buffer).await.is_ok() {
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
                stream.write_all(answer).await.expect("a reader");
                stream.shutdown().await.expect("a reader");
            }
        }
    });
    address
}

async fn call(world: &World, tls: Tls) -> Result<bool, String> {
    let config = Config { address: world.address.clone(), tls, retries: 0, ..Config::default() };
    let client = Client::new(&config).map_err(|error| error.to_string())?;
    client.read("x", &[]).await.map(|found| found.is_some()).map_err(|error| match std::error::Error::source(&error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    })
}

#[tokio::test]
async fn a_private_authority_a_client_certificate_and_another_name_work() {
    let world = world().await;
    let tls = Tls {
        ca_cert: Some(world.ca.clone()),
        client_cert: Some(world.cert.clone()),
        client_key: Some(world.key.clone()),
        server_name: Some("vault.test".to_owned()),
        ..Tls::default()
    };
    assert_eq!(call(&world, tls.clone()).await, Ok(true));
    let anybody = Tls { ca_cert: None, server_name: None, skip_verify: true, ..tls.clone() };
    assert_eq!(call(&world, anybody).await, Ok(true));
    let text = std::fs::read_to_string(&world.ca).expect("readable");
    let by_text = Tls { ca_cert: None, ca_cert_text: Some(text), ..tls.clone() };
    assert_eq!(call(&world, by_text).await, Ok(true));
    let other_name = call(&world, Tls { server_name: None, ..tls.clone() }).await.expect_err("not 127.0.0.1's");
    let words = "the server's certificate is for vault.test, not for 127.0.0.1";
    assert!(other_name.ends_with(words), "{other_name}");
    let nobody = Tls { client_cert: None, client_key: None, ..tls.clone() };
    let nobody = call(&world, nobody).await.expect_err("no client certificate");
    assert!(nobody.ends_with("the server asks for a client certificate"), "{nobody}");
    let system_only = call(&world, Tls { ca_cert: None, ..tls }).await.expect_err("unknown authority");
    assert!(system_only.ends_with("signed by an authority that is not trusted here"), "{system_only}");
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let world = world().await;
    let folder = world.ca.parent().expect("a folder").to_owned();
    let empty = file(&folder, "empty.pem", "");
    for (tls, problem) in [
        (Tls { ca_cert: Some(folder.join("absent")), ..Tls::default() }, "could not read"),
        (Tls { ca_cert: Some(empty.clone()), ..Tls::default() }, "no usable certificate in"),
        (Tls { ca_cert_text: Some("PEM".to_owned()), ..Tls::default() }, "in the PEM text"),
        (Tls { ca_path: Some(folder.join("absent")), ..Tls::default() }, "could not list"),
        (Tls { client_cert: Some(world.cert.clone()), ..Tls::default() }, "needs its key"),
        (Tls { client_cert: Some(world.cert.clone()), client_key: Some(empty), ..Tls::default() }, "could not read"),
        (Tls { ca_cert: Some(world.ca.clone()), server_name: Some("a b".to_owned()), ..Tls::default() }, "server name"),
    ] {
        let error = call(&world, tls).await.expect_err("unusable");
        assert!(error.contains(problem), "{error}");
    }
    assert!(call(&world, Tls { ca_path: Some(folder), skip_verify: true, ..Tls::default() }).await.is_err());
}
