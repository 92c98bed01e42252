//! Servers that take records, that refuse, stall, lie and go away.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;

const TAKEN: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A request as the server gets it.
struct Seen {
    line: String,
    headers: Vec<String>,
    body: String,
}

fn read(stream: &mut impl Read) -> Option<Seen> {
    let mut reader = BufReader::with_capacity(1, stream);
    let mut next = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        Some(line.trim_end().to_owned())
    };
    let line = next()?;
    let headers: Vec<_> = std::iter::from_fn(&mut next).take_while(|line| !line.is_empty()).collect();
    let length = headers.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Seen { line, headers, body: String::from_utf8(body).expect("records are text") })
}

/// A server whose connections are served one after the other, by `serve`; it ends when that says so.
fn server(mut serve: impl FnMut(TcpStream) -> bool + Send + 'static) -> (String, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/in?key=CANARY", listener.local_addr().expect("bound"));
    let thread = thread::spawn(move || while serve(listener.accept().expect("it connects").0) {});
    (url, thread)
}

fn target(url: &str) -> HttpTarget {
    HttpTarget {
        url: Url::parse(url).expect("a URL"),
        headers: HeaderMap::from_iter([header("X-Key", "CANARY").expect("a header")]),
        trust: Trust::System,
        write_timeout: Duration::from_secs(20),
        is_batched: false,
    }
}

fn batch(records: &[&str]) -> Batch {
    let mut batch = Batch::default();
    for record in records {
        batch.bytes.extend_from_slice(format!("{record}\n").as_bytes());
        batch.ends.push(batch.bytes.len());
    }
    batch
}

/// What a sink makes of three records at a server that serves so.
fn written(target: impl FnOnce(&str) -> HttpTarget, serve: impl FnMut(TcpStream) -> bool + Send + 'static) -> Written {
    let (url, thread) = server(serve);
    let written = sink(&target(&url)).write(&batch(&["{1}", "{2}", "{3}"]));
    thread.join().expect("the server ended well");
    written
}

fn why(written: &Written) -> String {
    written.failure.as_ref().map(ToString::to_string).unwrap_or_default()
}

#[test]
fn each_record_is_a_post_of_its_own_or_those_that_come_together_are_one() {
    for (is_batched, expected) in [(false, vec!["{1}", "{2}", "{3}"]), (true, vec!["{1}\n{2}\n{3}\n"])] {
        let (sender, seen) = std::sync::mpsc::channel();
        let target = |url: &str| HttpTarget { is_batched, ..target(url) };
        // One connection for all of them.
        let written = written(target, move |mut stream| {
            while let Some(seen) = read(&mut stream) {
                sender.send(seen).expect("the test is there");
                stream.write_all(TAKEN).expect("it listens");
            }
            false
        });
        assert_eq!((written.records, written.taken, why(&written)), (3, 3, String::new()));
        let seen: Vec<Seen> = seen.iter().collect();
        assert_eq!(seen.iter().map(|seen| seen.body.as_str()).collect::<Vec<_>>(), expected);
        for seen in seen {
            assert_eq!(seen.line, "POST /in?key=CANARY HTTP/1.1");
            assert!(seen.headers.contains(&"x-key: CANARY".to_owned()), "{:?}", seen.headers);
        }
    }
}

