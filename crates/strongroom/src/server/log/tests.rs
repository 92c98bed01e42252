use std::net::SocketAddr;

use http_api::{Admission, ListenerConfig};
use serde_json::{Value, json};
use telemetry::{Tag, tagged};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tracing::Level;

use super::*;
use crate::server::{Plan, bind, build_core, open_store, telemetry as metrics};

/// What would be written.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for &Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    /// The log of this thread goes here, as it would be written at this level, until the guard is dropped.
    fn start(&self, level: LevelFilter) -> tracing::subscriber::DefaultGuard {
        let form = Lines { env: Env::real(), is_json: true };
        let lines = tracing_subscriber::fmt::layer().with_writer(Arc::new(self.clone())).event_format(form);
        tracing::subscriber::set_default(tracing_subscriber::registry().with(Levels::new(level).targets()).with(lines))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test]
async fn a_line_of_a_request_says_which_one_and_a_field_of_that_name_wins() {
    let written = Written::default();
    let guard = written.start(LevelFilter::INFO);
    let id = "00000000-0000-4000-8000-000000000001";
    let work = async {
        tracing::info!(target: "server_core", "one");
        tokio::task::yield_now().await;
        tracing::info!(target: "server_core", request_id = "own", "two");
    };
    tagged(Tag::of(id), std::pin::pin!(work)).await;
    tracing::info!(target: "server_core", "three");
    drop(guard);
    let lines: Vec<Value> = written.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: Vec<_> = lines.iter().map(|line| line["request_id"].clone()).collect();
    assert_eq!(ids, [json!(id), json!("own"), Value::Null]);
}

/// A server over memory that answers raw requests.
async fn server() -> SocketAddr {
    let (env, _clock) = env::simulated::env(1);
    let plan = Plan::defaults();
    let store = open_store(&plan.storage, &env).await.unwrap();
    let (_, handle) = reload::Layer::new(Targets::new());
    let watchers = Arc::new(Watchers::new(Env::real(), |_| ()));
    let log = Log { levels: Mutex::new(Levels::new(LevelFilter::TRACE)), handle, file: None, watchers };
    let core = Arc::new(build_core(&plan, &store, &env, Arc::new(log), metrics(&plan)).unwrap());
    let admission = Admission::new(plan.admission, &env, Arc::default());
    let config = ListenerConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
    let listener = bind(&config, &core, &admission, &env).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(listener.serve(std::future::pending()));
    address
}

async fn ask(address: SocketAddr, method: &str, path: &str, token: &str, body: &str) -> Value {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} /v1/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-vault-token: {token}\r\n\
         x-vault-namespace: \r\ncontent-length: {length}\r\n\r\n{body}"
    );
    drop(stream.write_all(request.as_bytes()).await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    let answer = String::from_utf8(answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)).unwrap_or_default()
}

#[tokio::test]
async fn no_line_holds_a_secret_or_where_it_is_kept_at_any_level() {
    let written = Written::default();
    let guard = written.start(LevelFilter::TRACE);
    // That something is written at all, so that what follows can fail.
    tracing::trace!(target: "server_core", "begun");
    let address = server().await;
    let made = ask(address, "PUT", "sys/init", "", r#"{"secret_shares": 1, "secret_threshold": 1}"#).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (root, share) = (text(&made["root_token"]), text(&made["keys"][0]));
    ask(address, "PUT", "sys/unseal", "", &json!({ "key": share }).to_string()).await;
    ask(address, "POST", "sys/mounts/kv", &root, r#"{"type": "kv"}"#).await;
    let kept = json!({ "canary-name": "canary-value" }).to_string();
    ask(address, "POST", "kv/canary-path", &root, &kept).await;
    ask(address, "POST", "kv/canary-path", &root, "{\"canary-name\": canary").await;
    assert_eq!(ask(address, "GET", "kv/canary-path", &root, "").await["data"]["canary-name"], "canary-value");
    ask(address, "GET", "kv/canary-path?canary=canary", "canary-token", "").await;
    ask(address, "GET", "canary/%ff?canary", &root, "").await;
    ask(address, "CANARY", "kv/canary", &root, "").await;
    let made = ask(address, "POST", "auth/token/create", &root, r#"{"num_uses": 1, "meta": {"a": "canary"}}"#).await;
    let (token, accessor) = (text(&made["auth"]["client_token"]), text(&made["auth"]["accessor"]));
    ask(address, "GET", "kv/canary-path", &token, "").await;
    ask(address, "PUT", "sys/seal", &root, "").await;
    ask(address, "PUT", "sys/unseal", "", &json!({ "key": "canary" }).to_string()).await;
    drop(guard);
    let log = written.text();
    assert!(log.contains("begun"), "{log}");
    for secret in ["canary", &root, &share, &token, &accessor] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

#[test]
fn a_level_is_changed_for_all_or_for_one_and_goes_back_to_the_configured_one() {
    let mut levels = Levels::new(LevelFilter::WARN);
    levels.set_all(Some(LevelFilter::DEBUG));
    assert!(levels.set("barrier", Some(LevelFilter::ERROR)));
    assert!(!levels.set("hyper", Some(LevelFilter::TRACE)), "code of others has no level of its own");
    assert_eq!(levels.by_logger()["barrier"], LevelFilter::ERROR);
    assert_eq!(levels.by_logger()["http_api"], LevelFilter::DEBUG);
    assert!(levels.set("barrier", None));
    assert_eq!(levels.by_logger()["barrier"], LevelFilter::WARN);
    levels.set_all(None);
    assert!(levels.by_logger().values().all(|level| *level == LevelFilter::WARN));
    assert_eq!(levels.by_logger().len(), LOGGERS.len());
}

#[test]
fn another_configured_level_holds_but_where_a_logger_has_its_own() {
    let mut levels = Levels::new(LevelFilter::INFO);
    levels.set("barrier", Some(LevelFilter::TRACE));
    levels.set_all(Some(LevelFilter::ERROR));
    levels.set("engines", Some(LevelFilter::TRACE));
    levels.configure(LevelFilter::INFO);
    assert_eq!(levels.by_logger()["barrier"], LevelFilter::ERROR, "the same file again changes nothing");
    levels.configure(LevelFilter::DEBUG);
    assert_eq!(levels.by_logger()["barrier"], LevelFilter::DEBUG);
    assert_eq!(levels.by_logger()["engines"], LevelFilter::TRACE);
    assert!(levels.set("engines", None));
    assert_eq!(levels.by_logger()["engines"], LevelFilter::DEBUG);
}

#[test]
fn others_never_say_more_than_info() {
    let mut levels = Levels::new(LevelFilter::TRACE);
    assert!(levels.targets().would_enable("server_core::due", &Level::TRACE));
    assert!(levels.targets().would_enable("h2::codec", &Level::INFO));
    assert!(!levels.targets().would_enable("h2::codec", &Level::DEBUG));
    levels.set_all(Some(LevelFilter::ERROR));
    assert!(!levels.targets().would_enable("h2::codec", &Level::WARN));
    assert!(levels.set("server_core", Some(LevelFilter::DEBUG)));
    assert!(levels.targets().would_enable("server_core::due", &Level::DEBUG));
    assert!(!levels.targets().would_enable("barrier", &Level::WARN));
}
