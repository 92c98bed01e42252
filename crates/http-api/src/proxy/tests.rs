use proptest::prelude::*;

use super::*;

fn complete(source: Option<&str>, length: usize) -> ProxyHeader {
    ProxyHeader::Complete { source: source.map(|source| source.parse().unwrap()), length }
}

/// A header of version 2 with this version and command, family, and rest.
fn v2(version_and_command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [V2, &[version_and_command, family], &length, rest].concat()
}

const V4_REST: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 1, 0xdc, 0x04, 0x01, 0xbb];

fn v6_rest() -> Vec<u8> {
    let ip: Ipv6Addr = "2001:db8::1".parse().unwrap();
    [&ip.octets()[..], &Ipv6Addr::LOCALHOST.octets(), &[0x00, 0x50, 0x01, 0xbb]].concat()
}

#[test]
fn version_1_tells_the_client() {
    for (text, source) in [
        ("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n", Some("192.0.2.1:56324")),
        ("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", Some("255.255.255.255:65535")),
        ("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", Some("0.0.0.0:0")),
        ("PROXY TCP6 2001:db8::1 ::1 80 443\r\n", Some("[2001:db8::1]:80")),
        ("PROXY UNKNOWN\r\n", None),
        ("PROXY UNKNOWN ffff:f::1 whatever it says 1\r\n", None),
    ] {
        let followed = format!("{text}GET / HTTP/1.1\r\n");
        assert_eq!(read(followed.as_bytes()), complete(source, text.len()), "{text:?}");
        assert_eq!(read(text.as_bytes()), complete(source, text.len()), "{text:?}");
    }
    // The longest that there can be, as the specification counts it.
    let address = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let longest = format!("PROXY TCP6 {address} {address} 65535 65535\r\n");
    assert_eq!(read(longest.as_bytes()), complete(Some(&format!("[{address}]:65535")), longest.len()));
    let unknown = format!("PROXY UNKNOWN {address} {address} 65535 65535\r\n");
    assert_eq!((unknown.len(), read(unknown.as_bytes())), (V1_BYTES_MAX, complete(None, V1_BYTES_MAX)));
}

