//! Each part of the confinement, in a thread of its own: what holds there holds for the threads that it starts and for
//! no others of this test program.

use std::fs;
use std::net::ToSocketAddrs as _;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use http_api::{ListenerConfig, TlsConfig};
use rustix::process::{Gid, Uid};
use seccompiler::{SeccompAction, SeccompFilter};

use super::accounts::{Accounts, User};
use super::*;
use crate::server::plan::StoragePlan;

const USERS: &str = "root:x:0:0:root:/root:/bin/sh\nstrongroom:x:990:991:Strongroom:/var/lib:/bin/false\nbad:x:y:z\n";
const GROUPS: &str = "root:x:0:\nstrongroom:x:991:\ntls:x:101:other,strongroom\nother:x:102:strongrooms\n";

/// Runs `work` in a thread that nothing else runs in.
fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::spawn(work).join().expect("the thread does not panic")
}

/// A plan over a folder that has `data`, `audit` and `tls`; beside them lies `outside`.
fn plan(folder: &Path) -> Plan {
    for name in ["data", "audit", "tls", "outside"] {
        fs::create_dir(folder.join(name)).expect("a folder can be made");
        fs::write(folder.join(name).join("file"), "text").expect("a file can be written");
    }
    let mut listener = ListenerConfig::new("127.0.0.1:0".parse::<std::net::SocketAddr>().expect("an address"));
    listener.tls = Some(TlsConfig::new(folder.join("tls/cert.pem"), folder.join("tls/key.pem")));
    Plan {
        storage: StoragePlan::Embedded { path: folder.join("data"), cache_bytes: None },
        listeners: vec![listener],
        audit_dirs: vec![folder.join("audit")],
        pid_file: Some(folder.join("run/pid")),
        confinement: Confinement::Auto,
        ..Plan::defaults()
    }
}

#[test]
fn files_outside_of_the_servers_own_are_out_of_reach() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("run")).expect("a folder can be made");
    let (plan, root) = (plan(folder.path()), folder.path().to_owned());
    let outcome = aside(move || {
        let mut outcome = Outcome::default();
        files::restrict(&plan, &mut outcome);
        if outcome.holds.is_empty() {
            return outcome;
        }
        let is_denied = |path: PathBuf| fs::read(path).is_err_and(|error| error.raw_os_error() == Some(libc::EACCES));
        // Its own: data and audit files are written and replaced, certificates are read, new ones too.
        for name in ["data", "audit"] {
            fs::write(root.join(name).join("new"), "more").expect("its folders can be written");
            fs::rename(root.join(name).join("new"), root.join(name).join("file")).expect("and files replaced");
        }
        assert_eq!(fs::read(root.join("tls/file")).expect("certificates can be read"), b"text");
        fs::write(root.join("run/pid"), "1").expect("the file with the process id can be written");
        fs::remove_file(root.join("run/pid")).expect("and removed");
        // Not its own.
        assert!(fs::write(root.join("tls/cert.pem"), "forged").is_err(), "certificates are read only");
        assert!(is_denied(root.join("outside/file")) && is_denied("/etc/shadow".into()));
        assert!(fs::write(root.join("outside/new"), "").is_err() && fs::read_dir("/var").is_err());
        // A link out of its own folder leads nowhere, and no other way is open to a thread of this one.
        std::os::unix::fs::symlink(root.join("outside/file"), root.join("data/link"))
            .expect_err("links cannot be made");
        assert!(std::thread::spawn(move || is_denied(root.join("outside/file"))).join().expect("it does not panic"));
        outcome
    });
    if outcome.holds.is_empty() {
        assert_eq!(outcome.lacks.len(), 1, "a kernel without Landlock is told of: {outcome:?}");
    }
    assert_eq!(fs::read(folder.path().join("outside/file")).expect("other threads are free"), b"text");
}

#[test]
fn what_an_intruder_needs_is_denied_and_what_the_server_needs_is_not() {
    let outcome = aside(|| {
        let mut outcome = Outcome::default();
        calls::filter(&mut outcome);
        assert_eq!(outcome.lacks, Vec::<String>::new());
        let started = Command::new("/bin/true").status().map_err(|error| error.raw_os_error());
        assert_eq!(started.err(), Some(Some(libc::EPERM)), "no program is started");
        let network = fs::File::open("/proc/self/ns/net").expect("it is there");
        assert_eq!(rustix::thread::move_into_link_name_space(network.as_fd(), None), Err(Errno::PERM));
        assert_eq!(rustix::thread::set_thread_uid(Uid::from_raw(65_534)), Err(Errno::PERM));
        assert_eq!(
            rustix::fs::mknodat(rustix::fs::CWD, "x", rustix::fs::FileType::Fifo, 0o600.into(), 0),
            Err(Errno::PERM)
        );
        // Threads, locked memory, names and randomness.
        assert_eq!(std::thread::spawn(|| 7).join().expect("a thread can be started"), 7);
        assert_eq!(secret::LockedKey::copy_of(&[7; 32]).expose(), &[7; 32]);
        assert!("localhost:1".to_socket_addrs().expect("names are resolved").next().is_some());
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime starts");
        assert_eq!(runtime.block_on(async { tokio::spawn(async { 8 }).await }).expect("tasks run"), 8);
        outcome
    });
    assert_eq!(outcome.holds, ["system calls: seccomp", "no new privileges"]);
}

