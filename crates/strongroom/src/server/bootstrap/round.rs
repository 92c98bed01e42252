//! One round: what is there, what has to be done, and doing it.
//!
//! Whether something is as declared is first asked of what a read shows. What a read shows in another form (`1h` as
//! 3600), or not at all (a password), is compared with the memory of what was put in force last, and of how it looked
//! then: so a change of the declaration and one made by somebody else are both noticed.

use env::Env;
use framework::Error;
use serde_json::{Map, Value, json};
use server_core::{AuditDevice, Core, Marks};

use super::client::{Client, Shown};
use crate::config::{Bootstrap, Declaration, SourceError, Subject, resolve};

/// What came of a round.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Summary {
    pub(super) created: usize,
    pub(super) changed: usize,
    pub(super) unchanged: usize,
}

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum RoundError {
    /// Before anything was looked at.
    #[error("prepare to look at what is there")]
    Prepare(#[source] Error),
    /// A value of a declaration could not be had.
    #[error("{what}")]
    Value {
        what: String,
        #[source]
        source: SourceError,
    },
    /// A declaration could not be compared or put in force.
    #[error("{what} ({place}): {action}")]
    Apply {
        what: String,
        place: String,
        action: &'static str,
        #[source]
        source: Box<Error>,
    },
    /// Another engine is at the path, with data that nobody asked to be removed.
    #[error("{what} ({place}) is declared with type {declared:?}, but of type {found:?}: disable or move it by hand")]
    OtherType { what: String, place: String, declared: String, found: String },
}

impl RoundError {
    /// Whether the node was sealed meanwhile.
    pub(super) fn is_sealed(&self) -> bool {
        match self {
            Self::Prepare(source) => matches!(source, Error::Sealed),
            Self::Apply { source, .. } => matches!(**source, Error::Sealed),
            Self::Value { .. } | Self::OtherType { .. } => false,
        }
    }
}

/// What has to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Action {
    Create,
    Change,
    Leave,
}

/// A declaration with its values, and what has to be done.
struct Step<'d> {
    declaration: &'d Declaration,
    fields: Map<String, Value>,
    action: Action,
}

/// Where something is read, and where a change of it is written.
struct Paths {
    read: String,
    change: String,
}

/// Compares everything, tells what has to be done, and does it: with the audit devices first, whatever is wrong with the
/// rest.
pub(super) async fn run(core: &Core, env: &Env, declared: &Bootstrap) -> Result<Summary, RoundError> {
    let client = Client::new(core, env).await.map_err(RoundError::Prepare)?;
    let marks = core.bootstrap_marks().await.map_err(RoundError::Prepare)?;
    let names: Vec<String> = declared.declarations.iter().map(Declaration::name).collect();
    let mut summary = Summary::default();
    let is_device = |declaration: &&Declaration| declaration.subject == Subject::Audit;
    let (devices, rest): (Vec<_>, Vec<_>) = declared.declarations.iter().partition(is_device);
    let mut declared_devices = Vec::new();
    for declaration in &devices {
        declared_devices.push(device(declaration).await?);
    }
    core.declare_audit_devices(declared_devices);
    for part in [devices, rest] {
        let mut steps = Vec::new();
        for declaration in part {
            steps.push(plan(&client, &marks, declaration).await?);
        }
        tell(&steps, &mut summary);
        for step in steps.iter().filter(|step| step.action != Action::Leave) {
            apply(core, &client, step, &names).await?;
        }
    }
    Ok(summary)
}

/// An audit device as it is declared.
async fn device(declaration: &Declaration) -> Result<AuditDevice, RoundError> {
    let fields = fields(declaration).await?;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let options = fields.get("options").and_then(Value::as_object).into_iter().flatten();
    Ok(AuditDevice {
        path: declaration.path.clone(),
        kind: text(fields.get("type")),
        description: text(fields.get("description")),
        options: options.map(|(name, value)| (name.clone(), text(Some(value)))).collect(),
        is_local: fields.get("local").and_then(Value::as_bool).unwrap_or_default(),
    })
}

