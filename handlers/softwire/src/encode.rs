//! The value of an option that says this: for servers in tests, and to prove that what is read is what is written.

use std::net::Ipv6Addr;

use crate::decode::{Binding, Content, MapRemote};
use crate::kind::{BR, DMR, PORTPARAMS, RULE, V4V6BIND};
use crate::ports::PortSet;
use crate::prefix::Ipv6Prefix;
use crate::rule::Rule;

impl Content {
    /// The option's value, without code and length. What does not fit into a length of two bytes is cut off there,
    /// which no option that was read needs.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Map { rules, remote } => {
                rules.iter().for_each(|each| rule(&mut out, each));
                match remote {
                    MapRemote::Dmr(prefix) => option(&mut out, DMR, |out| ipv6_prefix(out, *prefix)),
                    MapRemote::Brs(addresses) => brs(&mut out, addresses),
                }
            }
            Self::Lw4o6 { binding, brs: addresses } => {
                if let Some(Binding { ipv4, prefix, port_params }) = binding {
                    option(&mut out, V4V6BIND, |out| {
                        out.extend(ipv4.octets());
                        ipv6_prefix(out, *prefix);
                        params(out, *port_params);
                    });
                }
                brs(&mut out, addresses);
            }
            Self::DsLite(name) => {
                for label in name.as_str().split('.') {
                    // A label of a checked name has at most 63 bytes.
                    out.push(label.len() as u8);
                    out.extend(label.bytes());
                }
                out.push(0);
            }
        }
        out
    }
}

fn option(out: &mut Vec<u8>, code: u16, value: impl FnOnce(&mut Vec<u8>)) {
    out.extend(code.to_be_bytes());
    let at = out.len();
    out.extend([0, 0]);
    value(out);
    let len = u16::try_from(out.len() - at - 2).unwrap_or(u16::MAX);
    out[at..at + 2].copy_from_slice(&len.to_be_bytes());
}

fn rule(out: &mut Vec<u8>, rule: &Rule) {
    option(out, RULE, |out| {
        out.extend([u8::from(rule.fmr()), rule.ea_len(), rule.ipv4_prefix().len()]);
        out.extend(rule.ipv4_prefix().address().octets());
        ipv6_prefix(out, rule.ipv6_prefix());
        params(out, rule.port_params());
    });
}

fn ipv6_prefix(out: &mut Vec<u8>, prefix: Ipv6Prefix) {
    out.push(prefix.len());
    let octets = prefix.address().octets();
    out.extend(octets.iter().take(usize::from(prefix.len().div_ceil(8))));
}

fn params(out: &mut Vec<u8>, params: Option<PortSet>) {
    if let Some(params) = params {
        option(out, PORTPARAMS, |out| {
            let aligned = u32::from(params.psid()) << (16 - params.psid_len());
            out.extend([params.offset(), params.psid_len()]);
            out.extend((aligned as u16).to_be_bytes());
        });
    }
}

fn brs(out: &mut Vec<u8>, addresses: &[Ipv6Addr]) {
    for address in addresses {
        option(out, BR, |out| out.extend(address.octets()));
    }
}
