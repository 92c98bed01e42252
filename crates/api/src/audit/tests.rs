//! Lines that are written and read back, and lines that are none.

use super::*;

fn name() -> ChainName {
    ChainName {
        device: "5d1e".to_owned(),
        boot: "18a7c0ffee00000000c0ffee".to_owned(),
        node: "a \"node\"".to_owned(),
        term: 3,
    }
}

fn line(body: &str, seq: u64, prev: Option<&Mac>, lost: u64, is_after_torn: bool) -> Vec<u8> {
    let mut line = body.as_bytes().to_vec();
    write_place(&mut line, &start(&name()), seq, prev, lost, is_after_torn);
    write_mac(&mut line, &[9; MAC_BYTES]);
    assert_eq!(line.pop(), Some(b'\n'), "a line has an end");
    line
}

#[test]
fn what_is_written_is_read_back_and_is_json() {
    for (seq, prev, lost, is_after_torn) in
        [(1, None, 0, false), (2, Some([1; 16]), 0, true), (u64::MAX, None, 7, true)]
    {
        let body = r#"{"type":"request","request":{"data":{"chain":{"x":",\"chain\":{"}}}"#;
        let line = line(body, seq, prev.as_ref(), lost, is_after_torn);
        let read = read(&line).expect("it is one of ours");
        assert_eq!(read.link, Link { name: name(), seq, prev, lost, is_after_torn, mac: [9; 16] });
        assert!(line.starts_with(read.covered) && read.covered.starts_with(body.as_bytes()));
        let value: serde_json::Value = serde_json::from_slice(&line).expect("a record is JSON");
        assert_eq!((&value["type"], &value["chain"]["seq"]), (&"request".into(), &seq.into()));
    }
}

#[test]
fn a_text_in_front_is_covered_as_well() {
    let line = line(r#"@cee: {"type":"request""#, 1, None, 0, false);
    assert!(read(&line).expect("it is one of ours").covered.starts_with(b"@cee: {"));
}

#[test]
fn what_is_no_line_of_ours_is_told_apart() {
    let good = line(r#"{"type":"request""#, 1, None, 0, false);
    assert!(read(&good).is_some());
    for end in 0..good.len() {
        assert!(read(&good[..end]).is_none(), "cut at {end}");
    }
    let long = [good.as_slice(), b"}"].concat();
    for other in [&b""[..], b"{}", b"\xff\xff", br#"{"type":"request"}"#, &long] {
        assert!(read(other).is_none());
    }
    let without = String::from_utf8(good).expect("text").replace("\"seq\":1", "\"seq\":-1");
    assert!(read(without.as_bytes()).is_none());
}
