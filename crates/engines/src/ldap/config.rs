//! The settings of the mount: read and written.

use framework::input::Nothing;
use framework::view::encode;
use framework::{Context, Error, Path, Reply, retry};

use super::Ldap;
use super::config_fields::{ConfigFields, show};
use super::entry::{CONFIG, config};
use super::settings::Settings;

pub(super) fn path() -> Path<Ldap> {
    Path::new("config", "How the directory is asked, and what the tokens of its people are given.")
        .read(read, "Show the settings; those of a new mount before any are written.")
        .update(write, "Change settings; what is absent stays.")
}

async fn read(_: &Ldap, context: &Context, _: Nothing) -> Result<Reply, Error> {
    let entry = config(&context.view).await?.map(|(entry, _)| entry).unwrap_or_default();
    Ok(Reply::data(show(&entry).into()))
}

async fn write(_: &Ldap, context: &Context, input: ConfigFields) -> Result<Reply, Error> {
    retry!(_ => {
        let (entry, known) = match config(&context.view).await? {
            Some((entry, stored)) => (entry, Some(stored.revision())),
            None => Default::default(),
        };
        let entry = input.apply(entry)?;
        Settings::check(&entry)?;
        context.view.changes().put(CONFIG, known, encode(&entry)?).commit().await?;
        Ok(Reply::empty())
    })
}
