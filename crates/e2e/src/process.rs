//! A child process whose output is kept, whose end can be waited for, and which never outlives its owner.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::deadline::Deadline;

/// How often a wait looks again when nothing is reported.
const TICK: Duration = Duration::from_millis(5);
/// The most lines of output that are kept.
const LINES_MAX: usize = 20_000;

/// A running child. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    output: Arc<Output>,
    readers: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Output {
    lines: Mutex<Vec<String>>,
    news: Condvar,
}

impl Output {
    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_from(self: &Arc<Self>, pipe: impl Read + Send + 'static) -> JoinHandle<()> {
        let output = Arc::clone(self);
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                let mut lines = output.lines();
                if lines.len() < LINES_MAX {
                    lines.push(String::from_utf8_lossy(&line).into_owned());
                }
                output.news.notify_all();
            }
            // The end of the output is news, too: most often the process has ended.
            output.news.notify_all();
        })
    }

    fn wait(&self, at_most: Duration) {
        drop(self.news.wait_timeout(self.lines(), at_most));
    }
}

impl Process {
    /// Starts the command with no input and its output kept.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("starting {name}"))?;
        let output = Arc::new(Output::default());
        let readers = [
            child.stdout.take().map(|pipe| output.read_from(pipe)),
            child.stderr.take().map(|pipe| output.read_from(pipe)),
        ];
        Ok(Self { child, output, readers: readers.into_iter().flatten().collect() })
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed until now, both streams.
    #[must_use]
    pub fn output(&self) -> String {
        self.output.lines().join("\n")
    }

    /// All that it has printed, both streams. Waits until they are closed, so it is for a process that has ended.
    ///
    /// # Errors
    /// When a stream could not be read.
    pub fn whole_output(&mut self) -> Result<String> {
        for reader in self.readers.drain(..) {
            reader.join().ok().context("a thread that only reads lines ended badly")?;
        }
        Ok(self.output())
    }

    /// Waits until it ends; `None` when it still runs after `at_most`.
    ///
    /// # Errors
    /// When the operating system cannot say.
    pub fn wait_for_exit(&mut self, at_most: Duration) -> Result<Option<ExitStatus>> {
        let deadline = Deadline::after(at_most);
        loop {
            if let Some(status) = self.child.try_wait().context("asking whether the child still runs")? {
                return Ok(Some(status));
            }
            if deadline.has_passed() {
                return Ok(None);
            }
            self.output.wait(TICK.min(deadline.remaining()));
        }
    }

    /// Asks `ready` again and again until it gives an answer.
    ///
    /// # Errors
    /// When the process ends first, or `at_most` passes; the message holds what it printed.
    pub fn wait_until<T>(
        &mut self,
        what: &str,
        at_most: Duration,
        mut ready: impl FnMut(&str) -> Option<T>,
    ) -> Result<T> {
        let deadline = Deadline::after(at_most);
        loop {
            if let Some(answer) = ready(&self.output()) {
                return Ok(answer);
            }
            if let Some(status) = self.wait_for_exit(TICK)? {
                // Whole: its last words may be on their way still, and say why.
                bail!("ended ({status}) before its {what}:\n{}", self.whole_output()?);
            }
            if deadline.has_passed() {
                bail!("no {what} within {at_most:?}:\n{}", self.output());
            }
        }
    }

    /// Sends it a signal, such as `TERM`.
    ///
    /// # Errors
    /// When it could not be sent.
    pub fn signal(&self, name: &str) -> Result<()> {
        // The shell's own `kill`: there is one everywhere.
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.id())]).status();
        ensure!(sent.context("starting sh")?.success(), "{name} could not be sent");
        Ok(())
    }

    /// `kill -9`, and waits until it is gone.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().context("killing the child")?;
        self.child.wait().context("waiting for the killed child")?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already; there is nobody to tell.
        drop(self.kill());
    }
}
