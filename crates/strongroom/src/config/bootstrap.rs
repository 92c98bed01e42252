//! The `bootstrap` stanza: namespaces, mounts, auth methods, policies and further requests that are to be in force on
//! the server once it is unsealed; and audit devices, which have stanzas of their own as well.
//!
//! Reading it contacts nothing. Values may be secrets: nothing here shows one, in no error and no `Debug`; errors name
//! the place and the key.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hcl::{Block, Body, Item, Kind, Value};

use super::error::{ConfigError, Problem};
use super::reader::Reader;

mod value;

pub use value::{Declared, Fields, SourceError, resolve};

/// The most things that may be declared.
pub const DECLARATIONS_MAX: usize = 1_000;

const PLACE: &str = "in bootstrap";
const STANZAS: &[&str] = &["audit", "auth", "namespace", "policy", "request", "secrets"];

/// What a declaration is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Subject {
    /// An audit device. They come first, so that they record the rest.
    Audit,
    /// A namespace. The shorter paths come before the longer ones.
    Namespace,
    /// An ACL policy.
    Policy,
    /// A secrets engine.
    Secrets,
    /// An auth method.
    Auth,
    /// Anything else: data that is written to a path.
    Request,
}

/// One thing that is to be in force.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// What it is about.
    pub subject: Subject,
    /// The namespace that it is in, as a path from the root one without `/` around it; for a namespace, the one above.
    pub namespace: String,
    /// Its name or path, without `/` around it.
    pub path: String,
    /// What is written there.
    pub fields: Fields,
    /// Whether it is left alone once something is there.
    pub only_if_absent: bool,
    /// The file and line, for messages.
    pub place: String,
}

/// Everything that the files declare, in the order in which it is put in force.
#[derive(Clone, Debug, Default)]
pub struct Bootstrap {
    /// Sorted by subject, then as written.
    pub declarations: Vec<Declaration>,
}

impl Subject {
    /// The word for it, as in the configuration.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Namespace => "namespace",
            Self::Policy => "policy",
            Self::Secrets => "secrets",
            Self::Auth => "auth",
            Self::Request => "request",
        }
    }
}

impl Declaration {
    /// A request without a body; what it really is comes after.
    fn new(reader: &Reader<'_>, line: u32, label: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            subject: Subject::Request,
            namespace: String::new(),
            path: path(reader, line, label)?,
            fields: Fields::new(),
            only_if_absent: false,
            place: format!("{}, line {line}", reader.file),
        })
    }

    /// What it is called in messages and in the memory of what was put in force.
    #[must_use]
    pub fn name(&self) -> String {
        let place = if self.namespace.is_empty() { "" } else { "/" };
        format!("{} {}{place}{}", self.subject.word(), self.namespace, self.path)
    }
}

impl Bootstrap {
    /// The files that values are read from.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        self.declarations.iter().flat_map(|it| it.fields.values()).for_each(|value| value.files(&mut files));
        files
    }

    /// Whether every value can be had now.
    ///
    /// # Errors
    /// The first that cannot, with its place.
    pub fn check(&self) -> Result<(), SourceError> {
        self.declarations.iter().try_for_each(|it| resolve(&it.fields).map(drop))
    }

    /// Adds the stanzas of a file.
    pub(super) fn add(&mut self, reader: &mut Reader<'_>, block: &Block<'_>) -> Result<(), ConfigError> {
        for item in &block.body.items {
            if !STANZAS.contains(&item.name()) {
                reader.foreign(item, PLACE, STANZAS, &[], &[])?;
                continue;
            }
            for block in item.blocks(1).map_err(|error| reader.text_error(error))? {
                let declaration = declaration(reader, item.name(), &block)?;
                self.push(reader, block.position.line, declaration)?;
            }
        }
        self.sort();
        Ok(())
    }

    /// Adds what an `audit` stanza of the configuration itself declares: labels are the type and the name, as in
    /// OpenBao.
    pub(super) fn add_devices(&mut self, reader: &mut Reader<'_>, item: &Item) -> Result<(), ConfigError> {
        for block in item.blocks(2).map_err(|error| reader.text_error(error))? {
            let line = block.position.line;
            let name = block.labels.get(1).map_or("", |label| label.text.as_str());
            let mut made = Declaration::new(reader, line, name)?;
            device(reader, &block, &mut made, Some(super::server::label(&block)))?;
            self.push(reader, line, made)?;
        }
        self.sort();
        Ok(())
    }

    /// Namespaces inside others after these; everything else as written.
    fn sort(&mut self) {
        self.declarations.sort_by_key(|it| {
            let depth = if it.subject == Subject::Namespace { it.namespace.matches('/').count() } else { 0 };
            (it.subject, it.subject == Subject::Namespace && !it.namespace.is_empty(), depth)
        });
    }

    fn push(&mut self, reader: &Reader<'_>, line: u32, declaration: Declaration) -> Result<(), ConfigError> {
        let name = declaration.name();
        let problem = if let Some(first) = self.declarations.iter().find(|it| it.name() == name) {
            Problem::DeclaredTwice { name, first: first.place.clone() }
        } else if self.declarations.len() >= DECLARATIONS_MAX {
            Problem::TooManyDeclarations
        } else {
            self.declarations.push(declaration);
            return Ok(());
        };
        Err(reader.error(line, problem))
    }
}

