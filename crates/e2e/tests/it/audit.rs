//! Audit devices of a whole server that its configuration declares: what stands in the records of a session, at a web
//! server as in a file, and what the configuration keeps from being disabled.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::operator;
use e2e::server::{Home, Tls};
use serde_json::{Map, Value, json};

/// How long declarations may take to be in force, and a record to arrive.
const EFFECT_MAX: Duration = Duration::from_secs(60);
/// In every secret.
const CANARY: &str = "canary-0d1t";

/// Takes records, one a `POST`, over as many connections as come.
fn receive(listener: &TcpListener, records: &Sender<Value>) {
    while let Ok((stream, _)) = listener.accept() {
        let records = records.clone();
        std::thread::spawn(move || {
            while let Some(record) = post(&stream) {
                // The test is over once nobody listens.
                let _heard = records.send(record);
            }
        });
    }
}

fn post(stream: &TcpStream) -> Option<Value> {
    let mut reader = BufReader::with_capacity(1, stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().ok()?,
            _ if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    (&*stream).write_all(b"HTTP/1.1 204 No Content\r\n\r\n").ok()?;
    serde_json::from_slice(&body).ok()
}

/// A record without what is different each time.
fn shape(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with("hmac-sha256:") && text.len() == 76 => "HASH".into(),
        Value::Array(values) => values.iter().map(shape).collect(),
        Value::Object(object) => {
            let varies =
                |name: &str| matches!(name, "time" | "id" | "token_issue_time" | "mount_accessor" | "remote_port");
            let keep = |(name, value): (&String, &Value)| match (name.as_str(), value) {
                // The name of a namespace does not vary.
                (name, value) if varies(name) && value != "root" => (name.to_owned(), "VARIES".into()),
                ("chain", Value::Object(_)) => ("chain".to_owned(), "CHAIN".into()),
                (name, value) => (name.to_owned(), shape(value)),
            };
            Value::Object(object.iter().map(keep).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

fn expected(kind: &str, more: &[(&str, Value)]) -> Value {
    let policies = json!([{"name": "root", "namespace_id": "root", "type": "acl"}]);
    let mut record = json!({
        "time": "VARIES",
        "type": kind,
        "auth": {
            "client_token": "HASH", "accessor": "HASH", "display_name": "root",
            "policies": ["root"], "token_policies": ["root"],
            "policy_results": {"allowed": true, "granting_policies": policies},
            "token_type": "service", "token_issue_time": "VARIES",
        },
        "request": {
            "id": "VARIES", "client_id": "0DHqvq2D77kL2/JTPSZkTMJbkFVmUu0TzMi0jiXcFy8=", "operation": "read",
            "mount_point": "secret/", "mount_type": "kv", "mount_accessor": "VARIES", "mount_class": "secret",
            "client_token": "HASH", "client_token_accessor": "HASH", "namespace": {"id": "root"},
            "path": "secret/data/app", "remote_address": "127.0.0.1", "remote_port": "VARIES",
        },
        "chain": "CHAIN",
    });
    for (name, value) in more {
        record[*name] = value.clone();
    }
    record
}

#[test]
fn declared_devices_record_a_session_in_a_file_and_at_a_web_server_and_stay() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/records", listener.local_addr()?);
    let (sender, received) = channel();
    std::thread::spawn(move || receive(&listener, &sender));
    let mut home = Home::new(Tls::Off)?;
    let (log, server_log) = (home.path().join("audit.log"), home.path().join("server.log"));
    home.configure(&format!(
        "audit_dirs = [{folder:?}]\nlog_file = {server_log:?}\n\
         audit \"file\" \"main\" {{ options {{ file_path = {log:?} }} }}\n\
         audit \"http\" \"siem\" {{ options {{ uri = {url:?} headers = \"{{\\\"Authorization\\\": [\\\"{CANARY}\\\"]}}\" }} }}\n",
        folder = home.path(),
    ));
    let mut server = home.start()?;
    let keys = operator::initialize(&mut server.client())?;
    let mut root = server.client().with_token(&keys.root_token);
    operator::unseal(&mut root, &keys)?;
    let mut client = server.client();
    server.process.wait_until("declarations", EFFECT_MAX, |_| {
        let health = client.request("GET", "/v1/sys/health", None).ok()?.json().ok()?;
        (health["bootstrap"] == "applied").then_some(())
    })?;
    let shown = root.expect(200, "GET", "/v1/sys/audit", None)?.json()?["data"].clone();
    assert_eq!(shown["siem/"]["options"]["headers"], r#"{"Authorization":["(hidden)"]}"#);
    for name in ["main", "siem"] {
        let refused = root.expect(400, "DELETE", &format!("/v1/sys/audit/{name}"), None)?.text();
        ensure!(refused.contains("is declared in the server's configuration"), "{refused}");
    }
    root.expect(204, "POST", "/v1/sys/mounts/secret", Some(&json!({"type": "kv", "options": {"version": "2"}})))?;
    root.expect(200, "PUT", "/v1/secret/data/app", Some(&json!({"data": {"pass": CANARY, "n": 1}})))?;
    root.expect(200, "GET", "/v1/secret/data/app", None)?;

    // One of the two devices has it at once, and the other in a moment.
    let lines = || -> Vec<Value> {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    };
    let is_last = |record: &Value| {
        record["type"] == "response"
            && record["request"]["operation"] == "read"
            && record["request"]["path"] == "secret/data/app"
    };
    let in_file = server
        .process
        .wait_until("the last record", EFFECT_MAX, |_| Some(lines()).filter(|all| all.last().is_some_and(is_last)))?;
    let mut posted = Vec::new();
    while !posted.last().is_some_and(is_last) {
        posted.push(received.recv_timeout(EFFECT_MAX).context("a record at the web server")?);
    }
    let data = json!({
        "data": {"n": 1, "pass": "HASH"},
        "metadata": {"created_time": "HASH", "custom_metadata": null, "deletion_time": "HASH", "destroyed": false, "version": 1},
    });
    let response = json!({
        "mount_point": "secret/", "mount_type": "kv", "mount_accessor": "VARIES", "mount_class": "secret", "data": data,
    });
    let session = [expected("request", &[]), expected("response", &[("response", response)])];
    for records in [&in_file, &posted] {
        let last: Vec<_> = records.iter().skip(records.len() - 2).map(shape).collect();
        assert_eq!(last, session);
        let text = serde_json::to_string(records)?;
        ensure!(!text.contains(CANARY) && !text.contains(&keys.root_token), "something stands in clear");
    }
    ensure!(in_file.iter().any(|record| record["auth"]["display_name"] == "bootstrap"), "declarations are recorded");
    // The confined server writes its own log as well, and opens it anew.
    let moved = home.path().join("server.log.1");
    std::fs::rename(&server_log, &moved)?;
    server.process.signal("HUP")?;
    server.process.wait_until("a new log", EFFECT_MAX, |_| server_log.exists().then_some(()))?;
    let text = std::fs::read_to_string(&moved)?;
    ensure!(text.contains("confined: capabilities:") && !text.contains(CANARY), "{text}");
    Ok(())
}
