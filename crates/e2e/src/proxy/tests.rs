//! Requests through a proxy, over real sockets.

use serde_json::json;

use super::*;
use crate::fault::Damage;
use crate::http::Client;

/// A server that answers each request with what it saw of it.
fn mirror() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let mut incoming = BufReader::new(stream.try_clone().unwrap());
            let request = read_request(&mut incoming).unwrap().unwrap();
            let seen = json!({
                "method": request.method,
                "target": request.target,
                "token": request.header("x-vault-token"),
                "body": String::from_utf8_lossy(&request.body),
            });
            let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
            let reply = Reply { status: 200, headers, body: seen.to_string().into_bytes() };
            (&stream).write_all(&encode_reply(&reply, "GET")).unwrap();
        }
    });
    address
}

#[test]
fn what_a_fault_does_not_hit_goes_through_both_ways() {
    for fault in [None, Some(Fault { path: "/elsewhere", damage: Damage::Pretend })] {
        let proxy = Proxy::start(mirror(), fault).unwrap();
        let mut client = Client::new(proxy.address).with_token("t");
        // Twice over one connection.
        for method in ["LIST", "POST"] {
            let reply = client.expect(200, method, "/v1/a?b=c", Some(&json!({"d": 1}))).unwrap();
            assert_eq!(reply.header("content-type"), Some("application/json"));
            let seen = json!({"method": method, "target": "/v1/a?b=c", "token": "t", "body": "{\"d\":1}"});
            assert_eq!(reply.json().unwrap(), seen);
        }
    }
}

#[test]
fn what_a_fault_hits_is_damaged() {
    let proxy = Proxy::start(mirror(), Some(Fault { path: "", damage: Damage::Drop("token") })).unwrap();
    let reply = Client::new(proxy.address).expect(200, "GET", "/v1/a", None).unwrap().json().unwrap();
    assert_eq!(reply.get("token"), None);
    assert_eq!(reply["target"], json!("/v1/a"));
}

#[test]
fn a_server_that_is_not_there_is_a_broken_connection() {
    let nobody = crate::server::free_address().unwrap();
    let proxy = Proxy::start(nobody, None).unwrap();
    Client::new(proxy.address).request("GET", "/v1/a", None).unwrap_err();
}
