//! The `listener` stanzas: `tcp`, and `unix` with what of it makes sense there.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hcl::{Block, Item, Kind};
use http_api::{
    CertificateDecoder, ClientCertificateHeader, ClientCertificates, CustomHeader, ForwardedFor, ListenerConfig,
    ProxyBehavior, ProxyProtocol, Statuses, TlsConfig, TlsVersion, UnixEndpoint,
};

use super::error::{ConfigError, Problem};
use super::keys::{LISTENER_IGNORED, LISTENER_REFUSED, UNIX_IGNORED, UNIX_REFUSED};
use super::reader::Reader;

/// The documented default of Vault.
const PORT_DEFAULT: u16 = 8200;
/// The largest body that may be configured, in bytes: it is read into memory.
const REQUEST_BYTES_MAX: usize = 1 << 30;
/// The most connections that may be configured for one listener: each is an open file, and the kernel has no more.
const CONNECTIONS_MAX: usize = 1 << 20;
/// The deepest JSON that may be configured: it is read by recursion.
const JSON_DEPTH_MAX: usize = 1_000;
/// The most of anything else in JSON that may be configured.
const JSON_COUNT_MAX: usize = 1 << 30;

/// The permission bits of a file.
const MODE_MAX: u32 = 0o777;

const PLACE: &str = "in listener \"tcp\"";
const UNIX_PLACE: &str = "in listener \"unix\"";

pub(super) const KEYS: &[&str] = &[
    "address",
    "custom_response_headers",
    "http_idle_timeout",
    "http_read_header_timeout",
    "http_read_timeout",
    "http_write_timeout",
    "max_connections",
    "max_json_array_element_count",
    "max_json_depth",
    "max_json_object_entry_count",
    "max_json_string_value_length",
    "max_json_token",
    "max_request_duration",
    "max_request_size",
    "profiling",
    "proxy_protocol_authorized_addrs",
    "proxy_protocol_behavior",
    "telemetry",
    "tls_cert_file",
    "tls_client_ca_file",
    "tls_disable",
    "tls_disable_client_certs",
    "tls_key_file",
    "tls_max_version",
    "tls_min_version",
    "tls_require_and_verify_client_cert",
    "x_forwarded_for_authorized_addrs",
    "x_forwarded_for_client_cert_header",
    "x_forwarded_for_client_cert_header_decoders",
    "x_forwarded_for_hop_skips",
    "x_forwarded_for_reject_not_authorized",
    "x_forwarded_for_reject_not_present",
];

pub(super) const UNIX_KEYS: &[&str] = &[
    "address",
    "custom_response_headers",
    "http_idle_timeout",
    "http_read_header_timeout",
    "http_read_timeout",
    "http_write_timeout",
    "max_connections",
    "max_json_array_element_count",
    "max_json_depth",
    "max_json_object_entry_count",
    "max_json_string_value_length",
    "max_json_token",
    "max_request_duration",
    "max_request_size",
    "profiling",
    "socket_group",
    "socket_mode",
    "socket_user",
    "telemetry",
];

/// A listener before the defaults that the rest of the file decides.
pub(super) struct Draft {
    pub(super) config: ListenerConfig,
    /// Whether it says itself how long a request may take.
    pub(super) has_duration: bool,
}

/// What is said about TLS, before it is known whether it fits together.
#[derive(Default)]
struct Tls {
    is_disabled: bool,
    certificate_file: Option<String>,
    key_file: Option<String>,
    min: Option<TlsVersion>,
    max: Option<TlsVersion>,
    authorities_file: Option<String>,
    requires_client: bool,
    disables_client: bool,
}

/// The same for `X-Forwarded-For`.
#[derive(Default)]
struct Forwarded {
    authorized: Option<Vec<http_api::Network>>,
    hop_skips: Option<usize>,
    rejects_unauthorized: Option<bool>,
    rejects_absent: Option<bool>,
    certificate_header: Option<String>,
    decoders: Option<Vec<CertificateDecoder>>,
}

/// The same for the PROXY protocol.
#[derive(Default)]
struct Proxy {
    behavior: Option<ProxyBehavior>,
    authorized: Option<Vec<http_api::Network>>,
}

