//! The real binary with real clients. One test binary; each test has its own server, folder and port.
//!
//! A test whose client is missing says so in a line that begins with `SKIPPED`, and the gate counts it.

mod audit;
mod backups;
mod bootstrap;
mod cert;
mod clients;
mod command_line;
mod confinement;
mod crashes;
mod curl;
mod development;
mod first_secret;
mod full_disk;
mod genesyscloud;
mod gotchas;
mod hvac;
mod jwt;
mod kill_nine;
mod kubernetes;
mod ldap;
mod listeners;
mod logins;
mod memory_dump;
mod mfa;
mod oidc;
mod pages;
mod recovery;
mod root_and_rekey;
mod signals;
mod static_seal;
mod terraform;
mod terraform_cloud;
