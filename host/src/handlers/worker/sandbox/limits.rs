//! The worker's resource limits. Soft and hard alike, so nothing in the worker can raise them again.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// The address space of a worker: the program, libc, the module and its heap. What wants more dies.
const MEMORY: u64 = 128 << 20;
/// Descriptors while the module is loaded: the dynamic linker opens libraries one after the other.
const LOADING_FILES: u64 = 32;

/// No `RLIMIT_CPU`: it counts the whole life of a process, and a worker lives as long as the daemon. What loops is
/// killed at its deadline.
pub(super) fn before_loading() -> Result<(), String> {
    for (resource, limit) in [
        // A core dump of a worker costs flash, and 60 ms.
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_AS, MEMORY),
        (Resource::RLIMIT_NPROC, 0),
        (Resource::RLIMIT_FSIZE, 0),
        (Resource::RLIMIT_MEMLOCK, 0),
        (Resource::RLIMIT_MSGQUEUE, 0),
        (Resource::RLIMIT_RTPRIO, 0),
        (Resource::RLIMIT_NOFILE, LOADING_FILES),
    ] {
        lower(resource, limit)?;
    }
    Ok(())
}

/// What is open stays open; nothing more is opened. Holds without Landlock and seccomp too.
pub(super) fn after_loading() -> Result<(), String> {
    lower(Resource::RLIMIT_NOFILE, 0)
}

/// Sets a limit, or leaves a hard limit that is lower already.
fn lower(resource: Resource, limit: u64) -> Result<(), String> {
    let explain = |e| format!("cannot limit itself ({resource:?} to {limit}): {e}");
    let (_, hard) = getrlimit(resource).map_err(explain)?;
    let limit = limit.min(hard);
    setrlimit(resource, limit, limit).map_err(explain)
}
