//! `sys/internal/`: what user interfaces and the command line ask before they ask anything else, and the OpenAPI
//! document of all that is mounted.

use std::sync::Arc;

use framework::input::Nothing;
use framework::openapi::{self, MountPath};
use framework::{Context, Error, Kind, Mounted, Path, Reply, Segment, fields};
use serde_json::{Map, Value, json};

use super::MountsPart;
use super::mounts::show;
use crate::mounts::entry::Settings;
use crate::request::section;
use crate::tokens::Resolved;

pub(super) mod resultant_acl;

pub(super) fn paths() -> Vec<Path<MountsPart>> {
    vec![
        Path::new("internal/ui/mounts", "The mounts that the caller may see; without a token those listed for login.")
            .unauthenticated()
            .read(read_mounts, "Show the mounts."),
        Path::new("internal/ui/mounts/{path}", "The mount that a path leads to.")
            .param("path", Segment::Rest, "A path in the mount, or the mount path.")
            .unauthenticated()
            .read(read_mount, "Show the mount."),
        Path::new("internal/specs/openapi", "The OpenAPI document of everything mounted that the caller may see.")
            .unauthenticated()
            .read(read_openapi, "Show the document.")
            .update(read_openapi, "Show the document."),
    ]
}

fields! {
    /// A path.
    struct At {
        /// A path in the mount, or the mount path.
        path: String,
    }
}

fields! {
    /// How to write the document.
    struct Openapi {
        /// Whether mount paths are parameters instead of texts.
        generic_mount_paths: bool = false,
        /// Ignored: hints of the caller about itself.
        context: Option<String>,
    }
}

/// With a token all about each mount that it may do something in or that is listed for everybody; without one the few
/// facts that a login page needs, of the latter.
async fn read_mounts(part: &MountsPart, context: &Context, _: Nothing) -> Result<Reply, Error> {
    let ns = &context.namespace.id;
    let mut seen = match part.token(context).await? {
        Some(token) => {
            let all = part.mounts.all(ns).await?;
            let is_seen = |it: &Settings| it.is_listed() || token.acl.has_any_below(&full_path(it.kind(), &it.path));
            all.into_iter().filter(is_seen).map(|it| (it.kind(), show(&it), it.path)).collect::<Vec<_>>()
        }
        None => {
            let listed = part.mounts.listed(ns).await?;
            listed.iter().map(|it| (it.kind(), show_before_login(it), it.path.clone())).collect()
        }
    };
    let auth = seen.extract_if(.., |(kind, ..)| *kind == Kind::Auth).map(|(_, shown, path)| (path, shown));
    let auth: Map<_, _> = auth.collect();
    let secret: Map<_, _> = seen.into_iter().map(|(_, shown, path)| (path, shown)).collect();
    Ok(Reply::data(json!({ "secret": secret, "auth": auth })))
}

/// A missing mount and a forbidden one are refused alike.
async fn read_mount(part: &MountsPart, context: &Context, input: At) -> Result<Reply, Error> {
    let denied = || {
        let path = input.path.trim_matches('/');
        let text = "preflight capability check returned 403, please ensure client's policies grant access to path";
        Error::DeniedBecause(format!("{text} \"{path}/\"").into())
    };
    let token = part.token(context).await?.ok_or(Error::Denied)?;
    let found = part.mounts.find(&context.namespace.id, &input.path).await?;
    let (mount, _) = found.ok_or_else(denied)?;
    let kind = mount.engine.kind();
    if !token.acl.has_any_below(&full_path(kind, &mount.settings.path)) {
        return Err(denied());
    }
    let mut data = show(&mount.settings);
    if let Some(data) = data.as_object_mut() {
        data.insert("path".to_owned(), json!(mount.settings.path));
    }
    Ok(Reply::data(data))
}

async fn read_openapi(part: &MountsPart, context: &Context, input: Openapi) -> Result<Reply, Error> {
    let token = part.token(context).await?;
    let ns = &context.namespace.id;
    let mut engines: Vec<(String, String, Arc<dyn Mounted>)> = Vec::new();
    for kind in [Kind::Secrets, Kind::Auth] {
        for (path, settings) in part.mounts.list(ns, kind).await? {
            let full = full_path(kind, &path);
            let is_seen = token.as_ref().is_some_and(|token| token.acl.has_any_below(&full));
            if !is_seen && settings.engine_type != "system" {
                continue;
            }
            if let Some(mount) = part.mounts.at(ns, kind, &path).await? {
                engines.push((full, settings.engine_type, Arc::clone(&mount.engine)));
            }
        }
    }
    let names: Vec<_> = engines.iter().map(|(_, name, _)| format!("{name}_mount_path")).collect();
    let sections: Vec<_> = engines
        .iter()
        .zip(&names)
        .map(|((path, engine_type, engine), name)| {
            let is_fixed = !input.generic_mount_paths || crate::mounts::is_permanent(engine_type);
            section(
                engine.as_ref(),
                if is_fixed { MountPath::Fixed(path) } else { parameter(engine.as_ref(), path, name) },
            )
        })
        .collect();
    Ok(Reply::data(openapi::document(&sections)).bare())
}

fn parameter<'a>(engine: &dyn Mounted, path: &'a str, name: &'a str) -> MountPath<'a> {
    let before = if engine.kind() == Kind::Auth { "auth/" } else { "" };
    let default = path.strip_prefix(before).unwrap_or(path).trim_end_matches('/');
    MountPath::Parameter { before, name, default }
}

impl MountsPart {
    /// The caller's token, if it is a valid one.
    async fn token(&self, context: &Context) -> Result<Option<Arc<Resolved>>, Error> {
        let Some(token) = &context.caller.token else { return Ok(None) };
        match self.tokens.resolve(&context.namespace.id, token.expose()).await {
            Ok(token) => Ok(Some(token)),
            Err(Error::Denied) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

pub(super) fn full_path(kind: Kind, path: &str) -> String {
    match kind {
        Kind::Secrets => path.to_owned(),
        Kind::Auth => ["auth/", path].concat(),
    }
}

/// What the login page may know.
fn show_before_login(settings: &Settings) -> Value {
    let options = if settings.options.is_empty() { Value::Null } else { json!(settings.options) };
    json!({ "type": settings.engine_type, "description": settings.description, "options": options })
}
