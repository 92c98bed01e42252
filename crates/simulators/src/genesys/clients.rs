//! OAuth clients: what they are, and what is done with them.

use serde_json::{Value, json};

use super::documents::{self, answer, missing_permission, not_found, refusal};
use super::{ADMIN_ROLE, Live, ROLE, State, json_of};
use crate::chance::letters;
use crate::http::{Answer, Request};

/// How long access tokens may live, in seconds (documented).
const VALIDITY: std::ops::RangeInclusive<i64> = 300..=172_800;
/// How long they live when nobody says.
const VALIDITY_DEFAULT: i64 = 86_400;
/// How long a secret is.
const SECRET_LENGTH: usize = 43;

/// An OAuth client.
pub(super) struct OAuthClient {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) validity_secs: i64,
    pub(super) grant_type: String,
    pub(super) role_divisions: Vec<(String, String)>,
    pub(super) state: &'static str,
    pub(super) secret: String,
    /// When the token endpoint begins to take the secret, milliseconds since 1970.
    pub(super) secret_from: i64,
    pub(super) created: i64,
    pub(super) modified: i64,
    pub(super) made_by: String,
    /// When it was deleted.
    pub(super) deleted: Option<i64>,
    pub(super) is_given: bool,
}

/// What a body asks for.
struct Wanted {
    name: String,
    description: String,
    validity_secs: i64,
    grant_type: String,
    role_divisions: Vec<(String, String)>,
    state: &'static str,
}

impl OAuthClient {
    pub(super) fn shown(&self) -> Live {
        Live { id: self.id.clone(), name: self.name.clone(), state: self.state, is_given: self.is_given }
    }

    fn holds(&self, role: &str) -> bool {
        self.role_divisions.iter().any(|(held, _)| held == role)
    }
}

impl State {
    /// A client that is there without anybody having asked for it.
    pub(super) fn give(&mut self, name: &str, roles: &[&str], secret: &str) -> String {
        let role_divisions = roles.iter().map(|role| ((*role).to_owned(), "*".to_owned())).collect();
        let wanted = Wanted {
            name: name.to_owned(),
            description: String::new(),
            validity_secs: VALIDITY_DEFAULT,
            grant_type: "CLIENT-CREDENTIALS".to_owned(),
            role_divisions,
            state: "active",
        };
        let id = self.mint(wanted, "9b1d0000-0000-4000-8000-000000000001");
        if let Some(client) = self.clients.get_mut(&id) {
            (client.is_given, client.created, client.secret_from) = (true, 0, 0);
            secret.clone_into(&mut client.secret);
        }
        id
    }

    fn mint(&mut self, wanted: Wanted, by: &str) -> String {
        let Wanted { name, description, validity_secs, grant_type, role_divisions, state } = wanted;
        let (id, secret, now) = (documents::uuid(), letters(SECRET_LENGTH), self.now());
        self.issued.push(secret.clone());
        let client = OAuthClient {
            id: id.clone(),
            name,
            description,
            validity_secs,
            grant_type,
            role_divisions,
            state,
            secret,
            secret_from: now + self.switches.visibility_millis,
            created: now,
            modified: now,
            made_by: by.to_owned(),
            deleted: None,
            is_given: false,
        };
        self.clients.insert(id.clone(), client);
        id
    }