/// One stanza.
fn declaration(reader: &mut Reader<'_>, kind: &str, block: &Block<'_>) -> Result<Declaration, ConfigError> {
    let line = block.position.line;
    let mut made = Declaration::new(reader, line, super::server::label(block))?;
    match kind {
        "audit" => device(reader, block, &mut made, None)?,
        "namespace" => namespace(reader, block, &mut made)?,
        "policy" => policy(reader, block, &mut made)?,
        "secrets" => mount(reader, block, &mut made, Subject::Secrets)?,
        "auth" => mount(reader, block, &mut made, Subject::Auth)?,
        _ => request(reader, block, &mut made)?,
    }
    check_name(&made).map_err(|why| reader.error(line, Problem::Reserved { name: made.name(), why }))?;
    Ok(made)
}

fn namespace(reader: &mut Reader<'_>, block: &Block<'_>, made: &mut Declaration) -> Result<(), ConfigError> {
    made.subject = Subject::Namespace;
    if let Some((above, name)) = made.path.rsplit_once('/') {
        (made.namespace, made.path) = (above.to_owned(), name.to_owned());
    }
    for item in &block.body.items {
        match item.name() {
            "custom_metadata" => insert(reader, made, item, is_object, "an object of texts")?,
            _ => reader.foreign(item, "in namespace of bootstrap", &["custom_metadata"], &[], &[])?,
        }
    }
    Ok(())
}

/// An audit device; `kind` is its type, if that is no key. What is left out is filled in, for a device is as declared only
/// if it has no further options.
fn device(
    reader: &mut Reader<'_>,
    block: &Block<'_>,
    made: &mut Declaration,
    kind: Option<&str>,
) -> Result<(), ConfigError> {
    const KEYS: &[&str] = &["description", "local", "options", "type"];
    const PLACE: &str = "in an audit device";
    made.subject = Subject::Audit;
    made.fields = [("description", "".into()), ("local", false.into())]
        .map(|(name, value): (_, serde_json::Value)| (name.to_owned(), Declared::Plain(value)))
        .into();
    made.fields.insert("options".to_owned(), Declared::Object(Fields::new()));
    let kind = kind.map(|kind| ("type".to_owned(), Declared::Plain(kind.into())));
    made.fields.extend(kind);
    for item in &block.body.items {
        match item.name() {
            "type" if !made.fields.contains_key("type") => {
                let text = reader.some_text(item)?;
                made.fields.insert("type".to_owned(), Declared::Plain(text.into()));
            }
            "description" => insert(reader, made, item, |value| value.as_str().is_some(), "a string")?,
            "options" => {
                insert(reader, made, item, is_object, "an object of texts")?;
                if let Some(Declared::Object(options)) = made.fields.get_mut("options") {
                    let is_sound = options.iter_mut().all(|(name, value)| as_text(name, value));
                    is_sound.then_some(()).ok_or_else(|| masked(reader, item, "an object of texts"))?;
                }
            }
            "local" => {
                let flag = reader.flag(item)?;
                made.fields.insert("local".to_owned(), Declared::Plain(flag.into()));
            }
            _ => reader.foreign(item, PLACE, KEYS, &[], &[])?,
        }
    }
    if made.fields.contains_key("type") {
        return Ok(());
    }
    Err(reader.error(block.position.line, Problem::NoKey { place: "an audit device", key: "type" }))
}

