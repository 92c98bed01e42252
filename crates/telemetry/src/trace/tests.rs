use std::pin::pin;
use std::task::{Context, Waker};

use serde_json::json;

use super::*;

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn trace() -> Trace {
    Trace {
        trace_id: [1; 16],
        span_id: [0, 0, 0, 0, 0, 0, 0, 0xfe],
        parent: Some([3; 8]),
        name: "read secret/".to_owned(),
        start_nanos: 1_000_000_000,
        took: millis(5),
        attributes: vec![("strongroom.operation", "read".to_owned())],
        is_error: true,
        stages: vec![Stage { name: "engine", after: millis(1), took: millis(3) }; 2],
    }
}

#[test]
fn a_trace_is_sent_as_the_protocol_says() {
    let below = |id: &str| {
        json!({
            "traceId": "01010101010101010101010101010101", "spanId": id, "parentSpanId": "00000000000000fe",
            "name": "engine", "kind": 1, "startTimeUnixNano": "1001000000", "endTimeUnixNano": "1004000000",
        })
    };
    let expected = json!({
        "resourceSpans": [{
            "resource": { "attributes": [{ "key": "service.name", "value": { "stringValue": "s" } }] },
            "scopeSpans": [{
                "scope": { "name": "strongroom" },
                "spans": [
                    {
                        "traceId": "01010101010101010101010101010101", "spanId": "00000000000000fe",
                        "parentSpanId": "0303030303030303", "name": "read secret/", "kind": 2,
                        "startTimeUnixNano": "1000000000", "endTimeUnixNano": "1005000000",
                        "attributes": [{ "key": "strongroom.operation", "value": { "stringValue": "read" } }],
                        "status": { "code": 2 },
                    },
                    below("00000000000000ff"),
                    below("0000000000000100"),
                ],
            }],
        }],
    });
    assert_eq!(encode(&[("service.name", "s".to_owned())], &[trace()]), expected);
}

#[test]
fn what_nobody_takes_away_is_dropped_and_counted() {
    let queue = Queue::default();
    for _ in 0..QUEUED_MAX + 3 {
        queue.push(trace());
    }
    assert_eq!((queue.dropped.count(), queue.take(10).len()), (3, 10));
    assert_eq!((queue.take(QUEUED_MAX).len(), queue.take(1).len()), (QUEUED_MAX - 10, 0));
}

#[test]
fn stages_are_those_of_the_work_that_runs() {
    let mut context = Context::from_waker(Waker::noop());
    let work = async {
        for _ in 0..STAGES_MAX {
            let stages = Stages::current().expect("this work is traced");
            stages.add("one", millis(12), millis(15));
        }
        Stages::current().expect("still").note("mount", "kv/");
    };
    let stages = Stages::new(millis(10));
    let work = pin!(work);
    let mut traced = pin!(staged(&stages, work));
    assert_eq!(traced.as_mut().poll(&mut context), Poll::Ready(()));
    assert!(Stages::current().is_none());
    stages.add("too many", millis(1), millis(1));
    let noted = stages.take();
    assert_eq!(noted.stages.len(), STAGES_MAX);
    assert_eq!(noted.stages[0], Stage { name: "one", after: millis(2), took: millis(3) });
    assert_eq!(noted.attributes, [("mount", "kv/".to_owned())]);
}
