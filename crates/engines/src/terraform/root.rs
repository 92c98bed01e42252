//! Replacing the token that the API is asked with, so that nobody who has configured it knows it any more.
//!
//! For a user or a team the new one is made, tried and stored before the old one ends. An organization has one token
//! alone: the old one ends when the new one is made, so that one has to be stored at once, and a server that dies in
//! between has lost it.

use api::Timestamp;
use framework::input::Nothing;
use framework::view::encode;
use framework::{Context, Error, Held, Path, Reply, Stored};
use serde_json::{Map, Value};

use super::config::rotated;
use super::entry::{CONFIG, ConfigEntry, Owner, RootNote, known_config};
use super::saas::{Made, Saas};
use super::{ROOT, Terraform, find};

/// How many random letters and digits tell the descriptions of root tokens apart.
const SUFFIX_LETTERS: usize = 20;
/// How often storing a token is tried that has ended the one before.
const STORE_TRIES: usize = 3;

pub(super) fn path() -> Path<Terraform> {
    Path::new("rotate-root", "Replace the token that the API is asked with.")
        .makes_leases()
        .update(rotate, "Replace the token by a new one of the same owner, which nobody else knows.")
}

async fn rotate(engine: &Terraform, context: &Context, _: Nothing) -> Result<Reply, Error> {
    let (config, stored) = known_config(&context.view).await?;
    let saas = engine.saas(&config, &context.env)?;
    let owner = saas.whose().await.map_err(|failure| failure.told("error reading the owner of the token"))?;
    match owner {
        Owner::Organization(_) => replace_single(&saas, context, &owner, config, &stored).await,
        _ => replace_one_of_many(&saas, context, owner, config, &stored).await,
    }
}

async fn replace_single(
    saas: &Saas<'_>,
    context: &Context,
    owner: &Owner,
    config: ConfigEntry,
    stored: &Stored,
) -> Result<Reply, Error> {
    let made = saas.make(owner, "", ends(context, &config)).await;
    let made = made.map_err(|failure| failure.told("error creating Terraform token"))?;
    let config = renewed(context, config, owner.clone(), made);
    let mut outcome = Ok(());
    for _ in 0..STORE_TRIES {
        let kept = context.view.changes().replace(CONFIG, stored.revision(), encode(&config)?).commit().await;
        outcome = kept.map(drop);
        if outcome.is_ok() {
            break;
        }
    }
    match outcome {
        Ok(()) => Ok(told(&config)),
        Err(_) => Err(Error::WorldShown {
            shown: "the organization's token was replaced and could not be stored: write another one to config".into(),
            source: "the store has refused".into(),
        }),
    }
}

async fn replace_one_of_many(
    saas: &Saas<'_>,
    context: &Context,
    owner: Owner,
    config: ConfigEntry,
    stored: &Stored,
) -> Result<Reply, Error> {
    let description = format!("root of {}({})", context.mount.accessor, context.env.base62(SUFFIX_LETTERS));
    let retires = config.token_id.clone();
    let note = RootNote { v: 1, owner: owner.clone(), description: description.clone(), retires: retires.clone() };
    let intent = context.intend(ROOT, &note).await?;
    let made = match saas.make(&owner, &description, ends(context, &config)).await {
        Ok(made) => made,
        Err(failure) => {
            if failure.is_certain {
                context.withdraw(intent);
            }
            return Err(failure.told("error creating Terraform token"));
        }
    };
    let renewed_saas = saas.with_token(&made.token);
    let whose = renewed_saas.whose().await.map_err(|failure| failure.told("error trying the new token"))?;
    if whose != owner {
        return Err(Error::world("rotate the root token", "the new token is of somebody else"));
    }
    let config = renewed(context, config, owner, made);
    let kept = context.view.changes().replace(CONFIG, stored.revision(), encode(&config)?).commit().await;
    kept.map_err(|_| Error::Busy("the configuration was changed meanwhile, try again".into()))?;
    if retires.is_empty() {
        context.withdraw(intent);
        return Ok(
            told(&config).warn("the token before was written by hand and is not revoked: revoke it in Terraform Cloud")
        );
    }
    match renewed_saas.end(&retires).await {
        Ok(()) => context.withdraw(intent),
        // The intent stays, and with it the promise to end the old one.
        Err(error) => tracing::warn!(%error, "the root token that was replaced is revoked later"),
    }
    Ok(told(&config))
}

fn ends(context: &Context, config: &ConfigEntry) -> Option<Timestamp> {
    let secs = config.explicit_max_ttl_secs;
    (secs > 0).then(|| context.now().truncate_to_secs().plus(std::time::Duration::from_secs(secs)))
}

fn renewed(context: &Context, config: ConfigEntry, owner: Owner, made: Made) -> ConfigEntry {
    ConfigEntry {
        token: made.token.expose().clone(),
        token_id: made.id,
        owner: Some(owner),
        rotated: Some(context.now().truncate_to_secs()),
        ..config
    }
}

fn told(config: &ConfigEntry) -> Reply {
    let data: Map<String, Value> = rotated(config).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Reply::data(data.into())
}

/// Ends whichever of the two tokens is not the one in use.
pub(super) async fn undo(engine: &Terraform, context: &Context, held: Held) -> Result<(), Error> {
    let note: RootNote = held.data()?;
    let (config, _) = known_config(&context.view).await?;
    let saas = engine.saas(&config, &context.env)?;
    let sought = (&note.owner, "", note.description.as_str());
    let goes = match find::described(&saas, context, sought, held.issued).await? {
        Some(id) if id == config.token_id => note.retires,
        Some(id) => id,
        None => return Ok(()),
    };
    if goes.is_empty() {
        return Ok(());
    }
    saas.end(&goes).await.map_err(|failure| failure.told("error revoking token"))
}
