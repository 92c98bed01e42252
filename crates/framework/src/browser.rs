//! What a front door has to know of the cluster's settings to answer browsers: from which other origins they may call,
//! and which headers go with the web interface.
//!
//! Names and values only: what they do to a response is the front door's affair.

/// Settings of the cluster that concern browsers. The default is what holds while nothing is set or known.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BrowserSettings {
    /// Who else may call from a browser; `None` while that is switched off and nobody is checked.
    pub cors: Option<Cors>,
    /// Headers of the web interface: they replace its own of the same name. A name may come several times.
    pub ui_headers: Vec<(String, String)>,
}

/// Cross-origin requests that are let through.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cors {
    /// Origins, compared as they are written; `*` alone stands for every one.
    pub origins: Vec<String>,
    /// The names of the headers that a request may have, in the order in which a browser is told.
    pub headers: Vec<String>,
}

impl Cors {
    /// Whether a request from this origin is let through.
    #[must_use]
    pub fn allows(&self, origin: &str) -> bool {
        self.origins.iter().any(|allowed| allowed == "*" || allowed == origin)
    }
}
