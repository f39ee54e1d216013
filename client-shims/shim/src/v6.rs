//! From the bytes of DHCPv6 options to the typed fields of the report; see [`v4`](crate::v4).

use std::net::Ipv6Addr;

use dhcpmgr_message::{Bytes, LeaseMessage, V6Report};

use crate::option::Reader;
use crate::problems::Problems;
use crate::reading::Report;

impl Report for V6Report {
    fn put(self, message: &mut LeaseMessage) {
        message.v6 = Some(self);
    }

    fn of(message: &mut LeaseMessage) -> Option<&mut Self> {
        message.v6.as_mut()
    }

    fn leave_out_largest(&mut self) -> Option<(u16, usize)> {
        let size = |values: &[Bytes]| values.iter().map(|wire| wire.0.len()).sum::<usize>();
        // A typed field is about as long as its option.
        let sizes = self.options.iter().map(|(code, values)| (size(values) * weight(*code), *code));
        let (_, code) = sizes.max()?;
        let values = self.options.remove(&code).unwrap_or_default();
        match code {
            SERVER_ID => self.server_duid = None,
            DNS_SERVERS => self.dns = Vec::new(),
            DOMAIN_LIST => self.search = Vec::new(),
            _ => {}
        }
        Some((code, size(&values)))
    }
}

/// RFC 8415 section 21.3.
const SERVER_ID: u16 = 2;
/// RFC 3646 section 3.
const DNS_SERVERS: u16 = 23;
/// RFC 3646 section 4.
const DOMAIN_LIST: u16 = 24;

fn weight(code: u16) -> usize {
    // An address of 16 bytes has up to 40 as text.
    if code == DNS_SERVERS { 3 } else { 1 + usize::from(matches!(code, SERVER_ID | DOMAIN_LIST)) }
}

/// Fills the typed field of one option, if it has one: of an option that is there more than once, the values together.
pub fn fill(report: &mut V6Report, code: u16, values: &[Bytes], problems: &mut Problems) {
    let reader = &mut Reader { code, problems };
    match code {
        SERVER_ID => report.server_duid = values.first().cloned(),
        DNS_SERVERS => {
            let addresses = values.iter().flat_map(|wire| reader.chunks::<16, Ipv6Addr>(&wire.0)).collect();
            report.dns = reader.bounded(addresses);
        }
        DOMAIN_LIST => {
            let domains = values.iter().flat_map(|wire| reader.domains(&wire.0)).collect();
            report.search = reader.bounded(domains);
        }
        _ => {}
    }
}