#[test]
fn version_1_is_taken_at_its_word_only() {
    for text in [
        "PROXY \r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443 1\r\n",
        "PROXY TCP4  192.0.2.1 198.51.100.1 56324 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443 \r\n",
        "PROXY TCP4 192.0.2.256 198.51.100.1 56324 443\r\n",
        "PROXY TCP4 192.0.2.1 example.com 56324 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 65536 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 56324 -1\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 056 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 +56 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1  443\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP6 192.0.2.1 198.51.100.1 56324 443\r\n",
        "PROXY TCP5 192.0.2.1 198.51.100.1 56324 443\r\n",
        "PROXY unknown\r\n",
        "PROXY UNKNOWNS\r\n",
    ] {
        assert_eq!(read(text.as_bytes()), ProxyHeader::Malformed, "{text:?}");
    }
    assert_eq!(read(b"PROXY TCP4 \xff 198.51.100.1 1 2\r\n"), ProxyHeader::Malformed);
    // Longer than any, whether or not the end comes.
    let long = format!("PROXY UNKNOWN {}", "x".repeat(V1_BYTES_MAX));
    assert_eq!(read(long.as_bytes()), ProxyHeader::Malformed);
    assert_eq!(read(format!("{long}\r\n").as_bytes()), ProxyHeader::Malformed);
    assert_eq!(read(b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\n"), ProxyHeader::Incomplete, "no line break yet");
}

#[test]
fn version_2_tells_the_client() {
    let extended = [&V4_REST[..], &[0x04, 0x00, 0x02, 0xaa, 0xbb]].concat();
    for (bytes, source) in [
        (v2(0x21, 0x11, &V4_REST), Some("192.0.2.1:56324")),
        (v2(0x21, 0x11, &extended), Some("192.0.2.1:56324")),
        (v2(0x21, 0x21, &v6_rest()), Some("[2001:db8::1]:80")),
        (v2(0x20, 0x11, &V4_REST), None),
        (v2(0x20, 0x00, &[]), None),
        (v2(0x21, 0x00, &[1, 2, 3]), None),
        (v2(0x21, 0x12, &V4_REST), None),
        (v2(0x21, 0x31, &[0; 216]), None),
        (v2(0x21, 0x11, &[&V4_REST[..], &[0; V2_REST_BYTES_MAX - 12]].concat()), Some("192.0.2.1:56324")),
    ] {
        assert_eq!(read(&bytes), complete(source, bytes.len()), "{bytes:x?}");
        assert_eq!(read(&[&bytes[..], b"\x16\x03\x01"].concat()), complete(source, bytes.len()), "{bytes:x?}");
    }
}

#[test]
fn version_2_is_taken_at_its_word_only() {
    for bytes in [
        v2(0x11, 0x11, &V4_REST),
        v2(0x22, 0x11, &V4_REST),
        v2(0x21, 0x41, &V4_REST),
        v2(0x21, 0x13, &V4_REST),
        v2(0x21, 0x11, &V4_REST[..11]),
        v2(0x21, 0x21, &V4_REST),
        v2(0x21, 0x11, &[0; V2_REST_BYTES_MAX + 1]),
    ] {
        assert_eq!(read(&bytes), ProxyHeader::Malformed, "{bytes:x?}");
    }
    // What cannot end well is not waited for.
    assert_eq!(read(&v2(0x11, 0x11, &V4_REST)[..V2_PREFIX_BYTES]), ProxyHeader::Malformed);
    assert_eq!(read(&[V2, &[0x21, 0x11, 0xff, 0xff]].concat()), ProxyHeader::Malformed);
}

#[test]
fn every_beginning_of_a_header_waits_for_the_rest() {
    let headers = [
        b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n".to_vec(),
        v2(0x21, 0x11, &V4_REST),
        v2(0x21, 0x21, &v6_rest()),
    ];
    for header in headers {
        for length in 0..header.len() {
            assert_eq!(read(&header[..length]), ProxyHeader::Incomplete, "{length} bytes of {header:x?}");
        }
    }
}

#[test]
fn what_clients_say_without_a_proxy_is_no_header() {
    for bytes in [
        &b"GET /v1/sys/health HTTP/1.1\r\n"[..],
        b"PUT /v1/a HTTP/1.1\r\n",
        b"PROPFIND / HTTP/1.1\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PROXYX",
        b"\x16\x03\x01\x02\x00",
        b"\r\nGET / HTTP/1.1\r\n",
        b"\r\n\r\n\0\r\nQUIT\r",
    ] {
        assert_eq!(read(bytes), ProxyHeader::Absent, "{bytes:x?}");
    }
}

#[test]
fn the_corpus_keeps_the_promises() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/proxy");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        keeps_its_promises(&std::fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count >= 12, "only {count} samples");
}

proptest! {
    #[test]
    fn any_bytes_keep_the_promises(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        keeps_its_promises(&bytes);
        keeps_its_promises(&[V1, &bytes].concat());
        keeps_its_promises(&[V2, &bytes].concat());
        keeps_its_promises(&[V2, &[0x21, 0x11, 0, 20], &bytes].concat());
    }
}

/// A whole header is within the bytes and reads the same alone; the bytes in front of its end are a beginning of one,
/// and no more than a header's length is ever waited for.
fn keeps_its_promises(bytes: &[u8]) {
    match read(bytes) {
        ProxyHeader::Complete { length, .. } => {
            assert!(length <= bytes.len());
            assert_eq!(read(&bytes[..length]), read(bytes));
            assert_eq!(read(&bytes[..length - 1]), ProxyHeader::Incomplete);
        }
        ProxyHeader::Incomplete => assert!(bytes.len() < V2_PREFIX_BYTES + V2_REST_BYTES_MAX),
        ProxyHeader::Absent | ProxyHeader::Malformed => {}
    }
}
