//! `secrets tune`, `auth tune` and `kv enable-versioning`, and the settings that `enable` takes too.

use serde_json::{Map, Value, json};

use super::Command;
use super::mounts::{AUTH, SECRETS, Side};
use crate::flags::{Args, Flag, Kind};
use crate::session::Session;
use crate::{Failure, data};

/// How a flag becomes a field of `config`.
enum Field {
    Text,
    Switch,
    /// A list of texts; commas divide too.
    Texts,
}

const CONFIG: &[(&str, &str, Field)] = &[
    ("default-lease-ttl", "default_lease_ttl", Field::Text),
    ("max-lease-ttl", "max_lease_ttl", Field::Text),
    ("listing-visibility", "listing_visibility", Field::Text),
    ("token-type", "token_type", Field::Text),
    ("plugin-version", "plugin_version", Field::Text),
    ("force-no-cache", "force_no_cache", Field::Switch),
    ("audit-non-hmac-request-keys", "audit_non_hmac_request_keys", Field::Texts),
    ("audit-non-hmac-response-keys", "audit_non_hmac_response_keys", Field::Texts),
    ("passthrough-request-headers", "passthrough_request_headers", Field::Texts),
    ("allowed-response-headers", "allowed_response_headers", Field::Texts),
    ("delegated-auth-accessors", "delegated_auth_accessors", Field::Texts),
    ("allowed-managed-keys", "allowed_managed_keys", Field::Texts),
    ("identity-token-key", "identity_token_key", Field::Text),
    ("trim-request-trailing-slashes", "trim_request_trailing_slashes", Field::Switch),
    ("plugin-name", "plugin_name", Field::Text),
];

/// The same for `user_lockout_config`.
const LOCKOUT: &[(&str, &str, Field)] = &[
    ("user-lockout-threshold", "lockout_threshold", Field::Text),
    ("user-lockout-duration", "lockout_duration", Field::Text),
    ("user-lockout-counter-reset-duration", "lockout_counter_reset", Field::Text),
    ("user-lockout-disable", "lockout_disable", Field::Switch),
];

const DESCRIPTION: Flag = Flag::text("description", "What it is for.");
const DEFAULT_TTL: Flag =
    Flag::new("default-lease-ttl", Kind::Duration, "TTL if nobody asks for another; system: the server's.");
const MAX_TTL: Flag = Flag::new("max-lease-ttl", Kind::Duration, "TTL at most; system: the server's.");
const VISIBILITY: Flag = Flag::text("listing-visibility", "unauth shows it to everybody, hidden does not.");
const TOKEN_TYPE: Flag =
    Flag::text("token-type", "Of an auth method: default-service, default-batch, service or batch.");
const PLUGIN_VERSION: Flag = Flag::text("plugin-version", "Version of the engine.");
const REQUEST_KEYS: Flag = Flag::new("audit-non-hmac-request-keys", Kind::List, "Request fields that audit may show.");
const RESPONSE_KEYS: Flag = Flag::new("audit-non-hmac-response-keys", Kind::List, "Reply fields that audit may show.");
const REQUEST_HEADERS: Flag =
    Flag::new("passthrough-request-headers", Kind::List, "Request headers that the engine sees.");
const RESPONSE_HEADERS: Flag =
    Flag::new("allowed-response-headers", Kind::List, "Reply headers that the engine may set.");
const OPTIONS: Flag =
    Flag::new("options", Kind::List, "An option of the engine as key=value. Can be given several times.");
const VERSION: Flag = Flag::new("version", Kind::Number, "Version of a key-value engine: 1 or 2.");

const DELEGATED: Flag =
    Flag::new("delegated-auth-accessors", Kind::List, "Accessors of auth methods that the engine may log in to.");
const MANAGED_KEYS: Flag = Flag::new("allowed-managed-keys", Kind::List, "Managed keys that the engine may use.");
const TOKEN_KEY: Flag = Flag::text("identity-token-key", "Key that the engine's identity tokens are signed with.");
const TRIM: Flag = Flag::switch("trim-request-trailing-slashes", "Take a slash at the end of a path for none.");
const THRESHOLD: Flag = Flag::text("user-lockout-threshold", "After how many failed logins a user is locked out.");
const LOCKED_FOR: Flag = Flag::new("user-lockout-duration", Kind::Duration, "How long a user is locked out.");
const FORGOTTEN_AFTER: Flag =
    Flag::new("user-lockout-counter-reset-duration", Kind::Duration, "After how long failed logins are forgotten.");
const NO_LOCKOUT: Flag = Flag::switch("user-lockout-disable", "Whether nobody is locked out here.");
const PATH: Flag = Flag::text("path", "Where to mount it. Default: its type.");
const PLUGIN_NAME: Flag = Flag::text("plugin-name", "Name of the engine, if the type is plugin.");
const LOCAL: Flag = Flag::switch("local", "Keep it from other clusters.");
const SEAL_WRAP: Flag = Flag::switch("seal-wrap", "Wrap its values with the seal.");
const ENTROPY: Flag = Flag::switch("external-entropy-access", "Let it use the seal's randomness.");
const NO_CACHE: Flag = Flag::switch("force-no-cache", "Pass caches by.");

