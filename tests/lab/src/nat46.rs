//! What stands in for the module nat46, which no distribution has: its control file below the daemon's root, which records
//! what is written into it, and the interface that it would make. The interface is there from the beginning; the file
//! says whether it is in use.

use std::path::PathBuf;

use crate::{Daemon, Error, Lab, Result};

/// See the module.
#[derive(Debug)]
pub struct Nat46 {
    control: PathBuf,
    interface: String,
}

impl Nat46 {
    /// For a softwire over this WAN; before the daemon is started.
    pub fn stand_in(lab: &Lab, daemon: &Daemon<'_>, wan: &str) -> Result<Self> {
        let control = daemon.root().join("proc/net/nat46/control");
        let directory = control.parent().ok_or_else(|| Error::new("the control file has no directory"))?;
        std::fs::create_dir_all(directory)?;
        std::fs::write(&control, "")?;
        let nat46 = Self { control, interface: format!("sw-{wan}") };
        nat46.make_interface(lab)?;
        Ok(nat46)
    }

    /// Makes its interface; one that was there and was taken away.
    pub fn make_interface(&self, lab: &Lab) -> Result {
        lab.gateway.ip(&["link", "add", &self.interface, "type", "bridge"]).map(drop)
    }

    /// What it was told of the interface that it has now; nothing when it has none.
    pub fn told(&self) -> Result<Option<String>> {
        let text = std::fs::read_to_string(&self.control)?;
        let last = |command: &str| text.rfind(&format!("{command} {}\n", self.interface));
        let added = last("add").filter(|added| last("del").is_none_or(|removed| removed < *added));
        Ok(added.map(|at| text[at..].to_owned()))
    }

    /// How often it was told so: `add`, `config`, `del`.
    pub fn count(&self, command: &str) -> Result<usize> {
        let text = std::fs::read_to_string(&self.control)?;
        Ok(text.lines().filter(|line| line.starts_with(&format!("{command} "))).count())
    }
}
