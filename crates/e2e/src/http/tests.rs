//! Whole and broken replies over a real socket.

use std::net::TcpListener;

use super::*;

/// Answers one connection with these bytes, then closes it.
fn answer(bytes: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        // Read what was sent, so that closing does not reset the connection under the reader.
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        drop(stream.read(&mut [0; 4096]));
    });
    address
}

#[test]
fn a_reply_with_a_length_is_read() {
    let reply = Client::new(answer("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nA: b\r\n\r\n{}"))
        .request("GET", "/", None)
        .unwrap();
    assert_eq!((reply.status, reply.header("a"), reply.text().as_str()), (404, Some("b"), "{}"));
}

#[test]
fn a_chunked_reply_is_read() {
    let reply =
        Client::new(answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"))
            .request("GET", "/", None)
            .unwrap();
    assert_eq!(reply.text(), "abcde");
}

#[test]
fn a_reply_that_breaks_off_is_an_error() {
    for bytes in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", "HTTP/1.1 204 No"] {
        assert!(Client::new(answer(bytes)).request("GET", "/", None).is_err(), "{bytes:?}");
    }
}

#[test]
fn a_reply_without_content_has_no_body() {
    let reply = Client::new(answer("HTTP/1.1 204 No Content\r\n\r\n")).request("PUT", "/", None).unwrap();
    assert_eq!((reply.status, reply.body.len()), (204, 0));
}
