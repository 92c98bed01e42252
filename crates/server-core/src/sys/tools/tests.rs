use std::collections::BTreeSet;

use data_encoding::{BASE64, HEXLOWER};
use serde_json::json;

use crate::testing::{Bench, invalid};

#[tokio::test]
async fn random_bytes_come_in_the_number_and_the_form_asked_for() {
    let bench = Bench::new().await;
    let cases = [
        ("", json!({}), 32, "base64"),
        ("", json!({ "bytes": "12" }), 12, "base64"),
        ("/3", json!({ "bytes": 12 }), 3, "base64"),
        ("/platform", json!({ "bytes": 5, "format": "hex" }), 5, "hex"),
        ("/seal", json!({}), 32, "base64"),
        ("/all/7", json!({ "bytes": 12, "format": "hex" }), 7, "hex"),
        ("/platform/131072", json!({}), 131_072, "base64"),
    ];
    let mut seen = BTreeSet::new();
    for (path, about, count, format) in &cases {
        let reply = bench.root().write(&format!("sys/tools/random{path}"), about.clone()).await;
        let text = reply["data"]["random_bytes"].as_str().unwrap_or_else(|| panic!("{path}: {reply}")).as_bytes();
        let bytes = if *format == "hex" { HEXLOWER.decode(text) } else { BASE64.decode(text) };
        assert_eq!(bytes.map(|bytes| bytes.len()), Ok(*count), "{path}");
        assert!(seen.insert(text.to_vec()), "{path}: the same bytes again");
        let is_asked = path.starts_with("/seal") || path.starts_with("/all");
        assert_eq!(reply["warnings"].is_array(), is_asked, "{path}: the seal has no entropy to give");
    }
}

#[tokio::test]
async fn random_bytes_that_cannot_be_given_are_refused_with_the_reason() {
    let bench = Bench::new().await;
    let format = "unsupported encoding format \"raw\"; must be \"hex\" or \"base64\"";
    let source = "unsupported entropy source \"moon\"; must be \"platform\", \"seal\" or \"all\"";
    let cases = [
        ("", json!({ "bytes": 0 }), "\"bytes\" cannot be less than 1"),
        ("", json!({ "bytes": -1 }), "\"bytes\" cannot be less than 1"),
        ("/-9223372036854775808", json!({}), "\"bytes\" cannot be less than 1"),
        ("", json!({ "bytes": 131_073 }), "\"bytes\" should be less than 131072"),
        ("/131073", json!({}), "\"bytes\" should be less than 131072"),
        ("/moon", json!({}), "error parsing url-set byte count: \"moon\" is no number"),
        ("/platform/x", json!({}), "error parsing url-set byte count: \"x\" is no number"),
        ("", json!({ "format": "raw" }), format),
        ("/moon/5", json!({}), source),
    ];
    for (path, about, text) in cases {
        assert_eq!(bench.root().write(&format!("sys/tools/random{path}"), about).await, invalid(text), "{path}");
    }
}

/// The sums of "abc": FIPS 180-4 and FIPS 202 examples as NIST publishes them.
const ABC: [(&str, &str); 7] = [
    ("sha2-224", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
    ("sha2-256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ("sha2-384", "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"),
    (
        "sha2-512",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
         2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    ),
    ("sha3-256", "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
    ("sha3-384", "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25"),
    (
        "sha3-512",
        "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e\
         10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
    ),
];

#[tokio::test]
async fn hashes_are_the_published_ones() {
    let bench = Bench::new().await;
    for (algorithm, sum) in ABC {
        let named = json!({ "input": "YWJj", "algorithm": algorithm });
        assert_eq!(bench.root().write("sys/tools/hash", named).await, json!({ "data": { "sum": sum } }));
        let path = format!("sys/tools/hash/{algorithm}");
        let about = json!({ "input": "YWJj", "algorithm": "sha2-224", "format": "base64" });
        let encoded = BASE64.encode(&HEXLOWER.decode(sum.as_bytes()).expect("the sum is hexadecimal"));
        assert_eq!(bench.root().write(&path, about).await, json!({ "data": { "sum": encoded } }), "{algorithm}");
    }
    let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(bench.root().write("sys/tools/hash", json!({})).await, json!({ "data": { "sum": nothing } }));
}

#[tokio::test]
async fn hashes_that_cannot_be_made_are_refused_with_the_reason() {
    let bench = Bench::new().await;
    let base64 = "unable to decode input as base64: illegal base64 data at input byte 3";
    let format = "unsupported encoding format \"raw\"; must be \"hex\" or \"base64\"";
    let cases = [
        ("", json!({ "input": "abc$" }), base64),
        ("", json!({ "format": "raw" }), format),
        ("", json!({ "algorithm": "md5" }), "unsupported algorithm md5"),
        ("/sha3-224", json!({}), "unsupported algorithm sha3-224"),
    ];
    for (path, about, text) in cases {
        assert_eq!(bench.root().write(&format!("sys/tools/hash{path}"), about).await, invalid(text), "{path}");
    }
}
