//! Peers that read, that read nothing, and that go away.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use super::*;

fn target(transport: Transport, address: String) -> SocketTarget {
    SocketTarget { transport, address, write_timeout: Duration::from_millis(200) }
}

fn batch(record: &str) -> Batch {
    Batch { bytes: format!("{record}\n").into_bytes(), ends: vec![record.len() + 1] }
}

fn line(stream: impl io::Read) -> String {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("it was sent");
    line
}

#[test]
fn lines_go_over_streams_and_a_peer_that_comes_back_is_found() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut sink = sink(&target(Transport::Tcp, listener.local_addr().expect("bound").to_string()));
    assert_eq!(sink.write(&batch("one")).taken, 1);
    let (first, _) = listener.accept().expect("it connects");
    assert_eq!(line(&first), "one\n");
    drop(first);
    // The end of a connection shows only once something was sent into it.
    let mut accepted = None;
    listener.set_nonblocking(true).expect("a socket");
    for _ in 0..1000 {
        assert_eq!(sink.write(&batch("two")).taken, 1);
        if let Ok((second, _)) = listener.accept() {
            accepted = Some(second);
            break;
        }
    }
    let second = accepted.expect("it connects again");
    second.set_nonblocking(false).expect("a socket");
    assert_eq!(line(&second), "two\n");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).expect("a socket");
    let mut sink = super::sink(&target(Transport::Unix, path.display().to_string()));
    assert_eq!(sink.write(&batch("three")).taken, 1);
    assert_eq!(line(listener.accept().expect("it connects").0), "three\n");
}

#[test]
fn a_peer_that_reads_nothing_fails_after_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut sink = sink(&target(Transport::Tcp, listener.local_addr().expect("bound").to_string()));
    let long = "x".repeat(1024 * 1024);
    let failed = (0..64).map(|_| sink.write(&batch(&long))).find(|written| written.taken == 0);
    assert!(failed.and_then(|failed| failed.failure).is_some(), "the buffers of the system are full");
}

#[test]
fn nobody_there_is_a_failure() {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").to_string();
    for (transport, address) in [(Transport::Tcp, closed), (Transport::Unix, "/nonexistent/socket".to_owned())] {
        let written = sink(&target(transport, address)).write(&batch("one"));
        assert!(written.taken == 0 && written.failure.is_some());
    }
}

#[test]
fn datagrams_carry_a_record_each() {
    let peer = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let mut sink = sink(&target(Transport::Udp, peer.local_addr().expect("bound").to_string()));
    let both = Batch { bytes: b"one\ntwo\n".to_vec(), ends: vec![4, 8] };
    assert_eq!(sink.write(&both).taken, 2);
    let mut bytes = [0; 16];
    for expected in [b"one", b"two"] {
        let length = peer.recv(&mut bytes).expect("it was sent");
        assert_eq!(&bytes[..length], expected);
    }
    // More than a datagram holds: the others do not suffer from it.
    let long = "x".repeat(70_000);
    let three = Batch { bytes: format!("one\n{long}\ntwo\n").into_bytes(), ends: vec![4, 70_005, 70_009] };
    let written = sink.write(&three);
    assert_eq!((written.records, written.taken, written.is_next_refused), (1, 1, true));
    assert!(written.failure.is_some_and(|error| error.to_string().contains("too long")));
}
