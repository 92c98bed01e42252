//! What is asked of the outside: revocation lists where they lie, and OCSP responders.
//!
//! Kept in memory are connections, and what responders have said as long as it holds: both bounded, and nothing that another
//! node could not find out again. A lock is held for a look alone.

use std::collections::BTreeMap;
use std::sync::Mutex;

use framework::Error;
use outbound::{Request, Trust, chain, parse_url};
use x509::ocsp::Verdict;

use crate::clients::{Clients, lock};

/// Of how many certificates it is kept what a responder has said, over all mounts.
const VERDICTS_MAX: usize = 100_000;

/// Connections to the outside, and what was said there.
#[derive(Default)]
pub(super) struct Outside {
    clients: Clients,
    verdicts: Mutex<BTreeMap<Question, Verdict>>,
}

/// What was asked: by which mount, about which certificate and whose, and whom.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Question {
    pub(super) mount: String,
    pub(super) certificate: [u8; 32],
    pub(super) issuer: [u8; 32],
    pub(super) whom: Vec<String>,
}

impl Outside {
    /// What is at a URL, a revocation list in either form.
    ///
    /// # Errors
    /// When it cannot be fetched.
    pub(super) async fn fetch_list(&self, url: &str) -> Result<Vec<u8>, String> {
        let answer = self.fetch(url).await.map_err(|error| why(&error))?;
        // A proxy may answer with an old list in place of the one that is not there.
        if answer.status == 200 { Ok(answer.body) } else { Err(format!("the server answers {}", answer.status)) }
    }

    async fn fetch(&self, url: &str) -> Result<outbound::Answer, outbound::Error> {
        let request = Request::get(parse_url(url)?).accept("application/pkix-crl, */*");
        self.clients.trusting("")?.ask(request).await
    }

    /// What a responder answers.
    ///
    /// # Errors
    /// When it does not.
    pub(super) async fn ask(
        &self,
        url: &str,
        question: Vec<u8>,
        authorities: &str,
    ) -> Result<Vec<u8>, outbound::Error> {
        let request = Request::post(parse_url(url)?, "application/ocsp-request", question);
        let answer = self.clients.trusting(authorities)?.ask(request.accept("application/ocsp-response")).await?;
        Ok(answer.body)
    }

    /// What was said, if it still holds at this time, in seconds since 1970.
    pub(super) fn known(&self, question: &Question, now: i64) -> Option<Verdict> {
        let verdicts = lock(&self.verdicts);
        verdicts.get(question).copied().filter(|it| it.next_update.is_some_and(|next| now <= next))
    }

    /// Keeps what was said, as long as it says that it holds; a mount keeps so much at the most.
    pub(super) fn keep(&self, question: Question, verdict: Verdict, max: u64) {
        if verdict.next_update.is_none() {
            return;
        }
        let mut verdicts = lock(&self.verdicts);
        let of_mount = verdicts.keys().filter(|it| it.mount == question.mount).count();
        if !verdicts.contains_key(&question) && u64::try_from(of_mount).is_ok_and(|count| count >= max) {
            let ends = |(question, verdict): (&Question, &Verdict)| (verdict.next_update, question.clone());
            let first = verdicts.iter().filter(|(it, _)| it.mount == question.mount).map(ends).min();
            first.and_then(|(_, first)| verdicts.remove(&first));
        }
        if verdicts.len() >= VERDICTS_MAX {
            verdicts.pop_first();
        }
        verdicts.insert(question, verdict);
    }
}

/// Whether a text of authorities can be used.
///
/// # Errors
/// [`Error::Invalid`] when it cannot.
pub(super) fn authorities(text: &str) -> Result<(), Error> {
    match Trust::from_pem(text) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::invalid("failed to parse 'ocsp_ca_certificates'")),
    }
}

/// What went wrong outside, for an operator.
pub(super) fn why(error: &outbound::Error) -> String {
    chain(error)
}
