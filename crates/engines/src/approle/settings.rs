//! The settings of a role that have a path of their own: read, written and set back one at a time, so that a policy can
//! give one of them away. One table row each.

use std::marker::PhantomData;

use framework::{Context, Error, Field, FieldSet, Input, Path, Reply};
use serde_json::{Map, Value};

use super::entry::{RoleEntry, find_role};
use super::role_fields::{RoleFields, show};
use super::roles::{Named, at, change};
use super::{AppRole, bounds};

/// A setting with a path of its own.
trait Setting: Send + Sync + 'static {
    const TEMPLATE: &'static str;
    const ABOUT: &'static str;
    /// What it is called, the name of today first.
    const NAMES: &'static [&'static str];
    /// What it is for a new role, as text that every field takes.
    const RESET: &'static str;
}

macro_rules! settings {
    ($($setting:ident: $template:literal, $about:literal, $names:expr, $reset:literal;)*) => {
        $(
            struct $setting;

            impl Setting for $setting {
                const TEMPLATE: &'static str = $template;
                const ABOUT: &'static str = $about;
                const NAMES: &'static [&'static str] = &$names;
                const RESET: &'static str = $reset;
            }
        )*

        /// The rows of all settings.
        pub(super) fn paths() -> Vec<Path<AppRole>> {
            vec![local_secret_ids(), $(row::<$setting>(),)*]
        }
    };
}

settings! {
    Policies: "role/{role_name}/policies", "The policies of a role.", ["token_policies", "policies"], "";
    BindSecretId: "role/{role_name}/bind-secret-id", "Whether a login needs a secret id.", ["bind_secret_id"], "true";
    BoundCidrList: "role/{role_name}/bound-cidr-list", "The older name of secret-id-bound-cidrs.", ["bound_cidr_list"], "";
    BoundCidrs: "role/{role_name}/secret-id-bound-cidrs", "From where one can log in.", ["secret_id_bound_cidrs"], "";
    NumUses: "role/{role_name}/secret-id-num-uses", "How often new secret ids can be used.", ["secret_id_num_uses"], "0";
    SecretIdTtl: "role/{role_name}/secret-id-ttl", "How long new secret ids last.", ["secret_id_ttl"], "0";
    Period: "role/{role_name}/period", "The period of a role's tokens.", ["token_period", "period"], "0";
    TokenCidrs: "role/{role_name}/token-bound-cidrs", "Where a role's tokens can be used.", ["token_bound_cidrs"], "";
    TokenNumUses: "role/{role_name}/token-num-uses", "How often a role's tokens can be used.", ["token_num_uses"], "0";
    TokenTtl: "role/{role_name}/token-ttl", "How long a role's tokens last at first.", ["token_ttl"], "0";
    TokenMaxTtl: "role/{role_name}/token-max-ttl", "The most that renewals can reach.", ["token_max_ttl"], "0";
}

/// What is written of one setting.
struct Write<T> {
    named: Named,
    fields: RoleFields,
    setting: PhantomData<T>,
}

impl<T: Setting> FieldSet for Write<T> {
    fn fields() -> Vec<Field> {
        let own = RoleFields::fields().into_iter().filter(|field| T::NAMES.contains(&field.name));
        Named::fields().into_iter().chain(own).collect()
    }

    fn decode(input: &mut Input) -> Result<Self, Error> {
        let named = Named::decode(input)?;
        let mut values = input.take_rest();
        values.retain(|name, value| T::NAMES.contains(&name.as_str()) && !value.is_null());
        if values.is_empty() {
            let name = T::NAMES.first().copied().unwrap_or_default();
            return Err(Error::Invalid(format!("missing {name}").into()));
        }
        Ok(Self { named, fields: only(values)?, setting: PhantomData })
    }
}

/// What these values alone say of a role.
fn only(values: Map<String, Value>) -> Result<RoleFields, Error> {
    RoleFields::decode(&mut Input::new([].into(), values))
}

fn row<T: Setting>() -> Path<AppRole> {
    at(T::TEMPLATE, T::ABOUT)
        .read(read::<T>, "Show the setting.")
        .update(write::<T>, "Change the setting.")
        .delete(reset::<T>, "Set it back to what a new role has.")
}

/// It is said when a role is made, and never changes.
fn local_secret_ids() -> Path<AppRole> {
    at("role/{role_name}/local-secret-ids", "Whether secret ids stay on this cluster.")
        .read(read_local_secret_ids, "Show the setting.")
}

async fn read<T: Setting>(_: &AppRole, context: &Context, input: Named) -> Result<Reply, Error> {
    part(context, &input.role_name, T::NAMES).await
}

async fn read_local_secret_ids(_: &AppRole, context: &Context, input: Named) -> Result<Reply, Error> {
    part(context, &input.role_name, &["local_secret_ids"]).await
}

async fn write<T: Setting>(_: &AppRole, context: &Context, input: Write<T>) -> Result<Reply, Error> {
    change(context, &input.named.role_name, &input.fields).await
}

async fn reset<T: Setting>(_: &AppRole, context: &Context, input: Named) -> Result<Reply, Error> {
    let name = T::NAMES.first().copied().unwrap_or_default();
    let fields = only([(name.to_owned(), T::RESET.into())].into_iter().collect())?;
    match change(context, &input.role_name, &fields).await {
        // There is no role whose setting could be another.
        Err(Error::Unrouted(_)) => Ok(Reply::empty()),
        done => done,
    }
}

async fn part(context: &Context, role_name: &str, names: &[&str]) -> Result<Reply, Error> {
    let (role, _) = find_role(&context.view, &bounds::role_name(role_name)?).await?.ok_or(Error::NotFound)?;
    let mut shown = with_older_list(&role);
    shown.retain(|name, _| names.contains(&name.as_str()));
    Ok(Reply::data(shown.into()))
}

/// The older name of the list of networks is shown at its own path alone.
fn with_older_list(role: &RoleEntry) -> Map<String, Value> {
    let mut shown = show(role);
    let cidrs = shown.get("secret_id_bound_cidrs").cloned().unwrap_or_default();
    shown.insert("bound_cidr_list".to_owned(), cidrs);
    shown
}
