//! A core with all engines over a store in memory, with a mount, a secret and a token whose policy has ten rules: what
//! the benchmark of whole requests and the count of their allocations ask.

use std::sync::Arc;
use std::time::Duration;

use barrier::seal::{Device, InitOptions};
use barrier::{Barrier, CacheMode};
use env::Env;
use framework::testing::object;
use framework::{Operation, Reply, Request, Service};
use secret::Secret;
use serde_json::{Value, json};
use server_core::{Core, EngineType, Limits, Node, Parts, Process, Telemetry};
use storage::memory::Memory;

const CACHE_BYTES: usize = 4 * 1024 * 1024;
const TTL: Duration = Duration::from_secs(768 * 3600);

/// Unsealed and warm.
pub struct Server {
    pub core: Arc<Core>,
    root: String,
    pub token: String,
}

impl Server {
    /// Unsealed, with a mount, a secret, and a token whose policy has ten rules.
    pub async fn start() -> Self {
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

    /// As root.
    pub async fn write(&self, path: &str, data: Value) -> Reply {
        self.call(&self.root, Operation::Update, path, data).await
    }

    /// # Panics
    /// When the answer is an error.
    pub async fn call(&self, token: &str, operation: Operation, path: &str, data: Value) -> Reply {
        self.core.answer(request(token, operation, path, data)).await.result.expect("the server answers")
    }
}

/// A request as the front door hands it on.
pub fn request(token: &str, operation: Operation, path: &str, data: Value) -> Request {
    let mut request = Request::new("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee".to_owned(), operation, path);
    request.token = Some(Secret::new(token.to_owned()));
    request.data = object(data);
    request
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
        process: Process::unknown(),
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