pub(super) fn parse(reader: &mut Reader<'_>, block: &Block<'_>) -> Result<Draft, ConfigError> {
    match super::server::label(block) {
        "tcp" => tcp(reader, block),
        "unix" => unix(reader, block),
        kind => {
            let remedy = "ours are \"tcp\" and \"unix\"";
            let problem = Problem::UnknownKind { stanza: "listener", kind: kind.to_owned(), remedy };
            Err(reader.error(block.position.line, problem))
        }
    }
}

fn tcp(reader: &mut Reader<'_>, block: &Block<'_>) -> Result<Draft, ConfigError> {
    let mut draft = Draft::new(ListenerConfig::new(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), PORT_DEFAULT)));
    let (mut tls, mut forwarded, mut proxy) = (Tls::default(), Forwarded::default(), Proxy::default());
    for item in &block.body.items {
        let taken = tls.take(reader, item)? || forwarded.take(reader, item)? || proxy.take(reader, item)?;
        if taken || draft.take(reader, item)? {
            continue;
        }
        match item.name() {
            "address" => draft.config.endpoint = address(reader, item)?.into(),
            _ => reader.foreign(item, PLACE, KEYS, LISTENER_IGNORED, LISTENER_REFUSED)?,
        }
    }
    let at_block = |problem| reader.error(block.position.line, problem);
    draft.config.tls = tls.finish().map_err(at_block)?;
    draft.config.forwarded_for = forwarded.finish().map_err(at_block)?;
    draft.config.proxy_protocol = proxy.finish().map_err(at_block)?;
    check_together(&draft.config).map_err(at_block)?;
    Ok(draft)
}

/// Who hands on certificates is known by address, which nobody may choose for themselves.
fn check_together(config: &ListenerConfig) -> Result<(), Problem> {
    let is_chosen = config.proxy_protocol.as_ref().is_some_and(|it| it.behavior == ProxyBehavior::UseAlways);
    let hands_on = config.forwarded_for.as_ref().is_some_and(|it| it.client_certificate.is_some());
    if !is_chosen || !hands_on {
        return Ok(());
    }
    let reason = "with proxy_protocol_behavior = \"use_always\" anybody could say that they are the proxy";
    Err(Problem::Unsupported { key: "x_forwarded_for_client_cert_header".to_owned(), reason })
}

/// A socket in the file system: no TLS and no proxies, since the other side is on this machine and has no address.
fn unix(reader: &mut Reader<'_>, block: &Block<'_>) -> Result<Draft, ConfigError> {
    let (mut path, mut endpoint) = (None, UnixEndpoint::new(""));
    let mut draft = Draft::new(ListenerConfig::new(endpoint.clone()));
    for item in &block.body.items {
        if draft.take(reader, item)? {
            continue;
        }
        match item.name() {
            "address" => path = Some(reader.some_text(item)?),
            "socket_mode" => set(&mut endpoint.mode, mode(reader, item)?),
            "socket_user" => endpoint.user = Some(reader.text(item)?).filter(|name| !name.is_empty()),
            "socket_group" => endpoint.group = Some(reader.text(item)?).filter(|name| !name.is_empty()),
            _ => reader.foreign(item, UNIX_PLACE, UNIX_KEYS, UNIX_IGNORED, UNIX_REFUSED)?,
        }
    }
    let missing = Problem::NoKey { place: "listener \"unix\"", key: "address" };
    endpoint.path = path.ok_or_else(|| reader.error(block.position.line, missing))?.into();
    draft.config.endpoint = endpoint.into();
    Ok(draft)
}

/// Permission bits in octal; nothing for empty text, which stands for the default.
fn mode(reader: &Reader<'_>, item: &Item) -> Result<Option<u32>, ConfigError> {
    let text = reader.text(item)?;
    if text.is_empty() {
        return Ok(None);
    }
    let is_octal = text.bytes().all(|byte| byte.is_ascii_digit());
    let mode = u32::from_str_radix(&text, 8).ok().filter(|mode| is_octal && *mode <= MODE_MAX);
    mode.map(Some).ok_or_else(|| reader.wrong(item, "a file mode in octal, such as \"0600\""))
}

/// Zero stands for the default.
fn set<T>(into: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *into = value;
    }
}

impl Draft {
    fn new(config: ListenerConfig) -> Self {
        Self { config, has_duration: false }
    }

