//! Asking the API of Terraform Cloud: documents of JSON:API, its errors in its own words, and waiting where it limits the
//! rate.
//!
//! A failure tells whether anything can have been done. What it shows is what the other side said, never a token.

use std::time::Duration;

use api::Timestamp;
use env::Env;
use framework::Error;
use outbound::{Answer, Client, Request, Url, chain, parse_url};
use secret::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Terraform;
use super::entry::{ConfigEntry, Owner};

const JSON_API: &str = "application/vnd.api+json";
/// How long one call waits in all for its turn when the API limits the rate (30 calls in a second, documented).
const RATE_WAIT_MAX: Duration = Duration::from_secs(8);
/// The longest single wait that an answer can ask for, and the one where it does not say.
const RESET_SECS_MAX: f64 = 8.0;
const RESET_SECS_UNTOLD: f64 = 0.1;
/// Added to each wait at the most, so that those who wait do not all come at once.
const JITTER_MILLIS: u64 = 300;
/// The longest text of the other side that is passed on, in bytes.
const TEXT_BYTES_MAX: usize = 512;
/// How many tokens one page of a list has (the most that the API gives), and how many pages are looked through.
const PAGE_SIZE: usize = 100;
const PAGES_MAX: usize = 200;

/// The API, asked with the root token.
pub(super) struct Saas<'a> {
    client: Client,
    base: Url,
    token: SecretString,
    env: &'a Env,
}

/// A token that was made.
pub(super) struct Made {
    pub(super) id: String,
    pub(super) token: SecretString,
    /// When it ends by itself.
    pub(super) ends: Option<Timestamp>,
}

/// What a list tells of a token.
pub(super) struct Listed {
    pub(super) id: String,
    pub(super) description: String,
    /// The team that it is of, if it is of one.
    pub(super) team: String,
}

/// A call that did not do what it should.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(super) struct Failure {
    text: String,
    /// None when there was no answer.
    pub(super) status: Option<u16>,
    /// Nothing was done.
    pub(super) is_certain: bool,
}

#[derive(Deserialize)]
struct Document {
    data: Value,
}

#[derive(Deserialize)]
struct Complaints {
    errors: Vec<Complaint>,
}

#[derive(Deserialize)]
struct Complaint {
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
}

impl Failure {
    /// What the caller is told, in front of the other side's own words.
    pub(super) fn told(self, what: &str) -> Error {
        Error::WorldShown { shown: format!("{what}: {}", self.text).into(), source: Box::new(self) }
    }

    pub(super) fn is_missing(&self) -> bool {
        self.status == Some(404)
    }
}

impl Terraform {
    /// The API as it is configured.
    ///
    /// # Errors
    /// [`Error::World`] when the stored address cannot be asked.
    pub(super) fn saas<'a>(&self, config: &ConfigEntry, env: &'a Env) -> Result<Saas<'a>, Error> {
        let failed = |error: &outbound::Error| Error::world("ask Terraform Cloud", chain(error));
        let base = parse_url(&[config.address.as_str(), &config.base_path].concat()).map_err(|error| failed(&error))?;
        let client = self.clients.trusting("").map_err(|error| failed(&error))?;
        Ok(Saas { client, base, token: SecretString::new(config.token.clone()), env })
    }
}

