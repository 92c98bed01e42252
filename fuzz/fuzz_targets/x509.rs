//! Certificates, revocation lists and answers of responders: any bytes are refused or read, and a certificate that is
//! read can be asked for everything. `crates/x509/vectors` has some to begin with.

#![no_main]

use libfuzzer_sys::fuzz_target;
use x509::certificate::Purpose;
use x509::{Certificate, Chains, RevocationList, ocsp};

fuzz_target!(|bytes: &[u8]| {
    let _ = RevocationList::parse(bytes).map(|list| list.serials().count());
    let Ok(read) = Certificate::parse(bytes) else { return };
    assert_eq!(read.der(), bytes);
    let _ = (read.serial().to_string(), read.subject().common_name(), read.subject().organizational_units());
    let _ = read.extensions().iter().map(|it| (it.oid(), it.text())).count();
    let _ = ocsp::question(&read, &read);
    let same = std::slice::from_ref(&read);
    let mut chains = Chains::new(&read, same, 0, Purpose::ClientAuth);
    let _ = chains.to(same).map(|found| assert!(found.iter().all(Vec::is_empty)));
});
