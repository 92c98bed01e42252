//! What can be said of a role, all of it or a part, and how it is shown.

use std::time::Duration;

use framework::cidr::texts;
use framework::field::whole_seconds;
use framework::terms::{OlderFields, Spelling, TokenFields, networks};
use framework::{Error, Field, FieldSet, Input, fields};
use serde_json::{Map, Value, json};

use super::bounds;
use super::entry::RoleEntry;

fields! {
    /// What a role has beside the settings of tokens.
    pub(super) struct Own {
        /// Whether a login needs a secret id; true for a new role.
        bind_secret_id: Option<bool>,
        /// The older name of secret_id_bound_cidrs.
        bound_cidr_list: Option<Vec<String>>,
        /// Whether secret ids stay on this cluster. It can be said of a new role only, and changes nothing here.
        local_secret_ids: Option<bool>,
        /// The older name of token_period.
        period: Option<Duration>,
        /// The older name of token_policies.
        policies: Option<Vec<String>>,
        /// The role's id for logins. Made when a new role has none.
        role_id: Option<String>,
        /// Networks from which alone one can log in.
        secret_id_bound_cidrs: Option<Vec<String>>,
        /// How often a new secret id can be used; 0 is without limit.
        secret_id_num_uses: Option<u64>,
        /// How long a new secret id lasts; 0 is for ever.
        secret_id_ttl: Option<Duration>,
    }
}

/// What is said of a role; what is absent stays.
pub(super) struct RoleFields {
    own: Own,
    token: TokenFields,
    spelling: Spelling,
}

impl FieldSet for RoleFields {
    fn fields() -> Vec<Field> {
        [Own::fields(), TokenFields::fields()].concat()
    }

    fn decode(input: &mut Input) -> Result<Self, Error> {
        let (mut own, mut token) = (Own::decode(input)?, TokenFields::decode(input)?);
        let (policies, period) = (own.policies.take(), own.period.take());
        let spelling = token.take_older(OlderFields { policies, period, ..OlderFields::default() });
        own.secret_id_bound_cidrs = own.secret_id_bound_cidrs.or(own.bound_cidr_list.take());
        Ok(Self { own, token, spelling })
    }
}

impl RoleFields {
    /// Takes over what is said of a role.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what makes no sense, alone or together.
    pub(super) fn apply(&self, role: &mut RoleEntry, is_new: bool) -> Result<(), Error> {
        let own = &self.own;
        if own.local_secret_ids.is_some_and(|asked| !is_new && asked != role.has_local_secret_ids) {
            return Err(Error::invalid("local_secret_ids can only be modified during role creation"));
        }
        role.has_local_secret_ids = own.local_secret_ids.unwrap_or(role.has_local_secret_ids);
        role.binds_secret_id = own.bind_secret_id.unwrap_or(role.binds_secret_id);
        if let Some(texts) = &own.secret_id_bound_cidrs {
            role.bound_cidrs = networks("secret_id_bound_cidrs", texts)?;
        }
        if let Some(role_id) = &own.role_id {
            role.role_id = bounds::role_id(role_id)?;
        }
        role.secret_id_num_uses = own.secret_id_num_uses.unwrap_or(role.secret_id_num_uses);
        role.secret_id_ttl_secs = own.secret_id_ttl.map_or(role.secret_id_ttl_secs, whole_seconds);
        role.terms.apply(&self.token)?;
        role.older_names.apply(&self.spelling);
        // Otherwise its id alone would log in, from everywhere.
        if !role.binds_secret_id && role.bound_cidrs.is_empty() && role.terms.bound_cidrs.is_empty() {
            return Err(Error::invalid("at least one constraint should be enabled on the role"));
        }
        Ok(())
    }
}

/// A role as it is read.
pub(super) fn show(role: &RoleEntry) -> Map<String, Value> {
    let mut shown = role.terms.show();
    let own = [
        ("bind_secret_id", json!(role.binds_secret_id)),
        ("local_secret_ids", json!(role.has_local_secret_ids)),
        ("secret_id_bound_cidrs", json!(texts(&role.bound_cidrs))),
        ("secret_id_num_uses", json!(role.secret_id_num_uses)),
        ("secret_id_ttl", json!(role.secret_id_ttl_secs)),
    ];
    shown.extend(own.map(|(name, value)| (name.to_owned(), value)));
    role.older_names.show(&mut shown);
    shown
}
