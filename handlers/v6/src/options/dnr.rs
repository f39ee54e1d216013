//! Option 144, a resolver that is asked in secret (RFC 9463 section 4).

use std::net::Ipv6Addr;

use dhcpmgr_plugin_api::message::DomainName;

use super::name;
use super::reader::{Reader, Wrong};
use super::svc_params::{SvcParams, svc_params};
use crate::unicast::not_a_host;

/// An encrypted resolver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resolver {
    /// Lower is asked first.
    pub(crate) priority: u16,
    /// The name that its certificate must carry.
    pub(crate) name: DomainName,
    /// Where it is; empty when only the name is told (section 3.1.6).
    pub(crate) addresses: Vec<Ipv6Addr>,
    /// How it is spoken to.
    pub(crate) parameters: SvcParams,
}

/// One value of option 144.
pub(crate) fn resolver(value: &[u8]) -> Result<Resolver, Wrong> {
    let mut reader = Reader::new(value);
    let priority = reader.u16("the priority")?;
    if priority == 0 {
        return Err(Wrong::new(
            0,
            "priority 0 only names another resolver, which is not supported (RFC 9463)",
        ));
    }
    let len = reader.u16("the length of the name")?;
    let mut part = reader.part(len.into(), "the name")?;
    let name = name::name(&mut part)?.domain()?;
    part.end("the name")?;
    let mut resolver = Resolver { priority, name, addresses: Vec::new(), parameters: SvcParams::default() };
    if reader.is_empty() {
        return Ok(resolver);
    }
    let len = reader.u16("the length of the addresses")?;
    let at = reader.at();
    resolver.addresses = reader.part(len.into(), "the list of addresses")?.addresses("an address")?;
    for (place, address) in resolver.addresses.iter().enumerate() {
        if let Some(why) = not_a_host(*address) {
            return Err(Wrong::new(at + 16 * place, format!("{address} is {why}")));
        }
    }
    resolver.parameters = svc_params(&mut reader)?;
    Ok(resolver)
}

/// As a line of SVCB would say it: `dot.example addresses=2001:db8::53 alpn=dot port=853`.
impl std::fmt::Display for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.name)?;
        let addresses: Vec<_> = self.addresses.iter().map(ToString::to_string).collect();
        if !addresses.is_empty() {
            write!(f, " addresses={}", addresses.join(","))?;
        }
        write!(f, "{}", self.parameters)
    }
}
