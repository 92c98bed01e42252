//! What can be said of a role, and how it is shown.

use std::time::Duration;

use framework::terms::{OlderFields, Spelling, TokenFields};
use framework::{Error, Field, FieldSet, Input, fields};
use serde_json::{Map, Value, json};

use super::entry::{AliasSource, RoleEntry};
use super::selector::Selector;

/// The longest list of names or namespaces, in items, and the longest of its items, in bytes.
const ITEMS_MAX: usize = 256;
const ITEM_BYTES_MAX: usize = 512;

fields! {
    /// What a role has beside the settings of tokens.
    pub(super) struct Own {
        /// By what an account is known: serviceaccount_uid, or serviceaccount_name for its namespace and name.
        alias_name_source: Option<String>,
        /// The audience that tokens must be for.
        audience: Option<String>,
        /// The older name of token_bound_cidrs.
        bound_cidrs: Option<Vec<String>>,
        /// Patterns with * for the names of accounts; * alone is for all.
        bound_service_account_names: Option<Vec<String>>,
        /// A LabelSelector, JSON: namespaces with such labels are fine as well.
        bound_service_account_namespace_selector: Option<String>,
        /// Patterns with * for the namespaces of accounts; * alone is for all.
        bound_service_account_namespaces: Option<Vec<String>>,
        /// The older name of token_max_ttl.
        max_ttl: Option<Duration>,
        /// The older name of token_num_uses.
        num_uses: Option<u64>,
        /// The older name of token_period.
        period: Option<Duration>,
        /// The older name of token_policies.
        policies: Option<Vec<String>>,
        /// The older name of token_ttl.
        ttl: Option<Duration>,
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
        let older = OlderFields {
            bound_cidrs: own.bound_cidrs.take(),
            max_ttl: own.max_ttl.take(),
            num_uses: own.num_uses.take(),
            period: own.period.take(),
            policies: own.policies.take(),
            ttl: own.ttl.take(),
        };
        let spelling = token.take_older(older);
        Ok(Self { own, token, spelling })
    }
}

impl RoleFields {
    /// Takes over what is said of a role.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what makes no sense, alone or together.
    pub(super) fn apply(&self, role: &mut RoleEntry) -> Result<(), Error> {
        let own = &self.own;
        if let Some(names) = &own.bound_service_account_names {
            role.names = patterns("bound_service_account_names", names)?;
        }
        if let Some(namespaces) = &own.bound_service_account_namespaces {
            role.namespaces = patterns("bound_service_account_namespaces", namespaces)?;
        }
        if let Some(text) = &own.bound_service_account_namespace_selector {
            if !text.trim().is_empty() {
                Selector::parse(text)?;
            }
            text.trim().clone_into(&mut role.namespace_selector);
        }
        if role.names.is_empty() {
            return Err(Error::invalid("\"bound_service_account_names\" can not be empty"));
        }
        if role.namespaces.is_empty() && role.namespace_selector.is_empty() {
            let text = "\"bound_service_account_namespaces\" can not be empty if \
                        \"bound_service_account_namespace_selector\" is not set";
            return Err(Error::invalid(text));
        }
        if let Some(audience) = &own.audience {
            role.audience = bounded("audience", audience)?;
        }
        role.alias_source = match own.alias_name_source.as_deref() {
            None => role.alias_source,
            Some("" | "serviceaccount_uid") => AliasSource::Uid,
            Some("serviceaccount_name") => AliasSource::Name,
            Some(_) => {
                return Err(Error::invalid("invalid alias_name_source: serviceaccount_uid or serviceaccount_name"));
            }
        };
        role.terms.apply(&self.token)?;
        role.older_names.apply(&self.spelling);
        Ok(())
    }
}

fn patterns(field: &str, items: &[String]) -> Result<Vec<String>, Error> {
    if items.len() > ITEMS_MAX {
        return Err(Error::Invalid(format!("'{field}' has at most {ITEMS_MAX} items").into()));
    }
    // Whoever writes that means less than it says.
    if items.len() > 1 && items.iter().any(|item| item == "*") {
        return Err(Error::invalid("can not mix \"*\" with values"));
    }
    items.iter().map(|item| bounded(field, item)).collect()
}

fn bounded(field: &str, text: &str) -> Result<String, Error> {
    if text.len() > ITEM_BYTES_MAX {
        return Err(Error::Invalid(format!("'{field}' has at most {ITEM_BYTES_MAX} bytes").into()));
    }
    Ok(text.to_owned())
}

/// A role as it is read.
pub(super) fn show(role: &RoleEntry) -> Map<String, Value> {
    let mut shown = role.terms.show();
    let own = [
        ("alias_name_source", json!(role.alias_source.name())),
        ("audience", json!(role.audience)),
        ("bound_service_account_names", json!(role.names)),
        ("bound_service_account_namespace_selector", json!(role.namespace_selector)),
        ("bound_service_account_namespaces", json!(role.namespaces)),
    ];
    shown.extend(own.map(|(name, value)| (name.to_owned(), value)));
    if role.audience.is_empty() {
        shown.remove("audience");
    }
    role.older_names.show(&mut shown);
    shown
}
