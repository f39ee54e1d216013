//! Entering a world where namespaces may be made and nothing is left behind: a process namespace whose end is the
//! end of everything in it, and for users other than root a user namespace in which they are root.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use dhcpmgr_lab::{Error, Result, program};

/// What is tried, best first. Containers often forbid a new `/proc`, and with it the process namespace.
const WAYS: [&[&str]; 2] =
    [&["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"], &["--mount", "--fork", "--kill-child"]];

/// A command that runs `program` inside; it dies with the calling process. The error says what the kernel refuses.
pub(crate) fn command(inside: impl AsRef<OsStr>) -> Result<Command> {
    let mut refused = String::new();
    for way in WAYS {
        let mut probe = unshare(way)?;
        let output = probe.arg("true").stdin(Stdio::null()).output()?;
        if output.status.success() {
            let mut command = unshare(way)?;
            command.arg(inside);
            return Ok(command);
        }
        refused = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    }
    let advice = if nix::unistd::geteuid().is_root() {
        "this root lacks CAP_SYS_ADMIN, as in most containers; run it on the machine itself"
    } else {
        "this kernel lets only root make namespaces (look at the sysctls kernel.unprivileged_userns_clone, \
         kernel.apparmor_restrict_unprivileged_userns and user.max_user_namespaces); run it as root"
    };
    Err(Error::new(format!("{refused}: {advice}")))
}

fn unshare(way: &[&str]) -> Result<Command> {
    let mut command = Command::new(program("setpriv")?);
    command.args(["--pdeathsig", "KILL", "--"]).arg(program("unshare")?);
    if !nix::unistd::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(way).arg("--");
    Ok(command)
}
