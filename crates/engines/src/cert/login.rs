//! Logging in with the connection's certificate, and what a renewal asks.

use data_encoding::HEXLOWER;
use framework::terms::TokenTerms;
use framework::{Alias, Context, Error, Login, Path, Renewing, Reply, fields};
use serde::{Deserialize, Serialize};
use x509::Certificate;

use super::entry::{find_config, find_role, role_place};
use super::revocation::key_id;
use super::{Cert, constraints, find};
use crate::names;

/// What is noted of a login.
#[derive(Serialize, Deserialize)]
struct Note {
    role: String,
    /// The SHA-256 of the certificate's key, and the name of the key that signed it, both in hexadecimal.
    key: String,
    authority: String,
}

fields! {
    /// Somebody who shows a certificate.
    struct Enter {
        /// Name of the role; all of them are tried when absent.
        name: Option<String>,
    }
}

pub(super) fn path() -> Path<Cert> {
    Path::new("login", "Log in with the certificate of the connection.")
        .unauthenticated()
        .role::<Enter>(role)
        .update(enter, "Log in.")
}

/// The role that a login names, if there is one.
async fn role(_: &Cert, context: &Context, input: Enter) -> Result<Option<String>, Error> {
    let Some(name) = named(input).and_then(|name| names::check("role", &name).ok()) else { return Ok(None) };
    Ok(context.view.get(&role_place(&name)).await?.map(|_| name))
}

fn named(input: Enter) -> Option<String> {
    input.name.filter(|name| !name.is_empty())
}

async fn enter(method: &Cert, context: &Context, input: Enter) -> Result<Reply, Error> {
    let shown = find::shown(context)?;
    let (config, _) = find_config(&context.view).await?;
    let fitting = find::role(method, context, &config, &shown, named(input).as_deref()).await?;
    let (certificate, role) = (&shown.0, fitting.role);
    let metadata = constraints::metadata(&fitting.name, &role, certificate);
    let common_name = certificate.subject().common_name();
    let login = Login::new(&common_name, role.terms, &note(&fitting.name, certificate))?.with_role(&fitting.name);
    // Nobody is known by no name: such a token has no entity.
    let alias_metadata = config.has_alias_metadata.then(|| metadata.clone());
    let alias = Some(common_name).filter(|name| !name.is_empty());
    let alias = alias.map(|name| Alias { name, metadata: alias_metadata });
    let login = Login { alias, display_name: role.display_name, metadata, ..login };
    Ok(login.decided_from(&context.view, &role_place(&fitting.name), &fitting.stored.value)?.into())
}

fn note(role: &str, certificate: &Certificate<'_>) -> Note {
    let authority = HEXLOWER.encode(certificate.authority_key_id());
    Note { role: role.to_owned(), key: key_id(certificate), authority }
}

/// A role that is gone or gives other policies by now does not keep the token alive. Unless the mount says otherwise, the
/// certificate has to be shown again: its key, from the same authority, and still good for the role.
pub(super) async fn renew(method: &Cert, context: &Context, renewing: Renewing) -> Result<TokenTerms, Error> {
    let noted: Note = renewing.data()?;
    let (config, _) = find_config(&context.view).await?;
    let found = find_role(&context.view, &noted.role).await?;
    let gone = || Error::Invalid(format!("role {:?} does not exist during renewal", noted.role).into());
    let (role, _) = found.ok_or_else(gone)?;
    if !config.disables_binding {
        let shown = find::shown(context)?;
        find::role(method, context, &config, &shown, Some(&noted.role)).await?;
        let now = note(&noted.role, &shown.0);
        if (now.key, now.authority) != (noted.key, noted.authority) {
            return Err(Error::invalid(
                "client identity during renewal not matching client identity used during login",
            ));
        }
    }
    if !role.terms.still_gives(&renewing.policies) {
        return Err(Error::invalid("policies have changed, not renewing"));
    }
    Ok(role.terms)
}
