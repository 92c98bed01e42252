//! What a warm request asks of the heap: exact numbers, so that one more is seen where it comes from.
//!
//! A number goes down with a change that saves an allocation, and up only with a reason. They are those of a build
//! without optimization, where nothing is left out.

use framework::{Operation, Service as _};
use secret::CountingAllocator;
use serde_json::json;

#[path = "../../benches/warm/server.rs"]
mod server;

use server::{Server, request};

#[global_allocator]
static HEAP: CountingAllocator = CountingAllocator;

/// How many blocks the second of two requests takes from its arrival at the core to its answer.
async fn allocations(server: &Server, operation: Operation, path: &str) -> u64 {
    server.call(&server.token, operation, path, json!({})).await;
    let request = request(&server.token, operation, path, json!({}));
    let before = CountingAllocator::count();
    let answer = server.core.answer(request).await;
    let taken = CountingAllocator::count() - before;
    answer.result.expect("the server answers");
    taken
}

// One thread does all of it, so that all of it is counted.
#[tokio::test(flavor = "current_thread")]
async fn a_warm_request_takes_a_fixed_number_of_blocks_of_the_heap() {
    let server = Server::start().await;
    let read = allocations(&server, Operation::Read, "kv/data/app/read").await;
    let lookup = allocations(&server, Operation::Read, "auth/token/lookup-self").await;
    assert_eq!((read, lookup), (34, 16), "a read of KV version 2, and a token's look at itself");
}
