//! Whether a certificate has been revoked, as its responders say (RFC 6960).
//!
//! They are those that the role names, or else the certificate. The first answer counts, or that of all of them; what
//! nobody can tell is for the role to decide.

use data_encoding::HEXLOWER;
use framework::Context;
use x509::Certificate;
use x509::ocsp::{self, Status, Verdict};

use super::Cert;
use super::entry::OcspEntry;
use super::outside::{self, Question};

/// How many responders are asked at the most.
const RESPONDERS_MAX: usize = 8;
/// After this time no further question is asked.
const TIME_MAX: std::time::Duration = std::time::Duration::from_secs(15);

/// What is known of a certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    Good,
    Revoked,
    /// Nobody could tell, and why.
    Untold(String),
}

impl Standing {
    /// Whether a role lets somebody in whose certificate stands like this.
    pub(super) fn admits(&self, ocsp: &OcspEntry) -> bool {
        match self {
            Self::Good => true,
            Self::Revoked => false,
            Self::Untold(_) => ocsp.fails_open,
        }
    }
}

/// Asks, unless it is known.
pub(super) async fn standing(
    method: &Cert,
    context: &Context,
    role: &OcspEntry,
    cache_size: u64,
    (certificate, issuer): (&Certificate<'_>, &Certificate<'_>),
) -> Standing {
    let of_certificate = || certificate.responders().iter().map(|url| (*url).to_owned()).collect();
    let mut whom: Vec<String> = if role.servers.is_empty() { of_certificate() } else { role.servers.clone() };
    whom.truncate(RESPONDERS_MAX);
    if whom.is_empty() {
        return Standing::Untold("the certificate names no OCSP responder".to_owned());
    }
    let asking = Asking { method, context, role, certificate, issuer, until: context.env.monotonic() + TIME_MAX };
    if !role.asks_all {
        return asking.first(whom, cache_size).await;
    }
    let mut outcome = Standing::Good;
    for url in whom {
        match asking.first(vec![url], cache_size).await {
            Standing::Good => {}
            Standing::Revoked => return Standing::Revoked,
            untold @ Standing::Untold(_) => outcome = untold,
        }
    }
    outcome
}

struct Asking<'a> {
    method: &'a Cert,
    context: &'a Context,
    role: &'a OcspEntry,
    certificate: &'a Certificate<'a>,
    issuer: &'a Certificate<'a>,
    /// Of the monotonic clock.
    until: std::time::Duration,
}

impl Asking<'_> {
    fn now(&self) -> i64 {
        super::find::seconds(self.context)
    }

    /// What the first of these says that says something.
    async fn first(&self, whom: Vec<String>, cache_size: u64) -> Standing {
        let question = Question {
            mount: self.context.mount.uuid.clone(),
            certificate: self.certificate.fingerprint(),
            issuer: self.issuer.fingerprint(),
            whom,
        };
        if let Some(known) = self.method.outside.known(&question, self.now()).and_then(|known| self.judge(known)) {
            return known;
        }
        let mut outcome = Standing::Untold("no OCSP responder was asked".to_owned());
        for url in &question.whom {
            match self.ask(url).await {
                Ok(verdict) => match self.judge(verdict) {
                    Some(standing) => {
                        self.method.outside.keep(question, verdict, cache_size);
                        return standing;
                    }
                    None => {
                        let why = "the OCSP responder does not know, or its answer is too old";
                        outcome = Standing::Untold(why.to_owned());
                    }
                },
                Err(why) => outcome = Standing::Untold(why),
            }
        }
        outcome
    }

    /// What a verdict means for this role.
    fn judge(&self, verdict: Verdict) -> Option<Standing> {
        let age_max = i64::try_from(self.role.age_max_secs).unwrap_or(i64::MAX);
        let is_old = age_max > 0 && self.now().saturating_sub(verdict.this_update) > age_max;
        match verdict.status {
            Status::Revoked => Some(Standing::Revoked),
            Status::Good if !is_old => Some(Standing::Good),
            Status::Good | Status::Unknown => None,
        }
    }

    /// One responder's verdict, asked for as often as the role says.
    async fn ask(&self, url: &str) -> Result<Verdict, String> {
        let mut why = String::new();
        for _ in 0..=self.role.retries_max {
            if self.context.env.monotonic() >= self.until {
                return Err("no OCSP responder has answered in time".to_owned());
            }
            let question = ocsp::question(self.certificate, self.issuer);
            match self.method.outside.ask(url, question, &self.role.ca_certificates).await {
                // What was answered will not be another answer the next time.
                Ok(answer) => {
                    let verdict = ocsp::verdict(&answer, self.certificate, self.issuer, self.now());
                    return verdict.map_err(|refused| refused.to_string());
                }
                Err(error) => why = outside::why(&error),
            }
        }
        Err(why)
    }
}

/// The name of a public key.
pub(super) fn key_id(certificate: &Certificate<'_>) -> String {
    HEXLOWER.encode(&certificate.key().fingerprint())
}
