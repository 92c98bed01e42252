//! `sys/mounts` and `sys/auth`: the same endpoints for the two kinds of mounts.

use std::collections::BTreeMap;

use framework::input::Nothing;
use framework::path::Handler;
use framework::{Context, Error, FieldSet, Kind, Path, Reply, Segment, fields};
use serde_json::{Map, Value, json};

use super::MountsPart;
use super::tuning::{self, Tune};
use crate::keys;
use crate::mounts::change::{NewMount, missing, parse_path};
use crate::mounts::entry::{Settings, Tuning};
use crate::mounts::is_permanent;

const PATH: &str = "Where the engine is mounted.";
/// The longest description.
const DESCRIPTION_BYTES_MAX: usize = 4096;

pub(super) fn paths() -> Vec<Path<MountsPart>> {
    vec![
        Path::new("mounts", "All secrets engines.").read(list_secrets, "Show all of them."),
        one("mounts/{path}", "One secrets engine.", read_secret, enable_secret, disable_secret),
        tuning("mounts/{path}/tune", "The settings of a secrets engine.", read_tune_secret, tune_secret),
        Path::new("auth", "All auth methods.").read(list_auth, "Show all of them."),
        one("auth/{path}", "One auth method.", read_auth, enable_auth, disable_auth).sudo(),
        tuning("auth/{path}/tune", "The settings of an auth method.", read_tune_auth, tune_auth).sudo(),
    ]
}

fn one<A, B, C>(
    template: &'static str,
    about: &'static str,
    read: impl for<'a> Handler<'a, MountsPart, A, Reply> + 'static,
    enable: impl for<'a> Handler<'a, MountsPart, B, Reply> + 'static,
    disable: impl for<'a> Handler<'a, MountsPart, C, Reply> + 'static,
) -> Path<MountsPart>
where
    A: FieldSet,
    B: FieldSet,
    C: FieldSet,
{
    Path::new(template, about)
        .param("path", Segment::Rest, PATH)
        .read(read, "Show its settings.")
        .update(enable, "Mount an engine there.")
        .delete(disable, "Take it away with all its data.")
}

fn tuning<A, B>(
    template: &'static str,
    about: &'static str,
    read: impl for<'a> Handler<'a, MountsPart, A, Reply> + 'static,
    write: impl for<'a> Handler<'a, MountsPart, B, Reply> + 'static,
) -> Path<MountsPart>
where
    A: FieldSet,
    B: FieldSet,
{
    Path::new(template, about)
        .param("path", Segment::Rest, PATH)
        .read(read, "Show the settings that are in effect.")
        .update(write, "Change settings; what is left out stays.")
}

fields! {
    /// A mount by its path.
    struct At {
        /// Where the engine is mounted.
        path: String,
    }
}

fields! {
    /// A mount to be made.
    struct Enable {
        /// Where the engine is mounted.
        path: String,
        /// The engine type, such as kv.
        r#type: Option<String>,
        /// The older name of type, for plugins.
        plugin_name: Option<String>,
        /// Must be empty: engines are part of the server and have its version.
        plugin_version: Option<String>,
        /// A sentence for people.
        description: String = String::new(),
        /// Settings as for tune.
        config: Option<Map<String, Value>>,
        /// Options of the engine, such as the version of kv.
        options: Option<BTreeMap<String, String>>,
        /// Kept and shown: whether the mount is left out of replication, which does not exist.
        local: bool = false,
        /// Kept and shown: whether values are wrapped by the seal as well.
        seal_wrap: bool = false,
        /// Kept and shown: whether the engine uses another source of entropy, which does not exist.
        external_entropy_access: bool = false,
    }
}

/// Below `mounts/`, auth methods are named with `auth/` in front: the widespread command line and Terraform read and
/// tune them there.
fn whichever(path: &str) -> (Kind, &str) {
    path.strip_prefix("auth/").map_or((Kind::Secrets, path), |path| (Kind::Auth, path))
}

async fn list_secrets(part: &MountsPart, context: &Context, _: Nothing) -> Result<Reply, Error> {
    list(part, context, Kind::Secrets).await
}

async fn list_auth(part: &MountsPart, context: &Context, _: Nothing) -> Result<Reply, Error> {
    list(part, context, Kind::Auth).await
}