#[test]
fn any_other_status_is_a_refusal_and_no_redirect_is_followed() {
    for status in ["301 Moved", "307 There", "400 Bad", "403 No", "500 Down"] {
        let written = written(target, move |mut stream| {
            let _seen = read(&mut stream);
            let answer = format!("HTTP/1.1 {status}\r\nlocation: /there\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).expect("it listens");
            false
        });
        assert_eq!(written.taken, 0, "{status}");
        // A server that has failed may have kept it before; what it refuses for what it is, it takes no other for.
        assert_eq!(
            (written.records, written.is_next_refused),
            (usize::from(status.starts_with('5')), status == "400 Bad")
        );
        assert!(why(&written).contains(&status[..3]), "{}", why(&written));
    }
}

#[test]
fn a_server_that_goes_away_or_talks_nonsense_takes_nothing_and_is_not_told_of_in_clear() {
    let answers: [&'static [u8]; 4] =
        [b"", b"220 mail.example ESMTP\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/9.9 200 OK\r\n\r\n"];
    for answer in answers {
        let written = written(target, move |mut stream| {
            let _seen = read(&mut stream);
            stream.write_all(answer).expect("it listens");
            false
        });
        // It may have kept the first, whatever it has answered.
        assert_eq!((written.records, written.taken), (1, 0), "{}", String::from_utf8_lossy(answer));
        assert!(!why(&written).is_empty() && !why(&written).contains("CANARY"), "{}", why(&written));
    }
}

#[test]
fn a_server_that_stands_still_fails_after_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    let target = HttpTarget { write_timeout: Duration::from_millis(100), ..target(&url) };
    let written = sink(&target).write(&batch(&["{1}"]));
    assert_eq!((written.taken, why(&written).as_str()), (0, "the server has not answered within write_timeout"));
    assert_eq!(written.records, 1, "it may be there");
}

#[test]
fn of_a_batch_that_is_refused_each_is_sent_by_itself() {
    let target = |url: &str| HttpTarget { is_batched: true, ..target(url) };
    let written = written(target, move |mut stream| {
        while let Some(seen) = read(&mut stream) {
            let is_refused = seen.body.len() > 4 || seen.body.contains('2');
            let answer = if is_refused { b"HTTP/1.1 413 Long\r\ncontent-length: 0\r\n\r\n".as_slice() } else { TAKEN };
            stream.write_all(answer).expect("it listens");
        }
        false
    });
    assert_eq!((written.records, written.taken, written.is_next_refused), (1, 1, true), "{}", why(&written));
}

#[test]
fn a_batch_without_an_answer_has_spent_all_of_its_numbers() {
    let target = |url: &str| HttpTarget { is_batched: true, ..target(url) };
    let written = written(target, move |mut stream| {
        let _seen = read(&mut stream);
        false
    });
    assert_eq!((written.records, written.taken), (3, 0), "{}", why(&written));
}

#[test]
fn an_answer_that_never_ends_is_not_read_to_its_end() {
    let mut served = 0;
    let written = written(target, move |mut stream| {
        let _seen = read(&mut stream);
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n";
        // The client leaves in the middle, and comes again with the next record.
        let _sent = stream.write_all(head).and_then(|()| stream.write_all(&[b'x'; 1 << 20]));
        served += 1;
        served < 3
    });
    assert_eq!((written.taken, why(&written)), (3, String::new()));
}

#[test]
fn a_server_that_comes_back_is_found() {
    let (url, thread) = server(|mut stream| {
        let seen = read(&mut stream).expect("a record");
        stream.write_all(TAKEN).expect("it listens");
        // Then the connection ends.
        seen.body != "{3}"
    });
    let mut sink = sink(&target(&url));
    for record in ["{1}", "{2}", "{3}"] {
        let written = sink.write(&batch(&[record]));
        assert_eq!((written.taken, why(&written)), (1, String::new()), "{record}");
    }
    thread.join().expect("the server ended well");
    let gone = sink.write(&batch(&["{4}"]));
    assert!(gone.taken == 0 && why(&gone).contains("refused"), "{}", why(&gone));
    let known = sink.write(&batch(&["{5}"]));
    assert_eq!((known.records, known.taken), (0, 0), "nobody was there to take it");
    assert!(!format!("{} {:?}", sink.describe(), target(&url)).contains("CANARY"));
}

#[test]
fn a_certificate_has_to_be_of_the_authorities_that_are_named() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let config = builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).expect("they fit");
    let config = Arc::new(config);
    for (trust, name, expected) in [
        (Trust::from_pem(&made.cert.pem()).expect("one"), "localhost", 3),
        (Trust::System, "localhost", 0),
        (Trust::from_pem(&made.cert.pem()).expect("one"), "127.0.0.1", 0),
    ] {
        let config = Arc::clone(&config);
        let target = |url: &str| {
            let url = url.replace("http://127.0.0.1", &format!("https://{name}"));
            HttpTarget { trust, ..target(&url) }
        };
        let written = written(target, move |stream| {
            let session = ServerConnection::new(Arc::clone(&config)).expect("a session");
            let mut stream = StreamOwned::new(session, stream);
            while read(&mut stream).is_some() {
                stream.write_all(TAKEN).expect("it listens");
            }
            false
        });
        assert_eq!(written.taken, expected, "{name}: {}", why(&written));
        assert_eq!(why(&written).contains("certificate"), expected == 0, "{}", why(&written));
    }
}
