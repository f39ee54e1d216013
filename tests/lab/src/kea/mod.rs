//! Kea at the ISP: for leases of seconds, so that renewal and expiry can be waited for, and for what dnsmasq will
//! not send. One program for each version of DHCP; what both have is here.

mod v4;
mod v6;

use std::fs;

use nix::sys::signal::Signal;
use serde_json::Value;

pub use v4::{Kea, KeaConfig};
pub use v6::{Kea6, Kea6Config};

use crate::kernel::{Sockets, await_sockets};
use crate::process::Process;
use crate::{Lab, Result};

/// A running Kea of either version; killed when dropped.
#[derive(Debug)]
struct Running<'lab> {
    lab: &'lab Lab,
    /// `kea-dhcp4` or `kea-dhcp6`; its files begin with that.
    program: &'static str,
    process: Process,
}

/// Where the leases are.
fn leases(lab: &Lab, program: &str) -> std::path::PathBuf {
    lab.dir().join(format!("{program}.leases"))
}

/// Writes the configuration without telling anybody.
fn write(lab: &Lab, program: &str, config: &Value) -> Result<String> {
    Ok(lab.write(&format!("{program}.json"), &config.to_string())?.display().to_string())
}

impl<'lab> Running<'lab> {
    /// Starts it and waits until so many sockets listen.
    fn start(lab: &'lab Lab, program: &'static str, config: &Value, sockets: Sockets) -> Result<Self> {
        let file = write(lab, program, config)?;
        let dir = lab.dir().display().to_string();
        let environment = [("KEA_PIDFILE_DIR", dir.as_str()), ("KEA_LOCKFILE_DIR", dir.as_str())];
        let mut process = lab.isp.spawn(program, &["-c", &file], &environment, &lab.log(program))?;
        await_sockets(&lab.isp, &mut process, sockets)?;
        Ok(Self { lab, program, process })
    }

    fn stop(mut self) -> &'lab Lab {
        self.process.kill();
        // A killed Kea leaves its process id behind and would not start again.
        self.remove(|name| name.ends_with(".pid"));
        self.lab
    }

    fn forget(self) -> &'lab Lab {
        let (lab, program) = (self.lab, self.program);
        self.stop();
        // Beside the leases lies what is left of cleaning them up.
        remove(lab, program, |name| name.contains(".leases"));
        lab
    }

    fn remove(&self, which: impl Fn(&str) -> bool) {
        remove(self.lab, self.program, which);
    }

    fn freeze(&self, frozen: bool) -> Result {
        self.process.signal(if frozen { Signal::SIGSTOP } else { Signal::SIGCONT })
    }
}

fn remove(lab: &Lab, program: &str, which: impl Fn(&str) -> bool) {
    for entry in fs::read_dir(lab.dir()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(program) && which(&name) {
            // Already gone is what is wanted.
            let _ = fs::remove_file(entry.path());
        }
    }
}
