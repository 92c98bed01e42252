//! A daemon's socket, and what comes out of it.

use super::*;

fn batch() -> Batch {
    let one = b"{\"time\":\"2026-03-04T05:06:07.8Z\",\"n\":1}\n".to_vec();
    let two = b"x{\"time\":\"2026-11-23T15:06:07Z\",\"n\":2}\n";
    Batch { ends: vec![one.len(), one.len() + two.len()], bytes: [one.as_slice(), two].concat() }
}

#[test]
fn each_record_is_a_message() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    let daemon = UnixDatagram::bind(&path).expect("a socket");
    let target =
        SyslogTarget { facility: facility("auth").expect("known"), tag: "vault".to_owned(), socket: path.clone() };
    let mut sink = sink(&target);
    let receive = |daemon: &UnixDatagram| {
        let mut bytes = [0; 1024];
        let length = daemon.recv(&mut bytes).expect("it was sent");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    };
    assert_eq!((sink.write(&batch()).taken, sink.write(&batch()).taken), (2, 2));
    let id = std::process::id();
    assert_eq!(
        receive(&daemon),
        format!("<38>Mar  4 05:06:07 vault[{id}]: {{\"time\":\"2026-03-04T05:06:07.8Z\",\"n\":1}}")
    );
    assert!(receive(&daemon).starts_with(&format!("<38>Nov 23 15:06:07 vault[{id}]: x{{")));
    // Another daemon under the same name.
    drop(daemon);
    std::fs::remove_file(&path).expect("it is there");
    let failed = sink.write(&batch());
    assert!(failed.taken == 0 && failed.failure.is_some());
    let daemon = UnixDatagram::bind(&path).expect("a socket");
    assert_eq!(sink.write(&batch()).taken, 2);
    assert!(receive(&daemon).contains("\"n\":1"));
}

#[test]
fn facilities_have_the_numbers_of_the_standard() {
    for (name, number) in
        [("kern", Some(0)), ("AUTH", Some(4)), ("authpriv", Some(10)), ("Local7", Some(23)), ("x", None)]
    {
        assert_eq!(facility(name), number);
    }
}

#[test]
fn a_record_that_is_longer_than_a_message_may_be_is_refused_by_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    let _daemon = UnixDatagram::bind(&path).expect("a socket");
    let mut sink = sink(&SyslogTarget { facility: 4, tag: "vault".to_owned(), socket: path });
    // More than the system keeps for a socket.
    let long = format!("{}\n", "x".repeat(8 << 20));
    let batch = Batch { ends: vec![4, 4 + long.len()], bytes: format!("one\n{long}").into_bytes() };
    for _ in 0..2 {
        let written = sink.write(&batch);
        assert_eq!((written.records, written.taken, written.is_next_refused), (1, 1, true), "{:?}", written.failure);
    }
}
