//! Option 56, time servers (RFC 5908).

use std::net::Ipv6Addr;

use dhcpmgr_plugin_api::message::DomainName;

use super::name;
use super::reader::{Reader, Wrong};

const SERVER_ADDRESS: u16 = 1;
const MULTICAST_ADDRESS: u16 = 2;
const SERVER_NAME: u16 = 3;

/// Where the time comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TimeSource {
    /// A server's address (section 4.1).
    Server(Ipv6Addr),
    /// A group that servers speak to (section 4.2).
    Group(Ipv6Addr),
    /// A server's name (section 4.3).
    Name(DomainName),
}

/// The sources in one value. It should be one (section 4), but dnsmasq puts all its servers into one option.
/// Sub-options that are not known are left out.
pub(crate) fn time_sources(value: &[u8]) -> Result<Vec<TimeSource>, Wrong> {
    let mut reader = Reader::new(value);
    let mut sources = Vec::new();
    while !reader.is_empty() {
        let code = reader.u16("the code of a sub-option")?;
        let len = reader.u16("the length of a sub-option")?;
        let what = format!("sub-option {code}");
        let mut part = reader.part(len.into(), &what)?;
        sources.push(match code {
            SERVER_ADDRESS => TimeSource::Server(part.address(&what)?),
            MULTICAST_ADDRESS => TimeSource::Group(part.address(&what)?),
            SERVER_NAME => TimeSource::Name(name::name(&mut part)?.domain()?),
            _ => continue,
        });
        part.end(&what)?;
    }
    if sources.is_empty() { Err(Wrong::new(0, "it names no time source")) } else { Ok(sources) }
}
