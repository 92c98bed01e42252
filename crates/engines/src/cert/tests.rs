use std::sync::Arc;

use framework::conformance::{self, Step};
use framework::testing::{Harness, object, show};
use framework::{Connection, Context, Mounted, Operation};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use serde_json::{Value, json};

use super::*;
use crate::golden;

mod lists;
mod logins;
mod responders;
mod stored;

/// Of OpenSSL, see there. The clock of a harness stands in 2030, when they hold.
const AUTHORITY: &str = include_str!("../../../x509/vectors/authority.pem");
const CLIENT: &str = include_str!("../../../x509/vectors/client.pem");
const VERSION_1: &str = include_str!("../../../x509/vectors/version-1.pem");

fn engine() -> Arc<dyn Mounted> {
    make(&Options::new()).expect("a sound table")
}

async fn harness() -> Harness {
    Harness::new(engine()).await
}

/// A certificate with its key, and what it takes to make others with it.
struct Made {
    der: Vec<u8>,
    pem: String,
    params: CertificateParams,
    key: KeyPair,
}

fn params(name: &str, is_authority: bool) -> CertificateParams {
    let mut params = CertificateParams::new(vec![]).expect("no names are fine names");
    params.distinguished_name = rcgen::DistinguishedName::new();
    if !name.is_empty() {
        params.distinguished_name.push(DnType::CommonName, name);
    }
    params.use_authority_key_identifier_extension = true;
    (params.not_before, params.not_after) = (rcgen::date_time_ymd(2029, 1, 1), rcgen::date_time_ymd(2031, 1, 1));
    if is_authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    } else {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    }
    params
}

impl Made {
    fn own(params: CertificateParams) -> Self {
        let key = KeyPair::generate().expect("a key");
        let made = params.self_signed(&key).expect("a certificate");
        Self { der: made.der().to_vec(), pem: made.pem(), params, key }
    }

    fn authority(name: &str) -> Self {
        Self::own(params(name, true))
    }

    fn sign(&self, params: CertificateParams) -> Self {
        let key = KeyPair::generate().expect("a key");
        let made = params.signed_by(&key, &self.issuer()).expect("a certificate");
        Self { der: made.der().to_vec(), pem: made.pem(), params, key }
    }

    fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.params, &self.key)
    }
}

fn der(pem: &str) -> Vec<u8> {
    x509::pem::certificates(pem.as_bytes()).expect("PEM").remove(0)
}

/// A connection that has shown these certificates.
fn showing(harness: &Harness, chain: &[&[u8]]) -> Context {
    let mut context = harness.context("login");
    let client_certificates = chain.iter().map(|der| der.to_vec()).collect();
    context.connection = Arc::new(Connection { is_tls: true, client_certificates, ..Connection::default() });
    context
}

async fn log_in(harness: &Harness, chain: &[&[u8]], data: Value) -> Value {
    let context = showing(harness, chain);
    let route = harness.engine().route(Operation::Update, "login").expect("a row");
    show(harness.engine().handle(&context, route, Operation::Update, object(data)).await)
}

