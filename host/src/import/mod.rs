//! `dhcpmgr import`: identities and last leases out of the files of other DHCP clients, so that a gateway that changes
//! its firmware stays who it is.
//!
//! The parsers are pure: the bytes of one file in, what they say out. Their files were written by other programs and
//! may hold anything. Nothing is derived that a file does not say. What becomes of it is decided in `plan`, and who
//! writes it is the caller's business: the daemon where one runs.

mod dibbler;
mod networkd;
mod odhcp6c;
mod plan;
mod text;
mod udhcpc;

use std::fmt;
use std::net::Ipv4Addr;
use std::path::Path;

use dhcpmgr_message::{Bytes, IfName};
use serde::{Deserialize, Serialize};

pub use plan::{Known, Line, Order, Outcome, Verdict, carry_out};

use crate::config::{Client, Config};
use crate::identity::Ia;

/// The longest file that is looked at.
pub const LONGEST_FILE: usize = 1024 * 1024;

/// Whose file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Program {
    /// busybox udhcpc: variables of its script, or its command line.
    Udhcpc,
    /// dibbler-client: `client-duid` and `client-AddrMgr.xml`.
    Dibbler,
    /// odhcp6c: variables of its script, or its command line.
    Odhcp6c,
    /// systemd-networkd: lease files, and configuration files with a DUID.
    Networkd,
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udhcpc => "udhcpc",
            Self::Dibbler => "dibbler",
            Self::Odhcp6c => "odhcp6c",
            Self::Networkd => "systemd-networkd",
        })
    }
}

/// What one file says of one interface, or of the device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Found {
    /// The file, for people.
    pub file: String,
    /// The interface.
    pub interface: Option<IfName>,
    /// The value of option 61.
    pub client_id: Option<Bytes>,
    /// The DUID of the device.
    pub duid: Option<Bytes>,
    /// Identity associations.
    pub ias: Vec<Ia>,
    /// The last DHCPv4 address.
    pub address: Option<Ipv4Addr>,
    /// The server that gave it.
    pub server: Option<Ipv4Addr>,
    /// What is in the file and cannot be imported, and why.
    pub notes: Vec<String>,
}

impl Found {
    fn is_empty(&self) -> bool {
        let Self { client_id, duid, ias, address, notes, .. } = self;
        client_id.is_none() && duid.is_none() && ias.is_empty() && address.is_none() && notes.is_empty()
    }

    /// Whether every value can be one.
    fn check(&self) -> Result<(), ParseError> {
        self.client_id.as_ref().map(|id| client_id(id.0.clone())).transpose()?;
        self.duid.as_ref().map(|id| duid(id.0.clone())).transpose()?;
        if self.address.is_some_and(|address| !can_be_leased(address)) {
            return Err(ParseError::Value("its last address cannot be leased".to_owned()));
        }
        Ok(())
    }
}

/// The clients that something can be for.
#[must_use]
pub fn known(config: &Config) -> Vec<Known> {
    let known = |client: &Client| Known {
        name: client.name.clone(),
        interface: client.interface.clone(),
        protocol: client.protocol,
    };
    config.clients.values().map(known).collect()
}

/// Why a file says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Nobody's file.
    #[error("it is not known whose file this is; name the program with --from")]
    Unknown,
    /// Longer than any such file.
    #[error("it has more than {LONGEST_FILE} bytes")]
    TooLong,
    /// The file of that program, but without an identity or a lease.
    #[error("there is no identity and no lease in it that {0} would have written")]
    Nothing(Program),
    /// A value that cannot be right.
    #[error("{0}")]
    Value(String),
}

/// Reads one file. `interface` is what the caller knows of it from elsewhere.
pub fn parse(
    file: &Path,
    from: Option<Program>,
    interface: Option<IfName>,
    bytes: &[u8],
) -> Result<Vec<Found>, ParseError> {
    if bytes.len() > LONGEST_FILE {
        return Err(ParseError::TooLong);
    }
    let program = from.or_else(|| detect(file, bytes)).ok_or(ParseError::Unknown)?;
    let mut found = match program {
        Program::Udhcpc => vec![udhcpc::parse(bytes)?],
        Program::Dibbler => dibbler::parse(bytes)?,
        Program::Odhcp6c => vec![odhcp6c::parse(bytes)?],
        Program::Networkd => vec![networkd::parse(bytes)?],
    };
    found.retain(|found| !found.is_empty());
    if found.is_empty() {
        return Err(ParseError::Nothing(program));
    }
    for one in &mut found {
        one.file = file.display().to_string();
        if one.interface.is_none() {
            one.interface.clone_from(&interface);
        }
    }
    Ok(found)
}

/// Whose file it is, by its name and by what is in it.
fn detect(file: &Path, bytes: &[u8]) -> Option<Program> {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let holds = |what: &str| bytes.windows(what.len()).any(|window| window == what.as_bytes());
    if name == "client-duid" || holds("<AddrMgr>") {
        Some(Program::Dibbler)
    } else if file.extension().is_some_and(|e| e == "network")
        || name == "networkd.conf"
        || holds("SERVER_ADDRESS=")
        || holds("CLIENTID=")
    {
        Some(Program::Networkd)
    } else if holds("odhcp6c") || holds("RA_ADDRESSES=") || holds("RA_HOPLIMIT=") {
        Some(Program::Odhcp6c)
    } else if holds("udhcpc") || holds("serverid=") || holds("ip=") && holds("interface=") {
        Some(Program::Udhcpc)
    } else {
        None
    }
}

/// Values that may stand in option 61 (RFC 2132 section 9.14).
fn client_id(bytes: Vec<u8>) -> Result<Bytes, ParseError> {
    match bytes.len() {
        2..=255 => Ok(Bytes(bytes)),
        found => Err(ParseError::Value(format!("a client-id has 2 to 255 bytes, and this one has {found}"))),
    }
}

/// A DUID: two bytes of type and up to 128 of value (RFC 8415 section 11.1).
fn duid(bytes: Vec<u8>) -> Result<Bytes, ParseError> {
    match bytes.len() {
        3..=130 => Ok(Bytes(bytes)),
        found => Err(ParseError::Value(format!("a DUID has 3 to 130 bytes, and this one has {found}"))),
    }
}

/// An address that a client can have been given.
fn leased(text: &str) -> Option<Ipv4Addr> {
    text.trim().parse().ok().filter(|address| can_be_leased(*address))
}

fn can_be_leased(address: Ipv4Addr) -> bool {
    !(address.is_unspecified() || address.is_loopback() || address.is_broadcast() || address.is_multicast())
}

#[cfg(test)]
mod tests;
