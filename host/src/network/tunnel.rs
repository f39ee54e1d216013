//! Tunnels of IPv4 over IPv6: the kernel's `ip6tnl` (RFC 2473), as links. What is ours is known by its group.

use std::net::{IpAddr, Ipv6Addr};

use dhcpmgr_message::IfName;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use nix::errno::Errno;

use super::NetworkError;
use super::engine::Engine;
use super::error::of_tunnel;
use super::state::TAG;
use super::wire::{Message, Request, attributes, byte, ip, kind, number};

const KIND: &[u8] = b"ip6tnl";
const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_STATS64: u16 = 23;
const IFLA_GROUP: u16 = 27;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_IPTUN_LINK: u16 = 1;
const IFLA_IPTUN_LOCAL: u16 = 2;
const IFLA_IPTUN_REMOTE: u16 = 3;
const IFLA_IPTUN_TTL: u16 = 4;
const IFLA_IPTUN_FLAGS: u16 = 8;
const IFLA_IPTUN_PROTO: u16 = 9;
/// `IPPROTO_IPIP`: IPv4 within, and nothing else.
const IPV4_WITHIN: u8 = 4;
/// No protocol that a tunnel of this kind could have within: refused wherever the kind is known.
const NOTHING_WITHIN: u8 = 255;
/// `IP6_TNL_F_IGN_ENCAP_LIMIT`: no option of RFC 2473 section 4.1 in front of each packet, which relays drop.
const NO_ENCAP_LIMIT: u32 = 1;
/// `IPDEFTTL`
const HOP_LIMIT: u8 = 64;
/// `struct ifinfomsg`
const FIXED: usize = 16;

/// A tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tunnel {
    /// The link that its packets leave by.
    pub over: IfName,
    /// The near end; chosen by the kernel when absent.
    pub local: Option<Ipv6Addr>,
    /// The far end.
    pub remote: Ipv6Addr,
}

/// What went through a link.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets that came.
    pub received_packets: u64,
    /// Packets that went.
    pub sent_packets: u64,
    /// Bytes that came.
    pub received_bytes: u64,
    /// Bytes that went.
    pub sent_bytes: u64,
}

/// A tunnel as the kernel has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ends {
    over: u32,
    local: Ipv6Addr,
    remote: Ipv6Addr,
}

/// A link, as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Link {
    index: u32,
    ours: bool,
    /// Of a tunnel that is as we make them.
    ends: Option<Ends>,
    counters: Counters,
}

impl Engine {
    pub(super) fn probe_tunnel(&mut self) -> Result<(), String> {
        let mut request = with_name(kind::NEW_LINK, NLM_F_CREATE | NLM_F_EXCL, "sw-probe");
        request.put_nested(IFLA_LINKINFO, |info| {
            info.put(IFLA_INFO_KIND, KIND);
            info.put_nested(IFLA_INFO_DATA, |data| data.put(IFLA_IPTUN_PROTO, &[NOTHING_WITHIN]));
        });
        match self.batch.run(&[request]).pop() {
            Some(Err(refusal)) if refusal.errno == Errno::EINVAL => Ok(()),
            Some(Err(refusal)) if refusal.errno == Errno::EOPNOTSUPP => {
                Err("this kernel has no ip6tnl (CONFIG_IPV6_TUNNEL, module ip6_tunnel)".to_owned())
            }
            Some(Err(refusal)) => Err(format!("ip6tnl is refused: {}", refusal.errno.desc().to_lowercase())),
            // No kernel does that.
            Some(Ok(())) | None => Err("the kernel takes any tunnel".to_owned()),
        }
    }

    pub(super) fn set_tunnel(&mut self, name: &IfName, tunnel: &Tunnel) -> Result<bool, NetworkError> {
        let over = self.mirror.index(&tunnel.over);
        let over = over.ok_or_else(|| NetworkError::NoSuchInterface { interface: tunnel.over.clone() })?;
        let local = tunnel.local.unwrap_or(Ipv6Addr::UNSPECIFIED);
        let wanted = Ends { over, local, remote: tunnel.remote };
        let (what, flags) = match self.link_now(name) {
            Some(link) if !link.ours => {
                let reason = "an interface of this name is there, and it is not ours".to_owned();
                return Err(NetworkError::Tunnel { what: "make", interface: name.clone(), reason });
            }
            Some(link) if link.ends == Some(wanted) => return Ok(false),
            Some(_) => ("change", 0),
            None => ("make", NLM_F_CREATE | NLM_F_EXCL),
        };
        match self.batch.run(&[make(name, flags, &wanted)]).pop() {
            Some(Err(refusal)) => Err(of_tunnel(what, name, &refusal)),
            _ => Ok(true),
        }
    }

    pub(super) fn remove_tunnel(&mut self, name: &IfName) -> Result<bool, NetworkError> {
        let Some(link) = self.link_now(name).filter(|link| link.ours) else { return Ok(false) };
        let mut fixed = [0; FIXED];
        fixed[4..8].copy_from_slice(&link.index.to_ne_bytes());
        match self.batch.run(&[Request::new(kind::DEL_LINK, 0, &fixed)]).pop() {
            Some(Err(refusal)) if refusal.errno != Errno::ENODEV => Err(of_tunnel("remove", name, &refusal)),
            _ => Ok(true),
        }
    }

    pub(super) fn counters(&mut self, name: &IfName) -> Option<Counters> {
        Some(self.link_now(name)?.counters)
    }

    pub(super) fn tunnel_remote(&mut self, name: &IfName) -> Option<Ipv6Addr> {
        Some(self.link_now(name)?.ends?.remote)
    }

    fn link_now(&mut self, name: &IfName) -> Option<Link> {
        self.batch.ask(&with_name(kind::GET_LINK, 0, name.as_str()), read).ok()
    }
}

