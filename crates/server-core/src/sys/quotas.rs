//! `sys/quotas`: how much clients may ask, how many leases there may be, and how that is applied. All of it is for the root namespace: a quota of
//! another one is named by its path.

use std::sync::Arc;
use std::time::Duration;

use framework::input::Nothing;
use framework::{Context, Error, Page, Path, Reply, Segment, fields};
use serde_json::{Map, json};

use crate::quotas::change::{Config, Limit, Wanted};
use crate::quotas::entry::{QuotasEntry, RateEntry};
use crate::quotas::{Kind, Quotas};

/// For these endpoints.
pub(crate) struct QuotasPart(pub(crate) Arc<Quotas>);

const NAME: &str = "Name of the quota.";

pub(super) fn paths() -> Vec<Path<QuotasPart>> {
    vec![
        Path::new("quotas/config", "How quotas are applied.")
            .root_only()
            .read(read_config, "Show it.")
            .update(write_config, "Change it. What is left out goes back to its default."),
        Path::new("quotas/rate-limit", "How often clients may ask.")
            .root_only()
            .list(list_rates, "List the names of the rate limits."),
        Path::new("quotas/rate-limit/{name}", "One rate limit.")
            .param("name", Segment::Name, NAME)
            .root_only()
            .read(read_rate, "Show the rate limit.")
            .update(write_rate, "Make the rate limit, or replace it.")
            .delete(delete_rate, "Delete the rate limit."),
        Path::new("quotas/lease-count", "How many leases there may be.")
            .root_only()
            .list(list_counts, "List the names of the lease-count quotas."),
        Path::new("quotas/lease-count/{name}", "One lease-count quota.")
            .param("name", Segment::Name, NAME)
            .root_only()
            .read(read_count, "Show the quota, and how many leases count towards it now.")
            .update(write_count, "Make the quota, or replace it.")
            .delete(delete_count, "Delete the quota."),
    ]
}

fields! {
    /// How quotas are to be applied.
    struct WriteConfig {
        /// Beginnings of the paths that no rate limit holds for, in every namespace. None when left out.
        rate_limit_exempt_paths: Vec<String> = Vec::new(),
        /// The same for whole paths, with the namespace in front.
        absolute_rate_limit_exempt_paths: Vec<String> = Vec::new(),
        /// Whether the audit log has a record of requests that a rate limit refuses.
        enable_rate_limit_audit_logging: bool = false,
        /// Whether answers tell in their headers how much the client may still ask.
        enable_rate_limit_response_headers: bool = false,
    }
}

fields! {
    /// A quota by its name.
    struct Named {
        /// Name of the quota.
        name: String,
    }
}

fields! {
    /// What a rate limit is to be.
    struct WriteRate {
        /// Name of the quota.
        name: String,
        /// The kind of the quota. The path says it.
        r#type: String = String::new(),
        /// A namespace, a mount, or a path in a mount, also with an asterisk at its end. Empty: everything that has none of its own.
        path: String = String::new(),
        /// Only for logins with this role of the auth method at the path.
        role: String = String::new(),
        /// Whether it holds for the namespaces below as well, where they have none of their own. Always when the path is empty.
        inheritable: Option<bool>,
        /// How many requests a client may send in an interval, rounded to a whole number. Above 0.
        rate: f64,
        /// How long an interval lasts. One second unless set.
        interval: Duration = Duration::from_secs(1),
        /// For how long a client gets nothing more that has sent too many.
        block_interval: Duration = Duration::ZERO,
    }
}

fields! {
    /// What a lease-count quota is to be.
    struct WriteCount {
        /// Name of the quota.
        name: String,
        /// The kind of the quota. The path says it.
        r#type: String = String::new(),
        /// A namespace, a mount, or a path in a mount, also with an asterisk at its end. Empty: everything that has none of its own.
        path: String = String::new(),
        /// Refused: leases are counted by namespace, mount and path.
        role: String = String::new(),
        /// Whether it holds for the namespaces below as well, where they have none of their own. Always when the path is empty.
        inheritable: Option<bool>,
        /// How many leases there may be at a time. At least 1.
        max_leases: u64,
    }
}

async fn read_config(part: &QuotasPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    let QuotasEntry { audits_refusals, tells_in_headers, exempt, absolute_exempt, .. } = part.0.config().await?;
    Ok(Reply::data(json!({
        "enable_rate_limit_audit_logging": audits_refusals,
        "enable_rate_limit_response_headers": tells_in_headers,
        "rate_limit_exempt_paths": exempt,
        "absolute_rate_limit_exempt_paths": absolute_exempt,
    })))
}

async fn write_config(part: &QuotasPart, _: &Context, input: WriteConfig) -> Result<Reply, Error> {
    let config = Config {
        audits_refusals: input.enable_rate_limit_audit_logging,
        tells_in_headers: input.enable_rate_limit_response_headers,
        exempt: input.rate_limit_exempt_paths,
        absolute_exempt: input.absolute_rate_limit_exempt_paths,
    };
    part.0.configure(config).await?;
    Ok(Reply::empty())
}

async fn list_rates(part: &QuotasPart, _: &Context, input: Page) -> Result<Reply, Error> {
    list(part, Kind::RateLimit, input).await
}

async fn list_counts(part: &QuotasPart, _: &Context, input: Page) -> Result<Reply, Error> {
    list(part, Kind::LeaseCount, input).await
}

async fn list(part: &QuotasPart, kind: Kind, page: Page) -> Result<Reply, Error> {
    Ok(Reply::list(part.0.names(kind, &page.listing()).await?))
}

async fn read_rate(part: &QuotasPart, _: &Context, input: Named) -> Result<Reply, Error> {
    read(part, Kind::RateLimit, input).await
}

async fn read_count(part: &QuotasPart, _: &Context, input: Named) -> Result<Reply, Error> {
    read(part, Kind::LeaseCount, input).await
}

async fn read(part: &QuotasPart, kind: Kind, named: Named) -> Result<Reply, Error> {
    let shown = part.0.read(kind, &named.name).await?.ok_or(Error::NotFound)?;
    let data: Map<_, _> = shown.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(Reply::data(data.into()))
}

async fn write_count(part: &QuotasPart, _: &Context, input: WriteCount) -> Result<Reply, Error> {
    let limit = Limit::Leases(input.max_leases);
    let wanted = Wanted { path: input.path, role: input.role, is_inheritable: input.inheritable, limit };
    part.0.write(&input.name, &wanted).await?;
    Ok(Reply::empty())
}

async fn delete_count(part: &QuotasPart, _: &Context, input: Named) -> Result<Reply, Error> {
    part.0.delete(Kind::LeaseCount, &input.name).await?;
    Ok(Reply::empty())
}

async fn write_rate(part: &QuotasPart, _: &Context, input: WriteRate) -> Result<Reply, Error> {
    let interval_secs = match input.interval.as_secs() {
        0 => 1,
        secs => secs,
    };
    let rate = RateEntry { rate: input.rate, interval_secs, block_secs: input.block_interval.as_secs() };
    let wanted =
        Wanted { path: input.path, role: input.role, is_inheritable: input.inheritable, limit: Limit::Rate(rate) };
    part.0.write(&input.name, &wanted).await?;
    Ok(Reply::empty())
}

async fn delete_rate(part: &QuotasPart, _: &Context, input: Named) -> Result<Reply, Error> {
    part.0.delete(Kind::RateLimit, &input.name).await?;
    Ok(Reply::empty())
}
