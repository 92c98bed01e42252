//! `sys/internal/counters`: how many service tokens and entities there are, of all namespaces together.
//!
//! They are counted when somebody asks, page by page, so that nothing that is done often pays for it; one at a time, and
//! up to a bound. Clients, which licenses of others are made of, are not counted at all, and that is what is told.

use barrier::{Item, Scan};
use framework::input::Nothing;
use framework::view::from_barrier;
use framework::{Context, Error, Path, Reply, fields};
use serde_json::json;
use storage::{Key, KeyRange};
use tokio::sync::Mutex;

use crate::keys;
use crate::store::Store;

/// The most that is counted in one request: takes about a second.
const COUNTED_MAX: usize = 1_000_000;
/// How many keys, or namespaces, one page has.
const PAGE: usize = 5_000;

/// For these endpoints.
pub(crate) struct CountersPart {
    store: Store,
    /// Held while somebody counts.
    turn: Mutex<()>,
}

pub(super) fn paths() -> Vec<Path<CountersPart>> {
    let rows = [
        Path::new("internal/counters/tokens", "How many service tokens there are.").read(tokens, "Count them."),
        Path::new("internal/counters/entities", "How many entities there are.").read(entities, "Count them."),
        Path::new("internal/counters/requests", "How many requests there were, which nobody counts any more.")
            .read(requests, "Refused."),
        Path::new("internal/counters/activity", "How many clients there were, which is not counted.")
            .read(activity, "Answer that there is nothing."),
        Path::new(
            "internal/counters/activity/monthly",
            "How many clients there were this month, which is not counted.",
        )
        .read(activity, "Answer that there is nothing."),
        Path::new("internal/counters/config", "Whether clients are counted.")
            .read(read_config, "Show that they are not.")
            .update(write_config, "Refused where it asks for clients to be counted."),
    ];
    rows.into_iter().map(Path::root_only).collect()
}

fields! {
    /// Which time to count.
    struct Period {
        /// From when on. Nothing is counted.
        start_time: Option<String>,
        /// Until when. Nothing is counted.
        end_time: Option<String>,
        /// How many namespaces to show. Nothing is counted.
        limit_namespaces: i64 = 0,
    }
}

fields! {
    /// How clients are to be counted.
    struct Config {
        /// "enable" is refused; "disable" or "default".
        enabled: String = "default".to_owned(),
        /// Without effect.
        default_report_months: Option<i64>,
        /// Without effect.
        retention_months: Option<i64>,
    }
}

impl CountersPart {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, turn: Mutex::const_new(()) }
    }

    /// How many keys there are in a folder, of all namespaces; how many there are in the second one is taken off.
    async fn count(&self, folder: fn(&str) -> String, without: Option<fn(&str) -> String>) -> Result<Count, Error> {
        let _turn = self.turn.lock().await;
        let mut count = Count::default();
        let mut range = KeyRange::prefix(&Key::constant(keys::NAMESPACES));
        loop {
            let scan = Scan::range(range.clone(), PAGE).keys_only().folders(keys::NAMESPACES.len());
            let page = self.store.barrier().scan(&scan).await.map_err(from_barrier)?;
            for item in &page.items {
                let Item::Folder(key) = item else { continue };
                let id = key.as_bytes().get(keys::NAMESPACES.len()..).and_then(|id| std::str::from_utf8(id).ok());
                let Some(id) = id.map(|id| id.trim_end_matches('/')) else { continue };
                let all = self.count_folder(&folder(id), &mut count).await?;
                let off = match without {
                    Some(without) => self.count_folder(&without(id), &mut count).await?,
                    None => 0,
                };
                count.total = count.total.saturating_add(all.saturating_sub(off));
                if count.is_cut {
                    return Ok(count);
                }
            }
            match page.next {
                Some(next) => range.start = next,
                None => return Ok(count),
            }
        }
    }

    async fn count_folder(&self, folder: &str, count: &mut Count) -> Result<usize, Error> {
        let key = Key::new(folder.as_bytes().to_vec()).map_err(|source| Error::world("name a folder", source))?;
        let (mut range, mut found) = (KeyRange::prefix(&key), 0);
        loop {
            let (keys, next) = self.store.keys(range.clone(), PAGE).await?;
            found += keys.len();
            count.looked_at += keys.len();
            count.is_cut |= count.looked_at >= COUNTED_MAX;
            match next {
                Some(next) if !count.is_cut => range.start = next,
                _ => return Ok(found),
            }
        }
    }
}

/// What was counted.
#[derive(Default)]
struct Count {
    total: usize,
    looked_at: usize,
    /// There may be more.
    is_cut: bool,
}

impl Count {
    fn reply(&self, name: &str) -> Reply {
        let reply = Reply::data(json!({ "counters": { name: { "total": self.total } } }));
        match self.is_cut {
            true => reply.warn(format!("there are more: counting ends at {COUNTED_MAX}")),
            false => reply,
        }
    }
}

async fn tokens(part: &CountersPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    Ok(part.count(keys::tokens, None).await?.reply("service_tokens"))
}

async fn entities(part: &CountersPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    // One that was merged into another stays as a pointer to it.
    Ok(part.count(keys::entities, Some(keys::all_entities_merged)).await?.reply("entities"))
}

async fn requests(_: &CountersPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    Err(Error::Unrouted("the functionality has been removed on this path".into()))
}

async fn activity(_: &CountersPart, _: &Context, _: Period) -> Result<Reply, Error> {
    // Documented Vault behavior where there is nothing to report.
    Ok(Reply::empty())
}

async fn read_config(_: &CountersPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    Ok(Reply::data(json!({
        "default_report_months": 12,
        "enabled": "default-disabled",
        "minimum_retention_months": 0,
        "queries_available": false,
        "reporting_enabled": false,
        "retention_months": 24,
    })))
}

async fn write_config(_: &CountersPart, _: &Context, input: Config) -> Result<Reply, Error> {
    match input.enabled.as_str() {
        "default" | "disable" => {}
        "enable" => {
            return Err(Error::invalid("clients are not counted: \"enabled\" must be \"disable\" or \"default\""));
        }
        _ => return Err(Error::invalid("enabled must be one of \"default\", \"enable\", \"disable\"")),
    }
    let is_ignored = input.default_report_months.is_some() || input.retention_months.is_some();
    let reply = Reply::empty();
    Ok(if is_ignored { reply.warn("clients are not counted: the months have no effect") } else { reply })
}

#[cfg(test)]
mod tests;
