//! A provider for tests: publishes keys and says who it is, counts how often it is asked, and misbehaves when told to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use jose::Pair;
use serde_json::{Value, json};

/// How it answers.
#[derive(Clone, Default)]
pub(super) struct Manner {
    /// What it publishes at `/keys`.
    pub(super) keys: Value,
    /// What it answers a code with.
    pub(super) tokens: Value,
    /// What it tells of a user.
    pub(super) user_info: Value,
    /// What it says of itself; nothing for the usual.
    pub(super) discovery: Option<Value>,
    /// In place of everything else: these bytes.
    pub(super) bytes: Option<Vec<u8>>,
    /// Keeps connections open without a word, until it no longer does.
    pub(super) hangs: bool,
}

/// The provider. Its threads end with the test.
pub(super) struct Provider {
    /// `http://127.0.0.1:<port>`
    pub(super) url: String,
    manner: Arc<(Mutex<Manner>, Condvar)>,
    asked: Arc<AtomicUsize>,
    posted: Arc<Mutex<Vec<(String, String)>>>,
}

impl Provider {
    /// One that publishes the public halves of these keys.
    pub(super) fn start(keys: &[&Pair]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let provider = Self { url, manner: Arc::default(), asked: Arc::default(), posted: Arc::default() };
        provider.publish(keys);
        let (manner, asked, url) = (Arc::clone(&provider.manner), Arc::clone(&provider.asked), provider.url.clone());
        let posted = Arc::clone(&provider.posted);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (manner, asked, url) = (Arc::clone(&manner), Arc::clone(&asked), url.clone());
                let posted = Arc::clone(&posted);
                thread::spawn(move || serve(&stream, &manner, &asked, &posted, &url));
            }
        });
        provider
    }

    /// Publishes other keys from now on.
    pub(super) fn publish(&self, keys: &[&Pair]) {
        let keys: Vec<_> = keys.iter().map(|pair| &pair.public).collect();
        self.behave(|manner| manner.keys = json!({ "keys": keys }));
    }

    pub(super) fn behave(&self, change: impl FnOnce(&mut Manner)) {
        let (manner, changed) = &*self.manner;
        change(&mut manner.lock().expect("no test panics with it"));
        changed.notify_all();
    }

    /// Heads and bodies of what was posted so far.
    pub(super) fn posted(&self) -> Vec<(String, String)> {
        self.posted.lock().expect("no test panics with it").clone()
    }

    /// How many requests it has had.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Waits until it has had more requests than these.
    pub(super) async fn asked_more_than(&self, before: usize) {
        while self.asked() <= before {
            tokio::task::yield_now().await;
        }
    }
}

fn serve(
    stream: &TcpStream,
    (manner, changed): &(Mutex<Manner>, Condvar),
    asked: &AtomicUsize,
    posted: &Mutex<Vec<(String, String)>>,
    url: &str,
) {
    let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
    loop {
        let mut head = String::new();
        loop {
            let mut line = String::new();
            match reader.read_line(&mut line) {
                Ok(length) if length > 0 => {}
                _ => return,
            }
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        asked.fetch_add(1, Ordering::SeqCst);
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        if head.starts_with("POST ") {
            let body = String::from_utf8(body).expect("a form is text");
            posted.lock().expect("no test panics with it").push((head.clone(), body));
        }
        let manner = manner.lock().expect("no test panics with it");
        // The test lets it go on, or ends.
        let manner = changed.wait_while(manner, |manner| manner.hangs).expect("no test panics with it").clone();
        let usual = json!({ "issuer": url, "jwks_uri": format!("{url}/keys"),
            "authorization_endpoint": format!("{url}/auth"), "token_endpoint": format!("{url}/token"),
            "userinfo_endpoint": format!("{url}/me") });
        let (status, body) = match head.split_whitespace().nth(1) {
            Some("/.well-known/openid-configuration") => ("200 OK", manner.discovery.unwrap_or(usual)),
            Some("/keys") => ("200 OK", manner.keys),
            Some("/token") if manner.tokens.is_object() => ("200 OK", manner.tokens),
            Some("/token") => ("400 Bad Request", json!({ "error": "invalid_grant", "error_description": "CANARY" })),
            Some("/me") => ("200 OK", manner.user_info),
            _ => ("404 Not Found", json!({})),
        };
        let body = body.to_string();
        let usual = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let is_misbehaving = manner.bytes.is_some();
        let sent = (&*stream).write_all(&manner.bytes.unwrap_or(usual.into_bytes()));
        if sent.is_err() || is_misbehaving {
            return;
        }
    }
}