/// The role that a login without a name got, or why it got none.
async fn role_of(harness: &Harness, chain: &[&[u8]]) -> String {
    let reply = log_in(harness, chain, json!({})).await;
    text(if reply["login"].is_object() { &reply["login"]["metadata"]["cert_name"] } else { &reply["text"] })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn refused(text: &str) -> Value {
    json!({ "error": "invalid", "text": text })
}

#[tokio::test]
async fn keeps_what_every_engine_must_keep() {
    let session = [
        Step::write("certs/web", json!({ "certificate": AUTHORITY, "token_policies": "a" })),
        Step::write("certs/other", json!({ "certificate": CLIENT, "policies": "b", "lease": 60 })),
        Step::read("certs/Web"),
        Step::write("certs/web", json!({ "allowed_names": "*.example.com", "ocsp_enabled": true })),
        Step::list("certs/"),
        Step::read("config"),
        Step::write("config", json!({ "disable_binding": true, "ocsp_cache_size": 7 })),
        Step::read("config"),
        Step::write("crls/none", json!({ "crl": "nonsense" })),
        Step::list("crls/"),
        Step::read("crls/none"),
        Step::write("login", json!({ "name": "web" })),
        Step::write("login", json!({})),
        Step::delete("certs/other"),
        Step::delete("crls/none"),
        Step::read("certs/other"),
    ];
    conformance::check(engine, &session).await;
}

#[test]
fn describes_itself() {
    golden::check(&engine(), "cert", "cert");
}

#[tokio::test]
async fn a_role_is_made_shown_changed_and_removed() {
    let harness = harness().await;
    let made = harness.write(
        "certs/Web",
        json!({ "certificate": AUTHORITY, "display_name": "the web", "allowed_names": "a*, b", "allowed_common_names": ["c"],
            "allowed_dns_sans": "d", "allowed_email_sans": "e", "allowed_uri_sans": "f", "allowed_organizational_units": "g",
            "required_extensions": "1.2.3:h*", "allowed_metadata_extensions": "1.2.3", "ocsp_enabled": true,
            "ocsp_servers_override": "http://127.0.0.1:1/", "ocsp_fail_open": true, "ocsp_query_all_servers": true,
            "ocsp_ca_certificates": AUTHORITY, "ocsp_max_retries": 0, "ocsp_this_update_max_age": "1h",
            "policies": "B,a", "ttl": "1h", "bound_cidrs": "10.0.0.0/8" }),
    );
    assert_eq!(made.await, json!({}));
    let shown = json!({ "data": {
        "allowed_common_names": ["c"], "allowed_dns_sans": ["d"], "allowed_email_sans": ["e"],
        "allowed_metadata_extensions": ["1.2.3"], "allowed_names": ["a*", "b"], "allowed_organizational_units": ["g"],
        "allowed_uri_sans": ["f"], "bound_cidrs": ["10.0.0.0/8"], "certificate": AUTHORITY, "display_name": "the web",
        "ocsp_ca_certificates": AUTHORITY, "ocsp_enabled": true, "ocsp_fail_open": true, "ocsp_max_retries": 0,
        "ocsp_query_all_servers": true, "ocsp_servers_override": ["http://127.0.0.1:1/"], "ocsp_this_update_max_age": 3600,
        "policies": ["a", "b"], "required_extensions": ["1.2.3:h*"], "token_bound_cidrs": ["10.0.0.0/8"],
        "token_explicit_max_ttl": 0, "token_max_ttl": 0, "token_no_default_policy": false, "token_num_uses": 0,
        "token_period": 0, "token_policies": ["a", "b"], "token_ttl": 3600, "token_type": "default", "ttl": 3600,
    } });
    assert_eq!(harness.read("certs/WEB").await, shown);
    let changed = harness.write("certs/web", json!({ "allowed_names": "", "token_policies": "c", "display_name": "" }));
    assert_eq!(changed.await, json!({}));
    let seen = harness.read("certs/web").await["data"].take();
    assert_eq!((&seen["allowed_names"], &seen["allowed_uri_sans"]), (&json!([]), &json!(["f"])));
    assert_eq!((&seen["policies"], &seen["display_name"]), (&Value::Null, &json!("web")));
    assert_eq!(harness.list("certs/").await, json!({ "data": { "keys": ["web"] } }));
    assert_eq!(harness.delete("certs/WEB").await, json!({}));
    assert_eq!(harness.read("certs/web").await, json!({ "error": "not found" }));
    assert_eq!(harness.delete("certs/web").await, json!({}), "twice is fine");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let harness = harness().await;
    let bad = refused("failed to parse certificate");
    let broken = AUTHORITY.replacen('M', "%", 1);
    for certificate in ["", "nonsense", &broken, &x509::pem::write_certificate(b"no certificate")] {
        assert_eq!(harness.write("certs/a", json!({ "certificate": certificate })).await, bad, "{certificate:.40}");
    }
    assert_eq!(harness.write("certs/a", json!({ "token_policies": "a" })).await, bad, "a new role needs one");
    let mut server = params("server", false);
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let no_client = refused("nonCA certificates should have TLS client authentication set as an extended key usage");
    assert_eq!(harness.write("certs/a", json!({ "certificate": Made::own(server).pem })).await, no_client);
    assert_eq!(harness.read("certs/a").await, json!({ "error": "not found" }));
    let many = AUTHORITY.repeat(65);
    for (data, begins) in [
        (json!({ "certificate": many }), "'certificate' has at most 64"),
        (json!({ "certificate": "x".repeat(200_000) }), "'certificate' has at most 131072"),
        (json!({ "certificate": AUTHORITY, "ocsp_servers_override": "ftp://a/" }), "invalid OCSP server"),
        (json!({ "certificate": AUTHORITY, "ocsp_ca_certificates": "none" }), "failed to parse 'ocsp_ca_certificates'"),
        (json!({ "certificate": AUTHORITY, "ocsp_max_retries": 101 }), "'ocsp_max_retries' is at most"),
        (json!({ "certificate": AUTHORITY, "allowed_names": vec!["a"; 257] }), "'allowed_names' has at most"),
        (json!({ "certificate": AUTHORITY, "token_ttl": 2, "token_max_ttl": 1 }), "'token_ttl' cannot be greater"),
    ] {
        let seen = text(&harness.write("certs/a", data).await["text"]);
        assert!(seen.starts_with(begins), "{seen}");
    }
    for name in ["a*", "+", "a b", "-a", "a.", "é", "a\u{0}b", &"n".repeat(513)] {
        let seen = text(&harness.write(&format!("certs/{name}"), json!({ "certificate": AUTHORITY })).await["text"]);
        assert!(seen.starts_with("the name of a role has"), "{name:?}: {seen}");
    }
    for size in [1, 100_001] {
        let seen = harness.write("config", json!({ "ocsp_cache_size": size })).await;
        assert_eq!(seen, refused("invalid cache size, must be >= 2 and <= 100000"));
    }
    let warned = harness.write("certs/a", json!({ "certificate": AUTHORITY, "token_max_ttl": "769h" })).await;
    assert!(text(&warned["warnings"][0]).starts_with("token_max_ttl is greater than"), "{warned}");
}