async fn list(part: &MountsPart, context: &Context, kind: Kind) -> Result<Reply, Error> {
    let mounts = part.mounts.list(&context.namespace.id, kind).await?;
    let shown: Map<_, _> = mounts.into_iter().map(|(path, settings)| (path, show(&settings))).collect();
    Ok(Reply::data(shown.into()).mirrored())
}

async fn read_secret(part: &MountsPart, context: &Context, input: At) -> Result<Reply, Error> {
    let (kind, path) = whichever(&input.path);
    read(part, context, kind, path).await
}

async fn read_auth(part: &MountsPart, context: &Context, input: At) -> Result<Reply, Error> {
    read(part, context, Kind::Auth, &input.path).await
}

async fn read(part: &MountsPart, context: &Context, kind: Kind, path: &str) -> Result<Reply, Error> {
    let path = parse_path(path)?;
    let mount = part.mounts.at(&context.namespace.id, kind, &path).await?.ok_or_else(|| missing(kind, &path))?;
    Ok(Reply::data(show(&mount.settings)))
}

async fn enable_secret(part: &MountsPart, context: &Context, input: Enable) -> Result<Reply, Error> {
    enable(part, context, Kind::Secrets, input).await
}

async fn enable_auth(part: &MountsPart, context: &Context, input: Enable) -> Result<Reply, Error> {
    enable(part, context, Kind::Auth, input).await
}

