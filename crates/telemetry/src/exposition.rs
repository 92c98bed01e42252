//! The text of all numbers of a node: Prometheus' text format (version 0.0.4), and the JSON that Vault answers without
//! `format`. One list, two ways to write it.
//!
//! A metric has one name with dots in it. JSON shows it as it is; in Prometheus' text every character that may not stand
//! in a name becomes `_`. Two names that become the same are one metric: the text has no double lines, whatever mounts
//! are called.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::summary::Reading;

/// The quantiles of summaries: those of Vault.
const QUANTILES: [(&str, f64); 3] = [("0.5", 0.5), ("0.9", 0.9), ("0.99", 0.99)];

/// A label's name and value.
pub type Label<'a> = (&'static str, &'a str);

/// How names look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// In front of each name, such as `vault`; may be empty.
    pub prefix: String,
    /// Stands between the prefix and the names of gauges; empty for nothing.
    pub host: String,
}

/// What is shown, collected first and written then.
#[derive(Debug)]
pub struct Page {
    settings: Settings,
    /// By the name that Prometheus sees.
    families: BTreeMap<String, Family>,
}

#[derive(Debug)]
struct Family {
    kind: Kind,
    /// With dots.
    name: String,
    about: String,
    /// By their labels as Prometheus sees them.
    series: BTreeMap<String, Series>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Gauge,
    Counter,
    Summary,
}

#[derive(Debug)]
struct Series {
    labels: Map<String, Value>,
    value: Number,
}

#[derive(Debug)]
enum Number {
    One(f64),
    Many(Reading),
}

impl Page {
    /// An empty page.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, families: BTreeMap::new() }
    }

    /// A number as it is now.
    pub fn gauge(&mut self, name: &str, about: &str, labels: &[Label<'_>], value: f64) {
        self.add(Kind::Gauge, name, about, labels, Number::One(value));
    }

    /// A number that has grown since the start of the process.
    pub fn counter(&mut self, name: &str, about: &str, labels: &[Label<'_>], value: u64) {
        self.add(Kind::Counter, name, about, labels, Number::One(value as f64));
    }

    /// The same with a fraction, and its name as it is: what everybody's dashboards know without a prefix.
    pub fn plain(&mut self, name: &str, about: &str, is_counter: bool, value: f64) {
        let kind = if is_counter { Kind::Counter } else { Kind::Gauge };
        self.insert(kind, name, about, &[], Number::One(value));
    }

    /// Durations, in milliseconds.
    pub fn summary(&mut self, name: &str, about: &str, labels: &[Label<'_>], value: Reading) {
        self.add(Kind::Summary, name, about, labels, Number::Many(value));
    }

    fn add(&mut self, kind: Kind, name: &str, about: &str, labels: &[Label<'_>], value: Number) {
        let host = if kind == Kind::Gauge { self.settings.host.as_str() } else { "" };
        let parts = [self.settings.prefix.as_str(), host, name];
        let whole = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".");
        self.insert(kind, &whole, about, labels, value);
    }

    fn insert(&mut self, kind: Kind, name: &str, about: &str, labels: &[Label<'_>], value: Number) {
        let family = || Family { kind, name: name.to_owned(), about: about.to_owned(), series: BTreeMap::new() };
        let family = self.families.entry(prometheus_name(name)).or_insert_with(family);
        // The first of two that differ in kind stays: half of each would be no text that anybody can read.
        if family.kind == kind {
            let shown = labels.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            family.series.insert(prometheus_labels(labels), Series { labels: shown, value });
        }
    }

    /// Prometheus' text format.
    #[must_use]
    pub fn prometheus(&self) -> String {
        let mut text = String::new();
        for (name, family) in &self.families {
            let kind = match family.kind {
                Kind::Gauge => "gauge",
                Kind::Counter => "counter",
                Kind::Summary => "summary",
            };
            let about = family.about.replace('\\', "\\\\").replace('\n', "\\n");
            text.push_str(&format!("# HELP {name} {about}\n# TYPE {name} {kind}\n"));
            for (labels, series) in &family.series {
                write_series(&mut text, name, labels, &series.value);
            }
        }
        text
    }

    /// Vault's JSON. `timestamp` is text as it is to be shown, `uptime` how long there was something to count.
    #[must_use]
    pub fn json(&self, timestamp: &str, uptime: Duration) -> Value {
        let (mut gauges, mut counters, mut samples) = (Vec::new(), Vec::new(), Vec::new());
        for family in self.families.values() {
            for series in family.series.values() {
                let (name, labels) = (&family.name, &series.labels);
                match (&series.value, family.kind) {
                    (Number::One(value), Kind::Gauge) => {
                        gauges.push(json!({ "Name": name, "Value": value, "Labels": labels }));
                    }
                    (Number::One(value), _) => counters.push(sample(name, labels, &[(*value, 1)], uptime)),
                    (Number::Many(reading), _) => {
                        let recent: Vec<_> = reading.recent().collect();
                        samples.push(sample(name, labels, &recent, uptime));
                    }
                }
            }
        }
        json!({
            "Timestamp": timestamp, "Gauges": gauges, "Points": [], "Counters": counters, "Samples": samples,
        })
    }
}

fn write_series(text: &mut String, name: &str, labels: &str, value: &Number) {
    let braces = |more: &str| match (labels.is_empty(), more.is_empty()) {
        (true, true) => String::new(),
        (true, false) => format!("{{{more}}}"),
        (false, true) => format!("{{{labels}}}"),
        (false, false) => format!("{{{labels},{more}}}"),
    };
    match value {
        Number::One(value) => {
            text.push_str(&format!("{name}{} {value}\n", braces("")));
        }
        Number::Many(reading) => {
            for (label, part) in QUANTILES {
                let value = reading.quantile_millis(part).unwrap_or(f64::NAN);
                text.push_str(&format!("{name}{} {value}\n", braces(&format!("quantile=\"{label}\""))));
            }
            let millis = reading.sum.as_nanos() as f64 / 1e6;
            text.push_str(&format!("{name}_sum{0} {millis}\n{name}_count{0} {1}\n", braces(""), reading.count));
        }
    }
}

/// One entry of the JSON, of values and how often each came.
fn sample(name: &str, labels: &Map<String, Value>, values: &[(f64, u64)], over: Duration) -> Value {
    let count: u64 = values.iter().map(|(_, count)| count).sum();
    let total = |of: fn(f64) -> f64| values.iter().map(|(value, count)| of(*value) * *count as f64).sum::<f64>();
    let (sum, squares) = (total(|value| value), total(|value| value * value));
    let mean = if count == 0 { 0.0 } else { sum / count as f64 };
    let variance = if count < 2 { 0.0 } else { (squares - sum * mean) / (count - 1) as f64 };
    let secs = over.as_secs_f64();
    json!({
        "Name": name,
        "Count": count,
        "Rate": if secs > 0.0 { sum / secs } else { 0.0 },
        "Sum": sum,
        "Min": values.first().map_or(0.0, |(value, _)| *value),
        "Max": values.last().map_or(0.0, |(value, _)| *value),
        "Mean": mean,
        "Stddev": variance.max(0.0).sqrt(),
        "Labels": labels,
    })
}

/// A name as Prometheus allows it: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
#[must_use]
pub fn prometheus_name(name: &str) -> String {
    let allowed = |it: char| if it.is_ascii_alphanumeric() || it == ':' { it } else { '_' };
    let mut text: String = name.chars().map(allowed).collect();
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        text.insert(0, '_');
    }
    text
}

fn prometheus_labels(labels: &[Label<'_>]) -> String {
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let shown = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
    shown.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;
