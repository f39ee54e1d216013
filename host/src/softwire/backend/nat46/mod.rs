//! The module nat46: MAP-T by a module that is no part of Linux, where the vendor has it. It is told by a file what to do,
//! and never says whether it did: so the file is read afterwards.

mod rules;

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use dhcpmgr_message::IfName;
use dhcpmgr_plugin_api::Softwire;

use super::{Backend, BackendError, BackendName, Pending, Stats, Wan};
use crate::network::Network;
use rules::{Rule, Rules};

/// The most that is read of the control file.
const LONGEST: u64 = 1024 * 1024;

/// The module.
#[derive(Debug)]
pub(super) struct Nat46 {
    control: PathBuf,
    network: Network,
}

impl Nat46 {
    /// By its control file below this root.
    pub(super) fn new(root: &Path, network: Network) -> Self {
        Self { control: root.join("proc/net/nat46/control"), network }
    }

    fn look(&self) -> Result<(), String> {
        let control = self.control.display();
        match OpenOptions::new().append(true).open(&self.control) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(format!(
                "there is no {control}; the module nat46 is no part of Linux, and has to be loaded"
            )),
            Err(error) => {
                Err(format!("{control} cannot be written: {error}; it must belong to the daemon's user"))
            }
        }
    }

    /// The rules of the interface that the module has now.
    fn now(&self, interface: &IfName) -> io::Result<Option<Vec<Rule>>> {
        let mut text = String::new();
        fs::File::open(&self.control)?.take(LONGEST).read_to_string(&mut text)?;
        Ok(rules::read(&text, interface))
    }

    /// One command, in one `write`: the module reads each for itself.
    fn tell(&self, command: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).open(&self.control)?;
        match file.write(command.as_bytes())? {
            written if written == command.len() => Ok(()),
            written => Err(io::Error::other(format!("{written} of {} bytes were taken", command.len()))),
        }
    }

    fn carry(&self, interface: &IfName, softwire: &Softwire) -> Result<Vec<String>, BackendError> {
        let failed =
            |reason: String| BackendError::Failed { interface: interface.clone(), reason, passing: false };
        let told = |error: io::Error| failed(format!("{}: {error}", self.control.display()));
        let rules = Rules::of(softwire).map_err(failed)?;
        let now = self.now(interface).map_err(told)?;
        if now.as_ref() == Some(&rules.sorted()) {
            return Ok(rules.notes);
        }
        // Only the last rule can be changed; with others before it, the interface is made anew.
        if now.is_some_and(|now| now.len() > 1) {
            self.tell(&rules::del(interface)).map_err(told)?;
        }
        if self.now(interface).map_err(told)?.is_none() {
            self.tell(&rules::add(interface)).map_err(told)?;
        }
        self.tell(&rules::config(interface, &rules.rest)).map_err(told)?;
        for rule in &rules.forwarding {
            self.tell(&rules::insert(interface, rule)).map_err(told)?;
        }
        match self.now(interface).map_err(told)? {
            Some(now) if now == rules.sorted() => {}
            Some(_) => {
                return Err(failed(
                    "nat46 took other rules than it was told; the kernel's log may say why".into(),
                ));
            }
            None => return Err(failed("nat46 made no interface; the kernel's log may say why".into())),
        }
        if self.network.link(interface).is_none() {
            return Err(failed(
                "nat46 says that it has the interface, and the kernel has none of this name".into(),
            ));
        }
        Ok(rules.notes)
    }

    fn take_away(&self, interface: &IfName) -> Result<(), BackendError> {
        let failed = |error: io::Error| BackendError::Failed {
            interface: interface.clone(),
            reason: format!("{}: {error}", self.control.display()),
            passing: false,
        };
        match self.now(interface) {
            Ok(Some(_)) => self.tell(&rules::del(interface)).map_err(failed),
            Ok(None) => Ok(()),
            // The module is unloaded, and with it all that it made is gone.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }
}

impl Backend for Nat46 {
    fn name(&self) -> BackendName {
        BackendName::Nat46
    }

    fn probe(&self) -> Pending<'_, Result<(), String>> {
        Box::pin(async { self.look() })
    }

    fn accepts(&self, softwire: &Softwire) -> Result<(), String> {
        Rules::of(softwire).map(drop)
    }

    fn up<'a>(
        &'a self,
        interface: &'a IfName,
        _wan: &'a Wan,
        softwire: &'a Softwire,
    ) -> Pending<'a, Result<Vec<String>, BackendError>> {
        Box::pin(async { self.carry(interface, softwire) })
    }

    fn down<'a>(&'a self, interface: &'a IfName) -> Pending<'a, Result<(), BackendError>> {
        Box::pin(async { self.take_away(interface) })
    }

    /// The module counts what comes to its interface as received and what it makes of it as sent, in both directions.
    fn stats(&self, interface: &IfName) -> Option<Stats> {
        let counters = self.network.counters(interface)?;
        let (packets, bytes) = (counters.received_packets, counters.received_bytes);
        Some(Stats { packets, bytes, sent: None, received: None })
    }
}