pub(super) const SECRETS_ENABLE: &[Flag] = &[
    PATH,
    DESCRIPTION,
    VERSION,
    OPTIONS,
    DEFAULT_TTL,
    MAX_TTL,
    VISIBILITY,
    PLUGIN_NAME,
    PLUGIN_VERSION,
    LOCAL,
    SEAL_WRAP,
    ENTROPY,
    NO_CACHE,
    REQUEST_KEYS,
    RESPONSE_KEYS,
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    DELEGATED,
    MANAGED_KEYS,
    TOKEN_KEY,
    TRIM,
];

pub(super) const AUTH_ENABLE: &[Flag] = &[
    PATH,
    DESCRIPTION,
    VERSION,
    OPTIONS,
    DEFAULT_TTL,
    MAX_TTL,
    VISIBILITY,
    TOKEN_TYPE,
    PLUGIN_NAME,
    PLUGIN_VERSION,
    LOCAL,
    SEAL_WRAP,
    ENTROPY,
    REQUEST_KEYS,
    RESPONSE_KEYS,
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    TOKEN_KEY,
    TRIM,
];

const SECRETS_TUNE: &[Flag] = &[
    DESCRIPTION,
    VERSION,
    OPTIONS,
    DEFAULT_TTL,
    MAX_TTL,
    VISIBILITY,
    PLUGIN_VERSION,
    REQUEST_KEYS,
    RESPONSE_KEYS,
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    DELEGATED,
    MANAGED_KEYS,
    TOKEN_KEY,
    TRIM,
];

const AUTH_TUNE: &[Flag] = &[
    DESCRIPTION,
    VERSION,
    OPTIONS,
    DEFAULT_TTL,
    MAX_TTL,
    VISIBILITY,
    TOKEN_TYPE,
    PLUGIN_VERSION,
    REQUEST_KEYS,
    RESPONSE_KEYS,
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    TOKEN_KEY,
    TRIM,
    THRESHOLD,
    LOCKED_FOR,
    FORGOTTEN_AFTER,
    NO_LOCKOUT,
];

pub(super) const COMMANDS: &[Command] = &[
    Command {
        words: "secrets tune",
        arguments: "PATH",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Change the settings of a secrets engine",
        help: "",
        flags: SECRETS_TUNE,
        run: |session| tune(session, &SECRETS),
    },
    Command {
        words: "auth tune",
        arguments: "PATH",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Change the settings of an auth method",
        help: "",
        flags: AUTH_TUNE,
        run: |session| tune(session, &AUTH),
    },
    Command {
        words: "kv enable-versioning",
        arguments: "PATH",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Let a key-value engine keep versions",
        help: "What it holds becomes the first version of each secret. There is no way back.",
        flags: &[],
        run: enable_versioning,
    },
];

fn tune(session: &mut Session<'_>, side: &Side) -> Result<u8, Failure> {
    let mut body = config(&session.args);
    if let Some(description) = session.args.text("description") {
        body.insert("description".to_owned(), json!(description));
    }
    if let Some(options) = options(&session.args)? {
        body.insert("options".to_owned(), options);
    }
    let lockout = given(&session.args, LOCKOUT);
    if !lockout.is_empty() {
        body.insert("user_lockout_config".to_owned(), Value::Object(lockout));
    }
    send(session, side, body)
}

fn enable_versioning(session: &mut Session<'_>) -> Result<u8, Failure> {
    let body = Map::from_iter([("options".to_owned(), json!({"version": "2"}))]);
    send(session, &SECRETS, body)
}

fn send(session: &mut Session<'_>, side: &Side, body: Map<String, Value>) -> Result<u8, Failure> {
    let path = session.path(0)?;
    let reply = session.connect()?.write(&format!("{}/{path}/tune", side.api), &Value::Object(body));
    let failed = |error: client::Error| Failure::api(&format!("Error tuning {} {path}/", side.noun), &error);
    if let Some(reply) = reply.map_err(failed)? {
        crate::output::warn(session, &reply);
    }
    session.tell(&format!("Success! Tuned the {} at: {path}/", side.noun))
}

/// The settings that were given; the rest stays as it is.
pub(super) fn config(args: &Args) -> Map<String, Value> {
    given(args, CONFIG)
}

/// The fields whose flags were given.
fn given(args: &Args, fields: &[(&str, &str, Field)]) -> Map<String, Value> {
    let value = |flag: &str, field: &Field| match field {
        Field::Text => args.text(flag).map(Value::from),
        Field::Switch => args.switch(flag).map(Value::from),
        Field::Texts => {
            let texts: Vec<_> = args.list(flag).iter().flat_map(|list| list.split(',')).map(str::trim).collect();
            (!texts.is_empty()).then(|| json!(texts))
        }
    };
    let given = |(flag, name, field): &(&str, &str, Field)| Some(((*name).to_owned(), value(flag, field)?));
    fields.iter().filter_map(given).collect()
}

/// The engine's own options, `-version` among them, as texts.
pub(super) fn options(args: &Args) -> Result<Option<Value>, Failure> {
    let mut options: Map<String, Value> = data::parse_flag("options", args.list("options"))?
        .into_iter()
        .map(|(key, value)| (key, Value::from(value)))
        .collect();
    if let Some(version) = args.text("version") {
        options.insert("version".to_owned(), json!(version));
    }
    Ok((!options.is_empty()).then_some(Value::Object(options)))
}
