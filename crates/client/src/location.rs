//! Turns paths into URLs, without changing what they mean.

use std::path::PathBuf;

use reqwest::Url;

use crate::Error;
use crate::config::ConfigError;

/// How URLs start whose calls go to a socket: the host is only for the eye.
const SOCKET_URL: &str = "http://localhost";

/// Where the server is.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    /// What paths are appended to.
    pub(crate) url: Url,
    /// The Unix socket that all calls go to, in place of the URL's host.
    pub(crate) socket: Option<PathBuf>,
}

/// Reads the server's address: `http://`, `https://`, or `unix://` and an absolute path.
pub(crate) fn parse_address(address: &str) -> Result<Address, ConfigError> {
    let Some(path) = address.trim().strip_prefix("unix://") else {
        return Ok(Address { url: parse_url(address)?, socket: None });
    };
    if !path.starts_with('/') {
        return Err(ConfigError {
            name: "address".to_owned(),
            problem: "expected the absolute path of a socket behind unix://".to_owned(),
        });
    }
    Ok(Address { url: parse_url(SOCKET_URL)?, socket: Some(PathBuf::from(path)) })
}

fn parse_url(address: &str) -> Result<Url, ConfigError> {
    let wrong = |problem: &str| ConfigError { name: "address".to_owned(), problem: problem.to_owned() };
    let url = Url::parse(address.trim()).map_err(|_| wrong("expected a URL such as https://127.0.0.1:8200"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(wrong("expected a URL that starts with http://, https:// or unix://"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("a URL with ? or # cannot be an address"));
    }
    Ok(url)
}

/// `<address>/v1/<path>?<query>`. Characters that have a meaning in URLs are encoded, since in a path here they have
/// none. A slash at the end is kept.
pub(crate) fn resolve(address: &Url, path: &str, query: &[(String, String)]) -> Result<Url, Error> {
    let path = path.trim_start_matches('/');
    // The URL type would leave them out in silence.
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(Error::DotSegment);
    }
    let mut url = address.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().push("v1").extend(path.split('/'));
    }
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

/// Whether the host is this machine, which proxies have no business with.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
        None => false,
    }
}

#[cfg(test)]
mod tests;
