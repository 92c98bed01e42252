use framework::{Operation, Service as _};
use serde_json::{Value, json};

use crate::testing::{Bench, denied, invalid, refused};

/// What a watcher is sent who asks like this.
async fn watched(bench: &Bench, data: Value) -> String {
    let request = bench.root().request(Operation::Read, "sys/monitor", data);
    let reply = bench.core.answer(request).await.result.expect("a reply");
    let mut stream = reply.stream.expect("a stream");
    assert_eq!(stream.content_type, "text/plain; charset=utf-8");
    let mut text = Vec::new();
    while let Some(bytes) = stream.chunks.next().await.expect("no failure") {
        text.extend(bytes);
    }
    String::from_utf8(text).expect("text")
}

#[tokio::test]
async fn the_log_is_followed_as_it_was_asked_for() {
    let bench = Bench::new().await;
    for (asked, told) in [
        (json!({}), "info json=false\n"),
        (json!({ "log_level": "", "log_format": "" }), "info json=false\n"),
        (json!({ "log_level": "WARNING", "log_format": "standard" }), "warn json=false\n"),
        (json!({ "log_level": "debug", "log_format": "json" }), "debug json=true\n"),
    ] {
        assert_eq!(watched(&bench, asked).await, told);
    }
}

#[tokio::test]
async fn who_asks_wrongly_or_too_often_is_told() {
    let bench = Bench::new().await;
    let root = bench.root();
    for (asked, told) in [
        (json!({ "log_level": "loud" }), invalid("invalid level provided: \"loud\"")),
        (json!({ "log_format": "xml" }), invalid("invalid log format provided: \"xml\"")),
        (json!({ "log_level": "trace" }), refused("TooMany", "as many watch the log already as may")),
    ] {
        assert_eq!(root.call(Operation::Read, "sys/monitor", asked).await, told);
    }
    let token = bench.token_for("nothing", r#"path "a" { capabilities = ["read"] }"#).await;
    assert_eq!(bench.with(&token).read("sys/monitor").await, denied());
}
