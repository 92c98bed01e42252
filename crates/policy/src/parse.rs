//! From policy text to [`Policy`]: which keys a rule may have, and what their values mean.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use api::duration;
use hcl::{Block, Body, Item, Key, Kind, Position, Value};

use crate::pattern::Pattern;
use crate::{
    Capabilities, Capability, Constraints, Parameters, ParseError, ROOT, RuleProblem, control_group, template,
};

/// The keys of a rule, by name.
const KEYS: &[&str] = &[
    "allowed_parameters",
    "capabilities",
    "comment",
    "control_group",
    "denied_parameters",
    "expiration",
    "list_scan_response_keys_filter_path",
    "max_wrapping_ttl",
    "mfa_methods",
    "min_wrapping_ttl",
    "pagination_limit",
    "policy",
    "required_parameters",
    "subscribe_event_types",
];

/// A policy that has been read.
#[derive(Clone, PartialEq, Debug)]
pub struct Policy {
    pub(crate) name: Arc<str>,
    pub(crate) rules: Vec<Rule>,
    warnings: Vec<Warning>,
    is_templated: bool,
}

/// One `path` block of a policy.
#[derive(Clone, PartialEq, Debug)]
pub struct Rule {
    /// The path without a slash in front, its wildcards and templates as they are written.
    pub path: String,
    /// The line on which the block starts, from 1.
    pub line: u32,
    /// What it says.
    pub constraints: Constraints,
    /// A remark for the reader.
    pub comment: Option<String>,
    /// The rule counts until this time (OpenBao).
    pub expiration: Option<SystemTime>,
}

/// Something that is accepted and will probably surprise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Warning {
    /// Where, from 1.
    pub line: u32,
    /// A sentence for the operator.
    pub text: String,
}

/// What to do about an attribute that one rule gives twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Repeated {
    /// As Vault did up to 2.0: lists and objects are joined, of anything else the last one counts. With a [`Warning`].
    #[default]
    Accept,
    /// As Vault does since 2.1.
    Refuse,
}

impl Policy {
    /// Reads a policy, HCL or JSON, and accepts repeated attributes.
    ///
    /// # Errors
    /// The first mistake, with its line. The name `root` is refused: see [`Policy::root`].
    pub fn parse(name: &str, text: &str) -> Result<Self, ParseError> {
        Self::parse_strictly(name, text, Repeated::Accept)
    }

    /// Reads a policy, HCL or JSON.
    ///
    /// # Errors
    /// As [`Policy::parse`].
    pub fn parse_strictly(name: &str, text: &str, repeated: Repeated) -> Result<Self, ParseError> {
        if name == ROOT {
            return Err(ParseError::Root);
        }
        let mut policy = Self { name: name.into(), rules: Vec::new(), warnings: Vec::new(), is_templated: false };
        for item in &hcl::parse(text).map_err(ParseError::Text)?.items {
            match item.name() {
                // The name that counts is the one under which the policy is stored.
                "name" => {}
                "path" => {
                    // `{"path": {}}` is how programs write a policy without rules.
                    let is_empty = item.value.as_object().is_some_and(|body| body.items.is_empty());
                    if item.keys.len() > 1 || !is_empty {
                        for block in item.blocks(1).map_err(ParseError::Text)? {
                            policy.rule(&block, repeated)?;
                        }
                    }
                }
                key => return Err(ParseError::UnknownKey { line: item.position().line, key: key.to_owned() }),
            }
        }
        Ok(policy)
    }