async fn enable(part: &MountsPart, context: &Context, kind: Kind, input: Enable) -> Result<Reply, Error> {
    check_description(&input.description)?;
    let mut config = input.config.unwrap_or_default();
    // The path of the request counts, whatever stands here.
    config.remove("path");
    let mut config = framework::Input::new([("path", input.path.clone())].into(), config);
    let force_no_cache = config.take_or("force_no_cache", false)?;
    let plugin_name: Option<String> = config.take("plugin_name")?;
    let engine_type = engine_type(input.r#type, plugin_name.or(input.plugin_name))?;
    if input.plugin_version.is_some_and(|version| !version.is_empty()) {
        return Err(Error::invalid(tuning::ONE_VERSION));
    }
    let tune = Tune::decode(&mut config)?;
    let mut settings = Settings {
        kind: keys::kind_name(kind).to_owned(),
        engine_type,
        options: input.options.unwrap_or_default(),
        ..Settings::default()
    };
    tuning::check_options_size(&settings.options)?;
    tune.apply(&mut settings)?;
    settings.tuning.force_no_cache = force_no_cache;
    part.check_ttls(&settings.tuning)?;
    let new = NewMount {
        kind,
        path: input.path,
        engine_type: settings.engine_type,
        description: input.description,
        options: settings.options,
        is_local: input.local,
        is_seal_wrap: input.seal_wrap,
        has_external_entropy_access: input.external_entropy_access,
        tuning: settings.tuning,
    };
    part.mounts.enable(&context.namespace, new).await?;
    Ok(Reply::empty())
}

/// The type as it is named, or for plugins of old the name of the plugin.
fn engine_type(given: Option<String>, plugin_name: Option<String>) -> Result<String, Error> {
    let plugin_name = plugin_name.filter(|name| !name.is_empty());
    match given.filter(|given| !given.is_empty()) {
        Some(given) if given == "plugin" => {
            plugin_name.ok_or_else(|| Error::invalid("plugin_name must be provided for plugin backend"))
        }
        Some(given) => Ok(given),
        None => plugin_name.ok_or_else(|| Error::invalid("backend type must be specified as a string")),
    }
}

async fn disable_secret(part: &MountsPart, context: &Context, input: At) -> Result<Reply, Error> {
    part.mounts.disable(&context.namespace.id, Kind::Secrets, &input.path).await?;
    Ok(Reply::empty())
}

async fn disable_auth(part: &MountsPart, context: &Context, input: At) -> Result<Reply, Error> {
    part.mounts.disable(&context.namespace.id, Kind::Auth, &input.path).await?;
    Ok(Reply::empty())
}

async fn read_tune_secret(part: &MountsPart, context: &Context, input: At) -> Result<Reply, Error> {
    let (kind, path) = whichever(&input.path);
    read_tune(part, context, kind, path).await
}

async fn read_tune_auth(part: &MountsPart, context: &Context, input: At) -> Result<Reply, Error> {
    read_tune(part, context, Kind::Auth, &input.path).await
}

async fn read_tune(part: &MountsPart, context: &Context, kind: Kind, path: &str) -> Result<Reply, Error> {
    let path = parse_path(path)?;
    let mount = part.mounts.at(&context.namespace.id, kind, &path).await?;
    let mount = mount.ok_or_else(|| Error::Invalid(format!("cannot fetch sysview for path \"{path}\"").into()))?;
    let mut shown = tuning::tuned(&mount.settings);
    shown.insert("default_lease_ttl".to_owned(), json!(mount.mount.default_lease_ttl.as_secs()));
    shown.insert("max_lease_ttl".to_owned(), json!(mount.mount.max_lease_ttl.as_secs()));
    Ok(Reply::data(shown.into()).mirrored())
}

async fn tune_secret(part: &MountsPart, context: &Context, mut input: Tune) -> Result<Reply, Error> {
    let (kind, path) = whichever(&input.path);
    input.path = path.to_owned();
    tune(part, context, kind, &mut input).await
}

async fn tune_auth(part: &MountsPart, context: &Context, mut input: Tune) -> Result<Reply, Error> {
    tune(part, context, Kind::Auth, &mut input).await
}

/// A version goes its own way: it is not only a setting, but how everything in the mount is stored.
async fn tune(part: &MountsPart, context: &Context, kind: Kind, input: &mut Tune) -> Result<Reply, Error> {
    let (ns, path) = (context.namespace.id.as_str(), parse_path(&input.path)?);
    let version = input.options.as_mut().and_then(|options| options.remove("version"));
    let change = |settings: &mut Settings| {
        input.check_tunable(settings)?;
        if let Some(description) = &input.description {
            check_description(description)?;
            settings.description.clone_from(description);
        }
        if let Some(version) = &version {
            part.check_version(settings, version)?;
            if settings.version() == version {
                settings.options.insert("version".to_owned(), version.clone());
            }
        }
        input.apply(settings)?;
        // What another configuration of the server allowed must not stand in the way of other settings.
        if input.has_ttl() { part.check_ttls(&settings.tuning) } else { Ok(()) }
    };
    part.mounts.tune(ns, kind, &path, change).await?;
    match version {
        Some(version) if part.mounts.upgrade(ns, kind, &path, &version).await? => Ok(Reply::empty().warn(format!(
            "the mount goes to version {version}: it is unavailable until everything in it has been taken over, \
                 which begins now"
        ))),
        _ => Ok(Reply::empty()),
    }
}

impl MountsPart {
    /// Only kv has versions.
    fn check_version(&self, settings: &Settings, version: &str) -> Result<(), Error> {
        if settings.engine_type != "kv" {
            return Err(Error::invalid("only kv mounts have a version option"));
        }
        if settings.version() == version { Ok(()) } else { self.mounts.check_upgrade(settings, version) }
    }

    /// A default of its own must fit below the max that is in effect.
    fn check_ttls(&self, tuning: &Tuning) -> Result<(), Error> {
        let max = if tuning.max_lease_ttl_secs == 0 { self.max_lease_ttl_secs } else { tuning.max_lease_ttl_secs };
        let default = tuning.default_lease_ttl_secs;
        if default > max {
            let text =
                format!("the default lease TTL of {default} seconds is longer than the max lease TTL of {max} seconds");
            return Err(Error::Invalid(text.into()));
        }
        Ok(())
    }
}

fn check_description(text: &str) -> Result<(), Error> {
    if text.len() > DESCRIPTION_BYTES_MAX {
        return Err(Error::Invalid(format!("description is longer than {DESCRIPTION_BYTES_MAX} bytes").into()));
    }
    Ok(())
}

/// A mount as clients know it.
pub(super) fn show(settings: &Settings) -> Value {
    let options = if settings.options.is_empty() { Value::Null } else { json!(settings.options) };
    let mut shown = json!({
        "type": settings.engine_type,
        "description": settings.description,
        "accessor": settings.accessor,
        "uuid": settings.uuid,
        "local": settings.is_local,
        "seal_wrap": settings.is_seal_wrap,
        "external_entropy_access": settings.has_external_entropy_access,
        "options": options,
        "plugin_version": "",
        "running_plugin_version": "",
        "running_sha256": "",
        "config": tuning::config(settings),
    });
    if let Some(shown) = shown.as_object_mut().filter(|_| !is_permanent(&settings.engine_type)) {
        shown.insert("deprecation_status".to_owned(), json!("supported"));
    }
    shown
}
