use std::sync::Arc;

use framework::{HeaderSource, Operation, Service as _};
use serde_json::json;
use telemetry::trace::{Queue, Trace};

use super::Tracing;
use crate::Telemetry;
use crate::testing::{Bench, Client};

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";

/// A request's only header.
struct Header(String);

impl HeaderSource for Header {
    fn values(&self, name: &str) -> Vec<String> {
        if name == super::TRACEPARENT { vec![self.0.clone()] } else { Vec::new() }
    }
}

async fn bench(ratio: f64, shows_paths: bool) -> (Bench, Arc<Queue>) {
    let queue = Arc::new(Queue::default());
    let tracing = Tracing { queue: Arc::clone(&queue), ratio, shows_paths };
    let bench = Bench::with_telemetry(Telemetry { tracing: Some(tracing), ..Telemetry::default() }).await;
    (bench, queue)
}

async fn send(client: &Client<'_>, core: &crate::Core, path: &str, parent: Option<&str>) {
    let mut request = client.request(Operation::Read, path, json!({}));
    request.headers = parent.map(|text| Arc::new(Header(text.to_owned())) as _);
    core.answer(request).await;
}

fn attribute<'t>(trace: &'t Trace, wanted: &str) -> Option<&'t str> {
    trace.attributes.iter().find_map(|(name, value)| (*name == wanted).then_some(value.as_str()))
}

#[tokio::test]
async fn a_request_is_told_with_its_stages_and_without_its_path() {
    let (bench, queue) = bench(1.0, false).await;
    bench.mount("kv").await;
    bench.root().write("kv/canary", json!({ "canary": "canary" })).await;
    drop(queue.take(100));
    send(&bench.root(), &bench.core, "kv/canary", None).await;
    send(&bench.nobody(), &bench.core, "kv/canary", None).await;
    let traces = queue.take(100);
    let [read, denied] = traces.as_slice() else { panic!("there are two: {traces:?}") };
    assert_eq!((read.name.as_str(), read.parent, read.is_error), ("read kv/", None, false));
    let stages: Vec<_> = read.stages.iter().map(|stage| stage.name).collect();
    assert_eq!(stages, ["core.check_token", "engine"]);
    assert_eq!(attribute(read, "strongroom.mount"), Some("kv/"));
    assert_eq!(attribute(read, "strongroom.mount_type"), Some("kv"));
    assert_eq!((denied.name.as_str(), attribute(denied, "error.type")), ("read", Some("denied")));
    assert!(denied.is_error && denied.trace_id != read.trace_id);
    assert!(!format!("{traces:?}").contains("canary"), "{traces:?}");
}

#[tokio::test]
async fn the_callers_trace_goes_on_and_it_says_whether_it_is_kept() {
    let (bench, queue) = bench(0.0, true).await;
    let root = bench.root();
    for (parent, is_kept) in [
        (Some(format!("00-{TRACE_ID}-b7ad6b7169203331-01")), true),
        (Some(format!("00-{TRACE_ID}-b7ad6b7169203331-00")), false),
        (Some("nonsense".to_owned()), false),
        (None, false),
    ] {
        send(&root, &bench.core, "sys/mounts", parent.as_deref()).await;
        let traces = queue.take(2);
        assert_eq!(traces.len(), usize::from(is_kept), "{parent:?}");
        if let [trace] = traces.as_slice() {
            assert_eq!((trace.trace_id[0], trace.parent.map(|id| id[0])), (0x0a, Some(0xb7)));
            assert_eq!(attribute(trace, "strongroom.path"), Some("sys/mounts"));
        }
    }
}

#[tokio::test]
async fn about_the_wanted_part_is_kept() {
    let (bench, queue) = bench(0.25, false).await;
    for _ in 0..400 {
        send(&bench.nobody(), &bench.core, "sys/health", None).await;
    }
    let kept = queue.take(400).len();
    assert!((50..150).contains(&kept), "{kept} of 400");
}
