use tokio::net::TcpListener;

use super::*;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

#[test]
fn a_head_says_how_long_the_reply_is() {
    let whole = Head { status: 200, length: OK.len(), is_last: false };
    assert_eq!(Head::read(OK.as_bytes()).expect("a head"), Some(whole));
    let last = "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\n";
    let refused = Head { status: 503, length: last.len(), is_last: true };
    assert_eq!(Head::read(last.as_bytes()).expect("a head"), Some(refused));
    assert_eq!(Head::read(b"HTTP/1.1 200 OK\r\nContent-").expect("the start of a head"), None);
    assert!(Head::read(b"ready\r\n\r\n").is_err());
}

#[test]
fn only_a_200_in_time_is_good() {
    let mut outcome = Outcome::default();
    for (status, waited) in [
        (Some(200), PATIENCE),
        (Some(200), PATIENCE * 2),
        (Some(503), PATIENCE),
        (Some(403), PATIENCE),
        (None, PATIENCE),
    ] {
        outcome.count(status, waited);
    }
    assert_eq!((outcome.good, outcome.late, outcome.refused, outcome.failed), (1, 1, 1, 2));
    assert_eq!(outcome.offered(), 5);
}

/// A server that answers each request with the next of these texts, the last of them for ever.
async fn serve(listener: TcpListener, replies: &'static [&'static str]) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut left = replies;
            let mut request = [0; 4096];
            while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                let Some((reply, more)) = left.split_first() else { return };
                left = if more.is_empty() { left } else { more };
                if stream.write_all(reply.as_bytes()).await.is_err() {
                    return;
                }
            }
        });
    }
}

fn run(replies: &'static [&'static str], requests: Requests, pace: Pace) -> Outcome {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
    let address = listener.local_addr().expect("an address");
    runtime.spawn(serve(listener, replies));
    let load = Arrivals { address, requests, connections: 2, pace, time: Duration::from_secs(60) };
    load.run().expect("a server that answers")
}

fn three() -> Requests {
    Requests::each(vec![Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n"); 3])
}

#[test]
fn each_request_is_sent_once() {
    let outcome = run(&[OK], three(), Pace::Closed);
    assert_eq!((outcome.good, outcome.offered()), (3, 3));
}

#[test]
fn a_connection_that_the_server_closes_is_opened_again() {
    let outcome = run(&["HTTP/1.1 503 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"], three(), Pace::Closed);
    assert_eq!((outcome.refused, outcome.offered()), (3, 3));
}

#[test]
fn what_comes_due_while_its_connection_waits_is_counted_and_not_sent() {
    // A million a second: none of the answers can come before the next request is due.
    let outcome = run(&[OK], three(), Pace::Open { rate: 1e6 });
    assert_eq!(outcome.good + outcome.late, 3);
    assert!(outcome.unsent > 0, "{outcome:?}");
}
