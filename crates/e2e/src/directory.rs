//! A directory for the tests: Debian's `slapd` with a few people and groups, in a folder of its own, with TLS both ways.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::binary;
use crate::process::Process;
use crate::server::{START_MAX, free_address};

/// Where Debian keeps it: not on everybody's path.
const SLAPD: &str = "/usr/sbin/slapd";
/// What every directory of it knows.
const SCHEMA: &str = "/etc/ldap/schema";

/// The people and groups. What people are in is said twice, as directories with the overlay `memberof` keep it.
const RECORDS: &str = "\
dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: Example

dn: cn=reader,dc=example,dc=org
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: reads

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit
ou: groups

dn: uid=bob,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: bob
cn: Bob (of Sales)
sn: Builder
userPassword: wonder
memberOf: cn=Dev,ou=groups,dc=example,dc=org

dn: uid=ann,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: ann
cn: Ann *, or Anna
sn: Archer
userPassword: secret

dn: cn=Dev,ou=groups,dc=example,dc=org
objectClass: groupOfNames
cn: Dev
member: uid=bob,ou=people,dc=example,dc=org

dn: cn=Sales,ou=groups,dc=example,dc=org
objectClass: groupOfNames
cn: Sales
member: uid=bob,ou=people,dc=example,dc=org
member: uid=ann,ou=people,dc=example,dc=org

";

/// A running directory.
#[derive(Debug)]
pub struct Directory {
    process: Process,
    plain: SocketAddr,
    tls: SocketAddr,
    folder: TempDir,
}

impl Directory {
    /// Why there can be none here.
    #[must_use]
    pub fn missing() -> Option<String> {
        let is_there = Path::new(SLAPD).exists() && Path::new(SCHEMA).exists();
        if !is_there {
            return Some("slapd is not installed".to_owned());
        }
        binary::on_path("ldapmodify").is_none().then(|| "ldap-utils is not installed".to_owned())
    }

    /// Starts one on free ports, and waits until it answers. Nobody reads anything without a name and a password; the
    /// account `cn=reader` reads all, others only themselves.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("strongroom-slapd-").tempdir()?;
        std::fs::create_dir(folder.path().join("db"))?;
        write_certificates(folder.path())?;
        let (plain, tls) = (free_address()?, free_address()?);
        std::fs::write(folder.path().join("slapd.conf"), settings(folder.path()))?;
        std::fs::write(folder.path().join("people.ldif"), RECORDS)?;
        let added = Command::new(SLAPD)
            .args(["-T", "add", "-f"])
            .arg(folder.path().join("slapd.conf"))
            .arg("-l")
            .arg(folder.path().join("people.ldif"))
            .output()
            .context("starting slapadd")?;
        ensure!(added.status.success(), "slapadd: {}", String::from_utf8_lossy(&added.stderr));
        let urls = format!("ldap://{plain} ldaps://{tls}");
        let mut command = Command::new(SLAPD);
        command.arg("-f").arg(folder.path().join("slapd.conf")).args(["-h", &urls, "-d", "0"]);
        let mut process = Process::start(&mut command)?;
        process.wait_until("open port", START_MAX, |_| std::net::TcpStream::connect(tls).ok().map(drop))?;
        Ok(Self { process, plain, tls, folder })
    }

    /// Its address without TLS.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ldap://{}", self.plain)
    }

    /// Its address with TLS.
    #[must_use]
    pub fn tls_url(&self) -> String {
        format!("ldaps://{}", self.tls)
    }

    /// The certificate of its authority.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Changes records, as whoever manages the directory: the text is LDIF.
    ///
    /// # Errors
    /// When the directory does not take it.
    pub fn change(&self, ldif: &str) -> Result<()> {
        let file = self.folder.path().join("change.ldif");
        std::fs::write(&file, ldif)?;
        let changed = Command::new("ldapmodify")
            .args(["-x", "-H", &self.url(), "-D", "cn=admin,dc=example,dc=org", "-w", "manages", "-f"])
            .arg(file)
            .output()
            .context("starting ldapmodify")?;
        ensure!(changed.status.success(), "ldapmodify: {}", String::from_utf8_lossy(&changed.stderr));
        Ok(())
    }

    /// Ends it.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self) -> Result<()> {
        self.process.kill()
    }
}

fn settings(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "include {SCHEMA}/core.schema
include {SCHEMA}/cosine.schema
include {SCHEMA}/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
pidfile {folder}/slapd.pid
TLSCACertificateFile {folder}/ca.pem
TLSCertificateFile {folder}/cert.pem
TLSCertificateKeyFile {folder}/key.pem
database mdb
suffix \"dc=example,dc=org\"
directory {folder}/db
rootdn \"cn=admin,dc=example,dc=org\"
rootpw manages
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to dn.regex=\"^ou=[a-z]+,dc=example,dc=org$\" by dn.exact=\"cn=reader,dc=example,dc=org\" read by users search by * none
access to * by dn.exact=\"cn=reader,dc=example,dc=org\" read by self read by anonymous auth by * none
"
    )
}

fn write_certificates(folder: &Path) -> Result<()> {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "authority of the directory");
    let authority_key = KeyPair::generate()?;
    let trusted = authority.self_signed(&authority_key)?;
    let leaf_key = KeyPair::generate()?;
    let leaf = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    let certificate = leaf.signed_by(&leaf_key, &Issuer::new(authority, authority_key))?;
    std::fs::write(folder.join("ca.pem"), trusted.pem())?;
    std::fs::write(folder.join("cert.pem"), certificate.pem())?;
    std::fs::write(folder.join("key.pem"), leaf_key.serialize_pem())?;
    Ok(())
}
