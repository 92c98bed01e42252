//! Calls of Genesys Cloud's API and token endpoint: bounded in time, tried again where that does no harm.
//!
//! What may have been done is never done again by itself, but where a second time is as good as the first.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use data_encoding::BASE64;
use env::Env;
use framework::Context;
use outbound::{Answer, Client, Proxies, Request, Settings, Trust, chain, form, parse_url};
use secret::SecretString;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answers::Failure;
use super::entry::{ConfigEntry, Recipe};
use crate::clients::lock;

/// How long a connection may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// The longest answer that is read, in bytes: the list of all clients is one.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How many clients with a time-out of their own are kept.
const CLIENTS_MAX: usize = 16;
/// How long the first further try waits; twice as long before each after it.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest that a further try waits, whatever the vendor asks for; it gives up instead.
const WAIT_MAX: Duration = Duration::from_secs(20);
/// How many pages of the list of clients are read.
const PAGES_MAX: usize = 200;
/// How long Genesys Cloud may take to agree with itself about what was just done.
const AGREEMENT_TIME_MAX: Duration = Duration::from_secs(30);
/// How often it is asked meanwhile.
const AGREEMENT_PAUSE: Duration = Duration::from_secs(2);

const CLIENTS: &str = "/api/v2/oauth/clients";

/// Connections, by the time-out of their calls in seconds.
#[derive(Default)]
pub(super) struct Connections(Mutex<BTreeMap<u64, Client>>);

impl Connections {
    fn client(&self, timeout_secs: u64) -> Result<Client, outbound::Error> {
        if let Some(client) = lock(&self.0).get(&timeout_secs) {
            return Ok(client.clone());
        }
        let client = Client::new(&Settings {
            trust: Trust::from_pem("").map_err(outbound::Error::Tls)?,
            server_name: None,
            connect_timeout: CONNECT_TIME_MAX,
            timeout: Duration::from_secs(timeout_secs),
            body_bytes_max: ANSWER_BYTES_MAX,
            proxies: Proxies::of_environment(),
        })?;
        let mut clients = lock(&self.0);
        if clients.len() >= CLIENTS_MAX {
            clients.pop_first();
        }
        clients.insert(timeout_secs, client.clone());
        Ok(client)
    }

    /// The organization of a configuration.
    ///
    /// # Errors
    /// [`Failure::Unreached`] when no client can be made.
    pub(super) fn open<'a>(&self, context: &'a Context, config: &ConfigEntry) -> Result<Cloud<'a>, Failure> {
        let client = self.client(config.timeout_secs).map_err(|error| unreached(&error))?;
        let (api_url, login_url) = (config.api_url.clone(), config.login_url.clone());
        let is_refused = AtomicBool::new(false);
        Ok(Cloud { client, env: &context.env, api_url, login_url, retries_max: config.retries_max, is_refused })
    }
}

/// An organization that can be asked.
pub(super) struct Cloud<'a> {
    client: Client,
    env: &'a Env,
    pub(super) api_url: String,
    login_url: String,
    retries_max: u32,
    /// Whether the API has refused an access token.
    pub(super) is_refused: AtomicBool,
}

/// An access token.
#[derive(Clone)]
pub(super) struct AccessToken {
    pub(super) text: SecretString,
    /// For how long it is good.
    pub(super) lasts: Duration,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Wiped,
    #[serde(default)]
    expires_in: u64,
}

/// Text that is wiped.
#[derive(Deserialize)]
#[serde(from = "String")]
struct Wiped(SecretString);

impl From<String> for Wiped {
    fn from(text: String) -> Self {
        Self(SecretString::new(text))
    }
}

/// A client with the secret that is shown this once. Prints nothing.
pub(super) struct Made {
    pub(super) id: String,
    pub(super) secret: String,
}

#[derive(Deserialize)]
struct MadeAnswer {
    id: String,
    #[serde(default)]
    secret: String,
}

