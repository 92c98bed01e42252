use std::sync::Arc;

use framework::Connection;
use http::{HeaderMap, HeaderValue};

use super::{HEADER, Network, NetworkError, resolve};
use crate::config::{CertificateDecoder, ClientCertificateHeader, ForwardedFor};
use crate::status::Refusal;

fn contains(network: &str, address: &str) -> bool {
    network.parse::<Network>().unwrap().contains(address.parse().unwrap())
}

#[test]
fn a_network_holds_what_its_prefix_says() {
    assert!(contains("10.0.0.0/8", "10.255.0.1"));
    assert!(!contains("10.0.0.0/8", "11.0.0.1"));
    assert!(contains("10.0.0.1", "10.0.0.1"));
    assert!(!contains("10.0.0.1/32", "10.0.0.2"));
    assert!(contains("0.0.0.0/0", "255.255.255.255"));
    assert!(contains("::/0", "fe80::1"));
    assert!(contains("2001:db8::/33", "2001:db8:7fff::1"));
    assert!(!contains("2001:db8::/33", "2001:db8:8000::1"));
    assert!(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
    assert!(!contains("0.0.0.0/0", "::1"));
}

#[test]
fn what_is_no_network_is_refused() {
    for text in
        ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "::/129", "10.0.0/8", "host", "1.1.1.1/8/9"]
    {
        assert_eq!(text.parse::<Network>(), Err(NetworkError), "{text}");
    }
}

fn rules() -> ForwardedFor {
    let authorized = vec!["10.0.0.0/8".parse().unwrap()];
    ForwardedFor { hop_skips: 0, ..ForwardedFor::new(authorized) }
}

/// The client's address, or the start of the refusal.
fn client(rules: &ForwardedFor, from: &str, values: &[&str]) -> Result<String, String> {
    let connection = Connection { remote: Some(from.parse().unwrap()), ..Connection::default() };
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(HEADER, HeaderValue::from_str(value).unwrap());
    }
    match resolve(rules, &Arc::new(connection), &headers) {
        Ok(connection) => Ok(connection.remote.unwrap().to_string()),
        Err(Refusal::Malformed(text)) => Err(text),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn the_last_link_counts_and_what_a_client_wrote_before_it_does_not() {
    let client = |skips, values: &[&str]| client(&ForwardedFor { hop_skips: skips, ..rules() }, "10.0.0.9:7", values);
    assert_eq!(client(0, &["1.2.3.4"]).unwrap(), "1.2.3.4:7");
    assert_eq!(client(0, &["6.6.6.6, 1.2.3.4"]).unwrap(), "1.2.3.4:7");
    assert_eq!(client(1, &["6.6.6.6, 1.2.3.4", "10.0.0.8"]).unwrap(), "1.2.3.4:7");
    assert_eq!(client(0, &["2001:db8::1"]).unwrap(), "[2001:db8::1]:7");
    assert!(client(1, &["1.2.3.4"]).unwrap_err().contains("fewer addresses"));
    assert!(client(0, &["1.2.3.4, unknown"]).unwrap_err().contains("something else"));
}

#[test]
fn strangers_and_requests_without_the_header_are_refused_by_default() {
    let strict = rules();
    assert!(client(&strict, "8.8.8.8:7", &["1.2.3.4"]).unwrap_err().contains("not authorized"));
    assert!(client(&strict, "10.0.0.9:7", &[]).unwrap_err().contains("missing"));
    let lax = ForwardedFor { rejects_absent: false, rejects_unauthorized: false, ..rules() };
    assert_eq!(client(&lax, "8.8.8.8:7", &["1.2.3.4"]).unwrap(), "8.8.8.8:7");
    assert_eq!(client(&lax, "10.0.0.9:7", &[]).unwrap(), "10.0.0.9:7");
    assert_eq!(client(&lax, "10.0.0.9:7", &["1.2.3.4"]).unwrap(), "1.2.3.4:7");
}

#[test]
fn only_a_named_proxy_hands_on_certificates() {
    let header = ClientCertificateHeader { name: "x-cert".to_owned(), decoders: vec![CertificateDecoder::Base64] };
    let lax = ForwardedFor { rejects_absent: false, rejects_unauthorized: false, ..rules() };
    let [strict, lax, ignorant] = [
        ForwardedFor { client_certificate: Some(header.clone()), rejects_absent: false, ..rules() },
        ForwardedFor { client_certificate: Some(header), ..lax },
        ForwardedFor { rejects_absent: false, ..rules() },
    ];
    let shown = rcgen::generate_simple_self_signed(vec!["a".to_owned()]).unwrap().cert.der().to_vec();
    let own = vec![b"the proxy's own".to_vec()];
    let value = data_encoding::BASE64.encode(&shown);
    let seen = |rules: &ForwardedFor, from: &str, is_forwarded: bool, certificate: Option<&str>| {
        let connection =
            Connection { remote: from.parse().ok(), client_certificates: own.clone(), ..Connection::default() };
        let mut headers = HeaderMap::new();
        if is_forwarded {
            headers.append(HEADER, HeaderValue::from_static("1.2.3.4"));
        }
        if let Some(certificate) = certificate {
            headers.append("x-cert", HeaderValue::from_str(certificate).unwrap());
        }
        match resolve(rules, &Arc::new(connection), &headers) {
            Ok(connection) => Ok(connection.client_certificates.clone()),
            Err(Refusal::Malformed(text)) => Err(text),
            Err(other) => panic!("{other:?}"),
        }
    };
    let (proxy, stranger) = ("10.0.0.9:7", "8.8.8.8:7");
    assert_eq!(seen(&strict, proxy, true, Some(&value)), Ok(vec![shown.clone()]));
    assert_eq!(seen(&strict, proxy, false, Some(&value)), Ok(vec![shown]));
    assert_eq!(seen(&strict, proxy, true, None), Ok(vec![]), "a proxy's certificate is not its client's");
    assert_eq!(seen(&strict, proxy, false, None), Ok(vec![]), "it may have left out what is empty");
    assert_eq!(seen(&ignorant, proxy, true, Some(&value)), Ok(vec![]), "nobody asked for the header");
    assert_eq!(seen(&ignorant, proxy, true, None), Ok(vec![]), "nor is it its client's then");
    for is_forwarded in [false, true] {
        assert!(seen(&strict, stranger, is_forwarded, Some(&value)).unwrap_err().contains("not authorized"));
        assert_eq!(seen(&lax, stranger, is_forwarded, Some(&value)), Ok(own.clone()));
    }
    assert!(seen(&strict, proxy, true, Some("!")).unwrap_err().contains("failed to parse"));
}