/// Makes the kernel look as if it had no Landlock, for this thread.
fn without_landlock() {
    let calls = [libc::SYS_landlock_create_ruleset, libc::SYS_landlock_restrict_self];
    let rules = calls.into_iter().map(|number| (number, Vec::new())).collect();
    let absent = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let architecture = std::env::consts::ARCH.try_into().expect("a processor that the library knows");
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, absent, architecture).expect("a filter");
    let program: seccompiler::BpfProgram = filter.try_into().expect("a program");
    seccompiler::apply_filter(&program).expect("it is applied");
}

#[test]
fn a_kernel_without_landlock_is_told_of_and_ends_a_start_that_requires_it() {
    for (confinement, is_refused) in [(Confinement::Auto, false), (Confinement::Require, true)] {
        let folder = tempfile::tempdir().expect("a folder");
        let plan = Plan { confinement, ..plan(folder.path()) };
        let outcome = aside(move || {
            without_landlock();
            let mut outcome = Outcome::default();
            files::restrict(&plan, &mut outcome);
            outcome
        });
        assert_eq!(outcome.holds, Vec::<String>::new());
        let [lack] = outcome.lacks.as_slice() else { panic!("one thing is missing: {outcome:?}") };
        assert!(lack.starts_with("files are not restricted"), "{lack}");
        let judged = judge(confinement, outcome).map_err(|error| error.to_string());
        assert_eq!(judged.is_err(), is_refused, "{judged:?}");
    }
}

#[test]
fn a_replaced_certificate_is_within_reach_and_a_shared_folder_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = Plan { config_paths: vec!["/etc/strongroom.hcl".into()], ..plan(folder.path()) };
    fs::create_dir(folder.path().join("archive")).expect("a folder can be made");
    fs::write(folder.path().join("archive/key.pem"), "key").expect("a file can be written");
    std::os::unix::fs::symlink("../archive/key.pem", folder.path().join("tls/key.pem")).expect("a link can be made");
    let paths: Vec<_> = files::rules(&plan).into_iter().map(|(path, _)| path).collect();
    let real = fs::canonicalize(folder.path()).expect("it is there");
    for path in [folder.path().join("tls"), real.join("archive"), "/etc/strongroom.hcl".into()] {
        assert!(paths.contains(&path), "{} is not among {paths:?}", path.display());
    }
    for path in ["/", "/etc", "/tmp", "/var"] {
        assert!(!paths.contains(&path.into()), "{path} as a whole is for nobody");
    }
}

#[test]
fn accounts_are_names_or_numbers() {
    let accounts = Accounts::of(USERS, GROUPS);
    let user = |name: Option<&str>, uid, gid: Option<u32>| User {
        name: name.map(str::to_owned),
        uid: Uid::from_raw(uid),
        gid: gid.map(Gid::from_raw),
    };
    let known = user(Some("strongroom"), 990, Some(991));
    assert_eq!(accounts.user("strongroom").expect("it is there"), known);
    assert_eq!(accounts.user("990").expect("it is there"), known);
    assert_eq!(accounts.user("4242").expect("a number is one"), user(None, 4242, None));
    assert_eq!(accounts.groups_of(&known), [Gid::from_raw(101)]);
    let account = |user, group| Account::among(&accounts, user, group).map_err(|error| error.to_string());
    let made = |gid, groups: &[u32]| Account {
        uid: Uid::from_raw(990),
        gid: Gid::from_raw(gid),
        groups: groups.iter().copied().map(Gid::from_raw).collect(),
    };
    assert_eq!(account(Some("strongroom"), None), Ok(made(991, &[101])));
    assert_eq!(account(Some("strongroom"), Some("tls")), Ok(made(101, &[101])));
    assert_eq!(account(Some("990"), Some("77")), Ok(made(77, &[101])));
    for (user, group, expected) in [
        (Some("nobody-here"), None, "user \"nobody-here\" is not in /etc/passwd"),
        (Some("bad"), None, "user \"bad\" is not in /etc/passwd"),
        (Some("4242"), None, "has to be given as a number, with a group"),
        (Some("strongroom"), Some("wheel"), "group \"wheel\" is not in /etc/group"),
    ] {
        let refused = account(user, group).expect_err("there is no such account");
        assert!(refused.contains(expected), "{refused}");
    }
}

#[test]
fn only_the_capabilities_that_the_configuration_needs_are_kept() {
    let shown = |plan: &Plan, is_root| privileges::names(privileges::needed(plan, is_root));
    let listening = |address: &str| Plan {
        listeners: vec![ListenerConfig::new(address.parse::<std::net::SocketAddr>().expect("an address"))],
        ..Plan::defaults()
    };
    assert_eq!(shown(&listening("127.0.0.1:8200"), false), "ipc_lock");
    assert_eq!(shown(&listening("127.0.0.1:443"), false), "net_bind_service ipc_lock");
    assert_eq!(shown(&listening("127.0.0.1:0"), true), "chown dac_override fowner ipc_lock");
}

#[test]
fn a_folder_for_audit_files_has_to_be_there() {
    let plan = Plan { audit_dirs: vec!["/nowhere/at/all".into()], ..Plan::defaults() };
    let refused = confine(&plan).map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(refused, Err("audit_dirs names /nowhere/at/all, which is not a folder that is there".to_owned()));
}
