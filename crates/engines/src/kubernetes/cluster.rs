//! Asking the cluster's API: whether a token is good, and what labels and annotations say.
//!
//! Whoever logs in learns that they may not, and nothing else. That the cluster cannot be asked, or does not let the
//! reviewer ask, is an operator's business and goes to the log.

use std::collections::BTreeMap;

use framework::Error;
use outbound::{Answer, Request, chain, parse_url};
use secret::SecretString;
use serde::Deserialize;
use serde_json::json;

use super::token::Account;
use crate::clients::Clients;

/// Clients of clusters.
#[derive(Default)]
pub(super) struct Clusters {
    clients: Clients,
}

/// A cluster, and who asks it.
pub(super) struct Cluster<'a> {
    clusters: &'a Clusters,
    host: &'a str,
    ca_cert: &'a str,
    /// The bearer of questions.
    asker: &'a SecretString,
    /// Whether that is the token in question itself.
    asks_for_itself: bool,
}

#[derive(Deserialize)]
struct Review {
    #[serde(default)]
    status: ReviewStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ReviewStatus {
    authenticated: bool,
    user: ReviewUser,
    audiences: Vec<String>,
    error: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ReviewUser {
    username: String,
    uid: String,
}

#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
}

impl Clusters {
    pub(super) const fn at<'a>(
        &'a self,
        host: &'a str,
        ca_cert: &'a str,
        asker: &'a SecretString,
        asks_for_itself: bool,
    ) -> Cluster<'a> {
        Cluster { clusters: self, host, ca_cert, asker, asks_for_itself }
    }
}

impl Cluster<'_> {
    /// Asks whether a token is good and this account's (TokenReview, `authentication.k8s.io/v1`).
    ///
    /// # Errors
    /// [`Error::Denied`] when it is not, [`Error::World`] when the cluster does not tell.
    pub(super) async fn review(&self, token: &SecretString, account: &Account, audience: &str) -> Result<(), Error> {
        let spec = match audience {
            "" => json!({ "token": token.expose() }),
            _ => json!({ "token": token.expose(), "audiences": [audience] }),
        };
        let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec });
        let url = format!("{}/apis/authentication.k8s.io/v1/tokenreviews", self.host);
        let request = Request::post(
            parse_url(&url).map_err(|error| failed(&error))?,
            "application/json",
            review.to_string().into_bytes(),
        );
        let answer = self.ask(request).await?;
        match answer.status {
            200 | 201 => {}
            // Whom the cluster does not know cannot ask it about themselves.
            401 | 403 if self.asks_for_itself => return Err(Error::Denied),
            status => return Err(refused("review a token", status)),
        }
        let review: Review = read(&answer)?;
        let status = review.status;
        let is_for = audience.is_empty() || status.audiences.iter().any(|it| it == audience);
        let is_same = status.user.username == account.username() && status.user.uid == account.uid;
        let is_good = status.authenticated && status.error.is_empty() && is_for && is_same;
        if is_good { Ok(()) } else { Err(Error::Denied) }
    }

    /// The labels of a namespace.
    ///
    /// # Errors
    /// [`Error::World`] when the cluster does not tell.
    pub(super) async fn labels(&self, namespace: &str) -> Result<BTreeMap<String, String>, Error> {
        let found = self.metadata(&format!("{}/api/v1/namespaces/{namespace}", self.host)).await?;
        Ok(found.labels.unwrap_or_default())
    }

    /// The annotations of an account.
    ///
    /// # Errors
    /// [`Error::World`] when the cluster does not tell.
    pub(super) async fn annotations(&self, account: &Account) -> Result<BTreeMap<String, String>, Error> {
        let Account { namespace, name, .. } = account;
        let found =
            self.metadata(&format!("{}/api/v1/namespaces/{namespace}/serviceaccounts/{name}", self.host)).await?;
        Ok(found.annotations.unwrap_or_default())
    }

    async fn metadata(&self, url: &str) -> Result<Metadata, Error> {
        let answer = self.ask(Request::get(parse_url(url).map_err(|error| failed(&error))?)).await?;
        if answer.status != 200 {
            return Err(refused("read an object", answer.status));
        }
        read::<Object>(&answer).map(|object| object.metadata)
    }

    async fn ask(&self, request: Request) -> Result<Answer, Error> {
        let client = self.clusters.clients.trusting(self.ca_cert).map_err(|error| failed(&error))?;
        let request = request.bearer(self.asker).map_err(|error| match self.asks_for_itself {
            // What cannot stand in a header is nobody's token.
            true => Error::Denied,
            false => failed(&error),
        })?;
        client.ask(request).await.map_err(|error| failed(&error))
    }
}

fn read<T: for<'d> Deserialize<'d>>(answer: &Answer) -> Result<T, Error> {
    serde_json::from_slice(&answer.body).map_err(|source| Error::world("read an answer of the Kubernetes API", source))
}

fn failed(error: &outbound::Error) -> Error {
    Error::world("ask the Kubernetes API", chain(error))
}

fn refused(what: &str, status: u16) -> Error {
    Error::world("ask the Kubernetes API", format!("it answers {status} to the question to {what}"))
}