    /// Takes what all kinds of listeners have.
    fn take(&mut self, reader: &mut Reader<'_>, item: &Item) -> Result<bool, ConfigError> {
        let config = &mut self.config;
        match item.name() {
            "http_idle_timeout" => set(&mut config.timeouts.idle, reader.duration(item)?),
            "http_read_header_timeout" => set(&mut config.timeouts.head, reader.duration(item)?),
            "http_read_timeout" => set(&mut config.timeouts.read, reader.duration(item)?),
            "http_write_timeout" => set(&mut config.timeouts.write, reader.duration(item)?),
            "max_connections" => set(&mut config.limits.connections, reader.count(item, CONNECTIONS_MAX)?),
            "max_request_duration" => {
                let duration = reader.duration(item)?;
                self.has_duration = duration.is_some();
                set(&mut config.timeouts.request, duration);
            }
            "max_request_size" => {
                set(&mut config.limits.body_bytes, reader.count(item, REQUEST_BYTES_MAX)?);
                config.limits.bodies_bytes = config.limits.bodies_bytes.max(config.limits.body_bytes);
            }
            "custom_response_headers" => headers(reader, item, &mut config.headers)?,
            "profiling" => super::telemetry::profiling(reader, item, &mut config.openings)?,
            "telemetry" => super::telemetry::listener(reader, item, &mut config.openings)?,
            _ => return json(reader, item, config),
        }
        Ok(true)
    }

    /// Applies the server's `default_max_request_duration`.
    pub(super) fn finish(mut self, request: Option<Duration>) -> ListenerConfig {
        if let Some(request) = request.filter(|_| !self.has_duration) {
            self.config.timeouts.request = request;
        }
        self.config
    }
}

/// An IP address with or without a port; no host in front of the port means every address, as in Go.
fn address(reader: &Reader<'_>, item: &Item) -> Result<SocketAddr, ConfigError> {
    let text = reader.text(item)?;
    let text = text.trim();
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Ok(ip) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, PORT_DEFAULT));
    }
    let (host, port) = text.rsplit_once(':').unwrap_or((text, "8200"));
    let ip = match host {
        "" if text.starts_with(':') => Some(Ipv4Addr::UNSPECIFIED),
        "localhost" => Some(Ipv4Addr::LOCALHOST),
        _ => None,
    };
    let expected = "an IP address and a port, such as \"127.0.0.1:8200\" or \"[::]:8200\"";
    let (Some(ip), Ok(port)) = (ip, port.parse()) else { return Err(reader.wrong(item, expected)) };
    Ok(SocketAddr::new(ip.into(), port))
}

