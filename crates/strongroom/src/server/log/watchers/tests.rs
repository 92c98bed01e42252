//! What watchers get, through the subscriber that the server has.

use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload;

use super::*;

fn watchers() -> (Arc<Watchers>, DefaultGuard) {
    let (filter, handle) = reload::Layer::new(targets(LevelFilter::OFF));
    let watchers = Arc::new(Watchers::new(Env::real(), move |targets| handle.reload(targets).unwrap()));
    let tap = Tap(Arc::clone(&watchers)).with_filter(filter);
    (watchers, tracing::subscriber::set_default(tracing_subscriber::registry().with(tap)))
}

/// The messages of the lines that have come together.
async fn messages(chunks: &mut Box<dyn Chunks>) -> Vec<String> {
    let text = String::from_utf8(chunks.next().await.unwrap().unwrap_or_default()).unwrap();
    let message = |line: &str| match serde_json::from_str::<serde_json::Value>(line) {
        Ok(line) => format!("{} {}", line["@level"].as_str().unwrap(), line["@message"].as_str().unwrap()),
        Err(_) => line.split_once("Z ").unwrap().1.to_owned(),
    };
    text.lines().map(message).collect()
}

#[tokio::test]
async fn each_sees_its_level_in_its_form() {
    let (watchers, _guard) = watchers();
    tracing::info!(target: "server_core", "before");
    let mut text = watchers.follow(LevelFilter::INFO, false).unwrap();
    let mut json = watchers.follow(LevelFilter::DEBUG, true).unwrap();
    tracing::debug!(target: "server_core::due", "fine");
    tracing::warn!(target: "server_core::due", kind = "lease", "bad");
    tracing::debug!(target: "hyper", "what others send and receive");
    assert_eq!(messages(&mut text).await, ["[WARN]  server_core::due: bad: kind=lease"]);
    assert_eq!(messages(&mut json).await, ["debug fine", "warn bad"]);
}

#[tokio::test]
async fn who_is_slow_holds_nobody_up_and_is_told_what_is_missing() {
    let (watchers, _guard) = watchers();
    let mut slow = watchers.follow(LevelFilter::INFO, true).unwrap();
    for _ in 0..LINES_MAX + 7 {
        tracing::info!(target: "server_core", "one");
    }
    let mut seen = 0;
    loop {
        let lines = messages(&mut slow).await;
        seen += lines.iter().filter(|line| *line == "info one").count();
        if seen == LINES_MAX {
            break;
        }
        if seen == LINES_AT_ONCE {
            assert_eq!(lines.last().map(String::as_str), Some("warn lines were left out here"));
        }
    }
    tracing::info!(target: "server_core", "two");
    assert_eq!(messages(&mut slow).await, ["info two"], "it is told once");
}

#[tokio::test]
async fn there_are_so_many_and_one_that_goes_makes_room() {
    let (watchers, _guard) = watchers();
    let mut all: Vec<_> = (0..WATCHERS_MAX).map(|_| watchers.follow(LevelFilter::INFO, false).unwrap()).collect();
    assert!(watchers.follow(LevelFilter::INFO, false).is_none());
    drop(all.pop());
    all.push(watchers.follow(LevelFilter::ERROR, false).unwrap());
    tracing::info!(target: "server_core", "one");
    watchers.end();
    assert_eq!(messages(&mut all[0]).await, ["[INFO]  server_core: one"], "what was written before is sent");
    for chunks in &mut all {
        // What was written before, and then the end.
        while chunks.next().await.unwrap().is_some() {}
    }
    assert!(watchers.follow(LevelFilter::INFO, false).is_none(), "nobody comes in at the end");
    drop(all);
    assert!(watchers.state().all.is_empty());
}
