//! A stand-in for the API server of Kubernetes: TokenReview, TokenRequest, and namespaces and service accounts to be read,
//! each only for whom the cluster lets (RBAC in two words: who may review, who may read). It signs the tokens itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};

use crate::clock::machine_millis;
use crate::faults::Fault;
use crate::http::{Answer, Request, Server};
use tokens::Signer;

mod api;
mod tokens;

/// The audience of tokens that ask for none.
pub const AUDIENCE: &str = "https://kubernetes.default.svc.cluster.local";

/// A running API server. It ends when this is dropped.
pub struct ApiServer {
    /// The authority of its certificate, PEM.
    pub authority: String,
    server: Server,
    state: Arc<Mutex<State>>,
}

/// An API server with threads of its own, for who has no runtime. It ends when this is dropped.
pub struct Alone {
    /// The server; it goes first.
    pub server: ApiServer,
    _threads: tokio::runtime::Runtime,
}

impl Alone {
    /// Starts one on a free port, with the clock of this machine.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start() -> Result<Self> {
        let threads = tokio::runtime::Runtime::new()?;
        let server = threads.block_on(ApiServer::start(0, None))?;
        Ok(Self { server, _threads: threads })
    }
}

/// What a service account may and is.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Its id, which it gets when it is made.
    pub uid: String,
    /// Whether it may review tokens (`system:auth-delegator`).
    pub may_review: bool,
    /// Whether it may read namespaces and service accounts.
    pub may_read: bool,
    /// Notes of others about it.
    pub annotations: BTreeMap<String, String>,
}

struct State {
    signer: Signer,
    /// Seconds since 1970; `None` for those of this machine.
    now: Option<i64>,
    accounts: BTreeMap<(String, String), Account>,
    labels: BTreeMap<String, BTreeMap<String, String>>,
    fault: Option<Fault>,
    asked: Vec<String>,
    made: u64,
}

impl ApiServer {
    /// Starts one on a port of this machine, 0 for a free one, with the clock at `now` or that of this machine.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(port: u16, now: Option<i64>) -> Result<Self> {
        let ca_key = KeyPair::generate()?;
        let mut ca = CertificateParams::new(vec![])?;
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.distinguished_name.push(rcgen::DnType::CommonName, "kubernetes");
        let authority = ca.self_signed(&ca_key)?.pem();
        let key = KeyPair::generate()?;
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "kubernetes.default.svc".to_owned()];
        let certificate = CertificateParams::new(names)?.signed_by(&key, &Issuer::from_params(&ca, &ca_key))?;
        let chain = vec![certificate.der().clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
        let state = Arc::new(Mutex::new(State {
            signer: Signer::new()?,
            now,
            accounts: BTreeMap::new(),
            labels: BTreeMap::new(),
            fault: None,
            asked: Vec::new(),
            made: 0,
        }));
        let shared = Arc::clone(&state);
        let site = Arc::new(move |request: &Request| {
            let mut state = lock(&shared);
            state.asked.push(format!("{} {}", request.method, request.path));
            let (status, body) = state.answer(request);
            // What switches faults on can switch them off.
            let fault = state.fault.clone().filter(|_| !request.path.starts_with("/simulator/"));
            Answer { fault, ..Answer::json(status, body.to_string()) }
        });
        let server = Server::start(port, Some((chain, key)), site).await?;
        Ok(Self { authority, server, state })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}", self.server.address)
    }

    /// The public key of its tokens, PEM.
    #[must_use]
    pub fn public_key(&self) -> String {
        lock(&self.state).signer.public_key()
    }

    /// Makes a service account, or makes it anew under another id.
    pub fn make_account(&self, namespace: &str, name: &str, account: Account) -> Account {
        lock(&self.state).make_account(namespace, name, account)
    }

    /// Removes a service account; its tokens are no good any more.
    pub fn remove_account(&self, namespace: &str, name: &str) {
        lock(&self.state).accounts.remove(&(namespace.to_owned(), name.to_owned()));
    }

    /// Labels a namespace.
    pub fn label(&self, namespace: &str, labels: &[(&str, &str)]) {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        lock(&self.state).labels.insert(namespace.to_owned(), labels.collect());
    }

    /// A projected token of an account for these audiences, good for an hour.
    #[must_use]
    pub fn token(&self, namespace: &str, name: &str, audiences: &[&str]) -> Option<String> {
        lock(&self.state).token(namespace, name, audiences.iter().map(|it| (*it).to_owned()).collect(), 3_600)
    }

    /// A token of an account in its older form, as it lay in a secret, without an end.
    #[must_use]
    pub fn legacy_token(&self, namespace: &str, name: &str) -> Option<String> {
        lock(&self.state).legacy_token(namespace, name)
    }

    /// Lets all answers go wrong from now on, or none.
    pub fn fail(&self, fault: Option<Fault>) {
        lock(&self.state).fault = fault;
    }

    /// What has been asked since the last look, as `POST /apis/…`.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.state).asked)
    }
}

