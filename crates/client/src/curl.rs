//! A call as a `curl` command line, to be read, changed and repeated in a POSIX shell.
//!
//! The token never appears in it: the text that stands for it is put in double quotes, so that it may be a command.

use std::path::Path;

use api::header;
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap};

use crate::{Request, Tls};

/// The command line. `token` is shell text and stands where the token was.
pub(crate) fn line(
    request: &Request,
    url: &Url,
    socket: Option<&Path>,
    tls: &Tls,
    headers: &HeaderMap,
    token: &str,
) -> String {
    let mut words = vec!["curl".to_owned()];
    if let Some(socket) = socket {
        words.extend(["--unix-socket".to_owned(), quote(&socket.to_string_lossy())]);
    }
    if tls.skip_verify {
        words.push("--insecure".to_owned());
    }
    if request.method.as_str() != "GET" {
        words.extend(["-X".to_owned(), request.method.to_string()]);
    }
    for (flag, file) in files(tls) {
        words.extend([flag.to_owned(), quote(&file.to_string_lossy())]);
    }
    if headers.contains_key(header::TOKEN) {
        words.extend(["-H".to_owned(), format!("\"{}: {token}\"", canonical(header::TOKEN))]);
    }
    for (name, value) in headers.iter().filter(|(name, _)| name.as_str() != header::TOKEN) {
        words.extend(["-H".to_owned(), pair(name.as_str(), &String::from_utf8_lossy(value.as_bytes()))]);
    }
    if let Some(body) = &request.body {
        words.extend(["-H".to_owned(), pair(CONTENT_TYPE.as_str(), request.content_type)]);
        words.extend(["-d".to_owned(), quote(&String::from_utf8_lossy(body))]);
    }
    words.push(quote(url.as_str()));
    words.join(" ")
}

/// The files of the TLS settings, each with the flag that gives it to curl. Of the authorities only those that count.
fn files(tls: &Tls) -> impl Iterator<Item = (&'static str, &Path)> {
    let is_folder_used = tls.ca_cert.is_none() && tls.ca_cert_text.is_none();
    let ca_path = tls.ca_path.as_deref().filter(|_| is_folder_used);
    let files = [
        ("--cacert", tls.ca_cert.as_deref()),
        ("--capath", ca_path),
        ("--cert", tls.client_cert.as_deref()),
        ("--key", tls.client_key.as_deref()),
    ];
    files.into_iter().filter_map(|(flag, file)| Some((flag, file?)))
}

/// A header as one word: in double quotes, as scripts look for it, unless a shell would find more than text in them.
fn pair(name: &str, value: &str) -> String {
    let text = format!("{}: {value}", canonical(name));
    let is_text = |char: char| !char.is_control() && !"$`\"\\!".contains(char);
    if text.chars().all(is_text) { format!("\"{text}\"") } else { quote(&text) }
}

/// A header's name as Go writes it: `X-Vault-Token`.
fn canonical(name: &str) -> String {
    let words = name.split('-').map(|word| match word.split_at_checked(1) {
        Some((first, rest)) => format!("{}{}", first.to_ascii_uppercase(), rest.to_ascii_lowercase()),
        None => word.to_owned(),
    });
    words.collect::<Vec<_>>().join("-")
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
