//! Traces as OTLP/HTTP sends them, in its JSON form (OTLP 1.x, `ExportTraceServiceRequest`): ids in hexadecimal, 64-bit
//! numbers as text, enumerations as numbers.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Stage, Trace};

/// `SPAN_KIND_INTERNAL`.
const INTERNAL: u8 = 1;
/// `SPAN_KIND_SERVER`.
const SERVER: u8 = 2;
/// `STATUS_CODE_ERROR`.
const ERROR: u8 = 2;

/// The body of one request to a collector. `resource` says what has made the traces.
#[must_use]
pub fn encode(resource: &[(&str, String)], traces: &[Trace]) -> Value {
    let spans: Vec<Value> = traces.iter().flat_map(spans).collect();
    let resource: Vec<Value> = resource.iter().map(|(name, value)| attribute(name, value)).collect();
    json!({
        "resourceSpans": [{
            "resource": { "attributes": resource },
            "scopeSpans": [{ "scope": { "name": "strongroom" }, "spans": spans }],
        }],
    })
}

/// The request's span, and one for each stage below it.
fn spans(trace: &Trace) -> Vec<Value> {
    let attributes: Vec<Value> = trace.attributes.iter().map(|(name, value)| attribute(name, value)).collect();
    let mut own = span(trace, trace.span_id, trace.parent, &trace.name, SERVER, (Duration::ZERO, trace.took));
    own["attributes"] = attributes.into();
    if trace.is_error {
        own["status"] = json!({ "code": ERROR });
    }
    let below = trace.stages.iter().zip(1..).map(|(Stage { name, after, took }, number)| {
        let id = u64::from_be_bytes(trace.span_id).wrapping_add(number).to_be_bytes();
        span(trace, id, Some(trace.span_id), name, INTERNAL, (*after, *took))
    });
    std::iter::once(own).chain(below).collect()
}

fn span(
    trace: &Trace,
    id: [u8; 8],
    parent: Option<[u8; 8]>,
    name: &str,
    kind: u8,
    (after, took): (Duration, Duration),
) -> Value {
    let nanos = |after: Duration| trace.start_nanos.saturating_add(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX));
    json!({
        "traceId": hex(&trace.trace_id),
        "spanId": hex(&id),
        "parentSpanId": parent.map_or_else(String::new, |parent| hex(&parent)),
        "name": name,
        "kind": kind,
        "startTimeUnixNano": nanos(after).to_string(),
        "endTimeUnixNano": nanos(after.saturating_add(took)).to_string(),
    })
}

fn attribute(name: &str, value: &str) -> Value {
    json!({ "key": name, "value": { "stringValue": value } })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
