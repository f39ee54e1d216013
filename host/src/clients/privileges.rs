//! What a client process may do: start it with the capabilities that it needs, and with nothing that could gain more.
//!
//! Capabilities belong to threads. So clients are started by a thread that does nothing else and has first given up
//! everything that they must not have; what it starts inherits what is left. The usual way, between fork and exec,
//! would be `unsafe`. And nobody has to wait while a program is loaded.

use std::io;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use caps::{CapSet, Capability, CapsHashSet};
use nix::sys::prctl;
use tokio::sync::oneshot;

use super::Program;
use super::protection::protect;
use crate::paths::Paths;

/// The thread does little.
const STACK: usize = 64 * 1024;

/// What a client may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Confinement {
    /// Its capabilities: those of them that the daemon has.
    pub rights: &'static [Capability],
    /// The directories that it may write below, and then its /etc is an empty one; `None` for what its user may.
    pub writes: Option<Vec<PathBuf>>,
}

/// The threads that start clients, one for each kind of them; each comes with its first client.
static STARTERS: Mutex<Vec<(Confinement, mpsc::Sender<Order>)>> = Mutex::new(Vec::new());

#[derive(Debug)]
struct Order {
    command: Command,
    started: oneshot::Sender<io::Result<Child>>,
}

/// Starts a program that may do so much at most, whoever the daemon is. Returns when it runs or cannot be run.
pub(crate) async fn spawn(confinement: &Confinement, command: Command) -> io::Result<Child> {
    let gone = || io::Error::other("the thread that starts clients has ended");
    let (started, child) = oneshot::channel();
    starter(confinement)?.send(Order { command, started }).map_err(|_| gone())?;
    child.await.unwrap_or_else(|_| Err(gone()))
}

/// Has the threads ready that protect the machine from their clients, for as long as the daemon may still do that.
/// For those of programs that are configured later it may do less.
pub fn prepare(paths: &Paths, programs: impl IntoIterator<Item = Program>) -> io::Result<()> {
    let confinements = programs.into_iter().map(|program| program.confinement(paths));
    confinements.filter(|confinement| confinement.writes.is_some()).try_for_each(|c| starter(&c).map(drop))
}

fn starter(confinement: &Confinement) -> io::Result<mpsc::Sender<Order>> {
    let mut starters = STARTERS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, orders)) = starters.iter().find(|(of, _)| of == confinement) {
        return Ok(orders.clone());
    }
    let (orders, waiting) = mpsc::channel::<Order>();
    let Confinement { rights, writes } = confinement.clone();
    thread::Builder::new().name("client start".to_owned()).stack_size(STACK).spawn(move || {
        if let Some(writes) = writes {
            protect(&writes);
        }
        confine(rights);
        for mut order in waiting {
            // Whoever gave the order may be gone; then its client is found by its environment later.
            let _ = order.started.send(order.command.spawn());
        }
    })?;
    starters.push((confinement.clone(), orders.clone()));
    Ok(orders)
}

/// Leaves the calling thread's children these capabilities: those of them that it has.
pub(crate) fn confine(rights: &[Capability]) {
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

    const SOME: Confinement =
        Confinement { rights: &[Capability::CAP_NET_RAW, Capability::CAP_NET_BIND_SERVICE], writes: None };

    #[tokio::test]
    async fn a_client_has_its_rights_and_no_others() {
        let mut command = Command::new("cat");
        command.arg("/proc/self/status").stdout(Stdio::piped());
        let child = spawn(&SOME, command).await.unwrap();
        let output = child.wait_with_output().unwrap();
        let status = String::from_utf8(output.stdout).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            u64::from_str_radix(line.unwrap().trim(), 16).unwrap()
        };
        let rights: u64 = SOME.rights.iter().map(|right| right.bitmask()).sum();
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
        let error = spawn(&SOME, Command::new("/no/such")).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
