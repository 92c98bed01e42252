//! How the lines of a session are read.
//!
//! ```text
//! # a comment
//! + init                                       initialize and unseal; learns $root and $share
//! + wait 60                                    turn the clock, in seconds
//! + POST auth/token/create {"policies": ["a"]} a request that must succeed
//!   $child /auth/client_token                  what to learn from its answer, by JSON pointer
//! @child GET sys/mounts                        a bad request, with the token $child; @nobody sends none
//!   403 {"errors":["permission denied"]}       its answer
//! [Content-Type: text/plain] PATCH two/data/a {}
//! ```
//!
//! Without `@` it is the root token that asks. A path without `/` in front stands below `/v1/`. The rest of the line is
//! the body. `$name` and `$(1000*x)` are written out before the request is sent.

/// One line of a session.
pub(super) enum Line {
    /// Kept as it is.
    Comment(String),
    /// Initializes the server and unseals it.
    Init,
    /// Turns the clock, in seconds.
    Wait(u64),
    /// A request that must succeed.
    Setup(String),
    /// What to learn from the latest setup.
    Learn {
        /// The name, without `$`.
        name: String,
        /// Where it stands in the answer.
        pointer: String,
    },
    /// A request whose answer is of interest.
    Bad(String),
}

/// Reads a session. Answers are left out: they are made anew.
pub(super) fn parse(text: &str) -> Vec<Line> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Line> {
    if line.is_empty() || line.starts_with('#') {
        return Some(Line::Comment(line.to_owned()));
    }
    if let Some(indented) = line.strip_prefix("  ") {
        let (name, pointer) = indented.strip_prefix('$')?.split_once(' ')?;
        return Some(Line::Learn { name: name.to_owned(), pointer: pointer.to_owned() });
    }
    let Some(setup) = line.strip_prefix("+ ") else { return Some(Line::Bad(line.to_owned())) };
    if setup == "init" {
        return Some(Line::Init);
    }
    let wait = setup.strip_prefix("wait ").and_then(|secs| secs.parse().ok());
    Some(wait.map_or_else(|| Line::Setup(setup.to_owned()), Line::Wait))
}

/// A request, ready to be sent.
pub(super) struct Request {
    method: String,
    target: String,
    /// Whole lines.
    headers: Vec<String>,
    body: String,
}

impl Request {
    /// Reads a request; `known` gives the values of names. Says what is wrong with it.
    pub(super) fn parse(text: &str, known: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let mut rest = text;
        let mut token = Some("$root".to_owned());
        let mut headers = Vec::new();
        loop {
            if let Some(named) = rest.strip_prefix('@') {
                let (who, behind) = named.split_once(' ').ok_or("nothing behind a name")?;
                token = (who != "nobody").then(|| format!("${who}"));
                rest = behind;
            } else if let Some(header) = rest.strip_prefix('[') {
                let (header, behind) = header.split_once("] ").ok_or("a header is not closed")?;
                headers.push(expand(header, &known)?);
                rest = behind;
            } else {
                break;
            }
        }
        let (method, rest) = rest.split_once(' ').ok_or("a request is a method and a path")?;
        let (path, body) = rest.split_once(' ').unwrap_or((rest, ""));
        let path = expand(path, &known)?;
        if let Some(token) = token {
            headers.push(format!("X-Vault-Token: {}", expand(&token, &known)?));
        }
        Ok(Self {
            method: method.to_owned(),
            target: if path.starts_with('/') { path } else { format!("/v1/{path}") },
            headers,
            body: expand(body, &known)?,
        })
    }

    /// The bytes to send.
    pub(super) fn message(&self) -> String {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n", self.method, self.target);
        for header in &self.headers {
            head.push_str(&format!("{header}\r\n"));
        }
        let says = |name: &str| self.headers.iter().any(|header| header.to_ascii_lowercase().starts_with(name));
        if !self.body.is_empty() && !says("content-type:") {
            let kind = if self.method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
            head.push_str(&format!("Content-Type: {kind}\r\n"));
        }
        if !self.body.is_empty() && !says("content-length:") && !says("transfer-encoding:") {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        format!("{head}\r\n{}", self.body)
    }
}

/// The text with what `$name` stands for and with `$(3*x)` as `xxx`.
pub(super) fn expand(text: &str, known: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut parts = text.split('$');
    let mut expanded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        if let Some(repeated) = part.strip_prefix('(') {
            let (repeated, rest) = repeated.split_once(')').ok_or("a repetition is not closed")?;
            let (times, what) = repeated.split_once('*').ok_or("a repetition has no *")?;
            let times: usize = times.parse().map_err(|_| format!("{times:?} is no number"))?;
            expanded.push_str(&what.repeat(times));
            expanded.push_str(rest);
            continue;
        }
        let end = part.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(part.len());
        let (name, rest) = part.split_at(end);
        let value = if name.is_empty() { Some("$".to_owned()) } else { known(name) };
        expanded.push_str(&value.ok_or_else(|| format!("${name} is not known"))?);
        expanded.push_str(rest);
    }
    Ok(expanded)
}
