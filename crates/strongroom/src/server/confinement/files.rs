//! Files, with Landlock: what the server needs and nothing else, whoever its user is.
//!
//! Folders rather than files wherever something may be replaced by another file of the same name (certificates, audit
//! files that were rotated, the configuration): a rule is about the file that is there now. No path is ever executable.

use std::path::{Path, PathBuf};

use http_api::{ClientCertificates, Endpoint};
use landlock::{
    ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible as _, LandlockStatus, PathBeneath, PathFd,
    RestrictionStatus, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
    make_bitflags,
};

use super::{Outcome, lack};
use crate::config::Confinement;
use crate::server::plan::{Plan, StoragePlan};

/// The rights that have to be enforced for the confinement to count: Linux 6.2. With older kernels files can be cut to
/// nothing where they can be opened.
const REQUIRED: ABI = ABI::V3;
/// What is asked for beyond that: no device controls (Linux 6.10), no signals and no abstract sockets to the outside
/// (Linux 6.12).
const WANTED: ABI = ABI::V6;

/// What the system itself needs to be read: libraries and data of the resolver and of TLS, the machine, time zones.
const SYSTEM: &[&str] = &[
    "/etc/gai.conf",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/pki",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl",
    "/lib",
    "/lib64",
    "/proc",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/run/systemd/resolve",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    "/usr",
    "/dev/random",
    "/dev/urandom",
];

/// Folders that hold things of many programs: a file in one of them is allowed alone.
const SHARED: &[&str] = &[
    "/",
    "/dev",
    "/etc",
    "/home",
    "/opt",
    "/root",
    "/run",
    "/srv",
    "/tmp",
    "/usr",
    "/usr/local",
    "/usr/local/etc",
    "/var",
    "/var/lib",
    "/var/run",
    "/var/tmp",
];

const READ: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir});
/// Of ordinary files and folders; devices, pipes and programs have no place in a data folder.
const WRITE: BitFlags<AccessFs> = make_bitflags!(
    AccessFs::{ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeDir | RemoveFile | RemoveDir}
);
/// To make and remove one file.
const ENTRY: BitFlags<AccessFs> = make_bitflags!(AccessFs::{WriteFile | Truncate | MakeReg | RemoveFile});
/// To make and remove a socket.
const SOCKET: BitFlags<AccessFs> = make_bitflags!(AccessFs::{MakeSock | RemoveFile});

/// A path and what may be done below it.
pub(super) type Rule = (PathBuf, BitFlags<AccessFs>);

/// Restricts the calling thread and those that it starts.
pub(super) fn restrict(plan: &Plan, outcome: &mut Outcome) {
    let is_required = plan.confinement == Confinement::Require;
    match apply(&rules(plan), is_required) {
        Ok(status) => tell(&status, outcome),
        Err(error) => outcome.lacks.push(lack("files are not restricted (Landlock)", &error)),
    }
}

/// What `status` means, in words.
fn tell(status: &RestrictionStatus, outcome: &mut Outcome) {
    let abi = match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => effective_abi,
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => ABI::Unsupported,
    };
    if status.ruleset == RulesetStatus::NotEnforced {
        let why = if status.landlock == LandlockStatus::NotEnabled { "has switched off" } else { "lacks" };
        outcome.lacks.push(format!("files are not restricted: the kernel {why} Landlock"));
        return;
    }
    outcome.holds.push(format!("files: Landlock ABI {abi}"));
    if abi < REQUIRED {
        let text = "files that may be opened can be cut off: Landlock ABI";
        outcome.lacks.push(format!("{text} {abi} of this kernel does not see that, {REQUIRED} does"));
    }
}

fn apply(rules: &[Rule], is_required: bool) -> Result<RestrictionStatus, RulesetError> {
    let level = if is_required { CompatLevel::HardRequirement } else { CompatLevel::BestEffort };
    let ruleset = Ruleset::default()
        .set_compatibility(level)
        .handle_access(AccessFs::from_all(REQUIRED))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(WANTED))?
        .scope(Scope::from_all(WANTED))?;
    let mut ruleset = ruleset.create()?;
    for (path, rights) in rules {
        // What is not there needs no rule. Something that comes later at its place stays out of reach.
        let Ok(opened) = PathFd::new(path) else { continue };
        let rights = if path.is_dir() { *rights } else { *rights & AccessFs::from_file(REQUIRED) };
        ruleset = ruleset.add_rule(PathBeneath::new(opened, rights))?;
    }
    ruleset.restrict_self()
}

/// All that this configuration needs.
pub(super) fn rules(plan: &Plan) -> Vec<Rule> {
    let mut rules: Vec<Rule> = SYSTEM.iter().map(|path| (PathBuf::from(path), READ)).collect();
    rules.push(("/dev/null".into(), WRITE));
    if let StoragePlan::Embedded { path, .. } = &plan.storage {
        rules.push((path.clone(), WRITE));
        // A new store syncs the folder that it lies in, which takes opening it. Names can be listed there, no more.
        rules.push((parent(path), AccessFs::ReadDir.into()));
    }
    rules.extend(plan.audit_dirs.iter().map(|folder| (folder.clone(), WRITE)));
    rules.extend(plan.readable_dirs.iter().map(|folder| (folder.clone(), READ)));
    for path in plan.config_paths.iter().chain(&tls_files(plan)).chain(&plan.bootstrap.files()) {
        rules.extend(replaceable(path).into_iter().map(|path| (path, READ)));
    }
    for listener in &plan.listeners {
        if let Endpoint::Unix(socket) = &listener.endpoint {
            rules.push((parent(&socket.path), SOCKET));
        }
    }
    // Old ones are listed, renamed and removed there.
    let log = plan.log.file.as_ref().map(crate::config::LogFile::whole_path);
    rules.extend(log.map(|path| (parent(&path), ENTRY | AccessFs::ReadDir)));
    rules.extend(plan.pid_file.as_deref().map(|path| (parent(path), ENTRY)));
    rules
}

fn tls_files(plan: &Plan) -> Vec<PathBuf> {
    let configured = plan.listeners.iter().filter_map(|listener| listener.tls.as_ref());
    let files = configured.flat_map(|tls| {
        let authorities = match &tls.client_certificates {
            ClientCertificates::Required { authorities_file } => Some(authorities_file),
            _ => None,
        };
        [Some(&tls.certificate_file), Some(&tls.key_file), authorities].into_iter().flatten().cloned()
    });
    files.collect()
}

/// What to allow so that a file can be read again after another was put in its place: its folder, and that of the file
/// which it leads to as a link. A folder stands for itself.
fn replaceable(path: &Path) -> Vec<PathBuf> {
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if real.is_dir() {
        return vec![path.to_owned()];
    }
    let folder_of = |path: &Path| {
        let folder = parent(path);
        if SHARED.iter().any(|shared| Path::new(shared) == folder) { path.to_owned() } else { folder }
    };
    vec![folder_of(path), folder_of(&real)]
}

/// The folder that a path lies in, from the root.
fn parent(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned)
}
