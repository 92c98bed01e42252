//! The `telemetry` stanza, and what a listener's stanzas say of it: how metrics look and who may read them.

use std::time::Duration;

use framework::Openings;
use hcl::{Block, Item};

use super::error::ConfigError;
use super::keys::{
    Ignored, LISTENER_TELEMETRY_IGNORED, LISTENER_TELEMETRY_REFUSED, PROFILING_IGNORED, Refused, TELEMETRY_IGNORED,
};
use super::reader::Reader;

const PLACE: &str = "in telemetry";
pub(super) const KEYS: &[&str] = &[
    "disable_hostname",
    "metrics_prefix",
    "otlp_traces_endpoint",
    "otlp_traces_sample_ratio",
    "otlp_traces_show_paths",
    "prometheus_retention_time",
];

/// The default of Vault.
const RETENTION: Duration = Duration::from_secs(24 * 3600);
/// The part of requests that is traced unless told otherwise: all of them.
const RATIO: f64 = 1.0;
/// Where collectors listen (OTLP, “OTLP/HTTP Default Port”).
const PORT: &str = "4318";
const TRACES_PATH: &str = "/v1/traces";
/// The longest prefix, in bytes.
const PREFIX_BYTES_MAX: usize = 64;

/// How metrics are shown.
#[derive(Clone, PartialEq, Debug)]
pub struct Telemetry {
    /// In front of each name; may be empty.
    pub prefix: String,
    /// Whether the machine's name is part of the names of gauges.
    pub shows_host: bool,
    /// For how long a mount is shown after its last request; `None` shows nothing in Prometheus' format.
    pub retention: Option<Duration>,
    /// Where traces are sent; `None` makes none.
    pub traces: Option<Collector>,
}

/// Who takes traces, by OTLP/HTTP in clear.
#[derive(Clone, PartialEq, Debug)]
pub struct Collector {
    /// Host and port.
    pub authority: String,
    /// Begins with `/`.
    pub path: String,
    /// The part of requests that is traced where the caller does not say, 0 to 1.
    pub ratio: f64,
    /// Whether whole paths of requests are told.
    pub shows_paths: bool,
}

impl Default for Telemetry {
    /// As Vault's, but for the machine's name, which nearly everybody takes out there: dashboards do not know it.
    fn default() -> Self {
        Self { prefix: "vault".to_owned(), shows_host: false, retention: Some(RETENTION), traces: None }
    }
}

pub(super) fn parse(reader: &mut Reader<'_>, block: &Block<'_>) -> Result<Telemetry, ConfigError> {
    let mut telemetry = Telemetry::default();
    let (mut endpoint, mut ratio, mut shows_paths) = (None, RATIO, false);
    for item in &block.body.items {
        match item.name() {
            "disable_hostname" => telemetry.shows_host = !reader.flag(item)?,
            "metrics_prefix" => telemetry.prefix = prefix(reader, item)?,
            "otlp_traces_endpoint" => endpoint = self::endpoint(reader, item)?,
            "otlp_traces_sample_ratio" => ratio = self::ratio(reader, item)?,
            "otlp_traces_show_paths" => shows_paths = reader.flag(item)?,
            "prometheus_retention_time" => telemetry.retention = reader.duration(item)?,
            _ => reader.foreign(item, PLACE, KEYS, TELEMETRY_IGNORED, &[])?,
        }
    }
    telemetry.traces = endpoint.map(|(authority, path)| Collector { authority, path, ratio, shows_paths });
    Ok(telemetry)
}

/// `http://host:port/path`; nothing for empty text. A collector is asked in clear, so it should be a near one.
fn endpoint(reader: &Reader<'_>, item: &Item) -> Result<Option<(String, String)>, ConfigError> {
    let text = reader.text(item)?;
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || reader.wrong(item, "a URL such as \"http://127.0.0.1:4318/v1/traces\", without TLS");
    let rest = text.strip_prefix("http://").ok_or_else(wrong)?;
    let (authority, path) = rest.find('/').map_or((rest, TRACES_PATH), |at| rest.split_at(at));
    let is_visible = path.bytes().chain(authority.bytes()).all(|byte| byte.is_ascii_graphic() && byte != b'@');
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, PORT));
    if host.is_empty() || port.parse::<u16>().is_err() || !is_visible {
        return Err(wrong());
    }
    let path = if path == "/" { TRACES_PATH } else { path };
    Ok(Some((format!("{host}:{port}"), path.to_owned())))
}

fn ratio(reader: &Reader<'_>, item: &Item) -> Result<f64, ConfigError> {
    let ratio = reader.text(item)?.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| reader.wrong(item, "a number from 0 to 1"))
}

/// What stands in front of names must be the beginning of one.
fn prefix(reader: &Reader<'_>, item: &Item) -> Result<String, ConfigError> {
    let text = reader.text(item)?;
    let is_name = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !text.starts_with(|first: char| first.is_ascii_digit());
    if is_name && text.len() <= PREFIX_BYTES_MAX {
        return Ok(text);
    }
    Err(reader.wrong(item, format!("letters, digits and \"_\", {PREFIX_BYTES_MAX} at most, no digit first")))
}

/// `telemetry` in a listener.
pub(super) fn listener(reader: &mut Reader<'_>, item: &Item, openings: &mut Openings) -> Result<(), ConfigError> {
    let key = ("unauthenticated_metrics_access", "in a listener's telemetry");
    opening(reader, item, key, LISTENER_TELEMETRY_IGNORED, LISTENER_TELEMETRY_REFUSED, &mut openings.metrics)
}

/// `profiling` in a listener.
pub(super) fn profiling(reader: &mut Reader<'_>, item: &Item, openings: &mut Openings) -> Result<(), ConfigError> {
    let key = ("unauthenticated_in_flight_request_access", "in a listener's profiling");
    opening(reader, item, key, PROFILING_IGNORED, &[], &mut openings.in_flight_requests)
}

/// A stanza with one key of ours.
fn opening(
    reader: &mut Reader<'_>,
    item: &Item,
    (key, place): (&'static str, &'static str),
    ignored: Ignored,
    refused: Refused,
    opening: &mut bool,
) -> Result<(), ConfigError> {
    for block in item.blocks(0).map_err(|error| reader.text_error(error))? {
        for item in &block.body.items {
            if item.name() == key {
                *opening = reader.flag(item)?;
            } else {
                reader.foreign(item, place, &[key], ignored, refused)?;
            }
        }
    }
    Ok(())
}
