//! `sys/internal/`: what user interfaces and the command line ask before they ask anything else, and the OpenAPI
//! document of all that is mounted.

use std::collections::BTreeSet;
use std::sync::Arc;

use framework::input::Nothing;
use framework::openapi::{self, MountPath};
use framework::{Context, Error, Kind, Mounted, Path, Reply, Segment, fields};
use serde_json::{Map, Value, json};

use super::MountsPart;
use super::mounts::show;
use crate::keys;
use crate::mounts::entry::Settings;
use crate::request::section;
use crate::tokens::Resolved;

pub(super) mod resultant_acl;

/// The most mounts that one document describes: each adds all paths of its engine.
const DOCUMENT_MOUNTS_MAX: usize = 500;

pub(super) fn paths() -> Vec<Path<MountsPart>> {
    vec![
        Path::new("internal/ui/mounts", "The mounts that the caller may see; without a token those listed for login.")
            .unauthenticated()
            .read(read_mounts, "Show the mounts."),
        Path::new("internal/ui/mounts/{path}", "The mount that a path leads to.")
            .param("path", Segment::Rest, "A path in the mount, or the mount path.")
            .unauthenticated()
            .read(read_mount, "Show the mount."),
        Path::new("internal/ui/feature-flags", "What user interfaces must do otherwise than usual: nothing.")
            .while_sealed()
            .root_only()
            .read(read_flags, "Show the flags."),
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
            let is_seen = |it: &Settings| {
                it.is_listed() || token.acl.has_any_below(&context.namespace.full_path(&full_path(it.kind(), &it.path)))
            };
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
    if !token.acl.has_any_below(&context.namespace.full_path(&full_path(kind, &mount.settings.path))) {
        return Err(denied());
    }
    let mut data = show(&mount.settings);
    if let Some(data) = data.as_object_mut() {
        data.insert("path".to_owned(), json!(mount.settings.path));
    }
    Ok(Reply::data(data))
}

async fn read_flags(_: &MountsPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    Ok(Reply::data(json!({ "feature_flags": [] })).bare())
}

async fn read_openapi(part: &MountsPart, context: &Context, input: Openapi) -> Result<Reply, Error> {
    let token = part.token(context).await?;
    let is_seen = |it: &Settings| {
        let path = full_path(it.kind(), &it.path);
        it.engine_type == "system"
            || token.as_ref().is_some_and(|token| token.acl.has_any_below(&context.namespace.full_path(&path)))
    };
    let ns = context.namespace.id.as_str();
    // Nobody in particular sees the server's own endpoints alone, and must not make it look through all mounts.
    let mut seen = match &token {
        // Of a namespace that does not exist the same is told as of one in which the caller may see nothing.
        Some(_) if !ns.is_empty() => part.mounts.all(ns).await?,
        _ => vec![Settings {
            kind: keys::kind_name(Kind::Secrets).to_owned(),
            path: "sys/".to_owned(),
            engine_type: "system".to_owned(),
            ..Settings::default()
        }],
    };
    seen.retain(is_seen);
    seen.sort_by(|a, b| (a.kind() == Kind::Auth, &a.path).cmp(&(b.kind() == Kind::Auth, &b.path)));
    if input.generic_mount_paths {
        // Mounts that differ in nothing but their path are one there.
        let mut known = BTreeSet::new();
        seen.retain(|it| known.insert((it.engine_type.clone(), it.options.clone())));
    }
    if seen.len() > DOCUMENT_MOUNTS_MAX {
        let text = format!("more than {DOCUMENT_MOUNTS_MAX} mounts to describe: ask with generic_mount_paths=true");
        return Err(Error::Invalid(text.into()));
    }
    let engines = seen.iter().map(|it| part.mounts.engine_of(it)).collect::<Result<Vec<_>, Error>>()?;
    let paths: Vec<_> = seen.iter().map(|it| full_path(it.kind(), &it.path)).collect();
    let names: Vec<_> = seen.iter().map(|it| format!("{}_mount_path", it.engine_type)).collect();
    let sections: Vec<_> = (seen.iter().zip(&engines).zip(paths.iter().zip(&names)))
        .map(|((it, engine), (path, name))| {
            let is_fixed = !input.generic_mount_paths || crate::mounts::is_permanent(&it.engine_type);
            let engine = engine.as_ref();
            section(engine, if is_fixed { MountPath::Fixed(path) } else { parameter(engine, path, name) })
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
        match self.tokens.caller(context).await {
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
