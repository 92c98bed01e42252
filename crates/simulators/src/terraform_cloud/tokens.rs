//! Tokens: whose they are, what they may, how they are made and end.

use super::{Live, ORGANIZATION, PolicyEffect, State};
use crate::chance::letters;

/// Whose a token is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Owner {
    /// An organization, by its name. It has one token.
    Organization(String),
    /// A team by its id, with the one token that it has without a description.
    LegacyTeam(String),
    /// A team by its id, with one of many tokens.
    Team(String),
    /// A user by its id, with one of many tokens.
    User(String),
}

pub(super) struct Token {
    pub(super) text: String,
    pub(super) owner: Owner,
    pub(super) description: Option<String>,
    pub(super) created: i64,
    pub(super) expires: Option<i64>,
    pub(super) last_used: Option<i64>,
    pub(super) by: Option<String>,
    pub(super) is_root: bool,
    pub(super) is_gone: bool,
}

/// What whoever makes a token says of it.
pub(super) struct Maker {
    pub(super) description: Option<String>,
    pub(super) expires: Option<i64>,
    pub(super) by: Option<String>,
}

/// A fresh text: 14 letters and digits, `.atlasv1.`, and 64 more.
pub(super) fn text() -> String {
    format!("{}.atlasv1.{}", letters(14), letters(64))
}

impl Owner {
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Organization(id) | Self::LegacyTeam(id) | Self::Team(id) | Self::User(id) => id,
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Organization(_) => "organization",
            Self::LegacyTeam(_) => "team_legacy",
            Self::Team(_) => "team",
            Self::User(_) => "user",
        }
    }

    /// The type in policies on lives.
    const fn policy(&self) -> &'static str {
        match self {
            Self::LegacyTeam(_) => "team",
            other => other.kind(),
        }
    }
}

impl Token {
    pub(super) fn is_live(&self, now: i64) -> bool {
        !self.is_gone && self.expires.is_none_or(|expires| now < expires)
    }

    pub(super) fn shown(&self, id: &str) -> Live {
        Live {
            id: id.to_owned(),
            owner: self.owner.id().to_owned(),
            kind: self.owner.kind(),
            description: self.description.clone(),
            expires: self.expires,
            is_root: self.is_root,
        }
    }
}

impl State {
    /// Makes a token; where its owner has one alone, that one ends.
    pub(super) fn mint(&mut self, owner: Owner, maker: Maker) -> String {
        if matches!(owner, Owner::Organization(_) | Owner::LegacyTeam(_)) {
            self.tokens.values_mut().filter(|token| token.owner == owner).for_each(|token| token.is_gone = true);
        }
        let Maker { description, expires, by } = maker;
        let token = Token {
            text: text(),
            owner,
            description,
            created: self.now(),
            expires,
            last_used: None,
            by,
            is_root: false,
            is_gone: false,
        };
        let id = format!("at-{}", letters(16));
        self.tokens.insert(id.clone(), token);
        id
    }

    /// The token of a text, if it is alive; it is used now.
    pub(super) fn caller(&mut self, text: &str) -> Option<Owner> {
        let now = self.now();
        let token = self.tokens.values_mut().find(|token| token.text == text && token.is_live(now))?;
        token.last_used = Some(now);
        Some(token.owner.clone())
    }

    /// Whether a caller manages an organization: its token, or those of its owners.
    pub(super) fn may_own(&self, caller: &Owner, organization: &str) -> bool {
        match caller {
            Owner::Organization(name) => name == organization,
            Owner::User(id) => self.organizations.get(organization).is_some_and(|it| it.owners.contains(id)),
            Owner::Team(id) | Owner::LegacyTeam(id) => {
                self.teams.get(id).is_some_and(|team| team.is_owners && team.organization == organization)
            }
        }
    }

    /// Whether a caller manages the tokens of an organization's teams.
    pub(super) fn may_manage_teams(&self, caller: &Owner, organization: &str) -> bool {
        let is_manager = match caller {
            Owner::Team(id) | Owner::LegacyTeam(id) => {
                self.teams.get(id).is_some_and(|team| team.may_manage_teams && team.organization == organization)
            }
            _ => false,
        };
        is_manager || self.may_own(caller, organization)
    }

    /// Whether a caller may see and end tokens of this owner, and make further ones.
    pub(super) fn may_manage(&self, caller: &Owner, owner: &Owner) -> bool {
        match owner {
            Owner::Organization(name) => self.may_own(caller, name),
            Owner::LegacyTeam(id) | Owner::Team(id) => {
                self.teams.get(id).is_some_and(|team| self.may_manage_teams(caller, &team.organization))
            }
            // A user's tokens are that user's affair alone, and the organization can forbid them.
            Owner::User(_) => {
                caller == owner && self.organizations.get(ORGANIZATION).is_none_or(|it| it.has_user_tokens)
            }
        }
    }

    /// When a token ends that asks for this end, by the organization's policy; `None` when it is not made.
    pub(super) fn allowed_end(&self, owner: &Owner, asked: Option<i64>) -> Option<Option<i64>> {
        let policies = self.organizations.get(ORGANIZATION).map(|it| &it.ttl_policies);
        let Some(longest) = policies.and_then(|policies| policies.get(owner.policy())) else { return Some(asked) };
        let latest = self.now().saturating_add(*longest);
        match asked {
            Some(end) if end <= latest => Some(asked),
            _ if self.policy_effect == PolicyEffect::Refuses => None,
            _ => Some(Some(latest)),
        }
    }
}
