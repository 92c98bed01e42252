//! What Linux says of the machine, from a few small files below `/proc`: processors, memory, disks and the system
//! itself, in the names of the library whose output Vault's endpoint passes through.
//!
//! By hand, because the widespread crates for this bring processes, users and networks with them. It runs no program,
//! and looks at disks only: a share on a dead server could keep it waiting for ever.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::time::Duration;

use rustix::fs::statvfs;
use rustix::process::{Resource, getrlimit};
use serde_json::{Map, Value, json};
use server_core::{Host, Usage};

/// The most of one file that is read, in bytes; `/proc/cpuinfo` has about two thousand for each processor.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// The most disks that are looked at.
const DISKS_MAX: usize = 64;

/// The machine.
pub(super) struct Linux;

impl Host for Linux {
    fn name(&self) -> String {
        line("/proc/sys/kernel/hostname")
    }

    fn describe(&self) -> Map<String, Value> {
        let stat = text("/proc/stat");
        let ticks = rustix::param::clock_ticks_per_second();
        let described = [
            ("cpu", processors(&text("/proc/cpuinfo"))),
            ("cpu_times", processor_times(&stat, ticks)),
            ("disk", disks(&text("/proc/self/mounts"))),
            ("host", self.system(&stat)),
            ("memory", memory(&text("/proc/meminfo"))),
        ];
        described.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn usage(&self) -> Usage {
        let (limit, ticks) = (getrlimit(Resource::Nofile).current, rustix::param::clock_ticks_per_second());
        let page_bytes = rustix::param::page_size() as u64;
        let booted = number(named(&text("/proc/stat"), ' ', "btime"));
        let usage = usage(&text("/proc/self/stat"), ticks, page_bytes, booted);
        // The file that is read to count them is one of them.
        let open = std::fs::read_dir("/proc/self/fd").map_or(0, |files| files.count().saturating_sub(1));
        Usage { open_files: open as u64, open_files_max: limit.unwrap_or(u64::MAX), ..usage }
    }
}

/// What `/proc/self/stat` says (proc_pid_stat(5)): numbers behind the program's name, which may hold anything and ends
/// at the last parenthesis.
fn usage(stat: &str, ticks_per_second: u64, page_bytes: u64, booted_secs: u64) -> Usage {
    let fields: Vec<_> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    // The field of the manual's number; the third is the first behind the name.
    let field = |number: usize| fields.get(number - 3).and_then(|word| word.parse::<u64>().ok()).unwrap_or_default();
    let secs = |ticks: u64| if ticks_per_second == 0 { 0.0 } else { ticks as f64 / ticks_per_second as f64 };
    Usage {
        processor: Duration::from_secs_f64(secs(field(14).saturating_add(field(15)))),
        started_secs: booted_secs as f64 + secs(field(22)),
        resident_bytes: field(24).saturating_mul(page_bytes),
        virtual_bytes: field(23),
        threads: field(20),
        ..Usage::default()
    }
}

impl Linux {
    fn system(&self, stat: &str) -> Value {
        let release = text("/etc/os-release");
        let released = |name: &str| named(&release, '=', name).trim_matches('"').to_owned();
        let uptime = line("/proc/uptime");
        let uptime = uptime.split('.').next().and_then(|secs| secs.parse::<u64>().ok()).unwrap_or_default();
        json!({
            "hostname": self.name(),
            "uptime": uptime,
            "bootTime": number(named(stat, ' ', "btime")),
            "os": "linux",
            "platform": released("ID"),
            "platformFamily": released("ID_LIKE"),
            "platformVersion": released("VERSION_ID"),
            "kernelVersion": line("/proc/sys/kernel/osrelease"),
            "kernelArch": std::env::consts::ARCH,
        })
    }
}

/// The beginning of a file; nothing if it cannot be read, for then there is nothing to say.
fn text(path: &str) -> String {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes));
    if let Err(error) = read {
        tracing::debug!(%error, path, "a file about the machine cannot be read");
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn line(path: &str) -> String {
    text(path).trim().to_owned()
}

/// The value on the line of this name; empty if there is none.
fn named<'t>(text: &'t str, separator: char, name: &str) -> &'t str {
    let values = text.lines().filter_map(|line| line.split_once(separator));
    values.filter(|(it, _)| it.trim() == name).map(|(_, value)| value.trim()).next().unwrap_or_default()
}

/// The number that a text begins with; 0 if it begins with none.
fn number(text: &str) -> u64 {
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or_default()
}

