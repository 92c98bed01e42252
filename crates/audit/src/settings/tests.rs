//! Options as operators write them.

use super::*;

fn parse(kind: &str, options: &[(&str, &str)]) -> Result<Settings, String> {
    let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Settings::parse(kind, &options, false).map_err(|error| error.to_string())
}

#[test]
fn what_is_not_said_is_safe() {
    let settings = parse("file", &[("file_path", "/log")]).expect("a path is enough");
    assert!(!settings.is_raw && settings.hashes_accessors && !settings.elides_lists);
    assert_eq!(settings.bounds, Bounds { records: SPOOL_RECORDS, bytes: SPOOL_BYTES });
    let Target::File(file) = settings.sink;
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
    let Target::File(file) = settings.sink;
    assert_eq!(file, FileTarget { path: "stdout".into(), mode: None, is_synced: true });
}

#[test]
fn what_is_wrong_is_named() {
    let path = ("file_path", "/log");
    for (kind, options, expected) in [
        ("tape", &[][..], "unknown backend type: \"tape\"; there are file, syslog, socket and http"),
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