/// Tells and counts what has to be done.
fn tell(steps: &[Step<'_>], summary: &mut Summary) {
    for step in steps {
        let (count, word) = match step.action {
            Action::Create => (&mut summary.created, "create"),
            Action::Change => (&mut summary.changed, "change"),
            Action::Leave => (&mut summary.unchanged, "unchanged"),
        };
        *count += 1;
        if step.action != Action::Leave {
            let fields: Vec<_> = step.fields.keys().map(String::as_str).collect();
            tracing::info!("bootstrap: {word} {} ({})", step.declaration.name(), fields.join(", "));
        }
    }
}

/// The values of a declaration. Those that lie in files are read beside the threads that serve.
async fn fields(declaration: &Declaration) -> Result<Map<String, Value>, RoundError> {
    let fields = declaration.fields.clone();
    let resolved = tokio::task::spawn_blocking(move || resolve(&fields)).await;
    let resolved = resolved.map_err(|source| RoundError::Prepare(Error::world("read values", source)))?;
    resolved.map_err(|source| RoundError::Value { what: declaration.name(), source })
}

/// What a declaration takes.
async fn plan<'d>(client: &Client<'_>, marks: &Marks, declaration: &'d Declaration) -> Result<Step<'d>, RoundError> {
    let fields = fields(declaration).await?;
    let action = compare(client, marks, declaration, &fields).await?;
    Ok(Step { declaration, fields, action })
}

async fn compare(
    client: &Client<'_>,
    marks: &Marks,
    declaration: &Declaration,
    fields: &Map<String, Value>,
) -> Result<Action, RoundError> {
    let failed = |source| failed(declaration, "look at what is there", source);
    let found = look(client, declaration).await.map_err(failed)?;
    let name = declaration.name();
    let is_known = || marks.knows(&name);
    let found = match found {
        Shown::Absent => return Ok(Action::Create),
        // The list of mounts knows no other way to say that nothing is there.
        Shown::Unreadable if is_mount(declaration) => return Ok(Action::Create),
        Shown::Unreadable if declaration.only_if_absent => {
            return Ok(if is_known() { Action::Leave } else { Action::Create });
        }
        Shown::Unreadable => Map::new(),
        Shown::Object(_) if declaration.only_if_absent => return Ok(Action::Leave),
        Shown::Object(found) => found,
    };
    check_type(declaration, fields, &found)?;
    let wanted = wanted(declaration, fields);
    let shown = shown(declaration, &wanted, found.clone());
    if is_shown(&wanted, &found, &shown)
        || marks.holds(&name, &content(client, declaration, &wanted, &shown).await.map_err(failed)?)
    {
        return Ok(Action::Leave);
    }
    Ok(if found.is_empty() { Action::Create } else { Action::Change })
}

/// Makes or changes it, and remembers how it looks then.
async fn apply(core: &Core, client: &Client<'_>, step: &Step<'_>, names: &[String]) -> Result<(), RoundError> {
    let Step { declaration, fields, action } = step;
    let failed = |action| move |source| failed(declaration, action, source);
    let (namespace, paths) = (&declaration.namespace, paths(declaration));
    let wanted = wanted(declaration, fields);
    if *action == Action::Change && is_mount(declaration) {
        client.write(namespace, &paths.change, tuning(&wanted)).await.map_err(failed("change it"))?;
    } else {
        client.write(namespace, &create_path(declaration), fields.clone()).await.map_err(failed("write it"))?;
    }
    let found = look(client, declaration).await.map_err(failed("look at what was written"))?;
    let found = if let Shown::Object(found) = found { found } else { Map::new() };
    let shown = shown(declaration, &wanted, found.clone());
    if is_shown(&wanted, &found, &shown) {
        return Ok(());
    }
    let content = content(client, declaration, &wanted, &shown).await.map_err(failed("look at its mount"))?;
    core.bootstrap_mark(&declaration.name(), &content, names).await.map_err(failed("remember that it is in force"))
}

/// Whether a read alone tells that it is as declared. Of an action without values it tells nothing: only the memory
/// knows whether that was done.
fn is_shown(wanted: &Map<String, Value>, found: &Map<String, Value>, shown: &Map<String, Value>) -> bool {
    !(wanted.is_empty() && found.is_empty()) && shown == wanted
}

fn failed(declaration: &Declaration, action: &'static str, source: Error) -> RoundError {
    RoundError::Apply { what: declaration.name(), place: declaration.place.clone(), action, source: Box::new(source) }
}

/// What is remembered: how it was declared, how it looked then, and in which mount, for one that was taken away and
/// made anew is empty.
async fn content(
    client: &Client<'_>,
    declaration: &Declaration,
    wanted: &Map<String, Value>,
    shown: &Map<String, Value>,
) -> Result<String, Error> {
    let path = match declaration.subject {
        Subject::Request if !declaration.path.starts_with("sys/") => declaration.path.clone(),
        Subject::Secrets => declaration.path.clone(),
        Subject::Auth => format!("auth/{}", declaration.path),
        Subject::Audit | Subject::Namespace | Subject::Policy | Subject::Request => String::new(),
    };
    let mut accessor = Value::Null;
    if !path.is_empty()
        && let Shown::Object(mut mount) =
            client.read(&declaration.namespace, &format!("sys/internal/ui/mounts/{path}")).await?
    {
        accessor = mount.remove("accessor").unwrap_or_default();
    }
    Ok(json!([accessor, wanted, shown]).to_string())
}

fn is_mount(declaration: &Declaration) -> bool {
    matches!(declaration.subject, Subject::Secrets | Subject::Auth)
}

fn create_path(declaration: &Declaration) -> String {
    let path = &declaration.path;
    match declaration.subject {
        Subject::Audit => format!("sys/audit/{path}"),
        Subject::Namespace => format!("sys/namespaces/{path}"),
        Subject::Policy => format!("sys/policies/acl/{path}"),
        Subject::Secrets => format!("sys/mounts/{path}"),
        Subject::Auth => format!("sys/auth/{path}"),
        Subject::Request => path.clone(),
    }
}

fn paths(declaration: &Declaration) -> Paths {
    let read = create_path(declaration);
    let change = if is_mount(declaration) { format!("{read}/tune") } else { read.clone() };
    Paths { read, change }
}

/// The fields that can be changed later: those of a mount but for what it is made with once.
fn wanted(declaration: &Declaration, fields: &Map<String, Value>) -> Map<String, Value> {
    const ONCE: [&str; 4] = ["external_entropy_access", "local", "seal_wrap", "type"];
    let is_changeable = |name: &str| !is_mount(declaration) || !ONCE.contains(&name);
    fields.iter().filter(|(name, _)| is_changeable(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// How tuning takes them: the settings beside the rest.
fn tuning(wanted: &Map<String, Value>) -> Map<String, Value> {
    let mut tuned = wanted.clone();
    if let Some(Value::Object(config)) = tuned.remove("config") {
        tuned.extend(config);
    }
    tuned
}

fn check_type(
    declaration: &Declaration,
    fields: &Map<String, Value>,
    found: &Map<String, Value>,
) -> Result<(), RoundError> {
    let text = |map: &Map<String, Value>| map.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    // The older name of the second version of kv.
    let declared = match text(fields) {
        name if name == "kv-v2" || name == "kv-v1" => "kv".to_owned(),
        name => name,
    };
    if !is_mount(declaration) || declared == text(found) {
        return Ok(());
    }
    let (what, place) = (declaration.name(), declaration.place.clone());
    Err(RoundError::OtherType { what, place, declared, found: text(found) })
}

/// What is at the place of a declaration. Of audit devices only all can be read.
async fn look(client: &Client<'_>, declaration: &Declaration) -> Result<Shown, Error> {
    if declaration.subject != Subject::Audit {
        return client.read(&declaration.namespace, &paths(declaration).read).await;
    }
    let Shown::Object(mut devices) = client.read("", "sys/audit").await? else { return Ok(Shown::Absent) };
    Ok(match devices.remove(&[&declaration.path, "/"].concat()) {
        Some(Value::Object(mut device)) => {
            device.remove("path");
            Shown::Object(device)
        }
        _ => Shown::Absent,
    })
}

/// What is compared with the declaration. An audit device is as declared only if it has no further options.
fn shown(declaration: &Declaration, wanted: &Map<String, Value>, found: Map<String, Value>) -> Map<String, Value> {
    if declaration.subject == Subject::Audit { found } else { narrowed(wanted, &found) }
}

/// Of what is shown, what has been declared, at any depth.
fn narrowed(wanted: &Map<String, Value>, shown: &Map<String, Value>) -> Map<String, Value> {
    let both = wanted.iter().filter_map(|(name, wanted)| Some((name, wanted, shown.get(name)?)));
    let narrow = |(name, wanted, shown): (&String, &Value, &Value)| {
        let value = match (wanted, shown) {
            (Value::Object(wanted), Value::Object(shown)) => Value::Object(narrowed(wanted, shown)),
            _ => shown.clone(),
        };
        (name.clone(), value)
    };
    both.map(narrow).collect()
}
