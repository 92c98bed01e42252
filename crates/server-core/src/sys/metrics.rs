//! `sys/metrics`: the numbers of this node, for Prometheus or as the JSON that Vault answers. Never of another node, and
//! never what is secret: names of mounts and namespaces are the most that is told.

use std::sync::Arc;

use framework::{Context, Error, Opening, Path, Reply, fields};

use crate::metrics::MetricsPart;

/// Version 0.0.4 of Prometheus' text format.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
const JSON: &str = "application/json";

pub(super) fn paths() -> Vec<Path<Arc<MetricsPart>>> {
    vec![
        Path::new("metrics", "The numbers that this node counts.")
            .urgent()
            .root_only()
            .opened_by(Opening::Metrics)
            .read(read, "Show them all."),
    ]
}

fields! {
    /// How to show them.
    struct Wanted {
        /// "prometheus" for its text format; JSON without.
        format: Option<String>,
    }
}

async fn read(part: &Arc<MetricsPart>, context: &Context, input: Wanted) -> Result<Reply, Error> {
    let is_text = match input.format.as_deref().unwrap_or_default() {
        "" => false,
        "prometheus" if part.is_for_prometheus() => true,
        "prometheus" => return Err(Error::invalid("prometheus is not enabled: prometheus_retention_time is 0")),
        other => {
            let text = format!("no metrics in the format {other:?}: there are \"prometheus\" and, without one, JSON");
            return Err(Error::Invalid(text.into()));
        }
    };
    let turn = Arc::clone(&part.reading).acquire_owned().await;
    let turn = turn.map_err(|source| Error::world("wait for a look at the metrics", source))?;
    let timestamp = context.now().truncate_to_secs().to_string().replace('T', " ").replace('Z', " +0000 UTC");
    let part = Arc::clone(part);
    // Summing up takes a few milliseconds where there are many mounts. The turn ends with the look, whether or not the
    // caller is still there.
    let look = tokio::task::spawn_blocking(move || {
        let page = part.page();
        let reply = if is_text {
            Ok(Reply::body(PROMETHEUS, page.prometheus()))
        } else {
            let bytes = serde_json::to_vec(&page.json(&timestamp, part.uptime()));
            bytes.map(|bytes| Reply::body(JSON, bytes)).map_err(|source| Error::world("encode the metrics", source))
        };
        drop(turn);
        reply
    });
    look.await.map_err(|source| Error::world("look at the metrics", source))?
}