/// `/proc/cpuinfo`: a block of lines for each processor.
fn processors(text: &str) -> Value {
    let blocks = text.split("\n\n").filter(|block| !named(block, ':', "processor").is_empty());
    let shown = blocks.map(|block| {
        let value = |name| named(block, ':', name);
        json!({
            "cpu": number(value("processor")),
            "vendorId": value("vendor_id"),
            "family": value("cpu family"),
            "model": value("model"),
            "stepping": number(value("stepping")),
            "physicalId": value("physical id"),
            "coreId": value("core id"),
            "cores": 1,
            "modelName": value("model name"),
            "mhz": value("cpu MHz").parse::<f64>().map_or(Value::Null, |mhz| json!(mhz)),
            "cacheSize": number(value("cache size")),
            "flags": value("flags").split_whitespace().collect::<Vec<_>>(),
            "microcode": value("microcode"),
        })
    });
    shown.collect()
}

/// The lines `cpu0`, `cpu1`, … of `/proc/stat`, in seconds since the start.
fn processor_times(text: &str, ticks_per_second: u64) -> Value {
    const NAMES: [&str; 10] =
        ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guestNice"];
    let lines = text.lines().filter(|line| line.starts_with("cpu") && !line.starts_with("cpu "));
    let shown = lines.map(|line| {
        let mut words = line.split_whitespace();
        let mut times = Map::from_iter([("cpu".to_owned(), json!(words.next()))]);
        for (name, ticks) in NAMES.into_iter().zip(words) {
            times.insert(name.to_owned(), json!(ratio(number(ticks), ticks_per_second)));
        }
        Value::Object(times)
    });
    shown.collect()
}

/// `/proc/meminfo`, in bytes.
fn memory(text: &str) -> Value {
    const NAMES: [(&str, &str); 17] = [
        ("total", "MemTotal"),
        ("available", "MemAvailable"),
        ("free", "MemFree"),
        ("active", "Active"),
        ("inactive", "Inactive"),
        ("buffers", "Buffers"),
        ("cached", "Cached"),
        ("dirty", "Dirty"),
        ("shared", "Shmem"),
        ("slab", "Slab"),
        ("mapped", "Mapped"),
        ("pageTables", "PageTables"),
        ("commitLimit", "CommitLimit"),
        ("committedAS", "Committed_AS"),
        ("swapTotal", "SwapTotal"),
        ("swapFree", "SwapFree"),
        ("swapCached", "SwapCached"),
    ];
    let bytes = |name| number(named(text, ':', name)).saturating_mul(1024);
    let mut shown: Map<_, _> = NAMES.into_iter().map(|(name, line)| (name.to_owned(), json!(bytes(line)))).collect();
    let kept = ["MemFree", "Buffers", "Cached"].into_iter().map(bytes).fold(0, u64::saturating_add);
    let (total, used) = (bytes("MemTotal"), bytes("MemTotal").saturating_sub(kept));
    shown.insert("used".to_owned(), json!(used));
    shown.insert("usedPercent".to_owned(), json!(ratio(used.saturating_mul(100), total)));
    Value::Object(shown)
}

/// The file systems on devices, each device once.
fn disks(mounts: &str) -> Value {
    let mut devices = BTreeSet::new();
    let lines = mounts.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?, words.next()?, words.next()?))
    });
    let lines = lines.filter(|(device, ..)| device.starts_with("/dev/") && devices.insert(*device));
    lines.take(DISKS_MAX).filter_map(|(device, path, kind)| disk(device, &unescape(path), kind)).collect()
}

fn disk(device: &str, path: &str, kind: &str) -> Option<Value> {
    let space = statvfs(path).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(space.f_frsize);
    let used = bytes(space.f_blocks.saturating_sub(space.f_bfree));
    let (free, inodes_used) = (bytes(space.f_bavail), space.f_files.saturating_sub(space.f_ffree));
    Some(json!({
        "device": device,
        "path": path,
        "fstype": kind,
        "total": bytes(space.f_blocks),
        "free": free,
        "used": used,
        "usedPercent": ratio(used.saturating_mul(100), used.saturating_add(free)),
        "inodesTotal": space.f_files,
        "inodesUsed": inodes_used,
        "inodesFree": space.f_ffree,
        "inodesUsedPercent": ratio(inodes_used.saturating_mul(100), space.f_files),
    }))
}

/// Blanks and the like stand as three octal digits in the list of mounts.
fn unescape(path: &str) -> String {
    let mut parts = path.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                plain.push(char::from(byte));
                plain.push_str(part.get(3..).unwrap_or_default());
            }
            None => plain.push_str(part),
        }
    }
    plain
}

/// A quotient for people; 0 of nothing.
fn ratio(part: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "shown to people, beyond 2^53 nobody misses the last digits")]
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests;
