//! The machine's syslog: each record is one datagram to its socket (RFC 3164 §4.1, as local programs write it: priority,
//! time, tag and process id, without a host).
//!
//! Times are UTC: the daemons of today take the time of arrival, and the record has its own.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use super::{Batch, Failure, Sink, Written, datagram_failure};

/// How long a daemon may take to make room.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);
/// What records are to a daemon: information (RFC 3164 §4.1.1).
const SEVERITY: u8 = 6;

/// The facilities by their numbers (RFC 3164 §4.1.1).
const FACILITIES: [&str; 24] = [
    "KERN", "USER", "MAIL", "DAEMON", "AUTH", "SYSLOG", "LPR", "NEWS", "UUCP", "CRON", "AUTHPRIV", "FTP", "NTP",
    "SECURITY", "CONSOLE", "CLOCK", "LOCAL0", "LOCAL1", "LOCAL2", "LOCAL3", "LOCAL4", "LOCAL5", "LOCAL6", "LOCAL7",
];

/// Where a syslog device writes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SyslogTarget {
    pub(crate) facility: u8,
    pub(crate) tag: String,
    pub(crate) socket: PathBuf,
}

/// The number of a facility, given with or without capitals.
pub(crate) fn facility(name: &str) -> Option<u8> {
    (0..).zip(FACILITIES).find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(number, _)| number)
}

pub(super) fn sink(target: &SyslogTarget) -> Box<dyn Sink> {
    Box::new(Syslog { target: target.clone(), socket: None, message: Vec::new() })
}

struct Syslog {
    target: SyslogTarget,
    socket: Option<UnixDatagram>,
    message: Vec<u8>,
}

impl Syslog {
    fn connect(&self) -> io::Result<UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(&self.target.socket)?;
        socket.set_write_timeout(Some(WRITE_TIMEOUT))?;
        Ok(socket)
    }

    fn send(&mut self, record: &[u8]) -> Result<(), Failure> {
        self.message.clear();
        let priority = self.target.facility * 8 + SEVERITY;
        let (tag, id) = (&self.target.tag, std::process::id());
        let head = format!("<{priority}>{} {tag}[{id}]: ", written_time(record));
        self.message.extend_from_slice(head.as_bytes());
        self.message.extend_from_slice(record);
        // A daemon that was started anew has another socket under the name.
        if let Some(socket) = &self.socket {
            match socket.send(&self.message).map_err(datagram_failure) {
                Ok(_) => return Ok(()),
                Err(failure @ Failure::Record(_)) => return Err(failure),
                Err(_) => self.socket = None,
            }
        }
        let socket = self.connect().map_err(Failure::Medium)?;
        let sent = socket.send(&self.message).map_err(datagram_failure);
        if let Ok(_) | Err(Failure::Record(_)) = sent {
            self.socket = Some(socket);
        }
        sent.map(drop)
    }
}

impl Sink for Syslog {
    fn write(&mut self, batch: &Batch) -> Written {
        super::one_by_one(batch, |record| self.send(record))
    }

    fn reopen(&mut self) {
        self.socket = None;
    }

    fn describe(&self) -> String {
        format!("syslog at {}", self.target.socket.display())
    }
}

/// The record's own time as syslog writes it: `Jan _2 15:04:05`.
fn written_time(record: &[u8]) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    const BEFORE: &[u8] = b"{\"time\":\"";
    let at = record.windows(BEFORE.len()).position(|window| window == BEFORE).map(|at| at + BEFORE.len());
    let time = at.and_then(|at| record.get(at..at + "2026-01-02T15:04:05".len()));
    let time = time.and_then(|time| std::str::from_utf8(time).ok());
    let parts = time.and_then(|time| Some((time.get(5..7)?.parse::<usize>().ok()?, time.get(8..10)?, time.get(11..)?)));
    let (month, day, clock) = parts.unwrap_or((1, "01", "00:00:00"));
    let month = MONTHS.get(month.wrapping_sub(1)).copied().unwrap_or("Jan");
    format!("{month} {:>2} {clock}", day.trim_start_matches('0'))
}

#[cfg(test)]
mod tests;
