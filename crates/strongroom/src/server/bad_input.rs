//! Bad requests and what they are answered: each area has a session in `golden/errors/`, requests with their statuses
//! and bodies below them. What clients search for in errors is part of compatibility; a difference is reviewed as one.
//!
//! The whole server as it ships, over memory and a loopback socket, with a clock that stands still. A new row is a new
//! line in a session; `UPDATE_GOLDEN=1` writes its answer below it. `script` says how lines are read. Whatever the
//! files say, an answer never has a status of its own making, a body in another form, or a secret in it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use env::simulated::SimulatedClock;
use framework::testing::golden;
use http_api::{Admission, ListenerConfig};
use serde_json::Value;
use server_core::LogLevels;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tracing_subscriber::filter::LevelFilter;

use super::{Plan, bind, build_core, open_store, telemetry};

mod script;

use script::{Line, Request, expand};

/// What a request id is shown as: it is another one in each answer.
const REQUEST_ID: &str = "(request id)";

/// The one place whose status is no error but the state of the node.
const HEALTH: &str = "sys/health";

/// A running server, and what its session has learned so far.
struct Session {
    area: String,
    address: SocketAddr,
    clock: Arc<SimulatedClock>,
    /// Values that lines refer to, by name. All of them count as secret.
    known: BTreeMap<String, String>,
}

/// One logger that writes nowhere: the server's own log is one for the whole process, and so for all tests.
struct Silent;

impl LogLevels for Silent {
    fn levels(&self) -> BTreeMap<&'static str, LevelFilter> {
        BTreeMap::from([("server_core", LevelFilter::OFF)])
    }

    fn set(&self, logger: &str, _: Option<LevelFilter>) -> bool {
        logger == "server_core"
    }

    fn set_all(&self, _: Option<LevelFilter>) {}
}

/// What came back.
struct Answered {
    status: u16,
    body: String,
}

#[tokio::test]
async fn every_bad_request_has_the_answer_that_somebody_has_looked_at() {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "golden", "errors"].iter().collect();
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "there are sessions");
    for file in files {
        let area = file.file_stem().unwrap().to_string_lossy().into_owned();
        let played = Session::start(area).await.play(&std::fs::read_to_string(&file).unwrap()).await;
        golden(&file, &played);
    }
}

impl Session {
    async fn start(area: String) -> Self {
        let (env, clock) = env::simulated::env(1);
        let plan = Plan::defaults();
        let store = open_store(&plan.storage, &env).await.unwrap();
        let core = Arc::new(build_core(&plan, &store, &env, Arc::new(Silent), telemetry(&plan)).unwrap());
        let config = ListenerConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
        let admission = Admission::new(plan.admission, &env, Arc::default());
        let listener = bind(&config, &core, &admission, &env).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(listener.serve(std::future::pending()));
        Self { area, address, clock, known: BTreeMap::new() }
    }

    /// The session's text with the answers of today.
    async fn play(mut self, text: &str) -> String {
        let mut played = String::new();
        let mut latest = Value::Null;
        for line in script::parse(text) {
            match line {
                Line::Comment(text) => played.push_str(&text),
                Line::Init => {
                    self.init().await;
                    played.push_str("+ init");
                }
                Line::Wait(secs) => {
                    self.clock.advance(Duration::from_secs(secs));
                    played.push_str(&format!("+ wait {secs}"));
                }
                Line::Setup(text) => {
                    let answered = self.ask(&text).await;
                    assert!((200..300).contains(&answered.status), "{}: {text}: {}", self.area, answered.body);
                    latest = serde_json::from_str(&answered.body).unwrap_or_default();
                    played.push_str(&format!("+ {text}"));
                }
                Line::Learn { name, pointer } => {
                    self.learn(&name, &pointer, &latest);
                    played.push_str(&format!("  ${name} {pointer}"));
                }
                Line::Bad(text) => {
                    let answered = self.ask(&text).await;
                    self.examine(&text, &answered);
                    played.push_str(&format!("{text}\n  {}", show(&answered)));
                }
            }
            played.push('\n');
        }
        played
    }

