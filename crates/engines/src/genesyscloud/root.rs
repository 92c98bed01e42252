//! `rotate-root`: another secret for the client that the engine works with.
//!
//! Genesys Cloud forgets the secret before at once, and shows the new one once. So a token is stored first that goes on
//! without either: with it, whoever takes an unfinished rotation up asks for yet another secret.

use framework::input::Nothing;
use framework::rotation::{self, Rotating};
use framework::view::encode;
use framework::{Context, Error, Path, Reply, retry};

use super::Genesys;
use super::answers::Failure;
use super::cloud::AccessToken;
use super::entry::{self, CONFIG, ConfigEntry, Handover, find};

/// What the rotation is planned under.
pub(super) const ROTATION: &str = "root";

pub(super) fn path() -> Path<Genesys> {
    Path::new("rotate-root", "The secret of the client that the engine works with.")
        .update(rotate_now, "Replace it. From then on nobody but the server knows it.")
}

async fn rotate_now(genesys: &Genesys, context: &Context, _: Nothing) -> Result<Reply, Error> {
    entry::config(&context.view).await?;
    let rotating = rotation::claim(context, ROTATION).await?;
    let outcome = rotate(genesys, context, &rotating).await;
    rotating.settle(context, outcome.as_ref().copied()).await?;
    outcome?;
    let (config, _) = entry::config(&context.view).await?;
    let cloud = genesys.connections.open(context, &config).map_err(Error::from)?;
    Ok(match cloud.token_soon(&config.client_id, &config.client_secret).await {
        Ok(_) => Reply::empty(),
        Err(failure) => Reply::empty().warn(format!("the new secret is stored and not taken yet: {failure}")),
    })
}

/// Does what is claimed.
pub(super) async fn rotate(genesys: &Genesys, context: &Context, rotating: &Rotating) -> Result<(), Error> {
    let Some((config, _)) = find::<ConfigEntry>(&context.view, CONFIG).await? else {
        // Its configuration was deleted meanwhile.
        return end(context, rotating).await;
    };
    let cloud = genesys.connections.open(context, &config).map_err(Error::from)?;
    let token = match (cloud.token(&config.client_id, &config.client_secret).await, config.handover) {
        (Ok(token), _) => token,
        (Err(Failure::BadClient { .. }), Some(Handover { token })) => {
            AccessToken { text: token.into(), lasts: std::time::Duration::ZERO }
        }
        (Err(failure), _) => return Err(failure.into()),
    };
    // Durable before the secret dies.
    change(context, None, &config.client_id, |entry| {
        entry.handover = Some(Handover { token: token.text.expose().to_owned() });
    })
    .await?;
    rotating.begins();
    let made = match cloud.new_secret(&token.text, &config.client_id).await {
        Ok(made) => made,
        Err(failure) => {
            if failure.did_nothing() {
                rotating.nothing_was_done();
            }
            return Err(failure.into());
        }
    };
    change(context, Some(rotating), &config.client_id, |entry| {
        entry.client_secret.clone_from(&made.secret);
        entry.handover = None;
    })
    .await
}

/// Changes the configuration, as long as it names this client; with the commit that finishes a rotation.
async fn change(
    context: &Context,
    rotating: Option<&Rotating>,
    client_id: &str,
    change: impl Fn(&mut ConfigEntry) + Send + Sync,
) -> Result<(), Error> {
    retry!(_ => {
        let (mut config, stored) = entry::config(&context.view).await?;
        if config.client_id != client_id {
            return Err(Error::Busy("the configuration was changed meanwhile".into()).into());
        }
        change(&mut config);
        let changes = context.view.changes().replace(CONFIG, stored.revision(), encode(&config)?);
        match rotating {
            Some(rotating) => rotating.finish(context, changes).await?.commit().await?,
            None => changes.commit().await?,
        };
        Ok(())
    })
}

async fn end(context: &Context, rotating: &Rotating) -> Result<(), Error> {
    retry!(_ => {
        rotating.end(context, context.view.changes()).await?.commit().await?;
        Ok(())
    })
}
