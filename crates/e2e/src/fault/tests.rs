//! Each damage on one reply: what it hits, and that it leaves the rest alone.

use super::*;

const BODY: &str = r#"{"data":{"keys":[{"ttl":60}],"ttl":5},"errors":[]}"#;

fn request(method: &str, target: &str, body: &str) -> Request {
    let headers = vec![("x-vault-token".to_owned(), "t".to_owned())];
    Request { method: method.to_owned(), target: target.to_owned(), headers, body: body.as_bytes().to_vec() }
}

/// What a client gets for a GET of `/v1/x`, where the server answers with this status and [`BODY`].
#[track_caller]
fn check(path: &'static str, damage: Damage, status: u16, expected: (u16, &str)) {
    let fault = Fault { path, damage };
    let reply = fault.apply(request("GET", "/v1/x", ""), &Replies::default(), |_| {
        Ok(Reply { status, headers: Vec::new(), body: BODY.as_bytes().to_vec() })
    });
    let reply = reply.unwrap();
    assert_eq!((reply.status, reply.text().as_str()), expected);
}

/// What the server sees of a POST with a query and a body.
#[track_caller]
fn check_seen(damage: Damage, expected: (&str, usize, &str)) {
    let fault = Fault { path: "", damage };
    let sent = request("POST", "/v1/x?list=true", r#"{"keeps":1,"loses":{"loses":2}}"#);
    let answered = fault.apply(sent, &Replies::default(), |seen| {
        let body = String::from_utf8_lossy(&seen.body).into_owned();
        assert_eq!((seen.target.as_str(), seen.headers.len(), body.as_str()), expected);
        Ok(Reply { status: 204, headers: Vec::new(), body: Vec::new() })
    });
    assert_eq!(answered.unwrap().status, 204);
}

#[test]
fn a_reply_is_damaged_as_it_says() {
    let set = r#"{"data":{"keys":[{"ttl":60.0}],"ttl":60.0},"errors":[]}"#;
    check("", Damage::Set("ttl", "60.0"), 200, (200, set));
    check("", Damage::Set("absent", "1"), 200, (200, BODY));
    check("", Damage::Drop("ttl"), 200, (200, r#"{"data":{"keys":[{}]},"errors":[]}"#));
    check("", Damage::Swap("keys", "names"), 200, (200, &BODY.replace("keys", "names")));
    check("", Damage::Status(200, 500), 200, (500, BODY));
    check("", Damage::Status(404, 200), 200, (200, BODY));
    check("", Damage::Bare, 404, (404, r#"{"errors":[]}"#));
    check("", Damage::Bare, 200, (200, BODY));
    check("", Damage::Method("GET", 405), 200, (405, r#"{"errors":["refused"]}"#));
    check("", Damage::Method("LIST", 405), 200, (200, BODY));
    check("", Damage::Refuse("x-vault-token", 412), 200, (412, r#"{"errors":["refused"]}"#));
    check("", Damage::Refuse("x-vault-index", 412), 200, (200, BODY));
    check("", Damage::Pretend, 200, (204, ""));
}

#[test]
fn other_paths_are_left_alone() {
    check("/y", Damage::Drop("ttl"), 200, (200, BODY));
    check("/x", Damage::Swap("keys", "names"), 200, (200, &BODY.replace("keys", "names")));
}

#[test]
fn the_server_sees_less_of_a_request() {
    let whole = r#"{"keeps":1,"loses":{"loses":2}}"#;
    check_seen(Damage::Forget("loses"), ("/v1/x?list=true", 1, r#"{"keeps":1}"#));
    check_seen(Damage::ForgetQuery, ("/v1/x", 1, whole));
    check_seen(Damage::Ignore("x-vault-token"), ("/v1/x?list=true", 0, whole));
}

#[test]
fn a_repeated_request_is_answered_as_before_and_the_server_asked_once() {
    let (fault, replies) = (Fault { path: "", damage: Damage::Repeat }, Replies::default());
    let answers = [("a", 200), ("a", 400), ("b", 400)].map(|(body, status)| {
        let reply = fault.apply(request("POST", "/v1/x", body), &replies, |_| {
            Ok(Reply { status, headers: Vec::new(), body: Vec::new() })
        });
        reply.unwrap().status
    });
    assert_eq!(answers, [200, 200, 400]);
}

#[test]
fn a_header_is_replaced() {
    let fault = Fault { path: "", damage: Damage::Header("content-type", "text/html") };
    let reply = fault.apply(request("GET", "/v1/x", ""), &Replies::default(), |_| {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Ok(Reply { status: 200, headers, body: Vec::new() })
    });
    assert_eq!(reply.unwrap().headers, [("content-type".to_owned(), "text/html".to_owned())]);
}
