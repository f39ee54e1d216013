//! Locks the worker in, in two steps: before any of the module's code runs ([`Sandbox::enter`]) everything goes that
//! loading it does not need, and afterwards ([`Sandbox::close`]) the rest.
//!
//! Each layer is taken as far as the kernel has it, read back where it can be, and listed only when it is in force.
//! A gateway's kernel may lack Landlock or seccomp; the others still hold there:
//!
//! | layer | before loading | afterwards |
//! |---|---|---|
//! | `rlimits` | no core dump, bounded memory, no new process, no file writes | no new file descriptor |
//! | `no_new_privs` | nothing executed could gain anything | |
//! | `uid 65534` | not root, when the daemon is | |
//! | `caps` | none in any set | |
//! | `landlock vN` | reads the module and libraries | no file, no TCP, no signal out |
//! | `seccomp` | what the dynamic linker needs | memory, time, and its own two descriptors |

mod filesystem;
mod identity;
mod limits;
#[cfg_attr(
    not(all(
        target_endian = "little",
        any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
    )),
    path = "syscalls_absent.rs"
)]
mod syscalls;

use std::fs::File;

use nix::sys::prctl;
use nix::sys::signal::Signal;

/// The layers in force.
#[derive(Debug, Default)]
pub(super) struct Sandbox {
    layers: Vec<String>,
}

impl Sandbox {
    /// The first step. `module` is the file that is to be read yet, when it lies in a file system. Fails only when something
    /// that every kernel has is refused.
    pub(super) fn enter(module: Option<&File>) -> Result<Self, String> {
        let mut sandbox = Self::default();
        limits::before_loading()?;
        sandbox.layers.push("rlimits".to_owned());
        prctl::set_no_new_privs().map_err(|e| format!("cannot set no_new_privs: {e}"))?;
        sandbox.layers.push("no_new_privs".to_owned());
        sandbox.layers.extend(identity::become_nobody());
        sandbox.layers.extend(identity::drop_capabilities());
        // Last of these: a change of identity clears both.
        prctl::set_dumpable(false).map_err(|e| format!("cannot become undumpable: {e}"))?;
        prctl::set_pdeathsig(Signal::SIGKILL).map_err(|e| format!("cannot be tied to the daemon: {e}"))?;
        // Shown when the second step holds too: until then files are still read.
        let files = filesystem::libraries_only(module);
        let calls = syscalls::loading_only();
        tracing::debug!(?files, ?calls, "worker sandbox, first step");
        Ok(sandbox)
    }

    /// The second step: from here on there is nothing but the socket.
    pub(super) fn close(&mut self) -> Result<(), String> {
        self.layers.extend(filesystem::nothing());
        limits::after_loading()?;
        self.layers.extend(syscalls::serving_only());
        Ok(())
    }

    /// The names of the layers that are in force.
    pub(super) fn layers(self) -> Vec<String> {
        self.layers
    }
}