    /// The policy that allows everything.
    #[must_use]
    pub fn root() -> Self {
        Self { name: ROOT.into(), rules: Vec::new(), warnings: Vec::new(), is_templated: false }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its rules in the order of the text.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What its author should be told.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Whether a path has `{{…}}`, so that [`Policy::render`] has something to do.
    #[must_use]
    pub fn is_templated(&self) -> bool {
        self.is_templated
    }

    /// The same policy with other rules, which have no templates.
    pub(crate) fn with_rules(&self, rules: Vec<Rule>) -> Self {
        Self { name: Arc::clone(&self.name), rules, warnings: self.warnings.clone(), is_templated: false }
    }

    fn rule(&mut self, block: &Block<'_>, repeated: Repeated) -> Result<(), ParseError> {
        let label = block.labels.first().map_or("", |label| label.text.as_str());
        let context = Context { path: label, position: block.position };
        let path = label.strip_prefix('/').unwrap_or(label);
        Pattern::check(path).map_err(|problem| context.error(block.position, problem))?;
        let pieces = template::pieces(path).map_err(|problem| context.error(block.position, problem))?;
        for selector in pieces.iter().filter_map(template::Piece::selector) {
            self.is_templated = true;
            if !template::is_known(selector) {
                let text =
                    format!("path {path:?}: nothing is called {{{{{selector}}}}}, so that the path never applies");
                self.warnings.push(Warning { line: block.position.line, text });
            }
        }
        if let Some(item) = block.body.duplicate() {
            let problem = RuleProblem::Repeated(item.name().to_owned());
            if repeated == Repeated::Refuse {
                return Err(context.error(item.position(), problem));
            }
            let text = format!("path {path:?}: {problem}; give it once, newer releases of Vault refuse this");
            self.warnings.push(Warning { line: item.position().line, text });
        }
        let rule = self.attributes(&context, path, block.body)?;
        self.rules.push(rule);
        Ok(())
    }

    fn attributes(&mut self, context: &Context<'_>, path: &str, body: &Body) -> Result<Rule, ParseError> {
        let mut rule = Rule {
            path: path.to_owned(),
            line: context.position.line,
            constraints: Constraints::default(),
            comment: None,
            expiration: None,
        };
        let own = &mut rule.constraints;
        for item in &body.items {
            match item.name() {
                "capabilities" => own.capabilities = own.capabilities.union(context.capabilities(item)?),
                "policy" => own.capabilities = own.capabilities.union(context.shorthand(item)?),
                "allowed_parameters" => context.parameters(item, &mut own.allowed_parameters)?,
                "denied_parameters" => context.parameters(item, &mut own.denied_parameters)?,
                "required_parameters" => {
                    context.strings(item, &mut own.required_parameters, Duplicate::DropIgnoringCase)?;
                }
                "min_wrapping_ttl" => own.min_wrapping_ttl = Some(context.duration(item)?).filter(|ttl| !ttl.is_zero()),
                "max_wrapping_ttl" => own.max_wrapping_ttl = Some(context.duration(item)?).filter(|ttl| !ttl.is_zero()),
                "mfa_methods" => context.strings(item, &mut own.mfa_methods, Duplicate::Keep)?,
                "control_group" => {
                    let blocks = item.blocks(0).map_err(ParseError::Text)?;
                    for block in &blocks {
                        own.control_group = Some(control_group::parse(context, block.body)?);
                    }
                }
                "pagination_limit" => own.pagination_limit = Some(context.count(item)?).filter(|limit| *limit > 0),
                "list_scan_response_keys_filter_path" => {
                    own.list_scan_response_keys_filter_path =
                        Some(context.text(item, "a string")?).filter(|path| !path.is_empty());
                }
                "expiration" => rule.expiration = context.expiration(item)?,
                "comment" => rule.comment = Some(context.text(item, "a string")?),
                "subscribe_event_types" => context.strings(item, &mut Vec::new(), Duplicate::Keep)?,
                _ => return Err(context.unknown(item, KEYS)),
            }
        }
        context.check(own)?;
        if own.capabilities.denies() {
            *own = Constraints::deny();
        }
        self.warn_about(context, &rule.constraints);
        Ok(rule)
    }

    /// Says what the rule asks for and nobody enforces. Silence would be taken for protection.
    fn warn_about(&mut self, context: &Context<'_>, constraints: &Constraints) {
        let unenforced = [
            ("mfa_methods", !constraints.mfa_methods.is_empty()),
            ("control_group", constraints.control_group.is_some()),
            ("list_scan_response_keys_filter_path", constraints.list_scan_response_keys_filter_path.is_some()),
        ];
        for (key, _) in unenforced.iter().filter(|(_, is_set)| *is_set) {
            let text = format!("path {:?}: {key} is not enforced by this server", context.path);
            self.warnings.push(Warning { line: context.position.line, text });
        }
    }
}

/// What to do with an element that a list has already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Duplicate {
    Keep,
    DropIgnoringCase,
}