impl State {
    fn now(&self) -> i64 {
        self.now.unwrap_or_else(|| machine_millis() / 1_000)
    }

    fn make_account(&mut self, namespace: &str, name: &str, account: Account) -> Account {
        self.made += 1;
        let uid = format!("00000000-0000-4000-8000-{:012}", self.made);
        let account = Account { uid, ..account };
        self.accounts.insert((namespace.to_owned(), name.to_owned()), account.clone());
        self.labels.entry(namespace.to_owned()).or_default();
        account
    }

    fn account(&self, namespace: &str, name: &str) -> Option<&Account> {
        self.accounts.get(&(namespace.to_owned(), name.to_owned()))
    }

    fn token(&self, namespace: &str, name: &str, mut audiences: Vec<String>, lasts: i64) -> Option<String> {
        let uid = &self.account(namespace, name)?.uid;
        if audiences.is_empty() {
            audiences.push(AUDIENCE.to_owned());
        }
        let now = self.now();
        let claims = json!({
            "aud": audiences, "exp": now + lasts, "iat": now, "nbf": now, "iss": AUDIENCE,
            "sub": format!("system:serviceaccount:{namespace}:{name}"),
            "kubernetes.io": { "namespace": namespace, "serviceaccount": { "name": name, "uid": uid } },
        });
        Some(self.signer.sign(&claims))
    }

    fn legacy_token(&self, namespace: &str, name: &str) -> Option<String> {
        let uid = &self.account(namespace, name)?.uid;
        let claims = json!({
            "iss": "kubernetes/serviceaccount", "sub": format!("system:serviceaccount:{namespace}:{name}"),
            "kubernetes.io/serviceaccount/namespace": namespace,
            "kubernetes.io/serviceaccount/secret.name": format!("{name}-token-abcde"),
            "kubernetes.io/serviceaccount/service-account.name": name,
            "kubernetes.io/serviceaccount/service-account.uid": uid,
        });
        Some(self.signer.sign(&claims))
    }

    /// Whose token a text is, and for which audiences: signed here, within its time, of an account that is still there.
    fn proven(&self, text: &str) -> Result<((String, String), Vec<String>), String> {
        let claims = self.signer.open(text).ok_or("invalid bearer token")?;
        if claims.get("exp").and_then(Value::as_i64).is_some_and(|end| end < self.now()) {
            return Err("service account token has expired".to_owned());
        }
        let text = |pointer: &str| claims.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (mut namespace, mut name) = (text("/kubernetes.io/namespace"), text("/kubernetes.io/serviceaccount/name"));
        let mut uid = text("/kubernetes.io/serviceaccount/uid");
        if namespace.is_empty() {
            let of = |end: &str| text(&["/kubernetes.io~1serviceaccount~1", end].concat());
            (namespace, name, uid) = (of("namespace"), of("service-account.name"), of("service-account.uid"));
        }
        if self.account(&namespace, &name).is_none_or(|account| account.uid != uid) {
            return Err("service account has been deleted".to_owned());
        }
        let audiences = claims.get("aud").and_then(Value::as_array).cloned().unwrap_or_else(|| vec![json!(AUDIENCE)]);
        let audiences = audiences.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect();
        Ok(((namespace, name), audiences))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
