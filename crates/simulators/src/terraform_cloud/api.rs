//! The paths of the API.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::documents::{self, data, invalid, not_found, refusal};
use super::tokens::{Maker, Owner};
use super::{State, json_of};
use crate::clock::parse;
use crate::http::{Answer, Request};

/// How many tokens a page has, and the most that it can have (documented).
const PAGE_SIZE: usize = 20;
const PAGE_SIZE_MAX: usize = 100;

/// What a path is about.
enum Route<'a> {
    Account,
    Organizations,
    Organization(&'a str),
    TtlPolicies(&'a str),
    OrganizationToken(&'a str),
    TeamTokens(&'a str),
    Team(&'a str),
    LegacyTeamToken(&'a str),
    ManyTeamTokens(&'a str),
    UserTokens(&'a str),
    Token(&'a str),
}

impl Route<'_> {
    fn of<'p>(parts: &[&'p str]) -> Option<Route<'p>> {
        Some(match parts {
            ["account", "details"] => Route::Account,
            ["organizations"] => Route::Organizations,
            ["organizations", name] => Route::Organization(name),
            ["organizations", name, "token-ttl-policies"] => Route::TtlPolicies(name),
            ["organizations", name, "authentication-token"] => Route::OrganizationToken(name),
            ["organizations", name, "team-tokens"] => Route::TeamTokens(name),
            ["teams", id] => Route::Team(id),
            ["teams", id, "authentication-token"] => Route::LegacyTeamToken(id),
            ["teams", id, "authentication-tokens"] => Route::ManyTeamTokens(id),
            ["users", id, "authentication-tokens"] => Route::UserTokens(id),
            ["authentication-tokens", id] => Route::Token(id),
            _ => return None,
        })
    }
}

impl State {
    pub(super) fn call(&mut self, request: &Request) -> Answer {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let ["api", "v2", parts @ ..] = parts.as_slice() else { return not_found() };
        if parts == ["ping"] {
            return documents::answer(204, &Value::Null);
        }
        // What is not there is not there for anybody.
        let Some(route) = Route::of(parts) else { return not_found() };
        let caller = request.bearer.clone().and_then(|text| self.caller(&text));
        let account = caller.as_ref().map_or_else(|| "nobody".to_owned(), documents::account_id);
        let allowance = self.limit.count(&account);
        if let Some(allowance) = allowance.as_ref().filter(|it| it.is_over) {
            return documents::too_many(allowance.limit, allowance.reset.as_secs_f64());
        }
        let mut answer = match caller {
            None => refusal(401, "unauthorized", None),
            Some(caller) => self.route(request, &route, &caller, &parse_query(query)),
        };
        if let Some(it) = allowance {
            answer.headers.extend(documents::limits(it.limit, it.remaining, it.reset.as_secs_f64()));
        }
        answer
    }

    fn route(
        &mut self,
        request: &Request,
        route: &Route<'_>,
        caller: &Owner,
        query: &BTreeMap<String, String>,
    ) -> Answer {
        match (request.method.as_str(), route) {
            ("GET", Route::Account) => {
                data(200, &documents::account(caller, self.users.get(caller.id()).map(String::as_str)))
            }
            ("GET", Route::Organizations) => self.organizations(caller, query),
            ("GET", Route::Organization(name)) => match self.organizations.get(*name) {
                Some(found) if self.may_see(caller, name) => {
                    data(200, &documents::organization(name, found, self.may_own(caller, name)))
                }
                _ => not_found(),
            },
            (method, Route::TtlPolicies(name)) => self.ttl_policies(method, name, caller, request),
            (method, Route::OrganizationToken(name)) => {
                if !self.organizations.contains_key(*name) {
                    return not_found();
                }
                self.single(method, Owner::Organization((*name).to_owned()), caller, request)
            }
            ("GET", Route::TeamTokens(name)) => self.team_tokens(name, caller, query),
            ("DELETE", Route::TeamTokens(name)) => self.end_team_tokens(name, caller, request),
            ("GET", Route::Team(id)) => match self.teams.get(*id) {
                Some(team) if self.may_see(caller, &team.organization) => data(200, &documents::team(id, team)),
                _ => not_found(),
            },
            (method, Route::LegacyTeamToken(id)) => {
                self.single(method, Owner::LegacyTeam((*id).to_owned()), caller, request)
            }
            ("POST", Route::ManyTeamTokens(id)) => self.make(Owner::Team((*id).to_owned()), caller, request),
            ("POST", Route::UserTokens(id)) => self.make(Owner::User((*id).to_owned()), caller, request),
            ("GET", Route::UserTokens(id)) => self.user_tokens(id, caller, query),
            ("GET", Route::Token(id)) => match self.visible(id, caller) {
                Some(_) => self.show(id, 200, false),
                None => not_found(),
            },
            ("DELETE", Route::Token(id)) => match self.visible(id, caller) {
                Some(_) => self.end(id),
                None => not_found(),
            },
            _ => not_found(),
        }
    }

    /// Whoever belongs to an organization sees it.
    fn may_see(&self, caller: &Owner, organization: &str) -> bool {
        let is_of_team = self.teams.get(caller.id()).is_some_and(|team| team.organization == organization);
        is_of_team || self.may_own(caller, organization)
    }

    fn organizations(&self, caller: &Owner, query: &BTreeMap<String, String>) -> Answer {
        let seen = self.organizations.iter().filter(|(name, _)| self.may_see(caller, name));
        let seen = seen.map(|(name, found)| documents::organization(name, found, self.may_own(caller, name)));
        page(seen.collect(), query, true)
    }

    fn ttl_policies(&mut self, method: &str, name: &str, caller: &Owner, request: &Request) -> Answer {
        if !self.may_own(caller, name) {
            return not_found();
        }
        let Some(organization) = self.organizations.get_mut(name) else { return not_found() };
        if method == "PATCH" {
            let body = json_of(request);
            for policy in body.pointer("/data").and_then(Value::as_array).into_iter().flatten() {
                let about = |field| policy.pointer(&format!("/attributes/{field}"));
                let (Some(of), Some(millis)) = (about("token-type"), about("max-ttl-ms").and_then(Value::as_i64))
                else {
                    return invalid("Token type and max ttl ms are required");
                };
                organization.ttl_policies.insert(of.as_str().unwrap_or_default().to_owned(), millis);
            }
        } else if method != "GET" {
            return not_found();
        }
        let policies = organization.ttl_policies.iter().map(|(of, millis)| {
            json!({ "type": "organization-token-ttl-policies", "attributes": { "token-type": of, "max-ttl-ms": millis } })
        });
        data(200, &policies.collect())
    }

    /// The token of an owner who has one alone.
    fn single(&mut self, method: &str, owner: Owner, caller: &Owner, request: &Request) -> Answer {
        if method == "POST" {
            return self.make(owner, caller, request);
        }
        if !self.may_manage(caller, &owner) {
            return not_found();
        }
        let now = self.now();
        let found = self.tokens.iter().find(|(_, token)| token.owner == owner && token.is_live(now));
        match (method, found.map(|(id, _)| id.clone())) {
            ("GET", Some(id)) => self.show(&id, 200, false),
            ("DELETE", Some(id)) => self.end(&id),
            _ => not_found(),
        }
    }

    fn make(&mut self, mut owner: Owner, caller: &Owner, request: &Request) -> Answer {
        let is_known = match &owner {
            Owner::Organization(name) => self.organizations.contains_key(name),
            Owner::LegacyTeam(id) | Owner::Team(id) => self.teams.contains_key(id),
            Owner::User(id) => self.users.contains_key(id),
        };
        if !is_known || !self.may_manage(caller, &owner) {
            return not_found();
        }
        let body = json_of(request);
        if !request.body.is_empty() && body.pointer("/data").is_none_or(|it| !it.is_object()) {
            return invalid("The body is no document");
        }
        let attribute = |name: &str| body.pointer(&format!("/data/attributes/{name}")).filter(|it| !it.is_null());
        let description = match attribute("description").map(Value::as_str) {
            Some(None) => return invalid("Description must be a text"),
            found => found.flatten().map(str::to_owned),
        };
        let asked = match attribute("expired-at") {
            None => None,
            Some(text) => match text.as_str().and_then(parse) {
                Some(end) if end > self.now() => Some(end),
                _ => return invalid("Expired at must be a time in the future"),
            },
        };
        // A team's token without a description is the one that there is once.
        if let (Owner::Team(id), None) = (&owner, &description) {
            owner = Owner::LegacyTeam(id.clone());
        }
        let now = self.now();
        let is_taken =
            |token: &super::Token| token.owner == owner && token.description == description && token.is_live(now);
        if matches!(owner, Owner::Team(_)) && self.tokens.values().any(is_taken) {
            return invalid("Validation failed: Description has already been taken");
        }
        let Some(expires) = self.allowed_end(&owner, asked) else {
            return invalid("Expired at exceeds the maximum that the organization allows");
        };
        let by = Some(documents::account_id(caller));
        let description = description.filter(|_| matches!(owner, Owner::Team(_) | Owner::User(_)));
        let id = self.mint(owner, Maker { description, expires, by });
        self.show(&id, 201, true)
    }

    fn team_tokens(&self, name: &str, caller: &Owner, query: &BTreeMap<String, String>) -> Answer {
        if !self.may_manage_teams(caller, name) {
            return not_found();
        }
        let now = self.now();
        let wanted = query.get("q").map_or("", String::as_str);
        let mut found: Vec<_> = self.tokens.iter().filter(|(_, token)| token.is_live(now)).collect();
        found.retain(|(_, token)| match &token.owner {
            Owner::Team(id) | Owner::LegacyTeam(id) => {
                self.teams.get(id).is_some_and(|team| team.organization == name && team.name.contains(wanted))
            }
            _ => false,
        });
        found.sort_by_key(|(_, token)| token.expires.unwrap_or(i64::MAX));
        page(found.into_iter().map(|(id, token)| documents::token(id, token, false)).collect(), query, true)
    }

    fn end_team_tokens(&mut self, name: &str, caller: &Owner, request: &Request) -> Answer {
        if !self.may_manage_teams(caller, name) {
            return not_found();
        }
        let body = json_of(request);
        let ids = body.pointer("/data").and_then(Value::as_array).into_iter().flatten();
        for id in ids.filter_map(|it| it.get("id").and_then(Value::as_str)) {
            if let Some(token) = self.tokens.get_mut(id).filter(|token| matches!(token.owner, Owner::Team(_))) {
                token.is_gone = true;
            }
        }
        documents::answer(204, &Value::Null)
    }

    /// Those of somebody else are not shown, and that is no error (documented).
    fn user_tokens(&self, id: &str, caller: &Owner, query: &BTreeMap<String, String>) -> Answer {
        if !self.users.contains_key(id) {
            return not_found();
        }
        let (owner, now) = (Owner::User(id.to_owned()), self.now());
        let found = self.tokens.iter().filter(|(_, token)| token.owner == owner && token.is_live(now));
        let found = found.filter(|_| self.may_manage(caller, &owner));
        let is_paged = query.keys().any(|key| key.starts_with("page["));
        page(found.map(|(id, token)| documents::token(id, token, false)).collect(), query, is_paged)
    }

    /// A token that a caller may see.
    fn visible(&self, id: &str, caller: &Owner) -> Option<()> {
        let token = self.tokens.get(id).filter(|token| token.is_live(self.now()))?;
        self.may_manage(caller, &token.owner).then_some(())
    }

    fn show(&self, id: &str, status: u16, shows_text: bool) -> Answer {
        self.tokens.get(id).map_or_else(not_found, |token| data(status, &documents::token(id, token, shows_text)))
    }

    fn end(&mut self, id: &str) -> Answer {
        match self.tokens.get_mut(id) {
            Some(token) => token.is_gone = true,
            None => return not_found(),
        }
        documents::answer(204, &Value::Null)
    }
}

/// A page of a list with what is said of it.
fn page(all: Vec<Value>, query: &BTreeMap<String, String>, is_paged: bool) -> Answer {
    if !is_paged {
        return data(200, &Value::Array(all));
    }
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let size = number("page[size]").unwrap_or(PAGE_SIZE).clamp(1, PAGE_SIZE_MAX);
    let current = number("page[number]").unwrap_or(1).max(1);
    let (count, pages) = (all.len(), all.len().div_ceil(size).max(1));
    let shown: Vec<_> = all.into_iter().skip((current - 1) * size).take(size).collect();
    let about = json!({ "pagination": {
        "current-page": current, "page-size": size, "total-pages": pages, "total-count": count,
        "prev-page": (current > 1).then(|| current - 1), "next-page": (current < pages).then(|| current + 1),
    } });
    documents::answer(200, &json!({ "data": shown, "meta": about }))
}

fn parse_query(query: &str) -> BTreeMap<String, String> {
    let plain = |text: &str| text.replace("%5B", "[").replace("%5D", "]").replace('+', " ").replace("%20", " ");
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (plain(name), plain(value))).collect()
}