/// The rule that is being read, for the messages.
pub(crate) struct Context<'a> {
    pub(crate) path: &'a str,
    pub(crate) position: Position,
}

impl Context<'_> {
    pub(crate) fn error(&self, position: Position, problem: RuleProblem) -> ParseError {
        ParseError::Rule { line: position.line, path: self.path.to_owned(), problem }
    }

    pub(crate) fn unknown(&self, item: &Item, known: &'static [&'static str]) -> ParseError {
        let nearest = hcl::nearest(item.name(), known.iter().copied());
        self.error(item.position(), RuleProblem::UnknownKey { key: item.name().to_owned(), nearest, known })
    }

    fn wrong_kind(&self, item: &Item, expected: &'static str, value: &Value) -> ParseError {
        let key = item.name().to_owned();
        self.error(value.position, RuleProblem::WrongKind { key, expected, found: value.describe() })
    }

    /// An attribute's value; a block with labels is none.
    fn value<'a>(&self, item: &'a Item, expected: &'static str) -> Result<&'a Value, ParseError> {
        match item.keys.as_slice() {
            [_] => Ok(&item.value),
            _ => {
                let key = item.name().to_owned();
                let problem = RuleProblem::WrongKind { key, expected, found: "a block with labels" };
                Err(self.error(item.position(), problem))
            }
        }
    }

    pub(crate) fn text(&self, item: &Item, expected: &'static str) -> Result<String, ParseError> {
        let value = self.value(item, expected)?;
        value.scalar_text().map(String::from).ok_or_else(|| self.wrong_kind(item, expected, value))
    }

    pub(crate) fn duration(&self, item: &Item) -> Result<Duration, ParseError> {
        let text = self.text(item, "a duration")?;
        let error = |source| RuleProblem::Duration { key: item.name().to_owned(), source };
        duration::parse(&text).map_err(|source| self.error(item.value.position, error(source)))
    }

    pub(crate) fn count(&self, item: &Item) -> Result<u64, ParseError> {
        const EXPECTED: &str = "a whole number, not negative";
        let text = self.text(item, EXPECTED)?;
        text.parse().map_err(|_| self.wrong_kind(item, EXPECTED, &item.value))
    }

    fn list<'a>(&self, item: &'a Item, expected: &'static str) -> Result<&'a [Value], ParseError> {
        let value = self.value(item, expected)?;
        match &value.kind {
            Kind::List(values) => Ok(values),
            _ => Err(self.wrong_kind(item, expected, value)),
        }
    }

    /// Adds the elements of a list of texts.
    pub(crate) fn strings(&self, item: &Item, into: &mut Vec<String>, duplicate: Duplicate) -> Result<(), ParseError> {
        const EXPECTED: &str = "a list of strings";
        for value in self.list(item, EXPECTED)? {
            let text = value.scalar_text().ok_or_else(|| self.wrong_kind(item, EXPECTED, value))?;
            match duplicate {
                Duplicate::Keep => into.push(text.into_owned()),
                Duplicate::DropIgnoringCase => {
                    let text = text.to_lowercase();
                    if !into.contains(&text) {
                        into.push(text);
                    }
                }
            }
        }
        Ok(())
    }

    pub(crate) fn capabilities(&self, item: &Item) -> Result<Capabilities, ParseError> {
        const EXPECTED: &str = "a list of capabilities";
        let capability = |value: &Value| {
            let name = value.as_str().ok_or_else(|| self.wrong_kind(item, EXPECTED, value))?;
            Capability::from_name(name).ok_or_else(|| {
                let nearest = hcl::nearest(name, Capability::ALL.map(Capability::as_str));
                self.error(value.position, RuleProblem::UnknownCapability { name: name.to_owned(), nearest })
            })
        };
        self.list(item, EXPECTED)?.iter().map(capability).collect()
    }

    /// The form of the first Vault releases: one word for several capabilities.
    fn shorthand(&self, item: &Item) -> Result<Capabilities, ParseError> {
        use Capability::{Create, Delete, Deny, List, Read, Sudo, Update};
        let word = self.text(item, "deny, read, write or sudo")?;
        let capabilities: &[Capability] = match word.as_str() {
            "" => &[],
            "deny" => &[Deny],
            "read" => &[Read, List],
            "write" => &[Create, Read, Update, Delete, List],
            "sudo" => &[Create, Read, Update, Delete, List, Sudo],
            _ => return Err(self.error(item.value.position, RuleProblem::UnknownShorthand(word))),
        };
        Ok(capabilities.iter().copied().collect())
    }

    fn parameters(&self, item: &Item, into: &mut Parameters) -> Result<(), ParseError> {
        const EXPECTED: &str = "an object of lists, such as { \"name\" = [\"value\"] }";
        let value = self.value(item, EXPECTED)?;
        let bodies: Vec<&Body> = match &value.kind {
            Kind::Object(body) => vec![body],
            // JSON writes a block that may repeat as a list.
            Kind::List(values) if !values.is_empty() => {
                let body = |value: &'_ Value| value.as_object().is_some();
                if !values.iter().all(body) {
                    return Err(self.wrong_kind(item, EXPECTED, value));
                }
                values.iter().filter_map(Value::as_object).collect()
            }
            _ => return Err(self.wrong_kind(item, EXPECTED, value)),
        };
        for parameter in bodies.iter().flat_map(|body| &body.items) {
            let [Key { text: name, .. }] = parameter.keys.as_slice() else {
                return Err(self.wrong_kind(parameter, "a list of values", &parameter.value));
            };
            let patterns = self.list(parameter, "a list of values")?;
            into.insert(name, patterns.iter().map(Value::to_json).collect());
        }
        Ok(())
    }

    /// RFC 3339, or seconds since 1970.
    fn expiration(&self, item: &Item) -> Result<Option<SystemTime>, ParseError> {
        let text = self.text(item, "a time")?;
        if text.is_empty() {
            return Ok(None);
        }
        let time = match text.parse() {
            Ok(secs) => api::Timestamp::from_unix_secs(secs),
            Err(_) => text.parse().map_err(|_| self.error(item.value.position, RuleProblem::Expiration))?,
        };
        Ok(Some(time.into()))
    }

    /// What only the whole rule can tell.
    fn check(&self, rule: &Constraints) -> Result<(), ParseError> {
        let problem = match (rule.min_wrapping_ttl, rule.max_wrapping_ttl) {
            (Some(min), Some(max)) if max < min => Some(RuleProblem::WrappingOrder),
            _ => None,
        };
        let enumerates = rule.capabilities.contains(Capability::List) || rule.capabilities.contains(Capability::Scan);
        let problem = problem.or(match &rule.list_scan_response_keys_filter_path {
            Some(_) if !enumerates => Some(RuleProblem::KeysFilter("needs the list or the scan capability")),
            Some(path) if !path.contains(".key") => Some(RuleProblem::KeysFilter("has to use {{ .key }}")),
            _ => None,
        });
        let problem = problem.or(match &rule.control_group {
            Some(group)
                if !group.factors.iter().all(|factor| factor.controlled_capabilities.is_subset(rule.capabilities)) =>
            {
                Some(RuleProblem::ControlGroup("controls a capability that the rule does not grant"))
            }
            _ => None,
        });
        problem.map_or(Ok(()), |problem| Err(self.error(self.position, problem)))
    }
}
