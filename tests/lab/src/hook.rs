//! A stand-in for dibbler-client: a process that only waits, and the real shim run for it as dibbler would.
//!
//! dibbler takes a second for its first lease and half a processor for 64 links; what is measured or shown about us
//! alone must not wait for that.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::unistd::Pid;

use crate::error::Context as _;
use crate::process::PATH;
use crate::{Error, Lab, Namespace, Result, program};

/// Waits in the directory that it is told as its last argument.
const SCRIPT: &str = "#!/bin/sh\nfor directory; do :; done\ncd \"$directory\" && exec sleep 100000\n";

impl Lab {
    /// From now on `dibbler-client` at the gateway only waits.
    pub fn stand_in_for_dibbler(&self) -> Result {
        let script = self.write("dibbler-client", SCRIPT)?;
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))?;
        let (script, real) = (script.display().to_string(), program("dibbler-client")?.display().to_string());
        self.gateway.command("mount", &["--bind", &script, &real]).map(drop)
    }
}

/// The hook of a DHCPv6 client.
#[derive(Debug, Clone)]
pub struct Hook {
    file: PathBuf,
    directory: PathBuf,
}

impl Hook {
    /// This program, run in this directory.
    #[must_use]
    pub fn new(file: PathBuf, directory: PathBuf) -> Self {
        Self { file, directory }
    }

    /// The one of a running client, in the directory that it works in.
    pub fn of(client: Pid, file: PathBuf) -> Result<Self> {
        let directory = std::fs::read_link(format!("/proc/{client}/cwd"))
            .context(|| format!("the directory of {client}"))?;
        Ok(Self { file, directory })
    }

    /// Runs it as dibbler does: with the action as its argument and exactly these variables. Says when it began; a
    /// shim that complains is an error.
    pub fn call(&self, gateway: &Namespace, action: &str, variables: &[(String, String)]) -> Result<Instant> {
        let mut command = Command::new(&self.file);
        command.arg(action).env_clear().env("PATH", PATH).current_dir(&self.directory);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let name = self.file.display().to_string();
        gateway.run(move || {
            let start = Instant::now();
            let output = command.output().context(|| name.clone())?;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            if output.status.success() && said.is_empty() {
                return Ok(start);
            }
            Err(Error::new(format!("{name}: {}: {said}", output.status)))
        })
    }
}
