//! What `dhcpmgr map` answers as JSON. Fields are added, never renamed: vendors' test suites read them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dhcpmgr_message::Prefix;
use dhcpmgr_plugin_api::Ports;
use dhcpmgr_softwire::{Destination, Kind, Malformed, Priority, Remark, Remote, Rule, Softwire};
use serde::Serialize;

use crate::events::{CustomerView, RuleView, SoftwireView};

/// The MTU of the WAN that the MTU of IPv4 is told for.
pub(in crate::cli) const WAN_MTU: u32 = 1500;

/// The answer to `explain`.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Answer {
    Softwire(Box<Explained>),
    Priority(Preferred),
    Refused(Refused),
}

impl Answer {
    pub(super) fn is_ok(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}

/// A softwire, with what is odd about its option.
#[derive(Debug, Serialize)]
pub(super) struct Explained {
    ok: bool,
    #[serde(flatten)]
    softwire: SoftwireView,
    warnings: Vec<Warning>,
}

#[derive(Debug, Serialize)]
struct Warning {
    offset: usize,
    warning: String,
}

/// The order of option 111.
#[derive(Debug, Serialize)]
pub(super) struct Preferred {
    ok: bool,
    kind: &'static str,
    priority: Vec<&'static str>,
    warnings: Vec<Warning>,
}

/// Why there is nothing. Without an offset when it is not about the bytes.
#[derive(Debug, Serialize)]
pub(super) struct Refused {
    ok: bool,
    error: String,
    offset: Option<usize>,
}

impl Refused {
    pub(super) fn new(error: String, offset: Option<usize>) -> Self {
        Self { ok: false, error, offset }
    }

    /// For a person.
    pub(super) fn sentence(&self) -> String {
        match self.offset {
            Some(offset) => format!("wrong at byte {offset}: {}", self.error),
            None => self.error.clone(),
        }
    }
}

impl From<Malformed> for Refused {
    fn from(malformed: Malformed) -> Self {
        Self::new(malformed.flaw.to_string(), Some(malformed.offset))
    }
}

impl From<&Softwire> for Explained {
    fn from(softwire: &Softwire) -> Self {
        let (mut dmr, mut br, mut aftr) = (None, None, None);
        match &softwire.remote {
            Remote::Dmr(prefix) => dmr = prefix_of(prefix.address(), prefix.len()),
            Remote::Brs(addresses) => br = Some(addresses.clone()),
            Remote::Aftr(name) => aftr = Some(name.clone()),
        }
        let customer = softwire.customer.map(|edge| {
            CustomerView::new((edge.ipv4.address(), edge.ipv4.len()), edge.ports, edge.ea_bits, edge.ipv6)
        });
        let softwire_view = SoftwireView {
            kind: softwire.kind.name().to_owned(),
            rules: softwire.rules.iter().filter_map(rule).collect(),
            selected: softwire.selected,
            customer,
            dmr,
            br,
            aftr,
            mtu: Some(softwire.kind.ipv4_mtu(WAN_MTU)),
        };
        Self { ok: true, softwire: softwire_view, warnings: warnings(&softwire.remarks) }
    }
}

fn rule(rule: &Rule) -> Option<RuleView> {
    let (ipv6, ipv4, ports) = (rule.ipv6_prefix(), rule.ipv4_prefix(), rule.ports());
    let ports = Ports { offset: ports.offset(), psid_len: ports.psid_len(), psid: ports.psid() };
    let ipv6 = prefix_of(ipv6.address(), ipv6.len())?;
    Some(RuleView::new(ipv6, prefix_of(ipv4.address(), ipv4.len())?, rule.ea_len(), ports, rule.fmr()))
}

fn prefix_of(address: impl Into<IpAddr>, len: u8) -> Option<Prefix> {
    Prefix::new(address.into(), len).ok()
}

impl From<&Priority> for Preferred {
    fn from(priority: &Priority) -> Self {
        Self {
            ok: true,
            kind: "s46-priority",
            priority: priority.kinds.iter().copied().map(Kind::name).collect(),
            warnings: warnings(&priority.remarks),
        }
    }
}

fn warnings(remarks: &[Remark]) -> Vec<Warning> {
    let warning = |remark: &Remark| Warning { offset: remark.offset, warning: remark.oddity.to_string() };
    remarks.iter().map(warning).collect()
}

/// The answer to `lookup`.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    ok: bool,
    ipv4: Ipv4Addr,
    port: u16,
    owner: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    psid: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv6: Option<Ipv6Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direct: Option<bool>,
}

impl Found {
    pub(super) fn new(ipv4: Ipv4Addr, port: u16, softwire: &Softwire, destination: Destination) -> Self {
        let found =
            |owner| Self { ok: true, ipv4, port, owner, rule: None, psid: None, ipv6: None, direct: None };
        match destination {
            Destination::Ours => Self {
                rule: softwire.selected,
                psid: softwire.customer.map(|edge| edge.ports.psid()),
                ipv6: softwire.customer.map(|edge| edge.ipv6),
                ..found("ours")
            },
            Destination::Customer { rule, psid, ipv6, direct } => Self {
                rule: Some(rule),
                psid: Some(psid),
                ipv6: Some(ipv6),
                direct: Some(direct),
                ..found("customer")
            },
            Destination::Nobody { rule } => Self { rule: Some(rule), ..found("nobody") },
            Destination::Internet { ipv6 } => Self { ipv6, ..found("internet") },
        }
    }
}
