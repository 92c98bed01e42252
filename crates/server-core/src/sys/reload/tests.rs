use framework::{Error, Operation};
use serde_json::json;

use crate::Subsystem;
use crate::testing::{Bench, denied, invalid, refused};

#[tokio::test]
async fn each_part_is_read_anew_by_whoever_knows_its_files() {
    let bench = Bench::new().await;
    let mut orders = bench.core.reload_orders().expect("nobody has them yet");
    assert!(bench.core.reload_orders().is_none());
    let program = tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Some(order) = orders.recv().await {
            seen.push(order.subsystem);
            let failed = order.subsystem == Subsystem::Log;
            let result = if failed { Err(Error::world("open the log", std::fmt::Error)) } else { Ok(()) };
            order.done.send(result).expect("somebody waits");
            if seen.len() == 5 {
                break;
            }
        }
        seen
    });
    let reload = async |what: &str| bench.root().write(&format!("sys/config/reload/{what}"), json!({})).await;
    for what in ["listeners", "tls", "audit", "bootstrap"] {
        assert_eq!(reload(what).await, json!({}), "{what}");
    }
    assert!(reload("log").await.to_string().contains("World"), "a failure is told");
    let expected = ["Listeners", "Listeners", "Audit", "Declarations", "Log"];
    assert_eq!(program.await.unwrap().iter().map(|it| format!("{it:?}")).collect::<Vec<_>>(), expected);
    assert_eq!(reload("tls").await, invalid("the server is stopping: nothing is reloaded"));
}

#[tokio::test]
async fn what_there_is_not_is_refused_and_it_takes_sudo() {
    let bench = Bench::new().await;
    let root = bench.root();
    assert_eq!(root.write("sys/config/reload/license", json!({})).await, json!({}));
    assert_eq!(root.write("sys/config/reload/plugins", json!({})).await, refused("Unrouted", "unsupported path"));
    let token = bench.token_for("all", r#"path "sys/config/reload/*" { capabilities = ["create", "update"] }"#).await;
    let asked = bench.with(&token).call(Operation::Update, "sys/config/reload/license", json!({})).await;
    assert_eq!(asked, denied());
}
