//! The real systemd-resolved at the gateway. Its package is unpacked and never installed: installing it would change the
//! name resolution of the machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Context;
use crate::{Error, Lab, Process, Result, SystemBus, eventually};

/// The Debian package, and the programs in it.
const PACKAGE: &str = "systemd-resolved";
const DAEMON: &str = "lib/systemd/systemd-resolved";
const CONTROL: &str = "usr/bin/resolvectl";
/// Where it is unpacked, below the target directory.
const UNPACKED: &str = "resolved";

/// Lets it own its name, whoever it runs as, and lets anybody call it; whom it obeys is its own decision.
pub const POLICY: &str = "<busconfig><policy context=\"default\"><allow own=\"org.freedesktop.resolve1\"/>\
    <allow send_destination=\"org.freedesktop.resolve1\"/></policy></busconfig>";

/// A running systemd-resolved; killed when dropped.
#[derive(Debug)]
pub struct Resolved<'lab> {
    lab: &'lab Lab,
    address: String,
    control: PathBuf,
    process: Process,
}

/// Whether it can be started: it was installed or unpacked.
#[must_use]
pub fn is_there() -> bool {
    place().is_some()
}

/// Unpacks it where this is a Debian system and it is not there.
pub fn ensure() -> Result {
    if is_there() {
        return Ok(());
    }
    let dir = unpacked()?;
    std::fs::create_dir_all(&dir)?;
    done(Command::new("apt-get").args(["download", "-q", PACKAGE]).current_dir(&dir))?;
    let files = std::fs::read_dir(&dir)?.flatten().map(|entry| entry.path());
    let file = files.into_iter().find(|path| path.extension().is_some_and(|end| end == "deb"));
    let file = file.ok_or_else(|| Error::new(format!("apt-get downloaded no {PACKAGE}")))?;
    done(Command::new("dpkg-deb").arg("-x").arg(&file).arg(&dir))?;
    is_there().then_some(()).ok_or_else(|| Error::new(format!("{PACKAGE} has no {DAEMON}")))
}

fn done(command: &mut Command) -> Result {
    let status = command.status().context(|| format!("{command:?}"))?;
    if status.success() { Ok(()) } else { Err(Error::new(format!("{command:?}: {status}"))) }
}

fn unpacked() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let mut above = program.ancestors();
    let profile = above.find(|directory| directory.ends_with("debug") || directory.ends_with("release"));
    let target = profile.and_then(Path::parent);
    Ok(target.ok_or_else(|| Error::new("this program is not in a target directory"))?.join(UNPACKED))
}

/// The directory that its programs lie below.
fn place() -> Option<PathBuf> {
    [PathBuf::from("/"), unpacked().ok()?].into_iter().find(|place| place.join(DAEMON).is_file())
}

impl<'lab> Resolved<'lab> {
    /// Starts it at the gateway, on this bus. As nobody: as root it wants a user of its own.
    pub fn start(lab: &'lab Lab, bus: &SystemBus<'_>) -> Result<Self> {
        let place = place().ok_or_else(|| Error::new(format!("{PACKAGE} is not there")))?;
        let (daemon, control) = (place.join(DAEMON).display().to_string(), place.join(CONTROL));
        lab.gateway.command("mkdir", &["-p", "/run/systemd/resolve"])?;
        lab.gateway.command("chown", &["65534:65534", "/run/systemd/resolve"])?;
        let capabilities = "+net_bind_service,+net_raw,+setpcap";
        let capabilities = [format!("--inh-caps={capabilities}"), format!("--ambient-caps={capabilities}")];
        let user = ["--reuid=65534", "--regid=65534", "--clear-groups"];
        let arguments = [&user[..], &capabilities.each_ref().map(String::as_str), &["--", &daemon]].concat();
        let address = bus.address();
        let environment = [("DBUS_SYSTEM_BUS_ADDRESS", address.as_str())];
        let log = lab.log("systemd-resolved");
        let process = lab.gateway.spawn("setpriv", &arguments, &environment, &log)?;
        let mut resolved = Self { lab, address, control, process };
        eventually("systemd-resolved is on the bus", || {
            resolved.process.must_run()?;
            Ok(resolved.says("dns").is_ok().then_some(()))
        })?;
        Ok(resolved)
    }

    /// What `resolvectl dns` or `resolvectl domain` says of each link, a line each.
    pub fn says(&self, what: &str) -> Result<String> {
        let bus = format!("DBUS_SYSTEM_BUS_ADDRESS={}", self.address);
        let output = self.lab.gateway.command("env", &[&bus, &self.control.display().to_string(), what])?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The configuration that it writes for programs that ask no stub.
    pub fn resolv_conf(&self) -> Result<String> {
        let file = self.lab.gateway.view(Path::new("/run/systemd/resolve/resolv.conf"));
        Ok(std::fs::read_to_string(file)?)
    }
}
