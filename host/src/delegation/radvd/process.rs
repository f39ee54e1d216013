//! SIGHUP for radvd, and for nobody else.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// What came of it, in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reload {
    /// It was told.
    Done(String),
    /// There is nobody to tell; or it is just starting, and has read its file already, but not yet written its process
    /// id.
    NotRunning(String),
    /// It is just starting. SIGHUP would end it, because it writes its process id before it listens to signals.
    Deaf(String),
}

/// Lets radvd read its file again.
pub(super) fn reload(pidfile: &Path) -> Result<Reload, String> {
    let Some(pid) = pid_in(pidfile) else {
        return Ok(Reload::NotRunning(format!(
            "radvd does not run ({} names no process); it reads its file when it starts",
            pidfile.display()
        )));
    };
    // The pidfd first: what is read of the process afterwards is of the one that is signalled.
    let process = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(process) => process,
        Err(rustix::io::Errno::SRCH) => {
            let line = format!("radvd does not run (process {} is no more)", pid.as_raw_nonzero());
            return Ok(Reload::NotRunning(line));
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
    if !catches_hangup(pid) {
        return Ok(Reload::Deaf(format!(
            "radvd (process {}) does not listen to SIGHUP, and does not know that its file is another one",
            pid.as_raw_nonzero()
        )));
    }
    match pidfd_send_signal(&process, Signal::HUP) {
        Ok(()) => Ok(Reload::Done(format!("radvd (process {}) reads its file again", pid.as_raw_nonzero()))),
        Err(error) => Err(cannot(pid, error.into())),
    }
}

/// Whether the process has a handler for SIGHUP (`SigCgt` in proc(5), bit 0). Where that cannot be read, it has.
fn catches_hangup(pid: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    caught.is_none_or(|mask| mask & 1 == 1)
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
            assert!(
                matches!(told(none), Ok(Reload::NotRunning(line)) if line.contains("does not run")),
                "{none}"
            );
        }
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let gone = told(&child.id().to_string());
        assert!(matches!(gone, Ok(Reload::NotRunning(line)) if line.contains("does not run")));
        assert!(
            !catches_hangup(Pid::from_raw(std::process::id() as i32).unwrap()),
            "a test harness does not"
        );
    }
}
