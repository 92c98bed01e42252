//! Documents and errors as the API writes them (JSON:API).

use serde_json::{Value, json};

use super::tokens::{Owner, Token};
use super::{Organization, Team};
use crate::clock::iso;
use crate::http::Answer;

const JSON_API: &str = "application/vnd.api+json; charset=utf-8";

/// An answer with what every answer says of the server.
pub(super) fn answer(status: u16, body: &Value) -> Answer {
    let headers = vec![("TFP-API-Version", "2.6".to_owned()), ("TFP-AppName", "HCP Terraform".to_owned())];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    Answer { content_type: JSON_API, headers, ..Answer::json(status, body) }
}

/// A document, or several.
pub(super) fn data(status: u16, data: &Value) -> Answer {
    answer(status, &json!({ "data": data }))
}

pub(super) fn refusal(status: u16, title: &str, detail: Option<&str>) -> Answer {
    let mut error = json!({ "status": status.to_string(), "title": title });
    if let Some(detail) = detail {
        error["detail"] = json!(detail);
    }
    answer(status, &json!({ "errors": [error] }))
}

pub(super) fn not_found() -> Answer {
    refusal(404, "not found", None)
}

pub(super) fn invalid(detail: &str) -> Answer {
    refusal(422, "invalid attributes", Some(detail))
}

/// The one error whose status is a number (documented).
pub(super) fn too_many(limit: u32, reset_secs: f64) -> Answer {
    let error =
        json!({ "detail": "You have exceeded the API's rate limit.", "status": 429, "title": "Too many requests" });
    let mut answer = answer(429, &json!({ "errors": [error] }));
    answer.headers.extend(limits(limit, 0, reset_secs));
    answer
}

pub(super) fn limits(limit: u32, remaining: u32, reset_secs: f64) -> [(&'static str, String); 3] {
    [
        ("X-RateLimit-Limit", limit.to_string()),
        ("X-RateLimit-Remaining", remaining.to_string()),
        ("X-RateLimit-Reset", format!("{reset_secs:.3}")),
    ]
}

/// A token; with its text only in the answer to its creation.
pub(super) fn token(id: &str, token: &Token, shows_text: bool) -> Value {
    let by = token.by.as_ref().map(|id| json!({ "id": id, "type": "users" }));
    let mut relationships = json!({ "created-by": { "data": by } });
    if let Owner::Team(team) | Owner::LegacyTeam(team) = &token.owner {
        relationships["team"] = json!({ "data": { "id": team, "type": "teams" } });
    }
    json!({
        "id": id, "type": "authentication-tokens",
        "attributes": {
            "created-at": iso(token.created), "last-used-at": token.last_used.map(iso),
            "description": token.description, "token": shows_text.then_some(&token.text),
            "expired-at": token.expires.map(iso),
        },
        "relationships": relationships,
    })
}

pub(super) fn team(id: &str, team: &Team) -> Value {
    json!({
        "id": id, "type": "teams",
        "attributes": {
            "name": team.name, "sso-team-id": null, "users-count": 0, "visibility": "organization",
            "allow-member-token-management": true,
            "organization-access": { "manage-teams": team.may_manage_teams },
        },
        "relationships": { "users": { "data": [] }, "authentication-token": { "meta": {} } },
        "links": { "self": format!("/api/v2/teams/{id}") },
    })
}

pub(super) fn organization(name: &str, organization: &Organization, is_owner: bool) -> Value {
    json!({
        "id": name, "type": "organizations",
        "attributes": {
            "name": name, "external-id": organization.external_id, "email": format!("owner@{name}.test"),
            "created-at": "2025-01-01T00:00:00.000Z", "user-tokens-enabled": organization.has_user_tokens,
            "permissions": { "can-update": is_owner, "can-create-team": is_owner, "can-update-api-token": is_owner },
        },
        "links": { "self": format!("/api/v2/organizations/{name}") },
    })
}

/// Who a token speaks for. Tokens of teams and organizations have a user that nobody logs in as.
pub(super) fn account(owner: &Owner, username: Option<&str>) -> Value {
    let (of, resource) = match owner {
        Owner::User(_) => ("users", format!("/api/v2/users/{}", owner.id())),
        Owner::Team(_) | Owner::LegacyTeam(_) => ("teams", format!("/api/v2/teams/{}", owner.id())),
        Owner::Organization(_) => ("organizations", format!("/api/v2/organizations/{}", owner.id())),
    };
    let id = account_id(owner);
    let name = username.map_or_else(|| format!("api-{of}_{}", owner.id()), str::to_owned);
    json!({
        "id": id, "type": "users",
        "attributes": {
            "username": name, "is-service-account": username.is_none(), "auth-method": "tfc",
            "avatar-url": "https://example.test/a.png", "v2-only": true, "is-site-admin": false, "is-sso-login": false,
            "email": null, "unconfirmed-email": null,
            "permissions": { "can-create-organizations": false, "can-change-email": false, "can-change-username": false },
        },
        "relationships": {
            "authentication-tokens": { "links": { "related": format!("/api/v2/users/{id}/authentication-tokens") } },
            "authenticated-resource": { "data": { "id": owner.id(), "type": of }, "links": { "related": resource } },
        },
        "links": { "self": format!("/api/v2/users/{id}") },
    })
}

/// The id of the user that a token speaks for.
pub(super) fn account_id(owner: &Owner) -> String {
    match owner {
        Owner::User(id) => id.clone(),
        other => format!("user-Of{}", other.id().replace('-', "")),
    }
}
