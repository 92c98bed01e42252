//! The paths of the API, and a few of the stand-in's own below `/simulator/` for whoever runs it alone.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{AUDIENCE, Account, State};
use crate::faults::Fault;
use crate::http::Request;

type Reply = (u16, Value);

impl State {
    pub(super) fn answer(&mut self, request: &Request) -> Reply {
        let path = request.path.split('?').next().unwrap_or_default().trim_matches('/');
        let parts: Vec<&str> = path.split('/').collect();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        if let ["simulator", rest @ ..] = parts.as_slice() {
            return self.control(&request.method, rest, &body);
        }
        let caller = match request.bearer.as_deref().map(|text| self.proven(text)) {
            Some(Ok(((namespace, name), _))) => self.account(&namespace, &name).cloned().unwrap_or_default(),
            _ => return status(401, "Unauthorized", "Unauthorized"),
        };
        match (request.method.as_str(), parts.as_slice()) {
            ("POST", ["apis", "authentication.k8s.io", "v1", "tokenreviews"]) if caller.may_review => {
                self.review(&body)
            }
            ("GET", ["api", "v1", "namespaces", namespace]) if caller.may_read => self.namespace(namespace),
            ("GET", ["api", "v1", "namespaces", namespace, "serviceaccounts", name]) if caller.may_read => {
                self.service_account(namespace, name)
            }
            ("POST", ["api", "v1", "namespaces", namespace, "serviceaccounts", name, "token"]) if caller.may_review => {
                self.request_token(namespace, name, &body)
            }
            (_, ["apis", "authentication.k8s.io", "v1", "tokenreviews"] | ["api", "v1", "namespaces", ..]) => {
                status(403, "Forbidden", "the account cannot do this at the cluster scope")
            }
            _ => status(404, "NotFound", "the server could not find the requested resource"),
        }
    }

    /// `authentication.k8s.io/v1`: says of a token whose it is.
    fn review(&self, body: &Value) -> Reply {
        let token = body.pointer("/spec/token").and_then(Value::as_str).unwrap_or_default();
        let texts = |value: Option<&Value>| -> Vec<String> {
            let items = value.and_then(Value::as_array).into_iter().flatten();
            items.filter_map(|it| it.as_str().map(str::to_owned)).collect()
        };
        let mut wanted = texts(body.pointer("/spec/audiences"));
        if wanted.is_empty() {
            wanted.push(AUDIENCE.to_owned());
        }
        let about = match self.proven(token) {
            Err(why) => json!({ "user": {}, "error": format!("[{why}]") }),
            Ok(((namespace, name), audiences)) => {
                let common: Vec<_> = wanted.iter().filter(|it| audiences.contains(it)).collect();
                let uid = self.account(&namespace, &name).map(|account| account.uid.clone());
                if common.is_empty() {
                    let why = format!("token audiences {audiences:?} is invalid for the target audiences {wanted:?}");
                    json!({ "user": {}, "error": why })
                } else {
                    let groups = ["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")];
                    let username = format!("system:serviceaccount:{namespace}:{name}");
                    json!({ "authenticated": true, "audiences": common,
                        "user": { "username": username, "uid": uid, "groups": groups } })
                }
            }
        };
        let review = json!({ "kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1",
            "metadata": { "creationTimestamp": null }, "spec": body.get("spec"), "status": about });
        (201, review)
    }

    fn namespace(&self, name: &str) -> Reply {
        match self.labels.get(name) {
            None => status(404, "NotFound", &format!("namespaces \"{name}\" not found")),
            Some(labels) => {
                let mut labels = labels.clone();
                labels.insert("kubernetes.io/metadata.name".to_owned(), name.to_owned());
                (
                    200,
                    json!({ "kind": "Namespace", "apiVersion": "v1", "metadata": { "name": name, "labels": labels } }),
                )
            }
        }
    }

    fn service_account(&self, namespace: &str, name: &str) -> Reply {
        match self.account(namespace, name) {
            None => status(404, "NotFound", &format!("serviceaccounts \"{name}\" not found")),
            Some(account) => {
                let metadata = json!({ "name": name, "namespace": namespace, "uid": account.uid,
                    "annotations": account.annotations });
                (200, json!({ "kind": "ServiceAccount", "apiVersion": "v1", "metadata": metadata }))
            }
        }
    }

    /// TokenRequest: what a kubelet asks for a pod.
    fn request_token(&self, namespace: &str, name: &str, body: &Value) -> Reply {
        let audiences = body.pointer("/spec/audiences").and_then(Value::as_array).cloned().unwrap_or_default();
        let audiences = audiences.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect();
        let lasts = body.pointer("/spec/expirationSeconds").and_then(Value::as_i64).unwrap_or(3_600);
        match self.token(namespace, name, audiences, lasts) {
            None => status(404, "NotFound", &format!("serviceaccounts \"{name}\" not found")),
            Some(token) => (
                201,
                json!({ "kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1",
                "spec": body.get("spec"), "status": { "token": token } }),
            ),
        }
    }

    /// What a cluster's operator does in other ways.
    fn control(&mut self, method: &str, parts: &[&str], body: &Value) -> Reply {
        let map = |value: Option<&Value>| -> BTreeMap<String, String> {
            let pairs = value.and_then(Value::as_object).into_iter().flatten();
            pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
        };
        let flag = |name: &str| body.get(name).and_then(Value::as_bool).unwrap_or_default();
        match (method, parts) {
            ("PUT", ["accounts", namespace, name]) => {
                let account = Account {
                    uid: String::new(),
                    may_review: flag("may_review"),
                    may_read: flag("may_read"),
                    annotations: map(body.get("annotations")),
                };
                let made = self.make_account(namespace, name, account);
                let token = self.token(namespace, name, Vec::new(), 3_600);
                (200, json!({ "uid": made.uid, "token": token }))
            }
            ("PUT", ["namespaces", namespace]) => {
                self.labels.insert((*namespace).to_owned(), map(body.get("labels")));
                (200, json!({}))
            }
            ("PUT", ["fault", "none"]) => self.set_fault(None),
            ("PUT", ["fault", "hang"]) => self.set_fault(Some(Fault::Hang)),
            ("PUT", ["fault", "cut"]) => self.set_fault(Some(Fault::Cut)),
            ("PUT", ["fault", number]) => match number.parse() {
                Ok(number) => self.set_fault(Some(Fault::Status(number))),
                Err(_) => status(400, "BadRequest", "faults are none, hang, cut or a status"),
            },
            _ => status(404, "NotFound", "the simulator has accounts, namespaces and fault"),
        }
    }

    fn set_fault(&mut self, fault: Option<Fault>) -> Reply {
        self.fault = fault;
        (200, json!({}))
    }
}

/// A failure as the API tells it.
fn status(code: u16, reason: &str, message: &str) -> Reply {
    let status = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": reason, "code": code });
    (code, status)
}
