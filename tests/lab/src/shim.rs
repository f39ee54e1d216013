//! The real shim, run with the environment of the running client and with the variables that udhcpc would add.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::unistd::Pid;

use crate::error::Context;
use crate::{Error, Result};

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The daemon acknowledged it.
    Acknowledged,
    /// Nobody did: it lies in the spool.
    Spooled,
}

/// A client's hook.
#[derive(Debug, Clone)]
pub struct Shim {
    file: PathBuf,
    environment: Vec<(String, String)>,
}

impl Shim {
    /// That of the running client: its context is read from the client's environment.
    pub fn of(client: Pid, file: PathBuf) -> Result<Self> {
        let bytes = std::fs::read(format!("/proc/{client}/environ"))
            .context(|| format!("the environment of {client}"))?;
        let environment: Vec<(String, String)> = bytes
            .split(|byte| *byte == 0)
            .filter_map(|variable| {
                let (name, value) = std::str::from_utf8(variable).ok()?.split_once('=')?;
                Some((name.to_owned(), value.to_owned()))
            })
            .collect();
        if !environment.iter().any(|(name, _)| name == dhcpmgr_message::context::TOKEN) {
            return Err(Error::new(format!("process {client} has no context")));
        }
        Ok(Self { file, environment })
    }

    /// Reports an event. A message that is refused or lost is an error, with what the shim said.
    pub fn report(&self, event: &str, variables: &[(&str, String)]) -> Result<Delivery> {
        let mut command = Command::new(&self.file);
        command.arg(event).env_clear().stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env("interface", "wan0").envs(variables.iter().map(|(name, value)| (name, value)));
        let output = command.output().context(|| self.file.display().to_string())?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            return Err(Error::new(format!("the shim ended with {}: {said}", output.status)));
        }
        match said.trim() {
            "" => Ok(Delivery::Acknowledged),
            left if left.contains("is left as") => Ok(Delivery::Spooled),
            other => Err(Error::new(format!("the shim said: {other}"))),
        }
    }
}
