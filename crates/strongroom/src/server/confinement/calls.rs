//! System calls, with seccomp: those that only an intruder has a use for are answered with "not permitted".
//!
//! A list of what is denied, not of what is allowed: the C library, the runtime and the allocator change the calls that
//! they make from release to release, and a server that dies in a new kernel's fast path because of its own filter loses
//! more than it gains. What an intruder needs is known and stable: another program, another process's memory, another
//! user, mounts, modules, and the ways around this filter.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use super::{Outcome, lack};

/// Denied on every processor.
const DENIED: &[c_long] = &[
    // Programs.
    libc::SYS_execve,
    libc::SYS_execveat,
    // Other processes.
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    // The tree of files.
    libc::SYS_chroot,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_mknodat,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_pivot_root,
    libc::SYS_quotactl,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_umount2,
    // The kernel itself, and its parts that many have broken in through.
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_init_module,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_perf_event_open,
    libc::SYS_personality,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_syslog,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
    // Calls made through a ring are seen by no filter.
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    // Namespaces, users and rights.
    libc::SYS_capset,
    libc::SYS_setfsgid,
    libc::SYS_setfsuid,
    libc::SYS_setgid,
    libc::SYS_setgroups,
    libc::SYS_setns,
    libc::SYS_setregid,
    libc::SYS_setresgid,
    libc::SYS_setresuid,
    libc::SYS_setreuid,
    libc::SYS_setuid,
    libc::SYS_unshare,
    // The machine: its clock decides which tokens live.
    libc::SYS_acct,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_settimeofday,
];

/// Denied on this processor beyond that.
#[cfg(target_arch = "x86_64")]
const DENIED_HERE: &[c_long] = &[
    libc::SYS_ioperm,
    libc::SYS_iopl,
    libc::SYS_kexec_file_load,
    libc::SYS_mknod,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
];
#[cfg(not(target_arch = "x86_64"))]
const DENIED_HERE: &[c_long] = &[];

/// Some kernels take the calls of x86-64 under second numbers, with this bit, for the x32 ABI.
const X32_BIT: i64 = 0x4000_0000;
/// Those that have other numbers there: `execve`, `ptrace`, `kexec_load`, `process_vm_readv`, `process_vm_writev`,
/// `execveat` (Linux, `arch/x86/entry/syscalls/syscall_64.tbl`).
const X32_OWN: &[i64] = &[520, 521, 528, 539, 540, 545];

/// The flags with which `clone` makes a namespace: cgroup, uts, ipc, user, pid, net and mount.
const NAMESPACES: &[libc::c_int] = &[
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWNS,
];

/// Filters the calls of the calling thread and of those that it starts.
pub(super) fn filter(outcome: &mut Outcome) {
    let filtered = programs().map_err(seccompiler::Error::Backend);
    let filtered = filtered.and_then(|programs| programs.iter().try_for_each(|it| seccompiler::apply_filter(it)));
    match filtered {
        Ok(()) => outcome.holds.extend(["system calls: seccomp", "no new privileges"].map(str::to_owned)),
        Err(error) => outcome.lacks.push(lack("system calls are not restricted (seccomp)", &error)),
    }
}

/// The filters. Two, because each has one answer: `clone3` has to look as if it did not exist, so that threads are
/// started with `clone`, whose flags a filter can read.
fn programs() -> Result<[BpfProgram; 2], BackendError> {
    let architecture: TargetArch = std::env::consts::ARCH.try_into()?;
    let mut denied: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for &number in DENIED.iter().chain(DENIED_HERE) {
        refuse(&mut denied, number, Vec::new());
    }
    if architecture == TargetArch::x86_64 {
        denied.extend(X32_OWN.iter().map(|number| (number | X32_BIT, Vec::new())));
    }
    refuse(&mut denied, libc::SYS_clone, namespace_rules()?);
    let mut absent = BTreeMap::new();
    refuse(&mut absent, libc::SYS_clone3, Vec::new());
    Ok([program(denied, libc::EPERM, architecture)?, program(absent, libc::ENOSYS, architecture)?])
}

/// Adds a call under all of its numbers. Without rules it always matches.
fn refuse(into: &mut BTreeMap<i64, Vec<SeccompRule>>, number: c_long, rules: Vec<SeccompRule>) {
    if cfg!(target_arch = "x86_64") {
        into.insert(number | X32_BIT, rules.clone());
    }
    into.insert(number, rules);
}

/// Matches a `clone` that asks for any new namespace. The flags are its first argument where we run.
fn namespace_rules() -> Result<Vec<SeccompRule>, BackendError> {
    let rule = |flag: &libc::c_int| {
        let flag = u64::from(flag.unsigned_abs());
        let condition = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flag), flag)?;
        SeccompRule::new(vec![condition])
    };
    NAMESPACES.iter().map(rule).collect()
}

fn program(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    errno: libc::c_int,
    architecture: TargetArch,
) -> Result<BpfProgram, BackendError> {
    let answer = SeccompAction::Errno(errno.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, answer, architecture)?.try_into()
}
