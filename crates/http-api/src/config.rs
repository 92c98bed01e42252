//! How a listener is set up: plain values with their units and defaults. Reading them from a file is not done here.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use framework::Openings;

use crate::forwarded::Network;

const KIB: usize = 1024;

/// The longest body that counts as small, in bytes. What clients do without a token (initialize, unseal, log in) and
/// nearly all else is shorter.
pub(crate) const SMALL_BODY_BYTES: usize = 64 * KIB;
/// The default of [`Limits::anonymous_body_bytes`].
const ANONYMOUS_BODY_BYTES: usize = SMALL_BODY_BYTES;

/// One socket with everything that belongs to it.
#[derive(Clone, Debug)]
pub struct ListenerConfig {
    /// Where to listen.
    pub endpoint: Endpoint,
    /// `None` for plain HTTP.
    pub tls: Option<TlsConfig>,
    /// What one client may take.
    pub limits: Limits,
    /// How long things may last.
    pub timeouts: Timeouts,
    /// What one JSON body may hold.
    pub json: api::json::Limits,
    /// `None` expects no PROXY protocol: its header is then a malformed request.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// `None` believes no `X-Forwarded-For`.
    pub forwarded_for: Option<ForwardedFor>,
    /// Sent with replies, after the defaults; a later one replaces an earlier one of the same name.
    pub headers: Vec<CustomHeader>,
    /// What is shown without a token to whoever connects.
    pub openings: Openings,
}

impl ListenerConfig {
    /// Plain HTTP with the default bounds.
    #[must_use]
    pub fn new(endpoint: impl Into<Endpoint>) -> Self {
        Self {
            endpoint: endpoint.into(),
            tls: None,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            json: api::json::Limits::default(),
            proxy_protocol: None,
            forwarded_for: None,
            headers: Vec::new(),
            openings: Openings::default(),
        }
    }
}

/// Where a listener listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Endpoint {
    /// An address and a port; port 0 takes any free one.
    Tcp(SocketAddr),
    /// A file.
    Unix(UnixEndpoint),
}

/// A socket in the file system. A socket that a dead server left there is replaced, anything else is not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnixEndpoint {
    /// Its file, about 100 bytes at most.
    pub path: PathBuf,
    /// The file's mode: whoever may write it may connect.
    pub mode: u32,
    /// The file's owner, a name in `/etc/passwd` or a number; `None` for the server's own user.
    pub user: Option<String>,
    /// The same for its group, in `/etc/group`.
    pub group: Option<String>,
}

impl UnixEndpoint {
    /// A socket for the server's own user alone.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), mode: 0o600, user: None, group: None }
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl From<UnixEndpoint> for Endpoint {
    fn from(endpoint: UnixEndpoint) -> Self {
        Self::Unix(endpoint)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(endpoint) => endpoint.path.display().fmt(f),
        }
    }
}

/// Whose word about the client's address is taken at the start of a connection (`proxy_protocol_behavior`). A
/// connection without a header comes from whoever opened it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProxyProtocol {
    /// What becomes of the others.
    pub behavior: ProxyBehavior,
    /// The proxies that are believed.
    pub authorized: Vec<Network>,
}

/// Who may say on whose behalf a connection comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProxyBehavior {
    /// Everybody.
    UseAlways,
    /// The authorized; what others say is not believed.
    AllowAuthorized,
    /// The authorized; others cannot connect.
    DenyUnauthorized,
}

/// What the clients of one listener may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Open connections; further ones wait in the kernel's queue. At least 1.
    pub connections: usize,
    /// Bytes of a request's line and headers; past it 431. HTTP/1.1 takes no less than 8 KiB.
    pub header_bytes: usize,
    /// Bytes of a request's path and query; past it 414.
    pub uri_bytes: usize,
    /// Bytes of one request's body; past it 413.
    pub body_bytes: usize,
    /// Bytes of a request's body that comes without a token; past it 413. Never above `body_bytes`. Anyone who reaches
    /// the port can send one.
    pub anonymous_body_bytes: usize,
    /// Bytes of all bodies above 64 KiB that are being read or answered; past it 503. Never below `body_bytes`. One
    /// client address, or one IPv6 network of 64 bits, gets a quarter of it, though always one whole body.
    pub bodies_bytes: usize,
    /// The same for all bodies of at most 64 KiB, each of which counts as 1 KiB at least: a reserve that larger ones
    /// never take. Never below 64 KiB.
    pub small_bodies_bytes: usize,
    /// Requests at once on one HTTP/2 connection.
    pub streams: u32,
    /// Streams that a client of HTTP/2 may reset before they were answered (CVE-2023-44487).
    pub resets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            header_bytes: 64 * KIB,
            uri_bytes: 16 * KIB,
            body_bytes: 32 * KIB * KIB,
            anonymous_body_bytes: ANONYMOUS_BODY_BYTES,
            bodies_bytes: 256 * KIB * KIB,
            small_bodies_bytes: 64 * KIB * KIB,
            streams: 100,
            resets: 20,
        }
    }
}