    /// Whether a client is seen, and as what.
    fn seen_as(&self, client: &OAuthClient) -> Option<&'static str> {
        let now = self.now();
        if now < client.created + self.switches.visibility_millis && !client.is_given {
            return None;
        }
        match client.deleted {
            None => Some(client.state),
            Some(at) if now < at + self.switches.visibility_millis => {
                Some(if self.switches.shows_deleted { "deleted" } else { client.state })
            }
            Some(_) => None,
        }
    }

    /// The calls about clients, for a caller whose token is good.
    pub(super) fn on_clients(&mut self, request: &Request, parts: &[&str], caller: &str) -> Answer {
        let needs = match (request.method.as_str(), parts) {
            ("GET", _) => "oauth:client:view",
            ("POST", []) => "oauth:client:add",
            ("PUT", _) | ("POST", [_, "secret"]) => "oauth:client:edit",
            ("DELETE", _) => "oauth:client:delete",
            _ => return refusal(405, "bad.request", "HTTP 405 Method Not Allowed"),
        };
        let may = |role: &String| self.roles.get(role.as_str()).is_some_and(|permissions| permissions.contains(needs));
        if !self.clients.get(caller).is_some_and(|client| client.role_divisions.iter().any(|(role, _)| may(role))) {
            return missing_permission(needs);
        }
        match (request.method.as_str(), parts) {
            ("GET", []) => self.list(request),
            ("POST", []) => self.create(request, caller),
            ("POST", [id, "secret"]) => self.renew_secret(id),
            ("GET", [id]) => self.show(id),
            ("PUT", [id]) => self.replace(id, request, caller),
            ("DELETE", [id]) => self.delete(id),
            _ => not_found(),
        }
    }

    fn list(&self, request: &Request) -> Answer {
        let seen = self.clients.values().filter_map(|client| Some((client, self.seen_as(client)?)));
        let all: Vec<_> =
            seen.map(|(client, state)| documents::client(client, self.switches.shows_secrets, state)).collect();
        let (_, query) = request.path.split_once('?').unwrap_or_default();
        let number = query.split('&').find_map(|pair| pair.strip_prefix("pageNumber="));
        let number: usize = number.and_then(|number| number.parse().ok()).unwrap_or(1).max(1);
        let size = self.switches.page.unwrap_or(all.len().max(25));
        let (total, pages) = (all.len(), all.len().div_ceil(size).max(1));
        let entities: Vec<_> = all.into_iter().skip((number - 1) * size).take(size).collect();
        let mut page = json!({
            "entities": entities, "pageSize": size, "pageNumber": number, "total": total, "pageCount": pages,
            "selfUri": "/api/v2/oauth/clients",
        });
        if number < pages {
            page["nextUri"] = json!(format!("/api/v2/oauth/clients?pageNumber={}", number + 1));
        }
        answer(200, &page)
    }

    fn create(&mut self, request: &Request, caller: &str) -> Answer {
        let wanted = match self.wanted(request, caller) {
            Ok(wanted) => wanted,
            Err(refusal) => return refusal,
        };
        let there = self.clients.values().filter(|client| client.deleted.is_none()).count();
        if self.switches.clients_max.is_some_and(|max| there >= max) {
            return refusal(
                400,
                "bad.request",
                "The maximum number of OAuth clients for this organization was reached.",
            );
        }
        let id = self.mint(wanted, caller);
        let status = self.switches.created_status;
        self.clients
            .get(&id)
            .map_or_else(not_found, |client| answer(status, &documents::client(client, true, client.state)))
    }

    fn renew_secret(&mut self, id: &str) -> Answer {
        let (fresh, from) = (letters(SECRET_LENGTH), self.now() + self.switches.secret_millis);
        if self.clients.get(id).and_then(|client| self.seen_as(client)).is_none_or(|state| state == "deleted") {
            return not_found();
        }
        let Some(client) = self.clients.get_mut(id) else { return not_found() };
        (client.secret, client.secret_from) = (fresh.clone(), from);
        self.issued.push(fresh);
        answer(200, &documents::client(client, true, client.state))
    }

    fn show(&self, id: &str) -> Answer {
        let found = self.clients.get(id).and_then(|client| Some((client, self.seen_as(client)?)));
        found.map_or_else(not_found, |(client, state)| {
            answer(200, &documents::client(client, self.switches.shows_secrets, state))
        })
    }

    /// A full replacement: what is not said is as if it had never been written.
    fn replace(&mut self, id: &str, request: &Request, caller: &str) -> Answer {
        let is_there =
            self.clients.get(id).is_some_and(|client| self.seen_as(client).is_some_and(|it| it != "deleted"));
        if !is_there {
            return not_found();
        }
        let wanted = match self.wanted(request, caller) {
            Ok(wanted) => wanted,
            Err(refusal) => return refusal,
        };
        let (now, shows_secrets) = (self.now(), self.switches.shows_secrets);
        let Some(client) = self.clients.get_mut(id) else { return not_found() };
        (client.name, client.description, client.validity_secs) =
            (wanted.name, wanted.description, wanted.validity_secs);
        (client.grant_type, client.role_divisions, client.state) =
            (wanted.grant_type, wanted.role_divisions, wanted.state);
        client.modified = now;
        answer(200, &documents::client(client, shows_secrets, client.state))
    }

    fn delete(&mut self, id: &str) -> Answer {
        let Some(state) = self.clients.get(id).and_then(|client| self.seen_as(client)) else { return not_found() };
        let now = self.now();
        match self.clients.get_mut(id) {
            Some(client) if client.deleted.is_none() && state == "active" => {
                refusal(400, "bad.request", "An OAuth client must be inactive before it can be deleted.")
            }
            Some(client) if client.deleted.is_none() => {
                client.deleted = Some(now);
                answer(204, &Value::Null)
            }
            _ => not_found(),
        }
    }

    /// What a body asks for, if the caller may give it.
    fn wanted(&self, request: &Request, caller: &str) -> Result<Wanted, Answer> {
        let body = json_of(request);
        let bad = |text: &str| refusal(400, "bad.request", text);
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let Some(name) = text("name").filter(|name| !name.is_empty()) else {
            return Err(bad("The name of the OAuth client is required."));
        };
        let grant_type = text("authorizedGrantType").unwrap_or_default();
        if !["CODE", "TOKEN", "SAML2-BEARER", "PASSWORD", "CLIENT-CREDENTIALS"].contains(&grant_type.as_str()) {
            return Err(refusal(400, "invalid.value", "Value is not valid for field type: authorizedGrantType."));
        }
        let validity_secs = match body.get("accessTokenValiditySeconds").filter(|it| !it.is_null()) {
            None => VALIDITY_DEFAULT,
            Some(secs) => match secs.as_i64().filter(|secs| VALIDITY.contains(secs)) {
                Some(secs) => secs,
                None => return Err(bad("accessTokenValiditySeconds must be between 300 and 172800.")),
            },
        };
        let state = match text("state").as_deref() {
            None | Some("active") => "active",
            Some("inactive") => "inactive",
            _ => return Err(refusal(400, "invalid.value", "Value is not valid for field type: state.")),
        };
        let pairs = body.get("roleDivisions").and_then(Value::as_array).into_iter().flatten();
        let of = |pair: &Value, name: &str| pair.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let role_divisions: Vec<_> = pairs.map(|pair| (of(pair, "roleId"), of(pair, "divisionId"))).collect();
        if grant_type == "CLIENT-CREDENTIALS" && role_divisions.is_empty() {
            return Err(bad("roleDivisions are required for the client credentials grant."));
        }
        for (role, _) in &role_divisions {
            if !self.roles.contains_key(role.as_str()) {
                return Err(refusal(400, "invalid.value", "The role was not found."));
            }
            // Whoever gives a role holds it; the administrator's includes the plain one.
            let holder = self.clients.get(caller);
            if !holder.is_some_and(|client| client.holds(role) || (role == ROLE && client.holds(ADMIN_ROLE))) {
                return Err(refusal(403, "not.authorized", "You cannot grant a role that you do not have."));
            }
        }
        let description = text("description").unwrap_or_default();
        Ok(Wanted { name, description, validity_secs, grant_type, role_divisions, state })
    }
}
