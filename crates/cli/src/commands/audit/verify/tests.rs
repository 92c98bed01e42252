//! Records that were left alone, and all the ways in which they were not.

use api::audit::{start, write_mac, write_place};

use super::*;

/// Makes MACs with a key, as the server does, and knows how far it has come.
struct Scribe {
    heads: Vec<Head>,
}

fn mac(covered_hash: &[u8; 32]) -> Mac {
    let mut mac = [0; 16];
    mac.copy_from_slice(&secret::hmac_sha256(b"key", &[covered_hash])[..16]);
    mac
}

impl Witness for Scribe {
    fn heads(&self) -> Result<Vec<Head>, Error> {
        Ok(self.heads.clone())
    }

    fn count_genuine(&self, term: u32, claims: &str) -> Result<usize, Error> {
        let is_genuine = |claim: &&str| {
            let (hash, claimed) = claim.split_once('.').expect("a point");
            let hash = BASE64URL_NOPAD.decode(hash.as_bytes()).expect("base64url").try_into().expect("32 bytes");
            term == 1 && claimed == audit::mac_text(&mac(&hash))
        };
        Ok(claims.split(',').take_while(is_genuine).count())
    }
}

/// So many records of a chain, and its head.
fn chain(boot: &str, count: u64) -> (Vec<String>, Head) {
    let (device, node) = ("d".to_owned(), "n".to_owned());
    let start = start(&ChainName { device: device.clone(), boot: boot.to_owned(), node: node.clone(), term: 1 });
    let (mut lines, mut prev) = (Vec::new(), None);
    for seq in 1..=count {
        let mut line = format!("{{\"type\":\"request\",\"request\":{{\"id\":\"{seq}\"}}").into_bytes();
        write_place(&mut line, &start, seq, prev.as_ref(), 0, false);
        let own = mac(&secret::sha256(&line));
        write_mac(&mut line, &own);
        prev = Some(own);
        lines.push(String::from_utf8(line).expect("text").trim_end().to_owned());
    }
    let mac = prev.as_ref().map(audit::mac_text).unwrap_or_default();
    (lines, Head { device, boot: boot.to_owned(), node, seq: count, mac })
}

fn findings(lines: &[String], heads: Vec<Head>, is_partial: bool) -> Vec<String> {
    let scribe = Scribe { heads };
    let mut checker = Checker::new(&scribe).expect("it answers");
    for (number, line) in (1..).zip(lines) {
        checker.line(&format!("f:{number}"), line.as_bytes()).expect("it answers");
    }
    checker.finish(is_partial).expect("it answers");
    checker.findings
}

#[test]
fn what_was_left_alone_is_whole() {
    let ((one, first), (two, second)) = (chain("1", 700), chain("2", 3));
    let mut both: Vec<_> = one.into_iter().chain(two).collect();
    assert!(findings(&both, vec![first.clone(), second.clone()], false).is_empty());
    both.drain(..10);
    assert!(findings(&both, vec![first, second], false).is_empty(), "older records are elsewhere");
}

#[test]
fn a_change_is_found() {
    let (mut lines, head) = chain("1", 9);
    lines[3] = lines[3].replace("\"id\":\"4\"", "\"id\":\"5\"");
    assert_eq!(findings(&lines, vec![head], false), ["f:4: this record was changed, or not written by this cluster"]);
}

#[test]
fn whoever_recomputes_every_plain_hash_is_found() {
    // A whole chain with another key, its links in order.
    let (lines, head) = chain("1", 3);
    let forged: Vec<_> = lines.iter().map(|line| line.replace("\"request\"", "\"response\"")).collect();
    let found = findings(&forged, vec![head], false);
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn what_was_taken_out_or_moved_is_found() {
    let (lines, head) = chain("1", 9);
    let mut without = lines.clone();
    without.drain(3..5);
    assert_eq!(findings(&without, vec![head.clone()], false), ["f:4: records 4 to 5 are missing before it"]);
    let mut moved = lines;
    moved.swap(3, 4);
    let found = findings(&moved, vec![head], false);
    assert_eq!(found[..2], ["f:4: record 4 is missing before it", "f:5: record 4 stands behind record 5"]);
}

#[test]
fn an_end_that_was_cut_off_is_found_up_to_the_head() {
    let ((lines, head), (_, later)) = (chain("1", 9), chain("2", 5));
    let cut = &lines[..6];
    let expected = ["records 7 to 9 of chain 1 are missing at its end"];
    assert_eq!(findings(cut, vec![head.clone()], false), expected);
    assert!(findings(cut, vec![head.clone()], true).is_empty(), "with -partial they are elsewhere");
    assert_eq!(findings(&lines, vec![head, later.clone()], false), ["chain 2 with 5 records is missing"]);
    let elsewhere = Head { node: "other".to_owned(), ..later };
    assert!(findings(&lines, vec![elsewhere], false).is_empty(), "another node's records are in its own files");
}

#[test]
fn an_older_state_of_the_chain_is_not_the_one_that_was_noted() {
    let (lines, head) = chain("1", 3);
    let noted = Head { mac: audit::mac_text(&[7; 16]), ..head };
    assert_eq!(findings(&lines, vec![noted], false), ["f:3: record 3 is not the one that the server has noted"]);
}

#[test]
fn lines_of_others_are_found_and_cut_ones_forgiven_where_the_next_says_so() {
    let (mut lines, head) = chain("1", 3);
    lines.insert(1, "{\"type\":\"request\"}".to_owned());
    assert_eq!(findings(&lines, vec![head], false), ["f:2: this is no record of a device"]);
    let mut line = b"{\"type\":\"request\"".to_vec();
    let name = ChainName { device: "d".to_owned(), boot: "2".to_owned(), node: "n".to_owned(), term: 1 };
    write_place(&mut line, &start(&name), 1, None, 0, true);
    let own = mac(&secret::sha256(&line));
    write_mac(&mut line, &own);
    let mended = String::from_utf8(line).expect("text").trim_end().to_owned();
    assert!(findings(&["{\"type\":\"req".to_owned(), mended.clone()], Vec::new(), false).is_empty());
    assert_eq!(findings(&["x".to_owned(), "y".to_owned(), mended], Vec::new(), false).len(), 1, "one, not two");
}