fn with_name(kind: u16, flags: u16, name: &str) -> Request {
    let mut request = Request::new(kind, flags, &[0; FIXED]);
    let mut text = name.as_bytes().to_vec();
    text.push(0);
    request.put(IFLA_IFNAME, &text);
    request
}

fn make(name: &IfName, flags: u16, ends: &Ends) -> Request {
    let mut request = with_name(kind::NEW_LINK, flags, name.as_str());
    request.put_number(IFLA_GROUP, TAG.into());
    request.put_nested(IFLA_LINKINFO, |info| {
        info.put(IFLA_INFO_KIND, KIND);
        info.put_nested(IFLA_INFO_DATA, |data| {
            data.put_number(IFLA_IPTUN_LINK, ends.over);
            data.put_ip(IFLA_IPTUN_LOCAL, IpAddr::V6(ends.local));
            data.put_ip(IFLA_IPTUN_REMOTE, IpAddr::V6(ends.remote));
            data.put(IFLA_IPTUN_TTL, &[HOP_LIMIT]);
            data.put_number(IFLA_IPTUN_FLAGS, NO_ENCAP_LIMIT);
            data.put(IFLA_IPTUN_PROTO, &[IPV4_WITHIN]);
        });
    });
    request
}

fn read(message: &Message<'_>) -> Option<Link> {
    if message.kind != kind::NEW_LINK {
        return None;
    }
    let mut link = Link { index: number(message.body, 4)?, ..Link::default() };
    let (mut in_group, mut is_tunnel) = (false, false);
    for (attribute, value) in attributes(message.body.get(FIXED..)?) {
        match attribute {
            IFLA_GROUP => in_group = number(value, 0) == Some(TAG.into()),
            IFLA_STATS64 => link.counters = counters(value).unwrap_or_default(),
            IFLA_LINKINFO => {
                let kind =
                    value_of(value, IFLA_INFO_KIND).map(|kind| kind.strip_suffix(&[0]).unwrap_or(kind));
                is_tunnel = kind == Some(KIND);
                link.ends = value_of(value, IFLA_INFO_DATA).and_then(ends);
            }
            _ => {}
        }
    }
    // Somebody else may use a group of this number.
    link.ours = in_group && is_tunnel;
    Some(link)
}

fn value_of(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
}

/// Of a tunnel that is as we make them.
fn ends(data: &[u8]) -> Option<Ends> {
    let of = |wanted| value_of(data, wanted);
    let v6 = |wanted| match ip(of(wanted)?)? {
        IpAddr::V6(address) => Some(address),
        IpAddr::V4(_) => None,
    };
    let ends = Ends {
        over: number(of(IFLA_IPTUN_LINK)?, 0)?,
        local: v6(IFLA_IPTUN_LOCAL)?,
        remote: v6(IFLA_IPTUN_REMOTE)?,
    };
    let limit = number(of(IFLA_IPTUN_FLAGS)?, 0)? & NO_ENCAP_LIMIT;
    (byte(of(IFLA_IPTUN_PROTO)?, 0)? == IPV4_WITHIN && limit != 0).then_some(ends)
}

/// `struct rtnl_link_stats64`
fn counters(bytes: &[u8]) -> Option<Counters> {
    let at = |place: usize| Some(u64::from_ne_bytes(*bytes.get(place * 8..)?.first_chunk()?));
    Some(Counters {
        received_packets: at(0)?,
        sent_packets: at(1)?,
        received_bytes: at(2)?,
        sent_bytes: at(3)?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::wire::messages;
    use super::*;

    fn wanted() -> Ends {
        Ends {
            over: 7,
            local: "2001:db8:12:3400:0:c000:212:34".parse().unwrap(),
            remote: "2001:db8:ffff::1".parse().unwrap(),
        }
    }

    fn echoed(request: &Request) -> Link {
        let mut out = Vec::new();
        request.write(1, 0, &mut out);
        read(&messages(&out).next().unwrap()).unwrap()
    }

    #[test]
    fn a_tunnel_that_was_made_is_known_again_as_the_same() {
        let request = make(&"sw-wan0".parse().unwrap(), 0, &wanted());
        // The kernel's strings end with a zero, ours need not.
        let mut echo = with_name(kind::NEW_LINK, 0, "sw-wan0");
        echo.put_number(IFLA_GROUP, 68);
        echo.put_nested(IFLA_LINKINFO, |info| {
            info.put(IFLA_INFO_KIND, b"ip6tnl\0");
            info.put_nested(IFLA_INFO_DATA, |data| {
                data.put_number(IFLA_IPTUN_LINK, 7);
                data.put_ip(IFLA_IPTUN_LOCAL, wanted().local.into());
                data.put_ip(IFLA_IPTUN_REMOTE, wanted().remote.into());
                data.put_number(IFLA_IPTUN_FLAGS, 0x1_0001);
                data.put(IFLA_IPTUN_PROTO, &[4]);
            });
        });
        let link = echoed(&echo);
        assert_eq!((link.ours, link.ends), (true, Some(wanted())));
        assert!(echoed(&request).ours);
    }

    #[test]
    fn what_is_of_another_kind_or_group_is_not_ours_to_change() {
        let mut veth = with_name(kind::NEW_LINK, 0, "sw-wan0");
        veth.put_number(IFLA_GROUP, 68);
        veth.put_nested(IFLA_LINKINFO, |info| info.put(IFLA_INFO_KIND, b"veth\0"));
        veth.put(IFLA_STATS64, &[1, 2, 3, 4].map(u64::to_ne_bytes).concat());
        let link = echoed(&veth);
        assert_eq!((link.ours, link.ends), (false, None));
        assert_eq!((link.counters.received_packets, link.counters.sent_bytes), (1, 4));
    }
}
