//! The load generator of Debian's `wrk` package, on cores of its own or on the server's.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::NamedTempFile;

use crate::cores::Cores;

/// What to send.
#[derive(Clone, Debug)]
pub struct Load {
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Where to.
    pub address: SocketAddr,
    /// Path and query.
    pub path: String,
    /// Sent as `X-Vault-Token`.
    pub token: Option<String>,
    /// Open connections, each with one request under way.
    pub connections: usize,
    /// For how long.
    pub time: Duration,
    /// Where the generator runs, one thread a core.
    pub cores: Cores,
    /// Lua text for `wrk`, for requests that differ from each other.
    pub script: Option<String>,
}

/// What came back.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Answers, the errors among them.
    pub requests: f64,
    /// Answers with another status than 2xx and 3xx.
    pub refused: f64,
    /// Answers a second.
    pub rate: f64,
    /// Half of the answers took at most this long, in microseconds.
    pub p50_micros: f64,
    /// All but a hundredth took at most this long, in microseconds.
    pub p99_micros: f64,
}

/// A generator at work.
pub struct Running {
    child: Child,
    /// Its Lua text lies there as long as it runs.
    _script: Option<NamedTempFile>,
}

impl Load {
    /// Sends for the whole time and waits for the end.
    ///
    /// # Errors
    /// When `wrk` is not there, fails, or says something unknown.
    pub fn run(&self) -> Result<Outcome> {
        self.start()?.finish()
    }

    /// Begins to send.
    ///
    /// # Errors
    /// When `wrk` is not there.
    pub fn start(&self) -> Result<Running> {
        let mut command = self.cores.command();
        command.args(["wrk", "--latency"]).arg(format!("-t{}", self.cores.count()));
        command.arg(format!("-c{}", self.connections)).arg(format!("-d{}s", self.time.as_secs()));
        if let Some(token) = &self.token {
            command.arg("-H").arg(format!("X-Vault-Token: {token}"));
        }
        let script = self.script.as_ref().map(|text| write(text)).transpose()?;
        if let Some(script) = &script {
            command.arg("-s").arg(script.path());
        }
        command.arg(format!("{}://{}{}", self.scheme, self.address, self.path));
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Ok(Running { child: child.context("starting wrk (Debian's package of that name)")?, _script: script })
    }
}

fn write(text: &str) -> Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().suffix(".lua").tempfile()?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}

impl Running {
    /// Waits for the end.
    ///
    /// # Errors
    /// When it failed, or says something unknown.
    pub fn finish(self) -> Result<Outcome> {
        let output = self.child.wait_with_output().context("waiting for wrk")?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "wrk failed: {text}{}", String::from_utf8_lossy(&output.stderr));
        parse(&text)
    }
}

/// Reads the report that `wrk --latency` prints.
///
/// # Errors
/// When a line is missing or not as expected.
pub fn parse(text: &str) -> Result<Outcome> {
    let line = |start: &str| {
        let mut lines = text.lines().map(str::trim);
        lines.find_map(|line| line.strip_prefix(start)).map(str::trim)
    };
    let rate = line("Requests/sec:").with_context(|| format!("no rate in {text:?}"))?.parse()?;
    let requests = text.lines().find_map(|line| line.trim().split_once(" requests in "));
    let (requests, _) = requests.with_context(|| format!("no count in {text:?}"))?;
    let refused = line("Non-2xx or 3xx responses:").map_or(Ok(0.0), str::parse)?;
    let micros = |start| micros(line(start).with_context(|| format!("no {start} in {text:?}"))?);
    Ok(Outcome { requests: requests.parse()?, refused, rate, p50_micros: micros("50%")?, p99_micros: micros("99%")? })
}

/// `870.00us`, `1.20ms`, `2.00s` or `1.00m` in microseconds.
fn micros(text: &str) -> Result<f64> {
    for (unit, factor) in [("us", 1.0), ("ms", 1e3), ("s", 1e6), ("m", 60e6)] {
        if let Some(number) = text.strip_suffix(unit).and_then(|number| number.parse::<f64>().ok()) {
            return Ok(number * factor);
        }
    }
    bail!("no time: {text:?}")
}

#[cfg(test)]
mod tests {
    use super::parse;

    const REPORT: &str = "Running 2s test @ http://127.0.0.1:8200/\n  1 threads and 32 connections\n  Thread Stats   Avg      \
                          Stdev     Max   +/- Stdev\n    Latency     1.12ms    0.87ms  20.57ms   92.31%\n    Req/Sec    \
                          29.51k     2.03k   32.10k    85.00%\n  Latency Distribution\n     50%  870.00us\n     75%    \
                          1.20ms\n     90%    1.90ms\n     99%    4.50ms\n  58724 requests in 2.00s, 24.64MB read\n  \
                          Non-2xx or 3xx responses: 12\nRequests/sec:  29334.50\nTransfer/sec:     12.31MB\n";

    #[test]
    fn a_report_is_read() {
        let outcome = parse(REPORT).expect("a report");
        let read = [outcome.requests, outcome.refused, outcome.rate, outcome.p50_micros, outcome.p99_micros];
        for (read, expected) in read.into_iter().zip([58_724.0, 12.0, 29_334.5, 870.0, 4_500.0]) {
            assert!((read - expected).abs() < 1e-6, "{read} {expected}");
        }
    }

    #[test]
    fn what_is_no_report_is_refused() {
        assert!(parse("unable to connect to 127.0.0.1:1 Connection refused\n").is_err());
        assert!(parse(&REPORT.replace("870.00us", "soon")).is_err());
    }
}