impl Saas<'_> {
    /// The same with another token.
    pub(super) fn with_token(&self, token: &SecretString) -> Self {
        Self { client: self.client.clone(), base: self.base.clone(), token: token.clone(), env: self.env }
    }

    /// Whose token this is. That it answers shows that the token works.
    pub(super) async fn whose(&self) -> Result<Owner, Failure> {
        let found: Document = self.read("account/details").await?;
        let about = |pointer: &str| found.data.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let id = about("/relationships/authenticated-resource/data/id");
        match about("/relationships/authenticated-resource/data/type").as_str() {
            "organizations" => Ok(Owner::Organization(id)),
            "teams" => Ok(Owner::Team(id)),
            "users" => Ok(Owner::User(id)),
            // Older releases of Terraform Enterprise know users alone.
            _ => Ok(Owner::User(about("/id"))),
        }
    }

    /// Makes a token, which replaces the one that there is where the owner has one alone.
    pub(super) async fn make(
        &self,
        owner: &Owner,
        description: &str,
        ends: Option<Timestamp>,
    ) -> Result<Made, Failure> {
        let mut attributes = json!({});
        if matches!(owner, Owner::User(_) | Owner::Team(_)) {
            attributes["description"] = json!(description);
        }
        if let Some(ends) = ends {
            attributes["expired-at"] = json!(ends);
        }
        let (path, data_type) = match owner {
            Owner::User(id) => (format!("users/{id}/authentication-tokens"), "authentication-tokens"),
            Owner::Team(id) => (format!("teams/{id}/authentication-tokens"), "authentication-tokens"),
            single => (single_path(single), "authentication-token"),
        };
        let body = json!({ "data": { "type": data_type, "attributes": attributes } }).to_string();
        let answer = self.ask(Method::Post(&body), &path).await?;
        let made: Document = read(&answer)?;
        let text = |pointer: &str| made.data.pointer(pointer).and_then(Value::as_str);
        match (text("/id"), text("/attributes/token")) {
            (Some(id), Some(token)) if !id.is_empty() && !token.is_empty() => Ok(Made {
                id: id.to_owned(),
                token: SecretString::new(token.to_owned()),
                ends: text("/attributes/expired-at").and_then(|text| text.parse().ok()),
            }),
            _ => Err(unreadable()),
        }
    }

    /// The id of the token of an owner who has one alone; empty for none.
    pub(super) async fn single(&self, owner: &Owner) -> Result<String, Failure> {
        match self.read::<Document>(&single_path(owner)).await {
            Ok(found) => Ok(found.data.pointer("/id").and_then(Value::as_str).unwrap_or_default().to_owned()),
            Err(failure) if failure.is_missing() => Ok(String::new()),
            Err(failure) => Err(failure),
        }
    }

    /// Ends the token of an owner who has one alone.
    pub(super) async fn end_single(&self, owner: &Owner) -> Result<(), Failure> {
        self.ask(Method::Delete, &single_path(owner)).await.map(drop)
    }

    /// Ends a token. One that is gone already has ended: but the API also says 404 for what the root token may not, so that
    /// counts only while the root token works.
    pub(super) async fn end(&self, token_id: &str) -> Result<(), Failure> {
        match self.ask(Method::Delete, &format!("authentication-tokens/{token_id}")).await {
            Err(failure) if failure.is_missing() => self.whose().await.map(drop),
            outcome => outcome.map(drop),
        }
    }

    /// The name of a team.
    pub(super) async fn team_name(&self, id: &str) -> Result<String, Failure> {
        let found: Document = self.read(&format!("teams/{id}")).await?;
        Ok(found.data.pointer("/attributes/name").and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    /// The names of the organizations that the root token sees.
    pub(super) async fn organizations(&self) -> Result<Vec<String>, Failure> {
        let found = self.pages("organizations", "").await?;
        Ok(found.iter().filter_map(|it| it.pointer("/id").and_then(Value::as_str)).map(str::to_owned).collect())
    }

    /// The tokens of a list; `query` goes into it, with `&` at its end.
    pub(super) async fn tokens(&self, path: &str, query: &str) -> Result<Vec<Listed>, Failure> {
        let found = self.pages(path, query).await?;
        let text =
            |it: &Value, pointer: &str| it.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let listed = found.iter().map(|it| Listed {
            id: text(it, "/id"),
            description: text(it, "/attributes/description"),
            team: text(it, "/relationships/team/data/id"),
        });
        Ok(listed.collect())
    }

    async fn pages(&self, path: &str, query: &str) -> Result<Vec<Value>, Failure> {
        let mut all = Vec::new();
        for number in 1..=PAGES_MAX {
            let page = format!("{path}?{query}page%5Bnumber%5D={number}&page%5Bsize%5D={PAGE_SIZE}");
            let Value::Array(items) = self.read::<Document>(&page).await?.data else { return Err(unreadable()) };
            let is_last = items.len() < PAGE_SIZE;
            all.extend(items);
            if is_last {
                return Ok(all);
            }
        }
        Err(Failure { text: "there are too many tokens to look through".to_owned(), status: None, is_certain: true })
    }

    async fn read<T: for<'d> Deserialize<'d>>(&self, path: &str) -> Result<T, Failure> {
        read(&self.ask(Method::Get, path).await?)
    }

    /// Asks, and waits for its turn as long as the API limits the rate.
    async fn ask(&self, method: Method<'_>, path: &str) -> Result<Answer, Failure> {
        let url = self.base.join(path).map_err(|_| Failure::before("the address cannot be asked"))?;
        let began = self.env.monotonic();
        loop {
            let request = match method {
                Method::Get => Request::get(url.clone()),
                Method::Post(body) => Request::post(url.clone(), JSON_API, body.as_bytes().to_vec()),
                Method::Delete => Request::delete(url.clone()),
            };
            let request = request.accept(JSON_API).bearer(&self.token);
            let request = request.map_err(|error| Failure::before(&error.to_string()))?;
            let answer = self.client.ask(request).await.map_err(|error| lost(&error))?;
            if (200..300).contains(&answer.status) {
                return Ok(answer);
            }
            let wait = self.wait(&answer);
            let waited = self.env.monotonic().saturating_sub(began);
            if answer.status != 429 || waited + wait > RATE_WAIT_MAX {
                return Err(self.refused(&answer));
            }
            self.env.sleep(wait).await;
        }
    }

    /// How long to wait for the next turn.
    fn wait(&self, answer: &Answer) -> Duration {
        let told = answer.header("x-ratelimit-reset").and_then(|text| text.parse::<f64>().ok());
        let secs = told.filter(|secs| secs.is_finite()).unwrap_or(RESET_SECS_UNTOLD).clamp(0.0, RESET_SECS_MAX);
        let jitter = u64::from(u16::from_le_bytes(self.env.random())) % JITTER_MILLIS;
        Duration::from_secs_f64(secs) + Duration::from_millis(jitter)
    }

    /// What the API says, in the words that clients of Vault know.
    fn refused(&self, answer: &Answer) -> Failure {
        let text = match answer.status {
            401 => "unauthorized".to_owned(),
            404 => "resource not found".to_owned(),
            status => complaints(&answer.body).unwrap_or_else(|| status_line(status)),
        };
        let text = shown(&text, self.token.expose());
        // Whoever fails may have done it before.
        Failure { text, status: Some(answer.status), is_certain: answer.status < 500 }
    }
}

impl Failure {
    /// One that no call was made for.
    fn before(text: &str) -> Self {
        Self { text: text.to_owned(), status: None, is_certain: true }
    }
}

#[derive(Clone, Copy)]
enum Method<'a> {
    Get,
    Post(&'a str),
    Delete,
}

fn single_path(owner: &Owner) -> String {
    match owner {
        Owner::Organization(name) => format!("organizations/{name}/authentication-token"),
        other => format!("teams/{}/authentication-token", other.id()),
    }
}

fn read<T: for<'d> Deserialize<'d>>(answer: &Answer) -> Result<T, Failure> {
    serde_json::from_slice(&answer.body).map_err(|_| unreadable())
}

/// It has answered with success, so it may have done what was asked for.
fn unreadable() -> Failure {
    Failure { text: "the answer cannot be read".to_owned(), status: None, is_certain: false }
}

fn lost(error: &outbound::Error) -> Failure {
    use outbound::Error as Outbound;
    let is_certain = match error {
        Outbound::Url | Outbound::Proxy | Outbound::Credentials | Outbound::Tls(_) | Outbound::Build(_) => true,
        Outbound::Connect(_) => true,
        Outbound::TimedOut(_) | Outbound::Redirected(_) | Outbound::TooLong(_) | Outbound::Broken(_) => false,
    };
    Failure { text: chain(error), status: None, is_certain }
}

/// The errors of a body, one below the other.
fn complaints(body: &[u8]) -> Option<String> {
    let complaints: Complaints = serde_json::from_slice(body).ok()?;
    let texts = complaints.errors.into_iter().map(|it| match it.detail.as_str() {
        "" => it.title,
        detail => format!("{}\n\n{detail}", it.title),
    });
    Some(texts.collect::<Vec<_>>().join("\n")).filter(|text| !text.is_empty())
}

fn status_line(status: u16) -> String {
    let reason = match status {
        400 => " Bad Request",
        403 => " Forbidden",
        409 => " Conflict",
        422 => " Unprocessable Entity",
        429 => " Too Many Requests",
        500 => " Internal Server Error",
        502 => " Bad Gateway",
        503 => " Service Unavailable",
        504 => " Gateway Timeout",
        _ => "",
    };
    format!("{status}{reason}")
}

/// What the other side says as it may be passed on: bounded, without control characters, and without the token even if
/// somebody in between has echoed the request.
fn shown(text: &str, token: &str) -> String {
    let text = if token.is_empty() { text.to_owned() } else { text.replace(token, "<token>") };
    let mut text: String = text.chars().filter(|it| *it == '\n' || !it.is_control()).collect();
    let end = (0..=TEXT_BYTES_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or_default());
    text
}

impl Failure {
    /// The root token does not see what it has made, so nothing can be said about it.
    pub(super) fn unseen() -> Self {
        Self::before("the root token does not see the owner's tokens")
    }
}
