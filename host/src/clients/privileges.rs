//! What a client process may do: start it with the capabilities that it needs, and with nothing that could gain more.
//!
//! Capabilities belong to threads. So clients are started by a thread that does nothing else and has first given up
//! everything that they must not have; what it starts inherits what is left. The usual way, between fork and exec,
//! would be `unsafe`. And nobody has to wait while a program is loaded.

use std::io;
use std::process::{Child, Command};
use std::sync::{OnceLock, mpsc};
use std::thread;

use caps::{CapSet, Capability, CapsHashSet};
use nix::sys::prctl;
use tokio::sync::oneshot;

/// udhcpc: raw packets while it has no address, and port 68 once it has one.
pub(super) static UDHCPC: Starter =
    Starter::new(&[Capability::CAP_NET_RAW, Capability::CAP_NET_BIND_SERVICE]);

/// The thread does little.
const STACK: usize = 64 * 1024;

/// Starts programs with these capabilities at most, whoever the daemon is. Its thread comes with the first of them.
#[derive(Debug)]
pub(super) struct Starter {
    rights: &'static [Capability],
    thread: OnceLock<mpsc::Sender<Order>>,
}

#[derive(Debug)]
struct Order {
    command: Command,
    started: oneshot::Sender<io::Result<Child>>,
}

impl Starter {
    const fn new(rights: &'static [Capability]) -> Self {
        Self { rights, thread: OnceLock::new() }
    }

    /// Returns when the program runs or cannot be run.
    pub(super) async fn spawn(&self, command: Command) -> io::Result<Child> {
        let gone = || io::Error::other("the thread that starts clients has ended");
        let (started, child) = oneshot::channel();
        self.thread()?.send(Order { command, started }).map_err(|_| gone())?;
        child.await.unwrap_or_else(|_| Err(gone()))
    }

    fn thread(&self) -> io::Result<&mpsc::Sender<Order>> {
        if let Some(thread) = self.thread.get() {
            return Ok(thread);
        }
        let (orders, waiting) = mpsc::channel::<Order>();
        let rights = self.rights;
        thread::Builder::new().name("client start".to_owned()).stack_size(STACK).spawn(move || {
            confine(rights);
            for mut order in waiting {
                // Whoever gave the order may be gone; then its client is found by its environment later.
                let _ = order.started.send(order.command.spawn());
            }
        })?;
        Ok(self.thread.get_or_init(|| orders))
    }
}

/// Leaves the calling thread's children these capabilities: those of them that it has.
fn confine(rights: &[Capability]) {
    // Every kernel since 3.5 can.
    let _ = prctl::set_no_new_privs();
    // root gets what the bounding set leaves, everybody else what the ambient set gives.
    cut_bounding(rights);
    let Ok(has) = caps::read(None, CapSet::Permitted) else { return };
    let rights: CapsHashSet = rights.iter().copied().filter(|right| has.contains(right)).collect();
    let given = caps::set(None, CapSet::Inheritable, &rights)
        .and_then(|()| caps::clear(None, CapSet::Ambient))
        .and_then(|()| rights.iter().try_for_each(|right| caps::raise(None, CapSet::Ambient, *right)));
    // Kernels before 4.3 have no ambient set: there only root can run clients, and needs none.
    if let Err(error) = given {
        tracing::debug!("capabilities cannot be handed on: {error}");
    }
}

/// Takes everything else out of the calling thread's bounding set, which takes CAP_SETPCAP. Without it the set stays as
/// it is: for a user other than root it means nothing once `no_new_privs` is set.
pub(crate) fn cut_bounding(keep: &[Capability]) {
    let within =
        |capability: &Capability| caps::has_cap(None, CapSet::Bounding, *capability).unwrap_or(false);
    for capability in caps::all().into_iter().filter(|c| !keep.contains(c)).filter(within) {
        if let Err(error) = caps::drop(None, CapSet::Bounding, capability) {
            tracing::debug!("{capability} stays in the bounding set: {error}");
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    #[tokio::test]
    async fn a_client_has_its_rights_and_no_others() {
        let mut command = Command::new("cat");
        command.arg("/proc/self/status").stdout(Stdio::piped());
        let child = UDHCPC.spawn(command).await.unwrap();
        let output = child.wait_with_output().unwrap();
        let status = String::from_utf8(output.stdout).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            u64::from_str_radix(line.unwrap().trim(), 16).unwrap()
        };
        let rights: u64 = UDHCPC.rights.iter().map(|right| right.bitmask()).sum();
        for set in ["CapPrm", "CapEff", "CapInh", "CapAmb"] {
            assert_eq!(field(set) & !rights, 0, "{set} in {status}");
        }
        assert_eq!(field("NoNewPrivs"), 1);
        if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP).unwrap() {
            assert_eq!(field("CapBnd") & !rights, 0, "{status}");
        }
        // This thread has what it had.
        assert!(!prctl::get_no_new_privs().unwrap());
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_an_error_as_ever() {
        let error = UDHCPC.spawn(Command::new("/no/such")).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
