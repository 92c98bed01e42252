//! A development server: everything in memory, initialized, unsealed and with a `kv` version 2 engine at `secret/`
//! before anybody asks. Never for anything that must last or stay secret.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use barrier::seal::InitOptions;
use data_encoding::BASE64;
use framework::{Operation, Request, Service};
use http_api::{Listener, ListenerConfig, TlsConfig};
use secret::Secret;
use server_core::Core;
use tempfile::TempDir;

use super::arguments::Arguments;
use super::failure::Failure;
use super::log::LogPlan;
use super::plan::{Plan, SealPlan, StoragePlan};

const ADDRESS_DEFAULT: &str = "127.0.0.1:8200";

/// What a development server is made of.
pub(super) fn plan(arguments: &Arguments) -> Result<Plan, Failure> {
    let address = arguments.dev_listen_address.as_deref().unwrap_or(ADDRESS_DEFAULT);
    let address: SocketAddr = address.parse().map_err(|_| {
        let example = "an IP address and a port, such as 127.0.0.1:8200";
        Failure::Usage(format!("-dev-listen-address must be {example}, not \"{address}\""))
    })?;
    let mut listener = ListenerConfig::new(address);
    let mut dev_tls = None;
    if arguments.dev_tls {
        let made = certificates(arguments.dev_tls_folder.as_deref())?;
        listener.tls = Some(TlsConfig::new(made.file("vault-cert.pem"), made.file("vault-key.pem")));
        dev_tls = Some(made);
    }
    Ok(Plan {
        storage: StoragePlan::Memory,
        seal: SealPlan::Shamir,
        listeners: vec![listener],
        log: LogPlan {
            level: LogPlan::level(arguments.log_level.as_deref().unwrap_or("info"))
                .ok_or_else(LogPlan::unknown_level)?,
            is_json: arguments.log_format.as_deref() == Some("json"),
            file: None,
        },
        dev_tls,
        ..Plan::defaults()
    })
}

/// Initializes, unseals, mounts `secret/`, stores the root token for the command line, and says so.
pub(super) async fn open(
    program: &str,
    arguments: &Arguments,
    core: &Core,
    listeners: &[Listener],
    tls: Option<&DevTls>,
) -> Result<(), Failure> {
    let fail = |action| move |source: framework::Error| Failure::Dev { action, source: Box::new(source) };
    let root_token = arguments.dev_root_token_id.clone().map(Secret::new);
    let made = core.init(&InitOptions::shamir(1, 1), root_token).await.map_err(fail("initialize"))?;
    let Some(share) = made.shares.into_iter().next() else {
        return Err(Failure::Dev { action: "initialize", source: "no unseal key was made".into() });
    };
    let unseal_key = BASE64.encode(share.expose());
    core.unseal(share).await.map_err(fail("unseal"))?;
    enable_kv(core, &made.root_token).await.map_err(fail("enable the kv secrets engine at secret/"))?;
    if !arguments.dev_no_store_token {
        cli::store_token(&made.root_token).map_err(|source| Failure::Dev {
            action: "store the root token for the command line",
            source: Box::new(source),
        })?;
    }
    let scheme = if tls.is_some() { "https" } else { "http" };
    let address = listeners.first().map(|it| format!("{scheme}://{}", it.endpoint())).unwrap_or_default();
    let is_logged_in = !arguments.dev_no_store_token;
    cli::print(&welcome(program, &address, &unseal_key, made.root_token.expose(), tls, is_logged_in));
    Ok(())
}

async fn enable_kv(core: &Core, root_token: &Secret<String>) -> Result<(), framework::Error> {
    let mut request = Request::new("development".to_owned(), Operation::Update, "sys/mounts/secret");
    request.token = Some(root_token.clone());
    let body = serde_json::json!({
        "type": "kv",
        "description": "key/value secret storage",
        "options": { "version": "2" },
    });
    if let serde_json::Value::Object(body) = body {
        request.data = body;
    }
    core.answer(request).await.result.map(drop)
}

/// What the operator reads: the lines that scripts look for, in Vault's form.
fn welcome(
    program: &str,
    address: &str,
    unseal_key: &str,
    root_token: &str,
    tls: Option<&DevTls>,
    is_logged_in: bool,
) -> String {
    let login = if is_logged_in { "The command line is logged in with its root token.\n" } else { "" };
    let mut text = format!(
        "WARNING! This is a development server: it keeps everything in memory and starts\n\
         unsealed with a single unseal key. All of it is gone when the server stops.\n\
         {login}\n\
         You may need to set the following environment variables:\n\n"
    );
    text.push_str(&format!("    $ export VAULT_ADDR='{address}'\n"));
    if let Some(tls) = tls {
        text.push_str(&format!("    $ export VAULT_CACERT='{}'\n", tls.file("vault-ca.pem").display()));
    }
    text.push_str(&format!(
        "\nThe unseal key and root token are below, in case you want to seal and unseal\n\
         the server or log in again.\n\n\
         Unseal Key: {unseal_key}\n\
         Root Token: {root_token}\n\n\
         Never use a development server for anything that matters.\n\
         A first step: {program} kv put -mount=secret hello name=world\n"
    ));
    text
}

/// The certificates of a development server with TLS. A folder of our own goes away with the server.
pub(super) struct DevTls {
    folder: PathBuf,
    _made: Option<TempDir>,
}

impl DevTls {
    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Makes an authority and a certificate for this machine, valid for this run.
fn certificates(folder: Option<&Path>) -> Result<DevTls, Failure> {
    let fail = |source: rcgen::Error| Failure::Dev { action: "make certificates", source: Box::new(source) };
    let (folder, made) = match folder {
        Some(folder) => (folder.to_owned(), None),
        None => {
            let made = tempfile::Builder::new().prefix("strongroom-dev-tls-").tempdir();
            let made = made.map_err(|source| Failure::Dev { action: "make a folder", source: Box::new(source) })?;
            (made.path().to_owned(), Some(made))
        }
    };
    let authority_key = rcgen::KeyPair::generate().map_err(fail)?;
    let mut authority = rcgen::CertificateParams::default();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    authority.distinguished_name.push(rcgen::DnType::CommonName, "Strongroom development authority");
    authority.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign, rcgen::KeyUsagePurpose::CrlSign];
    let authority_certificate = authority.self_signed(&authority_key).map_err(fail)?;
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut params = rcgen::CertificateParams::new(names).map_err(fail)?;
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let key = rcgen::KeyPair::generate().map_err(fail)?;
    let certificate = params.signed_by(&key, &issuer).map_err(fail)?;
    let made = DevTls { folder, _made: made };
    write(&made.file("vault-ca.pem"), &authority_certificate.pem(), 0o644)?;
    write(&made.file("vault-cert.pem"), &certificate.pem(), 0o644)?;
    write(&made.file("vault-key.pem"), &key.serialize_pem(), 0o600)?;
    Ok(made)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    use std::io::Write as _;
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path);
    // A file that was there already keeps its own mode unless told otherwise.
    let guarded = file.and_then(|file| file.set_permissions(std::fs::Permissions::from_mode(mode)).map(|()| file));
    guarded.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|source| Failure::File {
        action: "write",
        path: path.to_owned(),
        source,
    })
}
