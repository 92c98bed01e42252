//! The command's surroundings: its streams, its environment and the user's answers. Tests put their own in place.

use std::io::{IsTerminal, Read, Write};
use std::time::Duration;

use secret::SecretString;

use crate::failure::Failure;
use crate::offline::Offline;

/// The most that is read from standard input or a file, in bytes: the server takes no longer body.
pub(crate) const INPUT_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// A user who waits longer for a shell takes it for stuck.
const PATIENCE: Duration = Duration::from_secs(1);

/// Looks up environment variables by name.
pub(crate) type Environment = Box<dyn Fn(&str) -> Option<String>>;
/// Shows a prompt, and takes the answer without showing it.
pub(crate) type Ask = Box<dyn Fn(&str) -> std::io::Result<SecretString>>;

/// As many random letters and digits.
pub(crate) type Letters = Box<dyn Fn(usize) -> String>;
/// Lets time pass between two questions to the server.
pub(crate) type Pause = Box<dyn Fn(Duration)>;

pub(crate) struct Terminal {
    /// How the user calls us.
    pub program: String,
    pub env: Environment,
    pub stdin: Box<dyn Read>,
    pub stdout: Box<dyn Write>,
    pub stderr: Box<dyn Write>,
    /// Whether a human looks at `stdout`.
    pub is_terminal: bool,
    pub ask: Ask,
    pub pause: Pause,
    pub letters: Letters,
    /// How long the server may take to tell a name that a line could go on with.
    pub patience: Duration,
    pub offline: Offline,
}

impl Terminal {
    /// That of this process.
    pub fn real(program: String, offline: Offline) -> Self {
        Self {
            program,
            env: Box::new(|name| std::env::var(name).ok()),
            stdin: Box::new(std::io::stdin()),
            stdout: Box::new(std::io::stdout()),
            stderr: Box::new(std::io::stderr()),
            is_terminal: std::io::stdout().is_terminal(),
            ask: Box::new(|prompt| rpassword::prompt_password(prompt).map(SecretString::new)),
            pause: Box::new(pause),
            letters: Box::new(|count| env::Env::real().base62(count)),
            patience: PATIENCE,
            offline,
        }
    }

    /// Prints lines. On a terminal, control characters are made harmless: stored values may come from anybody.
    pub fn out(&mut self, text: &str) -> Result<(), Failure> {
        let text = if self.is_terminal { harmless(text) } else { text.to_owned() };
        writeln!(self.stdout, "{text}")?;
        Ok(self.stdout.flush()?)
    }

    /// Prints exactly this, and a newline only for a human.
    pub fn raw(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.stdout.write_all(bytes)?;
        if self.is_terminal {
            self.stdout.write_all(b"\n")?;
        }
        Ok(self.stdout.flush()?)
    }

    /// Prints lines for the user's eyes, beside the output.
    pub fn err(&mut self, text: &str) {
        if !text.is_empty() {
            // There is nowhere left to complain to.
            drop(writeln!(self.stderr, "{}", harmless(text)));
        }
    }

    /// Asks for something without showing what is typed.
    pub fn ask(&self, prompt: &str) -> Result<SecretString, Failure> {
        (self.ask)(prompt).map_err(|error| {
            Failure::usage(format!("Could not ask for it: {error}"))
                .hint("Without a terminal, give it as an argument, or on standard input with \"-\".")
        })
    }

    /// All of standard input as text.
    pub fn read_stdin(&mut self) -> Result<String, String> {
        read_text(&mut self.stdin)
    }
}

#[expect(clippy::disallowed_methods, reason = "a command waits for a server elsewhere; tests wait for nothing")]
fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// All of `reader` as text, at most [`INPUT_BYTES_MAX`].
pub(crate) fn read_text(reader: &mut dyn Read) -> Result<String, String> {
    let mut bytes = Vec::new();
    reader.take(INPUT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > INPUT_BYTES_MAX {
        return Err(format!("longer than {INPUT_BYTES_MAX} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "not UTF-8 text; encode binary data as base64".to_owned())
}

fn harmless(text: &str) -> String {
    let keep = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
    text.chars().map(|c| if keep(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}
