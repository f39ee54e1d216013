//! seccomp: which system calls the worker may make. Two filters, of which the second is the narrower; the kernel
//! obeys both.
//!
//! What is not listed fails with EPERM rather than killing the process: a module (or the libc below it) that tries
//! something harmless and can live without it keeps working, and the refusal shows in its own error. Nothing is
//! lost by that, since a refused call does nothing either way. The list is an allow-list, so calls that kernels learn
//! later are refused as well.

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};

/// What answering needs.
const SERVING: &[i64] = &[
    // The socket, and standard error for a panic's message. Descriptors cannot be made, so these are all there are.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_recvfrom,
    libc::SYS_sendto,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_close,
    // libc looks at what a descriptor is before it buffers it.
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_lseek,
    // Memory; mmap and mprotect are below, for what is not executable.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Time and waiting, where the vDSO does not answer.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_restart_syscall,
    libc::SYS_sched_yield,
    libc::SYS_futex,
    libc::SYS_membarrier,
    libc::SYS_rseq,
    // Random seeds of hash maps.
    libc::SYS_getrandom,
    // Rust's stack overflow handler, and abort(); tgkill is below.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_getpid,
    libc::SYS_gettid,
    // Who am I: harmless, and asked by libc and the panic message.
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_uname,
    libc::SYS_sched_getaffinity,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// What loading needs besides: the dynamic linker, and the second step of the sandbox.
const LOADING: &[i64] = &[
    libc::SYS_openat,
    libc::SYS_pread64,
    libc::SYS_readlinkat,
    libc::SYS_faccessat,
    libc::SYS_statx,
    libc::SYS_getcwd,
    libc::SYS_fcntl,
    libc::SYS_getdents64,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_prlimit64,
    libc::SYS_prctl,
    libc::SYS_seccomp,
    libc::SYS_landlock_create_ruleset,
    libc::SYS_landlock_add_rule,
    libc::SYS_landlock_restrict_self,
];

/// The same in the calls of before `*at`, which glibc still makes on x86-64.
#[cfg(target_arch = "x86_64")]
const LOADING_OLD: &[i64] =
    &[libc::SYS_open, libc::SYS_stat, libc::SYS_lstat, libc::SYS_readlink, libc::SYS_access];
#[cfg(not(target_arch = "x86_64"))]
const LOADING_OLD: &[i64] = &[];

/// For the dynamic linker and constructors.
pub(super) fn loading_only() -> Option<String> {
    let allowed = [SERVING, LOADING, LOADING_OLD].concat();
    let mut rules: Rules = allowed.into_iter().map(|call| (call, Vec::new())).collect();
    rules.push((libc::SYS_tgkill, vec![to_itself()?]));
    install(rules)
}

/// For calls of the handler.
pub(super) fn serving_only() -> Option<String> {
    let mut rules: Rules = SERVING.iter().map(|&call| (call, Vec::new())).collect();
    // Memory that is not executable: no new code after loading. The third argument of both is the protection.
    let unexecutable =
        SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(libc::PROT_EXEC as u64), 0);
    let rule = SeccompRule::new(vec![unexecutable.ok()?]).ok()?;
    rules.push((libc::SYS_mmap, vec![rule.clone()]));
    rules.push((libc::SYS_mprotect, vec![rule]));
    rules.push((libc::SYS_tgkill, vec![to_itself()?]));
    install(rules)
}

/// Signals within this process: how abort() ends it. Refused, libc would end it with a fault, and the reason is lost.
fn to_itself() -> Option<SeccompRule> {
    let process =
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, std::process::id().into());
    SeccompRule::new(vec![process.ok()?]).ok()
}

type Rules = Vec<(i64, Vec<SeccompRule>)>;

fn install(rules: Rules) -> Option<String> {
    let arch = std::env::consts::ARCH.try_into().ok()?;
    let refused = SeccompAction::Errno(libc::EPERM as u32);
    let filter = SeccompFilter::new(rules.into_iter().collect(), refused, SeccompAction::Allow, arch).ok()?;
    let program: BpfProgram = filter.try_into().ok()?;
    apply_filter(&program).ok().map(|()| "seccomp".to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::net::UdpSocket;

    use super::*;

    /// A filter binds the thread that asks for it: the other tests stay free.
    fn alone<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
        std::thread::spawn(test).join().unwrap()
    }

    fn eperm<T>(result: std::io::Result<T>) -> bool {
        result.is_err_and(|e| e.raw_os_error() == Some(libc::EPERM))
    }

    #[test]
    fn loading_reads_files_but_makes_no_socket_and_no_process() {
        alone(|| {
            assert_eq!(loading_only().as_deref(), Some("seccomp"));
            assert!(File::open("/etc/passwd").is_ok());
            assert!(eperm(UdpSocket::bind("127.0.0.1:0")));
            assert!(eperm(std::thread::Builder::new().spawn(|| ())));
        });
    }

    #[test]
    fn serving_opens_nothing_and_still_thinks() {
        alone(|| {
            assert_eq!(serving_only().as_deref(), Some("seccomp"));
            assert!(eperm(File::open("/etc/passwd")));
            assert!(eperm(UdpSocket::bind("127.0.0.1:0")));
            assert!(eperm(std::fs::read_link("/proc/self/exe")));
            // Memory, time, hashing and printing work.
            let large = vec![1u8; 32 << 20];
            let seeds: std::collections::HashMap<_, _> = large.iter().take(100).map(|b| (b, b)).collect();
            std::thread::sleep(std::time::Duration::from_millis(1));
            assert_eq!((seeds.len(), std::time::Instant::now().elapsed().as_secs()), (1, 0));
            assert!(std::panic::catch_unwind(|| panic!("as a handler would")).is_err());
        });
    }

    #[test]
    fn the_second_filter_narrows_the_first() {
        alone(|| {
            assert!(loading_only().is_some() && serving_only().is_some());
            assert!(eperm(File::open("/etc/passwd")));
        });
    }
}