impl Tls {
    fn take(&mut self, reader: &mut Reader<'_>, item: &Item) -> Result<bool, ConfigError> {
        match item.name() {
            "tls_disable" => self.is_disabled = reader.flag(item)?,
            "tls_cert_file" => self.certificate_file = Some(reader.some_text(item)?),
            "tls_key_file" => self.key_file = Some(reader.some_text(item)?),
            "tls_min_version" => self.min = Some(min_version(reader, item)?),
            "tls_max_version" => self.max = Some(version(reader, item)?),
            "tls_client_ca_file" => self.authorities_file = Some(reader.some_text(item)?),
            "tls_require_and_verify_client_cert" => self.requires_client = reader.flag(item)?,
            "tls_disable_client_certs" => self.disables_client = reader.flag(item)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn finish(self) -> Result<Option<TlsConfig>, Problem> {
        if self.is_disabled {
            return Ok(None);
        }
        let (Some(certificate), Some(key)) = (self.certificate_file, self.key_file) else {
            return Err(Problem::NoCertificate);
        };
        let mut tls = TlsConfig::new(certificate, key);
        set(&mut tls.version_min, self.min);
        set(&mut tls.version_max, self.max);
        if tls.version_min > tls.version_max {
            return Err(Problem::TlsVersions);
        }
        tls.client_certificates = match (self.requires_client, self.disables_client, self.authorities_file) {
            (true, true, _) => return Err(Problem::ClientCertificates),
            (true, false, None) => return Err(Problem::NoClientAuthority),
            (true, false, Some(file)) => ClientCertificates::Required { authorities_file: file.into() },
            (false, true, _) => ClientCertificates::Unasked,
            // Without the requirement an authority only names what the client might pick, as in Vault.
            (false, false, _) => ClientCertificates::Asked,
        };
        Ok(Some(tls))
    }
}

fn version(reader: &Reader<'_>, item: &Item) -> Result<TlsVersion, ConfigError> {
    match reader.text(item)?.as_str() {
        "tls12" => Ok(TlsVersion::V1_2),
        "tls13" => Ok(TlsVersion::V1_3),
        _ => Err(reader.wrong(item, "\"tls12\" or \"tls13\"")),
    }
}

/// Older versions as the oldest are understood: everything from there on is spoken, as far as it is safe.
fn min_version(reader: &mut Reader<'_>, item: &Item) -> Result<TlsVersion, ConfigError> {
    let text = reader.text(item)?;
    if matches!(text.as_str(), "tls10" | "tls11") {
        reader.warn(
            item.position().line,
            &format!("tls_min_version {text:?} is taken for \"tls12\": nothing older is spoken"),
        );
        return Ok(TlsVersion::V1_2);
    }
    version(reader, item)
}

impl Forwarded {
    fn take(&mut self, reader: &mut Reader<'_>, item: &Item) -> Result<bool, ConfigError> {
        match item.name() {
            "x_forwarded_for_authorized_addrs" => self.authorized = Some(networks(reader, item)?),
            "x_forwarded_for_hop_skips" => {
                const HOPS_MAX: usize = 100;
                self.hop_skips = Some(reader.count(item, HOPS_MAX)?.unwrap_or(0));
            }
            "x_forwarded_for_reject_not_authorized" => self.rejects_unauthorized = Some(reader.flag(item)?),
            "x_forwarded_for_reject_not_present" => self.rejects_absent = Some(reader.flag(item)?),
            "x_forwarded_for_client_cert_header" => self.certificate_header = certificate_header(reader, item)?,
            "x_forwarded_for_client_cert_header_decoders" => self.decoders = Some(decoders(reader, item)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The other keys mean nothing without the proxies that are believed, and whoever writes them believes otherwise.
    fn finish(self) -> Result<Option<ForwardedFor>, Problem> {
        let Some(authorized) = self.authorized.filter(|authorized| !authorized.is_empty()) else {
            let is_silent = self.hop_skips.is_none()
                && self.rejects_unauthorized.is_none()
                && self.rejects_absent.is_none()
                && self.certificate_header.is_none();
            let missing = Problem::NoKey { place: "listener \"tcp\"", key: "x_forwarded_for_authorized_addrs" };
            return if is_silent { Ok(None) } else { Err(missing) };
        };
        let mut forwarded = ForwardedFor::new(authorized);
        set(&mut forwarded.hop_skips, self.hop_skips);
        set(&mut forwarded.rejects_unauthorized, self.rejects_unauthorized);
        set(&mut forwarded.rejects_absent, self.rejects_absent);
        let decoders = self.decoders.unwrap_or_default();
        forwarded.client_certificate = self.certificate_header.map(|name| ClientCertificateHeader { name, decoders });
        Ok(Some(forwarded))
    }
}

/// The name of a header; nothing for empty text.
fn certificate_header(reader: &Reader<'_>, item: &Item) -> Result<Option<String>, ConfigError> {
    let name = reader.text(item)?.to_ascii_lowercase();
    let is_taken = matches!(name.as_str(), "authorization" | "host" | "x-forwarded-for");
    match name.as_str() {
        "" => Ok(None),
        name if is_header_name(name) && !is_taken => Ok(Some(name.to_owned())),
        _ => Err(reader.wrong(item, "the name of a header that means nothing else here")),
    }
}

/// Names with commas between them, or a list of them.
fn decoders(reader: &Reader<'_>, item: &Item) -> Result<Vec<CertificateDecoder>, ConfigError> {
    let wrong = || reader.wrong(item, "URL, BASE64, DER or RFC9440, or several with commas between them");
    let decoder = |word: &str| match word.to_ascii_uppercase().as_str() {
        "URL" => Ok(CertificateDecoder::Url),
        "BASE64" => Ok(CertificateDecoder::Base64),
        "DER" => Ok(CertificateDecoder::Pem),
        "RFC9440" => Ok(CertificateDecoder::Rfc9440),
        _ => Err(wrong()),
    };
    let texts = reader.texts(item)?;
    let words = texts.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|word| !word.is_empty());
    words.map(decoder).collect()
}

fn networks(reader: &Reader<'_>, item: &Item) -> Result<Vec<http_api::Network>, ConfigError> {
    let wrong = |_| reader.wrong(item, "IP addresses and networks such as \"10.0.0.0/8\"");
    reader.texts(item)?.into_iter().map(|text| text.parse().map_err(wrong)).collect()
}

impl Proxy {
    fn take(&mut self, reader: &mut Reader<'_>, item: &Item) -> Result<bool, ConfigError> {
        match item.name() {
            "proxy_protocol_behavior" => {
                self.behavior = match reader.text(item)?.as_str() {
                    "" => None,
                    "use_always" => Some(ProxyBehavior::UseAlways),
                    "allow_authorized" => Some(ProxyBehavior::AllowAuthorized),
                    "deny_unauthorized" => Some(ProxyBehavior::DenyUnauthorized),
                    _ => return Err(reader.wrong(item, "use_always, allow_authorized or deny_unauthorized")),
                }
            }
            "proxy_protocol_authorized_addrs" => self.authorized = Some(networks(reader, item)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Addresses without a behavior, and a behavior that asks for addresses without any, leave open what was meant.
    fn finish(self) -> Result<Option<ProxyProtocol>, Problem> {
        let authorized = self.authorized.unwrap_or_default();
        let place = "listener \"tcp\"";
        match self.behavior {
            None if authorized.is_empty() => Ok(None),
            None => Err(Problem::NoKey { place, key: "proxy_protocol_behavior" }),
            Some(behavior) if authorized.is_empty() && behavior != ProxyBehavior::UseAlways => {
                Err(Problem::NoKey { place, key: "proxy_protocol_authorized_addrs" })
            }
            Some(behavior) => Ok(Some(ProxyProtocol { behavior, authorized })),
        }
    }
}

fn json(reader: &Reader<'_>, item: &Item, config: &mut ListenerConfig) -> Result<bool, ConfigError> {
    let (into, max) = match item.name() {
        "max_json_depth" => (&mut config.json.depth, JSON_DEPTH_MAX),
        "max_json_string_value_length" => (&mut config.json.string_bytes, JSON_COUNT_MAX),
        "max_json_object_entry_count" => (&mut config.json.object_entries, JSON_COUNT_MAX),
        "max_json_array_element_count" => (&mut config.json.array_elements, JSON_COUNT_MAX),
        "max_json_token" => (&mut config.json.tokens, JSON_COUNT_MAX),
        _ => return Ok(false),
    };
    set(into, reader.count(item, max)?);
    Ok(true)
}

/// `"default" = { "Name" = ["value"] }`, and the same with a status or its class in place of `default`. The more special
/// ones come last, since a later one replaces an earlier one.
fn headers(reader: &Reader<'_>, item: &Item, headers: &mut Vec<CustomHeader>) -> Result<(), ConfigError> {
    let is_empty = matches!(&item.value.kind, Kind::Object(body) if body.items.is_empty() && item.keys.len() == 1);
    let blocks = if is_empty { Vec::new() } else { item.blocks(1).map_err(|error| reader.text_error(error))? };
    for block in blocks {
        let label = super::server::label(&block);
        let wrong = |expected: &str| {
            let (key, expected) = (item.name().to_owned(), expected.to_owned());
            reader.error(block.position.line, Problem::Value { key, expected, found: format!("{label:?}") })
        };
        let statuses = statuses(label).ok_or_else(|| wrong("\"default\", a class such as \"2xx\", or a status"))?;
        for header in &block.body.items {
            let name = header.name().to_owned();
            if !is_header_name(&name) {
                return Err(reader.wrong(header, "a name that HTTP allows and that does not start with X-Vault-"));
            }
            let value = match header.value.kind {
                Kind::List(_) => reader.texts(header)?.join("; "),
                _ => reader.text(header)?,
            };
            if !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
                return Err(reader.wrong(header, "visible ASCII"));
            }
            headers.push(CustomHeader { statuses, name, value });
        }
    }
    headers.sort_by_key(|header| match header.statuses {
        Statuses::All => 0,
        Statuses::Class(_) => 1,
        Statuses::One(_) => 2,
    });
    Ok(())
}

fn statuses(label: &str) -> Option<Statuses> {
    if label == "default" {
        return Some(Statuses::All);
    }
    if let Some(class) = label.strip_suffix("xx") {
        return class.parse().ok().filter(|class| (1..=5).contains(class)).map(Statuses::Class);
    }
    label.parse().ok().filter(|status| (100..=599).contains(status)).map(Statuses::One)
}

/// RFC 9110 §5.6.2, and the names that the API gives a meaning to.
fn is_header_name(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token) && !name.to_ascii_lowercase().starts_with("x-vault-")
}
