use std::time::Duration;

use framework::testing::Harness;
use rcgen::{CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, SerialNumber};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use x509::Serial;

use super::super::entry::ListEntry;
use super::{AUTHORITY, Made, engine, harness, params, refused, role_of, text};

const NOT_FITTING: &str = "no chain matching all constraints could be found for this login certificate";

/// A list that revokes these serial numbers, PEM.
fn list(authority: &Made, serials: &[u64], until_year: i32) -> String {
    let revoked = |number: &u64| RevokedCertParams {
        serial_number: SerialNumber::from(*number),
        revocation_time: rcgen::date_time_ymd(2029, 5, 1),
        reason_code: None,
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2029, 5, 1),
        next_update: rcgen::date_time_ymd(until_year, 6, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: serials.iter().map(revoked).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(&authority.issuer()).expect("a list").pem().expect("PEM")
}

fn client(authority: &Made, serial: u64) -> Made {
    let mut about = params("app", false);
    about.serial_number = Some(SerialNumber::from(serial));
    authority.sign(about)
}

#[tokio::test]
async fn a_list_revokes_its_serial_numbers_in_every_link() {
    let harness = harness().await;
    let root = Made::authority("root");
    let mut below = params("below", true);
    below.serial_number = Some(SerialNumber::from(900));
    let below = root.sign(below);
    let (good, bad, far) = (client(&root, 5), client(&root, 300), client(&below, 6));
    harness.write("certs/web", json!({ "certificate": root.pem })).await;
    assert_eq!(role_of(&harness, &[&bad.der]).await, "web");
    // The time of the next list does not matter.
    assert_eq!(harness.write("crls/Main", json!({ "crl": list(&root, &[300, 7], 2029) })).await, json!({}));
    assert_eq!(role_of(&harness, &[&bad.der]).await, NOT_FITTING);
    assert_eq!(role_of(&harness, &[&good.der]).await, "web");
    assert_eq!(role_of(&harness, &[&far.der, &below.der]).await, "web");
    let shown = json!({ "data": { "cdp": null, "serials": { "300": {}, "7": {} } } });
    assert_eq!(harness.read("crls/main").await, shown);
    harness.write("crls/other", json!({ "crl": list(&root, &[900], 2031) })).await;
    assert_eq!(role_of(&harness, &[&far.der, &below.der]).await, NOT_FITTING);
    assert_eq!(harness.list("crls/").await, json!({ "data": { "keys": ["main", "other"] } }));
    harness.write("certs/pinned", json!({ "certificate": bad.pem })).await;
    assert_eq!(role_of(&harness, &[&bad.der]).await, NOT_FITTING, "also when a role is for it alone");
    assert_eq!(harness.delete("crls/main").await, json!({}));
    assert_eq!(role_of(&harness, &[&bad.der]).await, "pinned");
    assert_eq!(harness.delete("crls/main").await, refused("no such CRL main"));
    assert_eq!(harness.read("crls/main").await, refused("no such CRL main"));
}

#[tokio::test]
async fn what_is_no_list_is_refused() {
    let harness = harness().await;
    let root = Made::authority("root");
    let pem = list(&root, &[1], 2031);
    for (data, expected) in [
        (json!({}), "one of 'crl' or 'url' must be specified"),
        (json!({ "crl": pem, "url": "http://127.0.0.1/" }), "specify only one of 'crl' or 'url'"),
        (json!({ "crl": "nonsense" }), "failed to parse CRL"),
        (json!({ "crl": AUTHORITY }), "failed to parse CRL"),
    ] {
        assert_eq!(harness.write("crls/a", data).await, refused(expected));
    }
    let far = text(&harness.write("crls/a", json!({ "url": "file:///etc/passwd" })).await["text"]);
    assert!(far.starts_with("failed to fetch the CRL: the URL is not"), "{far}");
    assert_eq!(harness.write("crls/%20", json!({})).await["error"], "invalid");
    let der = x509::pem::revocation_list(pem.as_bytes()).expect("PEM");
    let base64 = data_encoding::BASE64.encode(&der);
    assert_eq!(harness.write("crls/a", json!({ "crl": base64 })).await, json!({}), "DER comes as Base64");
    let many: Vec<_> = (0..45_000).map(|number| u64::MAX / 2 - number).collect();
    let long = text(&harness.write("crls/b", json!({ "crl": list(&root, &many, 2031) })).await["text"]);
    assert_eq!(long, "the CRL has more serial numbers than can be stored");
    for number in 0..63 {
        assert_eq!(harness.write(&format!("crls/n{number}"), json!({ "crl": pem })).await, json!({}));
    }
    assert_eq!(
        harness.write("crls/more", json!({ "crl": pem })).await,
        refused("a mount has at most 64 revocation lists")
    );
    assert_eq!(harness.write("crls/n1", json!({ "crl": pem })).await, json!({}), "an old one can be replaced");
}

/// Answers each connection with the next of these, and tells its URL.
pub(super) async fn serve(answers: Vec<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/x", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        for answer in answers {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            let mut request = Vec::new();
            // The head, and of a body what its length says.
            loop {
                let mut part = [0; 4096];
                let count = stream.read(&mut part).await.unwrap_or(0);
                request.extend(&part[..count]);
                let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
                let head = request.windows(4).position(|it| it == b"\r\n\r\n").map(|at| at + 4);
                let length = text.split("content-length: ").nth(1).and_then(|it| it.split("\r\n").next()?.parse().ok());
                if count == 0 || head.is_some_and(|head| request.len() >= head + length.unwrap_or(0)) {
                    break;
                }
            }
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", answer.len());
            stream.write_all(&[head.as_bytes(), &answer].concat()).await.ok();
        }
    });
    url
}

