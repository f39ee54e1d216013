//! SIGHUP for radvd, and for nobody else.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// Lets radvd read its file again; a line of what came of it.
pub(super) fn reload(pidfile: &Path) -> Result<String, String> {
    let Some(pid) = pid_in(pidfile) else {
        return Ok(format!(
            "radvd does not run ({} names no process); it reads its file when it starts",
            pidfile.display()
        ));
    };
    // The pidfd first: what is read of the process afterwards is of the one that is signalled.
    let process = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(process) => process,
        Err(rustix::io::Errno::SRCH) => {
            return Ok(format!("radvd does not run (process {} is no more)", pid.as_raw_nonzero()));
        }
        Err(error) => return Err(cannot(pid, error.into())),
    };
    let name = fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_nonzero())).unwrap_or_default();
    if name.trim_end() != "radvd" {
        return Err(format!(
            "{} names process {}, which is \"{}\" and not radvd; it was not signalled",
            pidfile.display(),
            pid.as_raw_nonzero(),
            name.trim_end().escape_default()
        ));
    }
    match pidfd_send_signal(&process, Signal::HUP) {
        Ok(()) => Ok(format!("radvd (process {}) reads its file again", pid.as_raw_nonzero())),
        Err(error) => Err(cannot(pid, error.into())),
    }
}

fn cannot(pid: Pid, error: io::Error) -> String {
    format!(
        "cannot signal radvd (process {}): {error}; let something else reload it when its file changes",
        pid.as_raw_nonzero()
    )
}

/// The process that the file names; `None` when there is no such file, or no process id in it.
fn pid_in(pidfile: &Path) -> Option<Pid> {
    let mut text = String::new();
    File::open(pidfile).ok()?.take(32).read_to_string(&mut text).ok()?;
    let pid: i32 = text.trim().parse().ok()?;
    // 0 and below mean groups of processes, and 1 is never it.
    if pid > 1 { Pid::from_raw(pid) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_radvd_is_signalled() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("radvd.pid");
        let told = |text: &str| {
            fs::write(&file, text).unwrap();
            reload(&file)
        };
        let ours = format!("{}\n", std::process::id());
        assert!(told(&ours).unwrap_err().contains("not radvd"));
        for none in ["", "0", "-1", "1", "x", "99999999999999999999999999999999999"] {
            assert!(told(none).unwrap().contains("does not run"), "{none}");
        }
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert!(told(&child.id().to_string()).unwrap().contains("does not run"));
    }
}
