//! How the caches are used: that the warm path finds what it looks for, and that bounds in bytes hold.

use serde_json::json;

use crate::testing::Bench;
use crate::tokens::RESOLVED_BYTES_MAX;

#[tokio::test]
async fn a_warm_read_misses_nothing() {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    bench.root().write("secret/a", json!({ "x": 1 })).await;
    let token = bench.token(json!({ "policies": ["root"] })).await;
    bench.with(&token).read("secret/a").await;
    let before = bench.core.cache_use();
    for _ in 0..10 {
        bench.with(&token).read("secret/a").await;
    }
    let after = bench.core.cache_use();
    assert_eq!(after.tokens.hits - before.tokens.hits, 10);
    assert_eq!(after.tokens.misses, before.tokens.misses);
    let (before, after) = (before.ciphertext.unwrap(), after.ciphertext.unwrap());
    assert_eq!(after.misses, before.misses);
    assert!(after.hits > before.hits, "the secret itself is opened for each read");
    let before = bench.core.cache_use().tokens.misses;
    bench.with("hvs.unknown").read("secret/a").await;
    assert_eq!(bench.core.cache_use().tokens.misses, before + 1);
}

#[tokio::test]
async fn tokens_with_many_rules_stay_within_the_bytes_that_all_of_them_may_take() {
    let bench = Bench::new().await;
    let rules: String =
        (0..4000).map(|number| format!("path \"secret/{number}/*\" {{ capabilities = [\"read\"] }}\n")).collect();
    bench.root().write("sys/policies/acl/large", json!({ "policy": rules })).await;
    for _ in 0..20 {
        let token = bench.token(json!({ "policies": ["large"] })).await;
        bench.with(&token).lookup().await;
        assert!(bench.core.cache_use().tokens.bytes <= RESOLVED_BYTES_MAX);
    }
}
