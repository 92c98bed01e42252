//! What the body of a reply costs: the envelope around data that is text already, and around an object.

use std::hint::black_box;

use criterion::Criterion;
use framework::{Reply, envelope};
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// What a read of a small KV version 2 secret answers.
const SECRET: &str = r#"{"data":{"password":"correct horse battery staple","user":"shop"},"metadata":{"created_time":"2026-01-01T00:00:00.123456789Z","custom_metadata":null,"deletion_time":"","destroyed":false,"version":1}}"#;
const ID: &str = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let raw = Reply::raw(RawValue::from_string(SECRET.to_owned()).expect("the text is JSON"));
    let names: Vec<_> = (0..1_000).map(|number| format!("{number:07}")).collect();
    let replies = [
        ("raw secret", raw),
        ("object", Reply::data(serde_json::from_str::<Value>(SECRET).expect("the text is JSON"))),
        ("page of 1,000 names", Reply::data(json!({ "keys": names }))),
    ];
    for (what, reply) in &replies {
        criterion.bench_function(&format!("encode/{what}"), |bencher| {
            bencher.iter(|| envelope::encode(ID, "kv", black_box(reply)).expect("the data is an object"));
        });
    }
    criterion.final_summary();
}
