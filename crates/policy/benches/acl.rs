//! What a decision costs: compiling the policies of a token, and asking the result.

use std::hint::black_box;
use std::time::SystemTime;

use criterion::Criterion;
use policy::{Acl, Operation, Policy, Question};

/// Rules of a token: what the budget of a read speaks of, and a heavy one.
const SIZES: [usize; 2] = [10, 1_000];

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for rules in SIZES {
        measure(&mut criterion, rules);
    }
    criterion.final_summary();
}

fn measure(criterion: &mut Criterion, rules: usize) {
    let policy = Policy::parse("app", &text(rules)).expect("the text is a policy");
    let compile = || Acl::compile([("", black_box(&policy))], SystemTime::UNIX_EPOCH).expect("one policy, not root");
    criterion.bench_function(&format!("compile/{rules} rules"), |bencher| bencher.iter(compile));
    let acl = compile();
    for (what, path, allowed) in [
        ("by prefix", "kv/data/app/read", true),
        ("by wildcard", "other/3/here/x/y", true),
        ("no rule", "elsewhere/3", false),
    ] {
        let question = Question { path, operation: Operation::Read, parameters: None, wrap_ttl: None };
        assert_eq!(acl.decide(&question).allowed, allowed, "{what}");
        criterion.bench_function(&format!("decide/{what}, {rules} rules"), |bencher| {
            bencher.iter(|| acl.decide(black_box(&question)).allowed);
        });
    }
}

/// One rule for the secrets of an application, the others for places that a read never asks for.
fn text(rules: usize) -> String {
    let others = (1..rules).map(|number| format!("path \"other/{number}/+/x/*\" {{ capabilities = [\"read\"] }}\n"));
    std::iter::once("path \"kv/data/app/*\" { capabilities = [\"create\", \"read\", \"update\"] }\n".to_owned())
        .chain(others)
        .collect()
}
