//! `audit verify`: reads files of records and tells what was changed, moved, taken out or cut off.
//!
//! Within a file, numbers and predecessors are compared here. Whether a record is genuine only the server can say, which
//! has the key: it is sent the hash of each record and its MAC, and never the record.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};

use api::audit::{self, ChainName, Link, Mac};
use client::Error;
use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use serde_json::json;

use crate::Failure;
use crate::connection::Connection;
use crate::session::Session;

/// How many records the server is asked about at once.
const BATCH: usize = 500;
/// The longest line that is read, in bytes.
const LINE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// The most findings that are printed; the rest is counted.
const FINDINGS_MAX: usize = 100;

/// What the server says of chains and records.
pub(super) trait Witness {
    /// How far the chains have come that it knows of.
    fn heads(&self) -> Result<Vec<Head>, Error>;

    /// How many of these, from the first on, are genuine.
    fn count_genuine(&self, term: u32, claims: &str) -> Result<usize, Error>;
}

/// How far a chain has come.
#[derive(Clone, Deserialize)]
pub(super) struct Head {
    device: String,
    boot: String,
    node: String,
    seq: u64,
    mac: String,
}

/// What is known of a chain so far.
struct Chain {
    first: u64,
    last: u64,
    mac: Mac,
    lost: u64,
}

/// A record that the server has not been asked about yet.
struct Pending {
    place: String,
    term: u32,
    claim: String,
}

/// Reads records and keeps what is wrong with them.
pub(super) struct Checker<'w> {
    witness: &'w dyn Witness,
    heads: BTreeMap<(String, String), Head>,
    chains: BTreeMap<(String, String, String), Chain>,
    pending: Vec<Pending>,
    /// A line that is no record, and may be one that was cut.
    cut: Option<String>,
    pub(super) records: u64,
    pub(super) findings: Vec<String>,
}

impl<'w> Checker<'w> {
    pub(super) fn new(witness: &'w dyn Witness) -> Result<Self, Error> {
        let heads = witness.heads()?.into_iter();
        let heads = heads.map(|head| ((head.device.clone(), head.boot.clone()), head)).collect();
        let (chains, pending, findings) = (BTreeMap::new(), Vec::new(), Vec::new());
        Ok(Self { witness, heads, chains, pending, cut: None, records: 0, findings })
    }

    /// Takes one line, without its end.
    pub(super) fn line(&mut self, place: &str, line: &[u8]) -> Result<(), Error> {
        let Some(read) = audit::read(line) else {
            self.end_of_file();
            self.cut = Some(place.to_owned());
            return Ok(());
        };
        if let Some(cut) = self.cut.take()
            && !read.link.is_after_torn
        {
            self.find(format!("{cut}: this is no record of a device"));
        }
        self.records += 1;
        let hash = BASE64URL_NOPAD.encode(&secret::sha256(read.covered));
        let claim = format!("{hash}.{}", audit::mac_text(&read.link.mac));
        self.pending.push(Pending { place: place.to_owned(), term: read.link.name.term, claim });
        self.link(place, read.link);
        if self.pending.len() >= BATCH { self.ask() } else { Ok(()) }
    }

    /// A line that was cut is mended by the next in its own file.
    pub(super) fn end_of_file(&mut self) {
        if let Some(cut) = self.cut.take() {
            self.find(format!("{cut}: this is no record of a device"));
        }
    }

    fn link(&mut self, place: &str, link: Link) {
        let Link { name: ChainName { device, boot, node, .. }, seq, prev, lost, mac, .. } = link;
        let known = self.heads.get(&(device.clone(), boot.clone())).filter(|head| head.seq == seq);
        if known.is_some_and(|head| head.mac != audit::mac_text(&mac)) {
            self.find(format!("{place}: record {seq} is not the one that the server has noted"));
        }
        let problem = match self.chains.get_mut(&(device.clone(), boot.clone(), node.clone())) {
            None => {
                self.chains.insert((device, boot, node), Chain { first: seq, last: seq, mac, lost });
                (seq == 1 && prev.is_some()).then(|| format!("{place}: the first record names one before it"))
            }
            Some(chain) => {
                let (before, is_next) = (chain.last, prev == Some(chain.mac));
                chain.lost += lost;
                // Compared with the next one, whatever came before: one gap is one finding.
                (chain.last, chain.mac) = (seq, mac);
                match before.checked_add(1) {
                    Some(next) if seq == next && is_next => None,
                    Some(next) if seq == next => {
                        Some(format!("{place}: record {seq} does not follow the one before it"))
                    }
                    Some(next) if seq == next + 1 => Some(format!("{place}: record {next} is missing before it")),
                    Some(next) if seq > next => {
                        Some(format!("{place}: records {next} to {} are missing before it", seq - 1))
                    }
                    _ => Some(format!("{place}: record {seq} stands behind record {before}")),
                }
            }
        };
        if let Some(problem) = problem {
            self.find(problem);
        }
    }

