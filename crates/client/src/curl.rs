//! A call as a `curl` command line, to be read, changed and repeated in a POSIX shell.
//!
//! The token never appears in it: the text that stands for it is put in double quotes, so that it may be a command.

use std::path::Path;

use api::header;
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap};

use crate::Request;

/// The command line. `token` is shell text and stands where the token was.
pub(crate) fn line(request: &Request, url: &Url, socket: Option<&Path>, headers: &HeaderMap, token: &str) -> String {
    let mut words = vec!["curl".to_owned()];
    if let Some(socket) = socket {
        words.extend(["--unix-socket".to_owned(), quote(&socket.to_string_lossy())]);
    }
    if request.method.as_str() != "GET" {
        words.extend(["-X".to_owned(), request.method.to_string()]);
    }
    for (name, value) in headers {
        words.push("-H".to_owned());
        words.push(if name.as_str() == header::TOKEN {
            format!("\"{name}: {token}\"")
        } else {
            quote(&format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        });
    }
    if let Some(body) = &request.body {
        words.extend(["-H".to_owned(), quote(&format!("{CONTENT_TYPE}: {}", request.content_type))]);
        words.extend(["-d".to_owned(), quote(&String::from_utf8_lossy(body))]);
    }
    words.push(quote(url.as_str()));
    words.join(" ")
}

/// One word for a shell, whatever is in it.
fn quote(text: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_./:=@%+,".contains(char);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests;
