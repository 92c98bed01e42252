//! A socket: records as lines over TCP or a Unix stream, or one a datagram over UDP.
//!
//! A record counts as taken when the system has taken it to send: what a peer does with it nobody says, so that the last
//! records before a connection breaks may be lost though they were taken. A peer that reads nothing fails the device
//! after the timeout. A connection that broke is made anew once for each batch.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::{Batch, Failure, Sink, Written, datagram_failure};

/// Where a socket device writes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SocketTarget {
    pub(crate) transport: Transport,
    /// Host and port, or a path.
    pub(crate) address: String,
    pub(crate) write_timeout: Duration,
}

/// How records travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Transport {
    Tcp,
    Udp,
    Unix,
}

pub(super) fn sink(target: &SocketTarget) -> Box<dyn Sink> {
    match target.transport {
        Transport::Udp => Box::new(Datagrams { target: target.clone(), socket: None }),
        Transport::Tcp | Transport::Unix => Box::new(Stream { target: target.clone(), stream: None }),
    }
}

impl SocketTarget {
    /// The addresses that the name stands for today.
    fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(self.address.to_socket_addrs()?.collect())
    }
}

trait Connected: io::Write + Send {}
impl<T: io::Write + Send> Connected for T {}

struct Stream {
    target: SocketTarget,
    stream: Option<Box<dyn Connected>>,
}

impl Stream {
    fn connect(&self) -> io::Result<Box<dyn Connected>> {
        let timeout = Some(self.target.write_timeout);
        if self.target.transport == Transport::Unix {
            let stream = UnixStream::connect(&self.target.address)?;
            stream.set_write_timeout(timeout)?;
            return Ok(Box::new(stream));
        }
        let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in self.target.addresses()? {
            match TcpStream::connect_timeout(&address, self.target.write_timeout) {
                Ok(stream) => {
                    stream.set_write_timeout(timeout)?;
                    stream.set_nodelay(true)?;
                    return Ok(Box::new(stream));
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Writes over the connection that there is, or a new one; gives what was written before it failed.
    fn send(&mut self, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
        let stream = match self.stream.take() {
            Some(stream) => Ok(stream),
            None => self.connect(),
        };
        let mut stream = stream.map_err(|error| (0, error))?;
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match stream.write(rest) {
                Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The connection goes: what was cut in it ends with it.
                Err(error) => return Err((written, error)),
            }
        }
        self.stream = Some(stream);
        Ok(())
    }
}

impl Sink for Stream {
    fn write(&mut self, batch: &Batch) -> Written {
        let had_connection = self.stream.is_some();
        let first = match self.send(&batch.bytes) {
            Ok(()) => return Written::all(batch),
            Err(first) => first,
        };
        let (bytes, error) = first;
        let whole = batch.whole_within(bytes);
        // A peer that reads nothing would only be waited for once more.
        let is_stalled = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
        if !had_connection || is_stalled {
            return Written { is_torn: false, ..Written::cut(batch, bytes, error) };
        }
        let start = batch.start_of(whole);
        match self.send(batch.bytes.get(start..).unwrap_or_default()) {
            Ok(()) => Written::all(batch),
            Err((more, error)) => Written { is_torn: false, ..Written::cut(batch, start + more, error) },
        }
    }

    fn reopen(&mut self) {
        self.stream = None;
    }

    fn describe(&self) -> String {
        format!("socket to {}", self.target.address)
    }
}

struct Datagrams {
    target: SocketTarget,
    socket: Option<UdpSocket>,
}

impl Datagrams {
    fn connect(&self) -> io::Result<UdpSocket> {
        let addresses = self.target.addresses()?;
        let any: SocketAddr = match addresses.first() {
            Some(SocketAddr::V6(_)) => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
            _ => (std::net::Ipv4Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(addresses.as_slice())?;
        socket.set_write_timeout(Some(self.target.write_timeout))?;
        Ok(socket)
    }

    fn send(&mut self, record: &[u8]) -> Result<(), Failure> {
        if let Some(socket) = &self.socket {
            match socket.send(record).map_err(datagram_failure) {
                Ok(_) => return Ok(()),
                Err(failure @ Failure::Record(_)) => return Err(failure),
                Err(_) => self.socket = None,
            }
        }
        let socket = self.connect().map_err(Failure::Medium)?;
        let sent = socket.send(record).map_err(datagram_failure);
        if let Ok(_) | Err(Failure::Record(_)) = sent {
            self.socket = Some(socket);
        }
        sent.map(drop)
    }
}

impl Sink for Datagrams {
    fn write(&mut self, batch: &Batch) -> Written {
        super::one_by_one(batch, |record| self.send(record))
    }

    fn reopen(&mut self) {
        self.socket = None;
    }

    fn describe(&self) -> String {
        format!("datagrams to {}", self.target.address)
    }
}

#[cfg(test)]
mod tests;