/// Makes a text of a number or a Boolean, as the options of devices are; whether it could. The octal digits of a mode have
/// to be a text: as a number they would be another.
fn as_text(name: &str, value: &mut Declared) -> bool {
    match value {
        Declared::Plain(serde_json::Value::String(_)) => true,
        Declared::Plain(plain) if plain.is_boolean() || (plain.is_number() && name != "mode") => {
            *plain = plain.to_string().into();
            true
        }
        Declared::File { .. } | Declared::Variable { .. } | Declared::Credential { .. } => true,
        Declared::Plain(_) | Declared::List(_) | Declared::Object(_) => false,
    }
}

fn policy(reader: &mut Reader<'_>, block: &Block<'_>, made: &mut Declaration) -> Result<(), ConfigError> {
    const KEYS: &[&str] = &["file", "namespace", "policy"];
    made.subject = Subject::Policy;
    for item in &block.body.items {
        match item.name() {
            "namespace" => made.namespace = namespace_path(reader, item)?,
            "policy" => insert(reader, made, item, |value| value.as_str().is_some(), "the text of a policy")?,
            "file" => {
                let file = Declared::File { path: reader.some_text(item)?.into(), place: place(reader, item) };
                made.fields.insert("policy".to_owned(), file);
            }
            _ => reader.foreign(item, "in policy of bootstrap", KEYS, &[], &[])?,
        }
    }
    let count = block.body.items.iter().filter(|item| matches!(item.name(), "policy" | "file")).count();
    if count == 1 {
        return Ok(());
    }
    Err(reader.error(block.position.line, Problem::OneOf { place: "policy of bootstrap", keys: "policy or file" }))
}

fn mount(
    reader: &mut Reader<'_>,
    block: &Block<'_>,
    made: &mut Declaration,
    subject: Subject,
) -> Result<(), ConfigError> {
    const KEYS: &[&str] =
        &["config", "description", "external_entropy_access", "local", "namespace", "options", "seal_wrap", "type"];
    made.subject = subject;
    for item in &block.body.items {
        match item.name() {
            "namespace" => made.namespace = namespace_path(reader, item)?,
            "type" => {
                let text = reader.some_text(item)?;
                made.fields.insert("type".to_owned(), Declared::Plain(text.into()));
            }
            "description" => insert(reader, made, item, |value| value.as_str().is_some(), "a string")?,
            "options" | "config" => insert(reader, made, item, is_object, "an object")?,
            "local" | "seal_wrap" | "external_entropy_access" => {
                let flag = reader.flag(item)?;
                made.fields.insert(item.name().to_owned(), Declared::Plain(flag.into()));
            }
            _ => reader.foreign(item, "in a mount of bootstrap", KEYS, &[], &[])?,
        }
    }
    if made.fields.contains_key("type") {
        return Ok(());
    }
    let problem = Problem::NoKey { place: "a mount of bootstrap", key: "type" };
    Err(reader.error(block.position.line, problem))
}

fn request(reader: &mut Reader<'_>, block: &Block<'_>, made: &mut Declaration) -> Result<(), ConfigError> {
    const KEYS: &[&str] = &["data", "namespace", "only_if_absent"];
    for item in &block.body.items {
        match item.name() {
            "namespace" => made.namespace = namespace_path(reader, item)?,
            "only_if_absent" => made.only_if_absent = reader.flag(item)?,
            "data" => {
                let body = item.value.as_object().filter(|_| item.keys.len() == 1);
                let body = body.ok_or_else(|| masked(reader, item, "an object: the body of the request"))?;
                made.fields = fields(reader, body)?;
            }
            _ => reader.foreign(item, "in request of bootstrap", KEYS, &[], &[])?,
        }
    }
    Ok(())
}

/// Takes a field over as it is.
fn insert(
    reader: &Reader<'_>,
    made: &mut Declaration,
    item: &Item,
    is_right: impl Fn(&Value) -> bool,
    expected: &str,
) -> Result<(), ConfigError> {
    if item.keys.len() != 1 || !is_right(&item.value) {
        return Err(masked(reader, item, expected));
    }
    made.fields.insert(item.name().to_owned(), declared(reader, &item.value)?);
    Ok(())
}