    /// Initializes with one share, and unseals.
    async fn init(&mut self) {
        let answered = self.ask(r#"@nobody PUT sys/init {"secret_shares": 1, "secret_threshold": 1}"#).await;
        let made = serde_json::from_str(&answered.body).unwrap_or_default();
        self.learn("root", "/root_token", &made);
        self.learn("share", "/keys/0", &made);
        let answered = self.ask(r#"@nobody PUT sys/unseal {"key": "$share"}"#).await;
        assert_eq!(answered.status, 200, "{}", answered.body);
    }

    fn learn(&mut self, name: &str, pointer: &str, answered: &Value) {
        let value = answered.pointer(pointer).and_then(Value::as_str);
        let value = value.unwrap_or_else(|| panic!("{}: no {pointer} for ${name} in {answered}", self.area));
        self.known.insert(name.to_owned(), value.to_owned());
    }

    /// What must hold whatever the golden says.
    fn examine(&self, text: &str, answered: &Answered) {
        let Answered { status, body } = answered;
        let told = || format!("{}: {text}: {status} {body}", self.area);
        assert!((200..600).contains(status) && *status != 500, "an answer that is nobody's fault but ours: {}", told());
        let leaked =
            self.known.iter().find(|(name, value)| body.contains(*value) && !text.contains(&format!("${name}")));
        assert!((200..300).contains(status) || leaked.is_none(), "a secret in an error: {}", told());
        let is_other = body.is_empty() || body.contains(r#""request_id""#) || text.contains(HEALTH);
        if *status >= 400 && (!is_other || body.contains(r#""errors""#)) {
            let body: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {}", told()));
            let errors = body.get("errors").and_then(Value::as_array).unwrap_or_else(|| panic!("{}", told()));
            assert!(errors.iter().all(Value::is_string) && body.as_object().unwrap().len() == 1, "{}", told());
        }
    }

    /// Sends one request on a connection of its own.
    async fn ask(&self, text: &str) -> Answered {
        let request = Request::parse(text, |name| self.known.get(name).cloned());
        let request = request.unwrap_or_else(|what| panic!("{}: {text}: {what}", self.area));
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // Who is refused early may find the connection closed before all is said; the answer is there all the same.
        drop(stream.write_all(request.message().as_bytes()).await);
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer).await);
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Answered { status: status.unwrap_or_else(|| panic!("{}: {text}: no answer", self.area)), body: body.to_owned() }
    }
}

/// The answer as the golden has it. Of one that is none of an error only the warnings are of interest.
fn show(answered: &Answered) -> String {
    let Answered { status, body } = answered;
    let parsed: Value = serde_json::from_str(body).unwrap_or_default();
    if (200..300).contains(status) {
        return match parsed.get("warnings") {
            Some(Value::Array(warnings)) => format!("{status} warnings {}", Value::Array(warnings.clone())),
            _ => status.to_string(),
        };
    }
    let id = parsed.get("request_id").and_then(Value::as_str).filter(|id| !id.is_empty());
    if body.is_empty() {
        return format!("{status} without a body");
    }
    if parsed.get("sealed").is_some() {
        return format!("{status} with the state");
    }
    let body = body.trim_end();
    format!("{status} {}", id.map_or_else(|| body.to_owned(), |id| body.replace(id, REQUEST_ID)))
}

#[test]
fn what_a_line_repeats_and_refers_to_is_written_out() {
    let known = |name: &str| (name == "root").then(|| "t".to_owned());
    assert_eq!(expand("a$(3*x)b $root.", known), Ok("axxxb t.".to_owned()));
    assert_eq!(expand("$", known), Ok("$".to_owned()));
    assert!(expand("$unknown", known).is_err() && expand("$(3*", known).is_err());
}
