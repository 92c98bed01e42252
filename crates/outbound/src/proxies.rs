//! The proxies that the server's environment names: `HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY` and their forms in lower
//! case, as Vault honors them for what its engines ask (documented Go behavior, which the variables come from).
//!
//! They are honored by default, because a server behind a proxy reaches no identity provider otherwise. This machine
//! itself is never asked through a proxy.

use reqwest::{NoProxy, Proxy};

use crate::client::Error;

/// What is never asked through a proxy, beside what `NO_PROXY` names: this machine.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// Through which proxies to ask. Has no `Debug`: their URLs can hold passwords.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    http: Option<String>,
    https: Option<String>,
    except: String,
}

impl Proxies {
    /// None at all.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Those that the server was started with.
    #[must_use]
    pub fn of_environment() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// Those of an environment in which `lookup` finds variables. An empty variable is none.
    #[must_use]
    pub fn from_variables(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let find = |names: [&str; 2]| names.into_iter().find_map(|name| lookup(name).filter(|text| !text.is_empty()));
        // A CGI program has its caller's `Proxy` header in the first of these: CVE-2016-5385.
        let is_cgi = lookup("REQUEST_METHOD").is_some();
        Self {
            http: find(["HTTP_PROXY", "http_proxy"]).filter(|_| !is_cgi),
            https: find(["HTTPS_PROXY", "https_proxy"]),
            except: find(["NO_PROXY", "no_proxy"]).unwrap_or_default(),
        }
    }

    /// As the library takes them.
    ///
    /// # Errors
    /// When one of them is no URL.
    pub(crate) fn rules(&self) -> Result<Vec<Proxy>, Error> {
        let except = NoProxy::from_string(&format!("{LOOPBACK},{}", self.except));
        let mut rules = Vec::new();
        if let Some(url) = &self.http {
            rules.push(Proxy::http(with_scheme(url)).map_err(|_| Error::Proxy)?.no_proxy(except.clone()));
        }
        if let Some(url) = &self.https {
            rules.push(Proxy::https(with_scheme(url)).map_err(|_| Error::Proxy)?.no_proxy(except));
        }
        Ok(rules)
    }
}

/// A proxy can be named by host and port alone.
fn with_scheme(text: &str) -> String {
    if text.contains("://") { text.to_owned() } else { format!("http://{text}") }
}

#[cfg(test)]
mod tests;