#[tokio::test]
async fn a_list_with_a_url_is_fetched_again_when_the_next_is_due() {
    let harness = Harness::new(engine()).await;
    let root = Made::authority("root");
    harness.write("certs/web", json!({ "certificate": root.pem })).await;
    let (one, two) = (client(&root, 1), client(&root, 2));
    let lists = [list(&root, &[1], 2030), list(&root, &[1], 2030), list(&root, &[2], 2031)].map(String::into_bytes);
    let [first, nonsense, second] = [lists[0].clone(), b"<html>".to_vec(), lists[2].clone()];
    let url = serve(vec![first, nonsense, second]).await;
    assert_eq!(harness.write("crls/far", json!({ "url": url })).await, json!({}));
    assert_eq!(role_of(&harness, &[&one.der]).await, NOT_FITTING);
    let shown = harness.read("crls/far").await["data"]["cdp"].take();
    assert_eq!(shown, json!({ "url": url, "valid_until": "2030-06-01T00:00:00Z" }));
    harness.settle().await.expect("nothing is due yet");
    assert_eq!(harness.due_lines().await.expect("memory scans").len(), 1);
    harness.clock().advance(Duration::from_secs(152 * 86_400));
    let failed = harness.settle().await.expect_err("what comes is no list");
    assert!(failed.to_string().contains("fetch a revocation list"), "{failed}");
    assert_eq!(role_of(&harness, &[&one.der]).await, NOT_FITTING, "the old one stays");
    assert_eq!(harness.due_lines().await.expect("memory scans").len(), 1);
    harness.settle().await.expect("it waits a little");
    harness.clock().advance(Duration::from_secs(301));
    harness.settle().await.expect("it is there again");
    assert_eq!(role_of(&harness, &[&one.der]).await, "web");
    assert_eq!(role_of(&harness, &[&two.der]).await, NOT_FITTING);
    harness.delete("crls/far").await;
    harness.clock().advance(Duration::from_secs(500 * 86_400));
    harness.settle().await.expect("nobody asks for what is gone");
    assert_eq!(harness.due_lines().await.expect("memory scans").len(), 0);
}

#[tokio::test]
async fn lists_that_fill_more_than_a_page_of_the_store_all_count() {
    let harness = harness().await;
    let root = Made::authority("root");
    let bad = client(&root, 300);
    harness.write("certs/web", json!({ "certificate": root.pem })).await;
    for number in 0..10_u8 {
        let serials: Vec<[u8; 20]> = (0..17_000_u32)
            .map(|low| {
                let mut serial = [number + 1; 20];
                serial[..4].copy_from_slice(&low.to_be_bytes());
                serial
            })
            .collect();
        let serials = ListEntry::pack(serials.iter().map(|it| Serial::of(it))).expect("they fit");
        let (url, signer) = (String::new(), String::new());
        let entry = ListEntry { v: 1, url, fetch_at: 0, next_update: None, serials, this_update: 0, signer };
        let bytes = serde_json::to_vec(&entry).expect("JSON");
        let view = harness.view();
        view.changes().create(&format!("crl/a{number}"), bytes).commit().await.expect("an entry fits");
    }
    assert_eq!(role_of(&harness, &[&bad.der]).await, "web");
    assert_eq!(harness.write("crls/z", json!({ "crl": list(&root, &[300], 2031) })).await, json!({}));
    assert_eq!(role_of(&harness, &[&bad.der]).await, NOT_FITTING, "the last of them");
}

#[tokio::test]
async fn what_is_fetched_has_to_be_signed_by_its_authority_and_is_not_replaced_by_something_older() {
    let harness = Harness::new(engine()).await;
    let (root, impostor) = (Made::authority("root"), Made::authority("root"));
    let bad = client(&root, 1);
    harness.write("certs/web", json!({ "certificate": root.pem })).await;
    let [good, empty, older] =
        [list(&root, &[1], 2030), list(&impostor, &[], 2031), older(&root)].map(String::into_bytes);
    let not_signed = "the CRL is not signed by the authority that it is of";
    let forged = serve(vec![empty.clone()]).await;
    assert_eq!(harness.write("crls/far", json!({ "url": forged })).await, refused(not_signed));
    let url = serve(vec![good, empty.clone(), older, empty]).await;
    assert_eq!(harness.write("crls/far", json!({ "url": url })).await, json!({}));
    assert_eq!(role_of(&harness, &[&bad.der]).await, NOT_FITTING);
    for why in [not_signed, "the CRL is older than the one before", not_signed] {
        harness.clock().advance(Duration::from_secs(86_400));
        let failed = harness.settle().await.expect_err("what comes does not count");
        assert!(format!("{failed:?}").contains(why), "{failed:?}");
        harness.write("certs/web", json!({ "certificate": root.pem })).await;
        assert_eq!(role_of(&harness, &[&bad.der]).await, NOT_FITTING, "{why}");
        // The key that it was signed with counts on, whatever roles there are.
        harness.delete("certs/web").await;
    }
}

/// A list of an earlier day that revokes nothing.
fn older(authority: &Made) -> String {
    let params = CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2029, 4, 1),
        next_update: rcgen::date_time_ymd(2031, 6, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(&authority.issuer()).expect("a list").pem().expect("PEM")
}
