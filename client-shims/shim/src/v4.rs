//! From the bytes of DHCPv4 options to the typed fields of the report.
//!
//! Read from the bytes, the typed fields say the same whatever the client calls an option. What cannot be read is
//! reported, and stays in `options` as it is.

use std::net::Ipv4Addr;

use dhcpmgr_message::{LeaseMessage, Lifetime, Prefix, StaticRoute, V4Report, wire};

use crate::option::Reader;
use crate::problems::Problems;
use crate::reading::Report;

impl Report for V4Report {
    fn put(self, message: &mut LeaseMessage) {
        message.v4 = Some(self);
    }

    fn of(message: &mut LeaseMessage) -> Option<&mut Self> {
        message.v4.as_mut()
    }

    fn leave_out_largest(&mut self) -> Option<(u16, usize)> {
        let sizes = self.options.iter().map(|(code, wire)| (size(*code, &wire.0), *code));
        let (_, code) = sizes.max()?;
        let size = self.options[&code].0.len();
        *self = without(std::mem::take(self), code);
        Some((code.into(), size))
    }
}

/// What the option needs of the message, its typed field included.
fn size(code: u8, wire: &[u8]) -> usize {
    let mut alone = V4Report::default();
    fill(&mut alone, code, wire, &mut Problems::default());
    wire.len() + wire::encode(&alone).map_or(0, |bytes| bytes.len())
}

fn without(mut report: V4Report, left_out: u8) -> V4Report {
    let options = std::mem::take(&mut report.options);
    let mut kept = V4Report {
        address: report.address,
        prefix_len: report.prefix_len,
        siaddr: report.siaddr,
        giaddr: report.giaddr,
        sname: report.sname,
        file: report.file,
        ..V4Report::default()
    };
    for (code, wire) in options {
        if code != left_out {
            // What cannot be read has been reported when it was read first.
            fill(&mut kept, code, &wire.0, &mut Problems::default());
            kept.options.insert(code, wire);
        }
    }
    kept
}

/// Fills the typed field of one option, if it has one.
pub fn fill(report: &mut V4Report, code: u8, wire: &[u8], problems: &mut Problems) {
    let reader = &mut Reader { code: code.into(), problems };
    match code {
        1 => report.prefix_len = reader.mask(wire),
        2 => report.time_offset = reader.word(wire).map(|bits| bits as i32),
        3 => report.routers = reader.chunks(wire),
        6 => report.dns = reader.chunks(wire),
        12 => report.hostname = reader.text(wire),
        15 => report.domain = reader.text(wire),
        26 => report.mtu = reader.array(wire).map(|mtu| u16::from_be_bytes(mtu).into()),
        28 => report.broadcast = reader.address(wire),
        33 => report.static_routes = reader.host_routes(wire),
        42 => report.ntp = reader.chunks(wire),
        51 => report.lease_time = reader.word(wire).map(Lifetime),
        54 => report.server = reader.address(wire),
        56 => report.message = reader.text(wire),
        58 => report.t1 = reader.word(wire).map(Lifetime),
        59 => report.t2 = reader.word(wire).map(Lifetime),
        66 => report.tftp_server = reader.text(wire),
        67 => report.bootfile = reader.text(wire),
        100 => report.posix_timezone = reader.text(wire),
        101 => report.tzdb_timezone = reader.text(wire),
        119 => report.search = reader.domains(wire),
        120 => report.sip = reader.sip_servers(wire),
        121 => report.classless_routes = reader.routes(wire),
        249 => report.ms_classless_routes = reader.routes(wire),
        252 => report.wpad = reader.text(wire),
        _ => {}
    }
}

impl Reader<'_> {
    fn word(&mut self, wire: &[u8]) -> Option<u32> {
        self.array(wire).map(u32::from_be_bytes)
    }

    fn address(&mut self, wire: &[u8]) -> Option<Ipv4Addr> {
        self.array::<4>(wire).map(Ipv4Addr::from)
    }

    /// udhcpc counts 255.0.255.0 as 24; a mask with a hole has no prefix length.
    fn mask(&mut self, wire: &[u8]) -> Option<u8> {
        let mask = self.word(wire)?;
        if mask.leading_ones() + mask.trailing_zeros() < 32 {
            let (code, mask) = (self.code, Ipv4Addr::from(mask));
            self.problems.add(format_args!("option {code}: subnet mask {mask} is not contiguous"));
            return None;
        }
        Some(mask.leading_ones() as u8)
    }

    /// RFC 2132 section 5.8: host routes; the default route is not allowed here.
    fn host_routes(&mut self, wire: &[u8]) -> Vec<StaticRoute> {
        let (pairs, rest) = wire.as_chunks::<8>();
        if !rest.is_empty() {
            self.refuse(rest, "is left over after the last whole route");
        }
        let mut routes = Vec::with_capacity(pairs.len());
        for [a, b, c, d, via @ ..] in pairs {
            let to = Ipv4Addr::new(*a, *b, *c, *d);
            match Prefix::new(to.into(), 32) {
                Ok(to) if !to.address().is_unspecified() => {
                    routes.push(StaticRoute { to, via: Ipv4Addr::from(*via) });
                }
                _ => self.refuse(&[*a, *b, *c, *d], "must not be the destination of a static route"),
            }
        }
        self.bounded(routes)
    }

    /// RFC 3442; bits of the destination beyond its length are cleared, as the RFC demands.
    fn routes(&mut self, wire: &[u8]) -> Vec<StaticRoute> {
        let mut routes = Vec::new();
        let mut rest = wire;
        while let Some((len, after)) = rest.split_first() {
            let octets = usize::from(len.div_ceil(8));
            let (true, Some((to, after))) = (*len <= 32, after.split_at_checked(octets)) else {
                self.refuse(rest, "is not a route, and hides those after it");
                break;
            };
            let Some((via, after)) = after.split_first_chunk::<4>() else {
                self.refuse(rest, "is not a route, and hides those after it");
                break;
            };
            let mut net = [0; 4];
            net[..octets].copy_from_slice(to);
            match Prefix::containing(Ipv4Addr::from(net).into(), *len) {
                Ok(to) => routes.push(StaticRoute { to, via: Ipv4Addr::from(*via) }),
                Err(error) => self.problems.add(format_args!("option {}: {error}", self.code)),
            }
            rest = after;
        }
        self.bounded(routes)
    }

    fn sip_servers(&mut self, wire: &[u8]) -> Vec<String> {
        match wire.split_first() {
            Some((0, names)) => self.domains(names),
            Some((1, addresses)) => {
                self.chunks::<4, Ipv4Addr>(addresses).iter().map(Ipv4Addr::to_string).collect()
            }
            _ => {
                self.refuse(wire, "has an unknown encoding (RFC 3361)");
                Vec::new()
            }
        }
    }
}
