//! What it costs to find a row of an engine's table, with KV version 2's.

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::Criterion;
use framework::Operation;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let kv = engines::builtin().iter().find(|engine| engine.type_name == "kv").expect("kv is built in");
    let options = BTreeMap::from([("version".to_owned(), "2".to_owned())]);
    let engine = (kv.make)(&options).expect("version 2 exists");
    for (what, operation, path) in [
        ("literal", Operation::Read, "config"),
        ("rest of the path", Operation::Read, "data/app/db/primary"),
        ("list", Operation::List, "metadata/app/"),
    ] {
        criterion.bench_function(&format!("route/{what}"), |bencher| {
            bencher.iter(|| engine.route(operation, black_box(path)).expect("the table has it"));
        });
    }
    criterion.final_summary();
}
