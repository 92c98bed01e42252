//! Paths with characters that mean something in URLs.

use super::{is_loopback, parse_address, resolve};

#[test]
fn paths_reach_the_server_as_they_are() {
    for (address, path, query, url) in [
        ("http://h:1", "sys/mounts", vec![], "http://h:1/v1/sys/mounts"),
        ("http://h:1/", "/secret/data/a/", vec![], "http://h:1/v1/secret/data/a/"),
        ("https://h/vault/", "a b/c?d#e%20", vec![], "https://h/vault/v1/a%20b/c%3Fd%23e%2520"),
        ("http://h", "x", vec![("list", "true"), ("q", "a&b")], "http://h/v1/x?list=true&q=a%26b"),
    ] {
        let query: Vec<_> = query.into_iter().map(|(k, v): (&str, &str)| (k.to_owned(), v.to_owned())).collect();
        let address = parse_address(address).expect("an address").url;
        assert_eq!(resolve(&address, path, &query).expect("a URL").as_str(), url);
    }
}

#[test]
fn dot_segments_and_odd_addresses_are_refused() {
    let address = parse_address("http://h").expect("an address").url;
    for path in [".", "a/../b", "a/./b", ".."] {
        assert!(resolve(&address, path, &[]).is_err(), "{path}");
    }
    for address in ["", "127.0.0.1:8200", "ftp://h", "unix://run/x", "unix://", "http://h?x=1", "http://h#x"] {
        assert!(parse_address(address).is_err(), "{address}");
    }
}

#[test]
fn this_machine_is_recognized() {
    for (address, expected) in
        [("http://localhost:1", true), ("http://127.1.2.3", true), ("http://[::1]:1", true), ("http://vault", false)]
    {
        assert_eq!(is_loopback(&parse_address(address).expect("an address").url), expected);
    }
}

#[test]
fn a_socket_is_told_by_its_path() {
    let address = parse_address(" unix:///run/vault.sock").expect("an address");
    assert_eq!(address.socket.as_deref(), Some(std::path::Path::new("/run/vault.sock")));
    assert_eq!(resolve(&address.url, "sys/health", &[]).expect("a URL").as_str(), "http://localhost/v1/sys/health");
}
