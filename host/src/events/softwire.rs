//! A softwire as `lease` and `map explain` show it: the JSON of the contract. Fields may be added, never renamed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dhcpmgr_message::{DomainName, Prefix};
use dhcpmgr_plugin_api::{Ports, Softwire, SoftwireRule};
use dhcpmgr_softwire::PortSet;
use serde::{Deserialize, Serialize};

/// Ranges of ports that a lease lists; with more, offset and PSID say it all.
const MAX_RANGES: usize = 1023;

/// A softwire. What its kind does not have is left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SoftwireView {
    /// `map-t`, `map-e`, `lw4o6` or `ds-lite`.
    pub kind: String,
    /// The rules of a MAP domain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleView>,
    /// Which of them is the customer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected: Option<usize>,
    /// The customer's side.
    #[serde(flatten)]
    pub customer: Option<CustomerView>,
    /// MAP-T: the prefix of the Default Mapping Rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dmr: Option<Prefix>,
    /// MAP-E and lw4o6: the border relays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub br: Option<Vec<Ipv6Addr>>,
    /// DS-Lite: the name of the AFTR.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aftr: Option<DomainName>,
    /// The MTU of IPv4, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
}

/// A mapping rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleView {
    /// Rule IPv6 prefix.
    pub ipv6_prefix: Prefix,
    /// Rule IPv4 prefix.
    pub ipv4_prefix: Prefix,
    /// EA bits.
    pub ea_len: u8,
    /// Bits before the PSID.
    pub psid_offset: u8,
    /// Bits of the PSID.
    pub psid_len: u8,
    /// The PSID, where it is the rule's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psid: Option<u16>,
    /// It is for forwarding.
    pub fmr: bool,
}

/// What the customer has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CustomerView {
    /// The address, or the first one of a prefix.
    pub ipv4: Ipv4Addr,
    /// 32 for an address.
    pub ipv4_prefix_len: u8,
    /// The PSID.
    pub psid: u16,
    /// Bits of the PSID; 0 when the address is not shared.
    pub psid_len: u8,
    /// Bits before the PSID.
    pub psid_offset: u8,
    /// The EA bits as a number.
    pub ea_bits: u64,
    /// How many customers share the address.
    pub sharing_ratio: u32,
    /// First and last of each range of ports. A lease leaves out more than 1023 of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port_ranges: Option<Vec<(u16, u16)>>,
    /// Where packets come to and start from.
    pub ce_ipv6: Ipv6Addr,
}

impl RuleView {
    pub(crate) fn new(ipv6_prefix: Prefix, ipv4_prefix: Prefix, ea_len: u8, ports: Ports, fmr: bool) -> Self {
        let own = ea_len == 0 && ports.psid_len > 0;
        Self {
            ipv6_prefix,
            ipv4_prefix,
            ea_len,
            psid_offset: ports.offset,
            psid_len: ports.psid_len,
            psid: own.then_some(ports.psid),
            fmr,
        }
    }
}

impl CustomerView {
    /// With all ranges of ports, at most 32,767.
    pub(crate) fn new(ipv4: (Ipv4Addr, u8), ports: PortSet, ea_bits: u64, ce_ipv6: Ipv6Addr) -> Self {
        Self {
            ipv4: ipv4.0,
            ipv4_prefix_len: ipv4.1,
            psid: ports.psid(),
            psid_len: ports.psid_len(),
            psid_offset: ports.offset(),
            ea_bits,
            sharing_ratio: ports.sharing_ratio(),
            port_ranges: Some(ports.ranges().collect()),
            ce_ipv6,
        }
    }
}

impl SoftwireView {
    /// Of a softwire in a plan.
    #[must_use]
    pub fn of(softwire: &Softwire) -> Self {
        let Softwire { kind, dmr, br, aftr, mtu, rules, .. } = softwire;
        let rule =
            |rule: &SoftwireRule| RuleView::new(rule.ipv6, rule.ipv4, rule.ea_len, rule.ports, rule.fmr);
        Self {
            kind: kind.clone(),
            rules: rules.iter().map(rule).collect(),
            selected: (!rules.is_empty()).then_some(0),
            customer: customer(softwire),
            dmr: *dmr,
            br: (!br.is_empty()).then(|| br.clone()),
            aftr: aftr.clone(),
            mtu: *mtu,
        }
    }
}

fn customer(softwire: &Softwire) -> Option<CustomerView> {
    let prefix = softwire.ipv4?;
    let IpAddr::V4(address) = prefix.address() else { return None };
    let Ports { offset, psid_len, psid } = softwire.ports;
    let ports = PortSet::new(offset, psid_len, psid)?;
    let mut view = CustomerView::new((address, prefix.len()), ports, softwire.ea_bits, softwire.ce_ipv6?);
    view.port_ranges = view.port_ranges.filter(|ranges| ranges.len() <= MAX_RANGES);
    Some(view)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn softwire(ports: Ports) -> Softwire {
        Softwire {
            kind: "map-t".to_owned(),
            ipv4: Some("192.0.2.18/32".parse().unwrap()),
            ports,
            ea_bits: 0x1234,
            ce_ipv6: Some("2001:db8:12:3400:0:c000:212:34".parse().unwrap()),
            dmr: Some("2001:db8:ffff::/64".parse().unwrap()),
            mtu: Some(1472),
            ..Softwire::default()
        }
    }

    #[test]
    fn a_lease_shows_what_explain_shows() {
        let view = SoftwireView::of(&softwire(Ports { offset: 6, psid_len: 8, psid: 52 }));
        let mut json = serde_json::to_value(&view).unwrap();
        assert_eq!(serde_json::from_value::<SoftwireView>(json.clone()).unwrap(), view);
        let ranges = json.as_object_mut().unwrap().remove("port_ranges").unwrap();
        assert_eq!((ranges.as_array().unwrap().len(), &ranges[0]), (63, &serde_json::json!([1232, 1235])));
        let expected = serde_json::json!({
            "kind": "map-t", "ipv4": "192.0.2.18", "ipv4_prefix_len": 32, "psid": 52, "psid_len": 8,
            "psid_offset": 6, "ea_bits": 4660, "sharing_ratio": 256,
            "ce_ipv6": "2001:db8:12:3400:0:c000:212:34", "dmr": "2001:db8:ffff::/64", "mtu": 1472
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn a_server_cannot_make_it_long() {
        let most = SoftwireView::of(&softwire(Ports { offset: 10, psid_len: 6, psid: 1 })).customer.unwrap();
        assert_eq!(most.port_ranges.map(|ranges| ranges.len()), Some(1023));
        let more = SoftwireView::of(&softwire(Ports { offset: 11, psid_len: 5, psid: 1 })).customer.unwrap();
        assert_eq!((more.port_ranges, more.psid), (None, 1));
    }

    #[test]
    fn what_is_not_there_is_left_out() {
        let tunnel = Softwire {
            kind: "ds-lite".to_owned(),
            aftr: Some("aftr.example".parse().unwrap()),
            ..Softwire::default()
        };
        let view = SoftwireView::of(&tunnel);
        let json = serde_json::to_value(&view).unwrap();
        assert_eq!(json, serde_json::json!({"kind": "ds-lite", "aftr": "aftr.example"}));
        assert_eq!(serde_json::from_value::<SoftwireView>(json).unwrap(), view);
    }
}
