//! `Device.DHCPv4.Client.{i}.`
//!
//! Values of a lease are there as long as the lease is in force, also while the client renews it, looks for its server or
//! is started again: that is what the kernel has.

use std::net::{IpAddr, Ipv4Addr};

use dhcpmgr_message::{Bytes, InterfaceAddress};

use super::super::path::Place;
use super::super::schema::Parameter;
use super::super::value::Value;
use super::{ClientFacts, Facts};
use crate::events::{Lease, LeaseV4};

/// Router (RFC 2132 section 3.5).
const ROUTER: u8 = 3;
/// Boot file (RFC 2132 section 9.5).
const BOOT_FILE: u8 = 67;

impl Facts {
    pub(super) fn v4_value(
        &self,
        client: &ClientFacts,
        place: &Place,
        parameter: &'static Parameter,
    ) -> Option<Value> {
        if let Some(value) = self.common_value(client, place, parameter) {
            return Some(value);
        }
        let Some(Lease::V4(lease)) = client.lease() else { return None };
        Some(match parameter.name {
            "IPAddress" => lease.address.address().to_string().into(),
            "SubnetMask" => mask(lease.address).into(),
            "IPRouters" => Value::list(routers(lease)),
            "DNSServers" => Value::list(lease.dns.iter().filter(|server| server.is_ipv4())),
            "LeaseTimeRemaining" => Value::Int(
                lease.expires_in.map_or(-1, |left| i64::from(i32::try_from(left).unwrap_or(i32::MAX))),
            ),
            "DHCPServer" => lease.server?.to_string().into(),
            "X_DHCPMGR_T1" => lease.t1?.into(),
            "X_DHCPMGR_T2" => lease.t2?.into(),
            "X_CISCO_COM_BootFileName" => text(lease.options.get(&BOOT_FILE)?)?.into(),
            _ => return None,
        })
    }
}

pub(super) fn mask(address: InterfaceAddress) -> String {
    let bits = u32::from(address.prefix_len());
    let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
    Ipv4Addr::from(mask).to_string()
}

/// Options 3, 33 and 121 together: first those in use, then those that were received besides.
fn routers(lease: &LeaseV4) -> Vec<IpAddr> {
    let received = lease.options.get(&ROUTER).and_then(|hex| Bytes::from_hex(hex).ok()).unwrap_or_default();
    let received =
        received.0.chunks_exact(4).map(|a| IpAddr::from([a[0], a[1], a[2], a[3]])).collect::<Vec<_>>();
    let vias = lease.routes.iter().filter_map(|route| route.via);
    let mut routers: Vec<IpAddr> = Vec::new();
    for router in lease.routers.iter().copied().chain(vias).chain(received) {
        if !routers.contains(&router) && !router.is_unspecified() {
            routers.push(router);
        }
    }
    routers
}

/// Text of a server, as far as it is text.
fn text(hex: &str) -> Option<String> {
    let bytes = Bytes::from_hex(hex).ok()?;
    let text = String::from_utf8(bytes.0).ok()?;
    let text = text.trim_end_matches('\0');
    (!text.contains(char::is_control)).then(|| text.to_owned())
}
