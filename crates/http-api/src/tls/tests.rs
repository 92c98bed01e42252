use std::path::{Path, PathBuf};

use super::{Tls, versions};
use crate::Error;
use crate::config::{ClientCertificates, TlsConfig, TlsVersion};

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        files.write_pair("a");
        files.write_pair("b");
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write_pair(&self, name: &str) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(self.path(&format!("{name}.crt")), made.cert.pem()).unwrap();
        std::fs::write(self.path(&format!("{name}.key")), made.signing_key.serialize_pem()).unwrap();
    }

    fn config(&self, certificate: &str, key: &str) -> TlsConfig {
        TlsConfig::new(self.path(certificate), self.path(key))
    }
}

fn load(config: &TlsConfig) -> Result<Tls, Error> {
    Tls::load(config, &env::simulated::env(1).0)
}

#[test]
fn the_range_of_versions_is_kept() {
    let count = |min, max| versions(min, max).len();
    assert_eq!(count(TlsVersion::V1_2, TlsVersion::V1_3), 2);
    assert_eq!(count(TlsVersion::V1_3, TlsVersion::V1_3), 1);
    assert_eq!(count(TlsVersion::V1_3, TlsVersion::V1_2), 0);
    let files = Files::new();
    let config =
        TlsConfig { version_min: TlsVersion::V1_3, version_max: TlsVersion::V1_2, ..files.config("a.crt", "a.key") };
    assert!(matches!(load(&config), Err(Error::Versions { source: None })));
}

#[test]
fn files_that_are_of_no_use_are_named() {
    let files = Files::new();
    std::fs::write(files.path("empty"), "").unwrap();
    std::fs::write(files.path("broken"), "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n").unwrap();
    let huge = std::fs::File::create(files.path("huge")).unwrap();
    huge.set_len(super::PEM_BYTES_MAX + 1).unwrap();
    assert!(matches!(load(&files.config("absent", "a.key")), Err(Error::Read { .. })));
    assert!(matches!(load(&files.config("empty", "a.key")), Err(Error::Certificates { source: None, .. })));
    assert!(matches!(load(&files.config("broken", "a.key")), Err(Error::Certificates { source: Some(_), .. })));
    assert!(matches!(load(&files.config("huge", "a.key")), Err(Error::TooLong { .. })));
    assert!(matches!(load(&files.config("a.crt", "a.crt")), Err(Error::Key { .. })));
    assert!(matches!(load(&files.config("a.crt", "b.key")), Err(Error::Pair { .. })));
    let required = |file: &Path| ClientCertificates::Required { authorities_file: file.to_owned() };
    let config = TlsConfig { client_certificates: required(&files.path("empty")), ..files.config("a.crt", "a.key") };
    assert!(matches!(load(&config), Err(Error::Certificates { .. })));
}

#[test]
fn a_failed_reload_changes_nothing() {
    let files = Files::new();
    let tls = load(&files.config("a.crt", "a.key")).unwrap();
    let before = tls.current.load_full();
    std::fs::write(files.path("a.crt"), "no certificate").unwrap();
    assert!(matches!(tls.reload(), Err(Error::Certificates { .. })));
    assert!(std::sync::Arc::ptr_eq(&before, &tls.current.load_full()));
    files.write_pair("a");
    tls.reload().unwrap();
    assert!(!std::sync::Arc::ptr_eq(&before, &tls.current.load_full()));
}