/// How long things may last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// From the accept to the end of the first request's headers, TLS handshake included; later from the first byte of
    /// a request to the end of its headers. Past it the connection is closed.
    pub head: Duration,
    /// From the end of the headers to the end of the body. Past it 408; earlier if the client sends so slowly that it
    /// could not mean it, see `body.rs`.
    pub read: Duration,
    /// From the answer until the client has taken all of it from the socket. Past it the connection is closed. An answer
    /// on HTTP/2 that the client lets no window for is bounded by `idle`.
    pub write: Duration,
    /// Between two requests of a connection. Past it the connection is closed.
    pub idle: Duration,
    /// From the end of the headers to the answer. Past it 408 while the body is not complete, else 503.
    pub request: Duration,
    /// What running requests get at shutdown before they are cut off.
    pub drain: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            read: Duration::from_secs(30),
            write: Duration::from_secs(300),
            idle: Duration::from_secs(300),
            request: Duration::from_secs(90),
            drain: Duration::from_secs(30),
        }
    }
}

/// When and how far `X-Forwarded-For` is believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForwardedFor {
    /// The proxies that are believed.
    pub authorized: Vec<Network>,
    /// How many links at the end of the list are further proxies.
    pub hop_skips: usize,
    /// Whether others that send the header are refused, or else taken for the client.
    pub rejects_unauthorized: bool,
    /// Whether requests without the header are refused, or else come from whoever connects.
    pub rejects_absent: bool,
    /// Where the proxies put the certificate that a client has shown to them; `None` takes none from them.
    pub client_certificate: Option<ClientCertificateHeader>,
}

/// A header in which proxies that end TLS hand on what a client has shown to them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientCertificateHeader {
    /// Its name, in lower case.
    pub name: String,
    /// What turns its value into DER, one after the other.
    pub decoders: Vec<CertificateDecoder>,
}

/// One step from the value of a header to the certificate in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CertificateDecoder {
    /// Undoes percent-encoding, where `+` is a space.
    Url,
    /// Undoes Base64.
    Base64,
    /// Takes the certificate out of PEM.
    Pem,
    /// Takes the bytes out of a structured field: `:Base64:` (RFC 9440).
    Rfc9440,
}

impl ForwardedFor {
    /// Believes these proxies and refuses everybody else.
    #[must_use]
    pub const fn new(authorized: Vec<Network>) -> Self {
        Self { authorized, hop_skips: 0, rejects_unauthorized: true, rejects_absent: true, client_certificate: None }
    }
}

/// A header that is sent with replies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CustomHeader {
    /// With which replies.
    pub statuses: Statuses,
    /// Any name that the protocol or the API does not give a meaning to.
    pub name: String,
    /// Visible ASCII.
    pub value: String,
}

/// Which replies have a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Statuses {
    /// All of them.
    All,
    /// Those whose status has this first digit.
    Class(u16),
    /// Those with this status.
    One(u16),
}

/// TLS on a listener. The files are read at the start and at each reload.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// The certificate and what leads to its authority, PEM, leaf first.
    pub certificate_file: PathBuf,
    /// Its private key, PEM: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key_file: PathBuf,
    /// The oldest version to speak.
    pub version_min: TlsVersion,
    /// The newest version to speak.
    pub version_max: TlsVersion,
    /// What is asked of clients.
    pub client_certificates: ClientCertificates,
}

impl TlsConfig {
    /// TLS 1.2 and 1.3; client certificates are asked for and not required.
    #[must_use]
    pub fn new(certificate_file: impl Into<PathBuf>, key_file: impl Into<PathBuf>) -> Self {
        Self {
            certificate_file: certificate_file.into(),
            key_file: key_file.into(),
            version_min: TlsVersion::V1_2,
            version_max: TlsVersion::V1_3,
            client_certificates: ClientCertificates::Asked,
        }
    }
}

/// A version of TLS.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum TlsVersion {
    /// RFC 5246.
    V1_2,
    /// RFC 8446.
    V1_3,
}

/// What is asked of clients in the TLS handshake.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientCertificates {
    /// Nothing: for clients that stumble over the question.
    Unasked,
    /// A certificate of any kind, if the client has one. Possession of its key is proven; whether it is trusted is for
    /// the auth method to say.
    Asked,
    /// One that leads to an authority in this PEM file; nobody else gets in.
    Required {
        /// The authorities.
        authorities_file: PathBuf,
    },
}