    /// Asks the server about what is pending.
    fn ask(&mut self) -> Result<(), Error> {
        let mut rest = std::mem::take(&mut self.pending);
        while let Some(term) = rest.first().map(|record| record.term) {
            let of_term = rest.iter().take_while(|record| record.term == term).count();
            let claims: Vec<_> = rest.iter().take(of_term).map(|record| record.claim.as_str()).collect();
            let genuine = self.witness.count_genuine(term, &claims.join(","))?.min(of_term);
            let mut done = rest.drain(..of_term.min(genuine + 1));
            if genuine < of_term
                && let Some(bad) = done.next_back()
            {
                self.findings.push(format!("{}: this record was changed, or not written by this cluster", bad.place));
            }
        }
        Ok(())
    }

    /// Asks about the rest, and looks for ends that are missing.
    pub(super) fn finish(&mut self, is_partial: bool) -> Result<(), Error> {
        self.end_of_file();
        self.ask()?;
        if is_partial {
            return Ok(());
        }
        let heads: Vec<_> = self.heads.values().cloned().collect();
        for Head { device, boot, node, seq, .. } in heads {
            match self.chains.get(&(device.clone(), boot.clone(), node.clone())).map(|chain| chain.last) {
                Some(last) if last < seq => {
                    self.find(format!("records {} to {seq} of chain {boot} are missing at its end", last + 1));
                }
                Some(_) => {}
                // Only of those whose records are looked at: others are elsewhere.
                None if self.is_between(&device, &boot, &node) => {
                    self.find(format!("chain {boot} with {seq} records is missing"));
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Whether a chain of this device and node that began earlier has been seen.
    fn is_between(&self, device: &str, boot: &str, node: &str) -> bool {
        self.chains.keys().any(|(of, earlier, on)| of == device && on == node && earlier.as_str() < boot)
    }

    fn find(&mut self, finding: String) {
        self.findings.push(finding);
    }

    /// What the reader should know of chains that are whole.
    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        for ((_, boot, node), chain) in &self.chains {
            if chain.first > 1 {
                let first = chain.first;
                remarks.push(format!(
                    "chain {boot} of {node} begins at record {first}: what is before is not in these files"
                ));
            }
            if chain.lost > 0 {
                remarks
                    .push(format!("chain {boot} of {node}: the device lost {} records that others took", chain.lost));
            }
        }
        remarks
    }
}

/// The server itself.
struct Server(Connection);

#[derive(Deserialize)]
struct HeadPage {
    heads: Vec<Head>,
    next: Option<String>,
}

impl Witness for Server {
    fn heads(&self) -> Result<Vec<Head>, Error> {
        let mut heads = Vec::new();
        let mut after = String::new();
        loop {
            let reply = self.0.read("sys/audit-verify", &[("after".to_owned(), after)])?;
            let page = reply.and_then(|reply| serde_json::from_value(reply.data?).ok());
            let page = page.unwrap_or(HeadPage { heads: Vec::new(), next: None });
            heads.extend(page.heads);
            match page.next {
                Some(next) => after = next,
                None => return Ok(heads),
            }
        }
    }

    fn count_genuine(&self, term: u32, claims: &str) -> Result<usize, Error> {
        let reply = self.0.write("sys/audit-verify", &json!({ "term": term, "records": claims }))?;
        let genuine = reply.and_then(|reply| reply.data?.get("genuine")?.as_u64());
        Ok(genuine.and_then(|genuine| usize::try_from(genuine).ok()).unwrap_or(0))
    }
}

pub(super) fn run(session: &mut Session<'_>) -> Result<u8, Failure> {
    let api = |error| Failure::api("Error verifying audit records", &error);
    let server = Server(session.connect()?);
    let mut checker = Checker::new(&server).map_err(api)?;
    let paths = session.args.positional.clone();
    for path in &paths {
        let file = File::open(path).map_err(|error| Failure::usage(format!("Error reading {path}: {error}")))?;
        read_lines(path, BufReader::new(file), |place, line| checker.line(place, line).map_err(api))?;
        checker.end_of_file();
    }
    checker.finish(session.args.is_on("partial")).map_err(api)?;
    for finding in checker.findings.iter().take(FINDINGS_MAX) {
        session.terminal.out(finding)?;
    }
    let found = checker.findings.len();
    let chains = match checker.chains.len() {
        1 => "1 chain".to_owned(),
        count => format!("{count} chains"),
    };
    let records = checker.records;
    for remark in checker.remarks() {
        session.terminal.out(&remark)?;
    }
    if found > 0 {
        session.terminal.out(&format!("Findings: {found}, in {records} records of {chains}"))?;
        return Ok(1);
    }
    session.tell(&format!("Success! {records} records of {chains} are as the server wrote them"))
}

fn read_lines(
    path: &str,
    mut reader: impl BufRead,
    mut take: impl FnMut(&str, &[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let failed = |why: String| Failure::usage(format!("Error reading {path}: {why}"));
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let length = reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        if length.map_err(|error| failed(error.to_string()))? == 0 {
            break;
        }
        if line.last() != Some(&b'\n') && line.len() as u64 >= LINE_BYTES_MAX {
            return Err(failed(format!("line {number} is longer than {LINE_BYTES_MAX} bytes")));
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        take(&format!("{path}:{number}"), text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
