//! How much the bounded cache of ciphertext is worth where there are more secrets than it can hold, and some are asked
//! for far more often than others.
//!
//! Each tenfold of the secrets gets as many reads as any other: as many go to the first ten as to the next ninety (Zipf's
//! law with the exponent 1, as good as). What the cache had and had not is told by the server itself.

use anyhow::{Context as _, Result, ensure};
use e2e::http::Client;

use super::CONNECTIONS;
use super::size::path_of;
use crate::account::cpu_seconds;
use crate::arrivals::{Arrivals, Pace, Requests};
use crate::findings::Findings;
use crate::plan::{Plan, thousands};
use crate::report::number;
use crate::servers::Ours;

/// Reads that fill the cache, and as many that are counted.
const READS: u32 = 200_000;
/// The longest that they may take.
const READS_MAX: std::time::Duration = std::time::Duration::from_secs(120);
/// What a linear congruential generator multiplies with and adds (Knuth, MMIX): the same reads in every run.
const MULTIPLIER: u64 = 6_364_136_223_846_793_005;
const INCREMENT: u64 = 1_442_695_040_888_963_407;

/// Measures the row, on a server that has the plan's secrets.
pub(super) fn measure(plan: &Plan, ours: &Ours, findings: &mut Findings<'_>) -> Result<()> {
    let texts = numbers(plan.secrets).take(usize::try_from(READS)?).map(|number| ours.request(&path_of(number)));
    let texts: Vec<_> = texts.collect();
    read(ours, texts.clone())?;
    let (before, spent) = (counts(ours)?, cpu_seconds(ours.pid())?);
    read(ours, texts)?;
    let (after, spent) = (counts(ours)?, cpu_seconds(ours.pid())? - spent);
    let [hits, misses] = [after.0 - before.0, after.1 - before.1];
    ensure!(hits + misses > 0.0, "the server counted nothing");
    let from = format!(
        "{} of {} entries; {} µs CPU a read, {} reads after as many that filled it",
        number(hits),
        number(hits + misses),
        number(spent * 1e6 / f64::from(READS)),
        thousands(READS),
    );
    findings.tell("hit rate", 100.0 * hits / (hits + misses), from)
}

/// Which secrets are read, of so many.
fn numbers(secrets: u32) -> impl Iterator<Item = u32> {
    let mut state = 1_u64;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT);
        let even = f64::from(u32::try_from(state >> 32).unwrap_or(u32::MAX)) / (f64::from(u32::MAX) + 1.0);
        spread(f64::from(secrets).powf(even), secrets)
    })
}

/// The secret of a rank from 1 on. Secrets that are often asked for do not lie side by side.
fn spread(rank: f64, secrets: u32) -> u32 {
    const STRIDE: u64 = 7_919;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank is at most the secrets' number"
    )]
    let rank = rank as u64 - 1;
    u32::try_from(rank * STRIDE % u64::from(secrets)).unwrap_or_default()
}

fn read(ours: &Ours, texts: Vec<bytes::Bytes>) -> Result<()> {
    let count = texts.len();
    let requests = Requests::each(texts);
    let load =
        Arrivals { address: ours.plain, requests, connections: CONNECTIONS, pace: Pace::Closed, time: READS_MAX };
    let outcome = load.run()?;
    ensure!(usize::try_from(outcome.good)? == count, "not all were read: {outcome}");
    Ok(())
}

/// What the cache of ciphertext had and had not, since the start.
fn counts(ours: &Ours) -> Result<(f64, f64)> {
    let mut root = Client::new(ours.plain).with_token(&ours.keys.root_token);
    let page = root.expect(200, "GET", "/v1/sys/metrics?format=prometheus", None)?.text();
    let count = |name: &str| -> Result<f64> {
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(line.with_context(|| format!("{name} is not told"))?.trim().parse()?)
    };
    Ok((count("vault_cache_hit")?, count("vault_cache_miss")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tenfold_of_the_secrets_is_read_as_often() {
        const SECRETS: u32 = 1_000_000;
        let of_rank: std::collections::BTreeMap<u32, u32> =
            (1..=SECRETS).map(|rank| (spread(f64::from(rank), SECRETS), rank)).collect();
        assert_eq!(of_rank.len(), 1_000_000, "each secret has one rank");
        let mut reads = [0_u32; 6];
        for number in numbers(SECRETS).take(60_000) {
            let rank = of_rank[&number];
            reads[usize::try_from(rank.ilog10().min(5)).unwrap()] += 1;
        }
        assert!(reads.iter().all(|count| (9_000..11_000).contains(count)), "{reads:?}");
    }
}
