//! What whole requests cost in one process: a core with all engines over a store in memory, called directly, and through
//! a listener on a loopback socket. Between the two lies HTTP; below both, mount lookup, token, policies and engine, all
//! warm. The socket's figure holds the client's system calls and the change of threads, too: compare it with itself.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use barrier::seal::{Device, InitOptions};
use barrier::{Barrier, CacheMode};
use criterion::Criterion;
use env::Env;
use framework::testing::object;
use framework::{Operation, Reply, Request, Service};
use http_api::{Admission, AdmissionLimits, Listener, ListenerConfig};
use secret::Secret;
use serde_json::{Map, Value, json};
use server_core::{Core, EngineType, Host, Limits, LogLevels, Node, Parts, Process, Telemetry, Usage};
use storage::memory::Memory;
use tokio::runtime::Runtime;
use tracing::level_filters::LevelFilter;

const CACHE_BYTES: usize = 4 * 1024 * 1024;
const TTL: Duration = Duration::from_secs(768 * 3600);
/// Mounts beside the one that is asked.
const MOUNTS: usize = 1_000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime can be made");
    let server = runtime.block_on(Server::start());
    direct(&mut criterion, &runtime, &server, "");
    through_http(&mut criterion, &runtime, &server);
    runtime.block_on(server.mount_many());
    direct(&mut criterion, &runtime, &server, ", 1,000 mounts");
    criterion.final_summary();
}

fn direct(criterion: &mut Criterion, runtime: &Runtime, server: &Server, note: &str) {
    for (what, path) in [("KV read", "kv/data/app/read"), ("lookup-self", "auth/token/lookup-self")] {
        criterion.bench_function(&format!("core/{what}{note}"), |bencher| {
            bencher.iter(|| runtime.block_on(server.call(&server.token, Operation::Read, path, json!({}))));
        });
    }
}

fn through_http(criterion: &mut Criterion, runtime: &Runtime, server: &Server) {
    // Free now: nobody else takes ports on this machine while it measures.
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr());
    let address: SocketAddr = free.expect("the machine has a free port");
    let config = ListenerConfig::new(address);
    let env = Env::real();
    let admission = Admission::new(AdmissionLimits::default(), &env, Arc::default());
    let listener = runtime.block_on(Listener::bind(&config, Arc::clone(&server.core) as _, admission, env));
    runtime.spawn(listener.expect("the port is free").serve(std::future::pending()));
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    stream.set_nodelay(true).expect("it is a TCP socket");
    let request =
        format!("GET /v1/kv/data/app/read HTTP/1.1\r\nHost: {address}\r\nX-Vault-Token: {}\r\n\r\n", server.token);
    let mut reply = [0; 4096];
    criterion.bench_function("http/KV read", |bencher| {
        bencher.iter(|| {
            stream.write_all(request.as_bytes()).expect("the server listens");
            // One buffer on the other side, and shorter than ours: it comes in one piece.
            let length = stream.read(&mut reply).expect("the server answers");
            assert!(reply[..length].starts_with(b"HTTP/1.1 200 ") && reply[..length].ends_with(b"}\n"));
        });
    });
}

struct Server {
    core: Arc<Core>,
    root: String,
    token: String,
}

impl Server {
    /// Unsealed, with a mount, a secret, and a token whose policy has ten rules.
    async fn start() -> Self {
        let core = core();
        let made = core.init(&InitOptions::shamir(1, 1), None).await.expect("the store is empty");
        let share = made.shares.into_iter().next().expect("one share was asked for");
        core.unseal(share).await.expect("the share is right");
        let mut server = Self { core: Arc::new(core), root: made.root_token.expose().clone(), token: String::new() };
        server.write("sys/mounts/kv", json!({ "type": "kv", "options": { "version": "2" } })).await;
        let secret = json!({ "user": "shop", "password": "correct horse battery staple" });
        server.write("kv/data/app/read", json!({ "data": secret })).await;
        let mut rules = "path \"kv/data/app/*\" { capabilities = [\"create\", \"read\", \"update\"] }\n".to_owned();
        for number in 1..10 {
            rules += &format!("path \"other/{number}/+/x/*\" {{ capabilities = [\"read\"] }}\n");
        }
        server.write("sys/policies/acl/app", json!({ "policy": rules })).await;
        let made = server.write("auth/token/create", json!({ "policies": ["app"], "ttl": "100h" })).await;
        server.token.clone_from(made.auth.expect("a token was made").client_token.expose());
        server
    }

    async fn mount_many(&self) {
        for number in 0..MOUNTS {
            self.write(&format!("sys/mounts/team{number}/kv"), json!({ "type": "kv" })).await;
        }
    }

    async fn write(&self, path: &str, data: Value) -> Reply {
        self.call(&self.root, Operation::Update, path, data).await
    }

    async fn call(&self, token: &str, operation: Operation, path: &str, data: Value) -> Reply {
        let mut request = Request::new("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee".to_owned(), operation, path);
        request.token = Some(Secret::new(token.to_owned()));
        request.data = object(data);
        self.core.answer(request).await.result.expect("the server answers")
    }
}

fn core() -> Core {
    let env = Env::real();
    let options = barrier::Options { cache_bytes: CACHE_BYTES, cache: CacheMode::SoleWriter };
    let engines = engines::builtin().iter();
    let parts = Parts {
        barrier: Barrier::new(Arc::new(Memory::new()), env.clone(), options),
        device: Device::Shamir,
        env,
        node: Node {
            api_version: "1.21.4".to_owned(),
            version: "0.0.0",
            build_date: "1970-01-01T00:00:00Z",
            storage_type: "inmem",
            api_address: String::new(),
        },
        process: Process { config: Map::new(), host: Arc::new(Outside), logs: Arc::new(Outside) },
        telemetry: Telemetry::default(),
        limits: Limits { default_lease_ttl: TTL, max_lease_ttl: TTL },
        user_lockout: server_core::LockoutDefaults::default(),
        cluster_name: None,
        raw_storage_endpoint: false,
        audit_rules: server_core::AuditRules::default(),
        enable_unauthenticated_access: true,
        engines: engines.map(|it| EngineType { name: it.type_name, kind: it.kind, make: it.make }).collect(),
    };
    Core::new(parts).expect("the tables are sound")
}

/// A machine and a log that nobody asks for here.
struct Outside;

impl Host for Outside {
    fn name(&self) -> String {
        String::new()
    }

    fn describe(&self) -> Map<String, Value> {
        Map::new()
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }
}

impl LogLevels for Outside {
    fn levels(&self) -> BTreeMap<&'static str, LevelFilter> {
        BTreeMap::new()
    }

    fn set(&self, _: &str, _: Option<LevelFilter>) -> bool {
        false
    }

    fn set_all(&self, _: Option<LevelFilter>) {}
}