fn is_object(value: &Value) -> bool {
    value.as_object().is_some()
}

fn fields(reader: &Reader<'_>, body: &Body) -> Result<Fields, ConfigError> {
    let mut fields = BTreeMap::new();
    for item in &body.items {
        let labels = item.keys.get(1..).unwrap_or_default();
        let value = labels.iter().rev().fold(declared(reader, &item.value)?, |value, label| {
            Declared::Object([(label.text.clone(), value)].into_iter().collect())
        });
        fields.insert(item.name().to_owned(), value);
    }
    Ok(fields)
}

/// A value, or where it is: an object with one key that says so.
fn declared(reader: &Reader<'_>, value: &Value) -> Result<Declared, ConfigError> {
    let body = match &value.kind {
        Kind::List(values) => {
            return Ok(Declared::List(values.iter().map(|value| declared(reader, value)).collect::<Result<_, _>>()?));
        }
        Kind::Object(body) => body,
        _ => return Ok(Declared::Plain(value.to_json())),
    };
    let [item] = body.items.as_slice() else { return Ok(Declared::Object(fields(reader, body)?)) };
    let source: fn(String, String) -> Declared = match item.name() {
        "from_file" => |path, place| Declared::File { path: path.into(), place },
        "from_env" => |name, place| Declared::Variable { name, place },
        "from_credential" => |name, place| Declared::Credential { name, place },
        _ => return Ok(Declared::Object(fields(reader, body)?)),
    };
    Ok(source(reader.some_text(item)?, place(reader, item)))
}

fn place(reader: &Reader<'_>, item: &Item) -> String {
    format!("{}, line {}", reader.file, item.position().line)
}

/// As [`Reader::wrong`], without the value: it may be a secret in the wrong place.
fn masked(reader: &Reader<'_>, item: &Item, expected: &str) -> ConfigError {
    let found = item.value.describe().to_owned();
    let problem = Problem::Value { key: item.name().to_owned(), expected: expected.to_owned(), found };
    reader.error(item.value.position.line, problem)
}

fn namespace_path(reader: &Reader<'_>, item: &Item) -> Result<String, ConfigError> {
    let text = reader.text(item)?;
    if text.trim_matches('/').is_empty() {
        return Ok(String::new());
    }
    path(reader, item.value.position.line, &text)
}

/// A path as the API takes it, without `/` around it.
fn path(reader: &Reader<'_>, line: u32, text: &str) -> Result<String, ConfigError> {
    let plain = text.trim_matches('/');
    let is_sound = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(char::is_control);
    if plain.split('/').all(is_sound) {
        return Ok(plain.to_owned());
    }
    Err(reader.error(line, Problem::BadPath(text.to_owned())))
}

/// Names that are the server's own, and requests that would turn the node itself at each unseal.
fn check_name(made: &Declaration) -> Result<(), &'static str> {
    const NODE: &[&str] = &["init", "unseal", "seal", "step-down", "rekey", "rekey-recovery-key", "generate-root"];
    let first = made.path.split('/').next().unwrap_or_default();
    match made.subject {
        Subject::Namespace
            if matches!(made.path.as_str(), "root" | "sys" | "audit" | "auth" | "cubbyhole" | "identity") =>
        {
            Err("the name is reserved")
        }
        Subject::Secrets if matches!(first, "sys" | "auth" | "cubbyhole" | "identity") => {
            Err("the path belongs to the server itself")
        }
        Subject::Auth if matches!(first, "token" | "auth") => {
            Err("the path belongs to the server itself; leave auth/ out of it")
        }
        Subject::Policy if matches!(made.path.as_str(), "root" | "response-wrapping") => {
            Err("the policy is part of the server and cannot be written")
        }
        Subject::Request => match made.path.strip_prefix("sys/") {
            Some(rest) if NODE.iter().any(|it| rest == *it || rest.starts_with(&format!("{it}/"))) => {
                Err("it turns the node itself, and would do so at each unseal")
            }
            Some(rest) if rest.starts_with("audit/") => Err("audit devices have stanzas of their own"),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}
