//! What whole requests cost in one process: a core with all engines over a store in memory, called directly, and through
//! a listener on a loopback socket. Between the two lies HTTP; below both, mount lookup, token, policies and engine, all
//! warm. The socket's figure holds the client's system calls and the change of threads, too: compare it with itself.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use criterion::Criterion;
use env::Env;
use framework::Operation;
use http_api::{Admission, AdmissionLimits, Listener, ListenerConfig};
use serde_json::json;
use tokio::runtime::Runtime;

#[path = "warm/server.rs"]
mod server;

use server::Server;

/// Mounts beside the one that is asked.
const MOUNTS: usize = 1_000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime can be made");
    let server = runtime.block_on(Server::start());
    direct(&mut criterion, &runtime, &server, "");
    through_http(&mut criterion, &runtime, &server);
    runtime.block_on(mount_many(&server));
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

async fn mount_many(server: &Server) {
    for number in 0..MOUNTS {
        server.write(&format!("sys/mounts/team{number}/kv"), json!({ "type": "kv" })).await;
    }
}
