//! Options as operators write them.

use super::*;

fn parse(kind: &str, options: &[(&str, &str)]) -> Result<Settings, String> {
    let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Settings::parse(kind, &options, &Rules::default()).map_err(|error| error.to_string())
}

#[test]
fn what_is_not_said_is_safe() {
    let settings = parse("file", &[("file_path", "/log")]).expect("a path is enough");
    assert!(!settings.is_raw && settings.hashes_accessors && !settings.elides_lists);
    assert_eq!(settings.bounds, Bounds { records: SPOOL_RECORDS, bytes: SPOOL_BYTES });
    let Target::File(file) = settings.sink else { panic!("it is a file") };
    assert_eq!(file, FileTarget { path: "/log".into(), mode: Some(0o600), is_synced: false });
}

#[test]
fn options_are_taken_as_text() {
    let settings = parse(
        "file",
        &[
            ("path", "stdout"),
            ("log_raw", "TRUE"),
            ("hmac_accessor", "0"),
            ("elide_list_responses", "t"),
            ("mode", "0000"),
            ("fsync", "1"),
            ("spool_records", "5"),
            ("spool_bytes", "6"),
            ("format", "json"),
        ],
    );
    let settings = settings.expect("all of them are options");
    assert!(settings.is_raw && !settings.hashes_accessors && settings.elides_lists);
    assert_eq!(settings.bounds, Bounds { records: 5, bytes: 6 });
    let Target::File(file) = settings.sink else { panic!("it is a file") };
    assert_eq!(file, FileTarget { path: "stdout".into(), mode: None, is_synced: true });
}

#[test]
fn what_is_wrong_is_named() {
    let path = ("file_path", "/log");
    for (kind, options, expected) in [
        ("tape", &[][..], "unknown backend type: \"tape\"; there are file, http, socket and syslog"),
        ("file", &[], "file_path is required"),
        ("file", &[("file_path", "log")], "option \"file_path\": an absolute path, stdout or discard"),
        ("file", &[path, ("mode", "9")], "option \"mode\": strconv.ParseUint: parsing \"9\": invalid syntax"),
        ("file", &[path, ("mode", "0777")], "option \"mode\": a file of records is neither executable nor special"),
        (
            "file",
            &[path, ("hmac_accessor", "maybe")],
            "option \"hmac_accessor\": strconv.ParseBool: parsing \"maybe\": invalid syntax",
        ),
        ("file", &[path, ("format", "jsonx")], "option \"format\": jsonx, which is XML, is not available: use json"),
        ("file", &[path, ("format", "xml")], "option \"format\": unknown format type \"xml\": use json"),
        (
            "file",
            &[path, ("prefix", "@cee: ")],
            "audit log prefixing is not allowed: the configuration needs allow_audit_log_prefixing = true",
        ),
        ("file", &[path, ("spool_bytes", "-1")], "option \"spool_bytes\": a number from 1 to 1073741824"),
        ("file", &[path, ("filter", "x")], "unknown option \"filter\" for a device of type \"file\""),
    ] {
        assert_eq!(parse(kind, options).expect_err("it is wrong"), expected);
    }
}

#[test]
fn sockets_and_syslog_have_defaults_and_bounds() {
    let Ok(Settings { sink: Target::Syslog(syslog), .. }) = parse("syslog", &[]) else { panic!("it needs nothing") };
    assert_eq!(syslog, SyslogTarget { facility: 4, tag: "vault".to_owned(), socket: "/dev/log".into() });
    let address = ("address", "logs.example.com:9090");
    let Ok(Settings { sink: Target::Socket(socket), .. }) = parse("socket", &[address]) else { panic!("it is enough") };
    assert_eq!((socket.transport, socket.write_timeout), (Transport::Tcp, WRITE_TIMEOUT));
    for (kind, options, expected) in [
        ("socket", &[][..], "address is required"),
        ("socket", &[("address", "host")], "option \"address\": a host and a port, such as 192.0.2.1:9090"),
        ("socket", &[address, ("socket_type", "tls")], "option \"socket_type\": tcp, udp or unix, not \"tls\""),
        ("socket", &[address, ("write_timeout", "0")], "option \"write_timeout\": up to 60 seconds, and not zero"),
        ("socket", &[address, ("write_timeout", "x")], "option \"write_timeout\": a duration such as 2s"),
        ("syslog", &[("facility", "x")], "option \"facility\": \"x\" is none: for example AUTH, DAEMON, LOCAL0"),
        ("syslog", &[("tag", "a b")], "option \"tag\": up to 32 visible characters without [, ] and :"),
        ("syslog", &[("file_path", "/x")], "unknown option \"file_path\" for a device of type \"syslog\""),
    ] {
        assert_eq!(parse(kind, options).expect_err("it is wrong"), expected);
    }
}