/// What is shown of a client.
#[derive(Clone, Deserialize)]
pub(super) struct Shown {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) state: String,
    #[serde(default, rename = "authorizedGrantType")]
    pub(super) grant_type: String,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    entities: Vec<Shown>,
    #[serde(default, rename = "nextUri")]
    next_uri: Option<String>,
}

/// Whether what may have been done is asked for again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    /// A second time does no harm.
    Harmless,
    /// A second time makes a second thing.
    Harmful,
}

/// A client as it is asked for.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wanted<'a> {
    name: &'a str,
    description: &'a str,
    access_token_validity_seconds: u64,
    authorized_grant_type: &'static str,
    role_divisions: Vec<Value>,
    state: &'static str,
}

impl Cloud<'_> {
    /// Where clients get their tokens.
    pub(super) fn token_url(&self) -> String {
        format!("{}/oauth/token", self.login_url)
    }

    /// Gets an access token for a client.
    ///
    /// # Errors
    /// [`Failure::BadClient`] when id and secret do not belong together, or the client may not; others as they come.
    pub(super) async fn token(&self, id: &str, secret: &str) -> Result<AccessToken, Failure> {
        let url = parse_url(&self.token_url()).map_err(|error| unreached(&error))?;
        let basic = SecretString::new(BASE64.encode([id, ":", secret].concat().as_bytes()));
        let ask = || async {
            let body = form(&[("grant_type", "client_credentials")]).into_bytes();
            let request = Request::post(url.clone(), "application/x-www-form-urlencoded", body);
            let request = request.basic(&basic).map_err(|error| unreached(&error))?;
            let answer = self.send(request).await?;
            match answer.status {
                200 => Ok(answer),
                status => Err(Failure::of_login(status, &answer.body, wait_secs(&answer), &[secret, basic.expose()])),
            }
        };
        let answer = self.persist(Again::Harmless, ask).await?;
        let said: TokenAnswer = read(&answer, "the token endpoint")?;
        Ok(AccessToken { text: said.access_token.0, lasts: Duration::from_secs(said.expires_in) })
    }

    /// The same for a client whose secret has just been made: as long as it is refused, it may not be known yet.
    ///
    /// # Errors
    /// As [`token`](Self::token), after some time.
    pub(super) async fn token_soon(&self, id: &str, secret: &str) -> Result<AccessToken, Failure> {
        let began = self.env.monotonic();
        loop {
            match self.token(id, secret).await {
                Err(Failure::BadClient { .. }) if self.may_agree(began) => self.env.sleep(AGREEMENT_PAUSE).await,
                outcome => return outcome,
            }
        }
    }

    /// Ends an access token. One that is no good any more is ended.
    ///
    /// # Errors
    /// When there is no answer to that.
    pub(super) async fn end_token(&self, token: &SecretString) -> Result<(), Failure> {
        match self.api(token, "DELETE", "/api/v2/tokens/me", None, Again::Harmless).await {
            Ok(_) | Err(Failure::Refused { status: 401, .. } | Failure::NotFound { .. }) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Makes a client.
    ///
    /// # Errors
    /// As the API says; [`Failure::Unknown`] when it may have been made.
    pub(super) async fn create(&self, token: &SecretString, name: &str, recipe: &Recipe) -> Result<Made, Failure> {
        let body = json_of(&wanted(name, recipe, "active"));
        let answer = self.api(token, "POST", CLIENTS, Some(body), Again::Harmful).await?;
        made(&answer)
    }

    /// Waits until a client that was just made is seen. Whether it was in time is told.
    ///
    /// # Errors
    /// As the API says.
    pub(super) async fn is_visible_soon(&self, token: &SecretString, id: &str) -> Result<bool, Failure> {
        let began = self.env.monotonic();
        loop {
            if self.get(token, id).await?.is_some() {
                return Ok(true);
            }
            if !self.may_agree(began) {
                return Ok(false);
            }
            self.env.sleep(AGREEMENT_PAUSE).await;
        }
    }

    /// Has a client's secret replaced: the one before is dead from then on.
    ///
    /// # Errors
    /// As the API says; [`Failure::Unknown`] when it may have been replaced.
    pub(super) async fn new_secret(&self, token: &SecretString, id: &str) -> Result<Made, Failure> {
        // A further secret is as good as the one that nobody has seen.
        let answer = self.api(token, "POST", &format!("{CLIENTS}/{id}/secret"), None, Again::Harmless).await?;
        made(&answer)
    }

    /// What is shown of a client; nothing of one that is not there.
    ///
    /// # Errors
    /// As the API says.
    pub(super) async fn get(&self, token: &SecretString, id: &str) -> Result<Option<Shown>, Failure> {
        let found = self.api(token, "GET", &format!("{CLIENTS}/{id}"), None, Again::Harmless).await;
        match found {
            Ok(answer) => Ok(Some(read::<Shown>(&answer, "the API")?).filter(|client| client.state != "deleted")),
            Err(Failure::NotFound { .. }) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// The clients of a name.
    ///
    /// # Errors
    /// As the API says, and when there are more pages than anybody reads.
    pub(super) async fn named(&self, token: &SecretString, name: &str) -> Result<Vec<Shown>, Failure> {
        let (mut found, mut path) = (Vec::new(), CLIENTS.to_owned());
        for _ in 0..PAGES_MAX {
            let answer = self.api(token, "GET", &path, None, Again::Harmless).await?;
            let page: Listed = read(&answer, "the API")?;
            found.extend(page.entities.into_iter().filter(|it| it.name == name && it.state != "deleted"));
            match page.next_uri.filter(|next| next.starts_with(CLIENTS)) {
                Some(next) => path = next,
                None => return Ok(found),
            }
        }
        Err(Failure::Unknown { text: format!("Genesys Cloud: the list of clients has more than {PAGES_MAX} pages") })
    }

    /// Writes what a client is made of.
    ///
    /// # Errors
    /// As the API says.
    pub(super) async fn change(
        &self,
        token: &SecretString,
        id: &str,
        name: &str,
        recipe: &Recipe,
    ) -> Result<(), Failure> {
        let body = json_of(&wanted(name, recipe, "active"));
        self.api(token, "PUT", &format!("{CLIENTS}/{id}"), Some(body), Again::Harmless).await.map(drop)
    }

    /// Removes a client: makes it inactive first, as the vendor asks for. Whether it was there is told.
    ///
    /// # Errors
    /// As the API says.
    pub(super) async fn remove(&self, token: &SecretString, id: &str) -> Result<bool, Failure> {
        let path = format!("{CLIENTS}/{id}");
        let Some(mut body) = self.whole(token, &path).await? else { return Ok(false) };
        if body.get("state").and_then(Value::as_str) == Some("active") {
            body["state"] = json!("inactive");
            match self.api(token, "PUT", &path, Some(json_of(&body)), Again::Harmless).await {
                Ok(_) => {}
                Err(Failure::NotFound { .. }) => return Ok(true),
                Err(failure) => return Err(failure),
            }
        }
        let began = self.env.monotonic();
        loop {
            match self.api(token, "DELETE", &path, None, Again::Harmless).await {
                Ok(_) | Err(Failure::NotFound { .. }) => return Ok(true),
                // It is taken for active still.
                Err(Failure::Refused { status: 400 | 409, .. }) if self.may_agree(began) => {
                    self.env.sleep(AGREEMENT_PAUSE).await;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// All that is shown of a client, as a full replacement needs it.
    async fn whole(&self, token: &SecretString, path: &str) -> Result<Option<Value>, Failure> {
        match self.api(token, "GET", path, None, Again::Harmless).await {
            Ok(answer) => {
                let body: Value = read(&answer, "the API")?;
                Ok(Some(body).filter(|body| body.get("state").and_then(Value::as_str) != Some("deleted")))
            }
            Err(Failure::NotFound { .. }) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    fn may_agree(&self, began: Duration) -> bool {
        self.env.monotonic().saturating_sub(began) < AGREEMENT_TIME_MAX
    }

    async fn api(
        &self,
        token: &SecretString,
        method: &str,
        path: &str,
        body: Option<Vec<u8>>,
        again: Again,
    ) -> Result<Answer, Failure> {
        let url = parse_url(&format!("{}{path}", self.api_url)).map_err(|error| unreached(&error))?;
        let ask = || async {
            let (url, body) = (url.clone(), body.clone().unwrap_or_default());
            let request = match method {
                "POST" => Request::post(url, "application/json", body),
                "PUT" => Request::put(url, "application/json", body),
                "DELETE" => Request::delete(url),
                _ => Request::get(url),
            };
            let request = request.bearer(token).map_err(|error| unreached(&error))?;
            let answer = self.send(request).await?;
            match answer.status {
                200..=299 => Ok(answer),
                401 => {
                    self.is_refused.store(true, Ordering::SeqCst);
                    Err(Failure::of_api(401, &answer.body, None, &[token.expose()]))
                }
                status => Err(Failure::of_api(status, &answer.body, wait_secs(&answer), &[token.expose()])),
            }
        };
        self.persist(again, ask).await
    }

    /// Asks, and asks again where that does no harm and may help.
    async fn persist<F>(&self, again: Again, ask: impl Fn() -> F) -> Result<Answer, Failure>
    where
        F: Future<Output = Result<Answer, Failure>>,
    {
        let mut wait = FIRST_WAIT;
        for tries_left in (0..=self.retries_max).rev() {
            let failure = match ask().await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let pause = match &failure {
                Failure::Limited { wait_secs, .. } => wait_secs.map_or(wait, Duration::from_secs).max(wait),
                Failure::Unreached { .. } => wait,
                Failure::Unknown { .. } if again == Again::Harmless => wait,
                _ => return Err(failure),
            };
            if tries_left == 0 || pause > WAIT_MAX {
                return Err(failure);
            }
            self.env.sleep(pause).await;
            wait = (wait * 2).min(WAIT_MAX);
        }
        Err(Failure::Unreached { text: "Genesys Cloud was not asked".to_owned() })
    }

    async fn send(&self, request: Request) -> Result<Answer, Failure> {
        self.client.ask(request).await.map_err(|error| match &error {
            outbound::Error::TimedOut(_)
            | outbound::Error::Broken(_)
            | outbound::Error::TooLong(_)
            | outbound::Error::Redirected(_) => {
                Failure::Unknown { text: format!("Genesys Cloud does not answer: {}", chain(&error)) }
            }
            _ => unreached(&error),
        })
    }
}

fn wanted<'a>(name: &'a str, recipe: &'a Recipe, state: &'static str) -> Wanted<'a> {
    let pairs = recipe.role_divisions.iter();
    Wanted {
        name,
        description: &recipe.description,
        access_token_validity_seconds: recipe.validity_secs,
        authorized_grant_type: "CLIENT-CREDENTIALS",
        role_divisions: pairs.map(|it| json!({ "roleId": it.role_id, "divisionId": it.division_id })).collect(),
        state,
    }
}

fn json_of<T: Serialize>(body: &T) -> Vec<u8> {
    // Our own types and JSON's encode.
    serde_json::to_vec(body).unwrap_or_default()
}

/// The vendor says it in seconds.
fn wait_secs(answer: &Answer) -> Option<u64> {
    answer.header("retry-after")?.trim().parse().ok()
}

fn unreached(error: &outbound::Error) -> Failure {
    Failure::Unreached { text: format!("Genesys Cloud cannot be reached: {}", chain(error)) }
}

fn read<T: DeserializeOwned>(answer: &Answer, of: &str) -> Result<T, Failure> {
    // What did not decode is not told: it may hold the secret.
    let unreadable = |_| Failure::Unknown { text: format!("Genesys Cloud: {of} has answered what nobody can read") };
    serde_json::from_slice(&answer.body).map_err(unreadable)
}

fn made(answer: &Answer) -> Result<Made, Failure> {
    let MadeAnswer { id, secret } = read(answer, "the API")?;
    if secret.is_empty() {
        return Err(Failure::Unknown { text: "Genesys Cloud: the API has shown no secret".to_owned() });
    }
    Ok(Made { id, secret })
}
