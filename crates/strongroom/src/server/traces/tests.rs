use std::time::Duration;

use serde_json::Value;
use telemetry::trace::Trace;
use tokio::net::TcpListener;

use super::*;

fn trace(name: &str) -> Trace {
    Trace {
        trace_id: [1; 16],
        span_id: [2; 8],
        parent: None,
        name: name.to_owned(),
        start_nanos: 1,
        took: Duration::from_millis(1),
        attributes: Vec::new(),
        is_error: false,
        stages: Vec::new(),
    }
}

/// Takes one request as a collector does; gives its head and its body.
async fn collect(mut stream: TcpStream, status: &str) -> (String, Value) {
    let mut read = Vec::new();
    loop {
        let mut part = [0; 4096];
        let count = stream.read(&mut part).await.unwrap();
        read.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            if body.len() == length.parse::<usize>().unwrap() {
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\n{{}}");
                stream.write_all(answer.as_bytes()).await.unwrap();
                return (head.to_owned(), serde_json::from_str(body).unwrap());
            }
        }
        assert!(count > 0, "the request ends early: {text}");
    }
}

/// Turns the clock until the sender comes, and then leaves it: its patience is not what is tested.
async fn collected(listener: &TcpListener, status: &str, clock: &env::simulated::SimulatedClock) -> (String, Value) {
    let time = async {
        loop {
            clock.advance(Duration::from_millis(1));
            tokio::task::yield_now().await;
        }
    };
    let (stream, _) = tokio::select! {
        biased;
        accepted = listener.accept() => accepted.unwrap(),
        () = time => unreachable!("time does not end"),
    };
    collect(stream, status).await
}

#[tokio::test]
async fn a_collector_gets_what_has_come_together_and_may_fail_in_between() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let collector =
        Collector { authority: authority.clone(), path: "/v1/traces".to_owned(), ratio: 1.0, shows_paths: false };
    let queue = Arc::new(Queue::default());
    let (env, clock) = env::simulated::env(1);
    let resource = [("service.name", "s".to_owned()), ("a", "b".to_owned()), ("c", "d".to_owned())];
    let sender = tokio::spawn(send(collector, Arc::clone(&queue), resource, env));
    let names = |body: &Value| {
        let spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
        spans.iter().map(|span| span["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    queue.push(trace("one"));
    queue.push(trace("two"));
    let (head, body) = collected(&listener, "200 OK", &clock).await;
    assert!(
        head.starts_with("POST /v1/traces HTTP/1.1\r\n") && head.contains("content-type: application/json"),
        "{head}"
    );
    assert!(head.contains(&format!("host: {authority}")), "{head}");
    assert_eq!(names(&body), ["one", "two"]);
    queue.push(trace("lost"));
    collected(&listener, "503 Busy", &clock).await;
    queue.push(trace("three"));
    let (_, body) = collected(&listener, "200 OK", &clock).await;
    assert_eq!(names(&body), ["three"]);
    while queue.sent.count() < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(queue.failed.count(), 1);
    sender.abort();
}