#[test]
fn a_file_lies_where_the_configuration_lets_it() {
    let rules = |folders: &[&str]| Rules {
        file_folders: Some(folders.iter().map(PathBuf::from).collect()),
        ..Rules::default()
    };
    let parse = |path: &str, folders: &[&str]| {
        let options = BTreeMap::from([("file_path".to_owned(), path.to_owned())]);
        Settings::parse("file", &options, &rules(folders)).map(|_| ()).map_err(|error| error.to_string())
    };
    for path in ["/var/log/vault/a.log", "/var/log/vault/b/a.log", "/x/y", "stdout", "discard"] {
        assert_eq!(parse(path, &["/var/log/vault", "/x"]), Ok(()), "{path}");
    }
    let refused = "file_path must be below a folder of audit_dirs, a key of the server's configuration, which names";
    for path in ["/var/log/a.log", "/var/log/vault/../a.log", "/var/log/vaults/a.log", "/x", "/xy/z"] {
        assert_eq!(parse(path, &["/var/log/vault", "/x"]), Err(format!("{refused} /var/log/vault, /x")), "{path}");
    }
    assert_eq!(parse("/var/log/a.log", &[]), Err(format!("{refused} none")));
}

#[test]
fn web_servers_have_their_options() {
    let parse = |options: &[(&str, &str)]| {
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Settings::parse("http", &options, &Rules::default()).map(|settings| match settings.sink {
            Target::Http(target) => target,
            other => panic!("{other:?}"),
        })
    };
    let target = parse(&[("uri", "https://h/x"), ("headers", r#"{"A": ["1", "2"], "content-type": ["text/x"]}"#)]);
    let target = target.expect("they are sound");
    assert_eq!((target.write_timeout, target.is_batched), (WRITE_TIMEOUT, false));
    assert_eq!(target.headers.get_all("a").iter().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(target.headers.get_all("content-type").iter().collect::<Vec<_>>(), ["text/x"]);
    let batched = parse(&[("uri", "http://h"), ("batch", "true"), ("write_timeout", "5s")]).expect("they are sound");
    assert_eq!(
        (batched.is_batched, &batched.headers["content-type"]),
        (true, &"application/x-ndjson".parse().expect("text"))
    );
    let uri = "option \"uri\": a URL with http or https, such as https://192.0.2.1/audit, without a user in it";
    let headers =
        "option \"headers\": JSON with a list of texts for each name, such as {\"Authorization\": [\"Bearer …\"]}";
    let names =
        "option \"headers\": names that HTTP allows and the connection does not set itself, each with a list of texts";
    for (options, expected) in [
        (&[][..], "uri is required"),
        (&[("uri", "env://X")], uri),
        (&[("uri", "file:///etc/passwd")], uri),
        (&[("uri", "h:443/x")], uri),
        (&[("uri", "https://me:CANARY@h/")], uri),
        (&[("uri", "http://h"), ("headers", "a=CANARY")], headers),
        (&[("uri", "http://h"), ("headers", r#"{"a": "CANARY"}"#)], headers),
        (&[("uri", "http://h"), ("headers", r#"{"Host": ["CANARY"]}"#)], names),
        (&[("uri", "http://h"), ("headers", r#"{"a": ["CANARY\r\nb: c"]}"#)], names),
        (
            &[("uri", "http://h"), ("headers", r#"{"a": ["file:///etc/CANARY"]}"#)],
            "option \"headers\": env:// and file:// are not looked up; declared devices can have from_env and from_file",
        ),
        (&[("uri", "http://h"), ("ca_cert", "CANARY")], "option \"ca_cert\": certificates in PEM"),
        (&[("uri", "http://h"), ("write_timeout", "61s")], "option \"write_timeout\": up to 60 seconds, and not zero"),
        (&[("uri", "http://h"), ("url", "x")], "unknown option \"url\" for a device of type \"http\""),
    ] {
        assert_eq!(parse(options).expect_err(expected).to_string(), expected);
    }
}

#[test]
fn what_is_shown_has_no_credential() {
    let options = |headers: &str| {
        BTreeMap::from([("headers".to_owned(), headers.to_owned()), ("uri".to_owned(), "u".to_owned())])
    };
    let hidden = shown("http", options(r#"{"A": ["CANARY"], "B": ["CANARY", "x"]}"#));
    assert_eq!(hidden, options(r#"{"A":["(hidden)"],"B":["(hidden)"]}"#));
    assert_eq!(shown("file", options("x")), options("x"));
    let uri = |uri: &str| BTreeMap::from([("uri".to_owned(), uri.to_owned())]);
    assert_eq!(shown("http", uri("https://h/x?key=CANARY?&b")), uri("https://h/x?(hidden)"));
    assert_eq!(shown("http", uri("https://h/x")), uri("https://h/x"));
}
