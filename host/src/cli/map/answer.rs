//! What `dhcpmgr map` answers as JSON. Fields are added, never renamed: vendors' test suites read them.

use std::net::{Ipv4Addr, Ipv6Addr};

use dhcpmgr_softwire::{Destination, Kind, Malformed, PortSet, Priority, Remark, Remote, Rule, Softwire};
use serde::Serialize;

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

/// A softwire. What its kind does not have is left out.
#[derive(Debug, Serialize)]
pub(super) struct Explained {
    ok: bool,
    kind: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rules: Vec<RuleView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    selected: Option<usize>,
    #[serde(flatten)]
    customer: Option<CustomerView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dmr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    br: Option<Vec<Ipv6Addr>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aftr: Option<String>,
    mtu: u32,
    warnings: Vec<Warning>,
}

#[derive(Debug, Serialize)]
struct RuleView {
    ipv6_prefix: String,
    ipv4_prefix: String,
    ea_len: u8,
    psid_offset: u8,
    psid_len: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    psid: Option<u16>,
    fmr: bool,
}

#[derive(Debug, Serialize)]
struct CustomerView {
    ipv4: Ipv4Addr,
    ipv4_prefix_len: u8,
    psid: u16,
    psid_len: u8,
    psid_offset: u8,
    ea_bits: u64,
    sharing_ratio: u32,
    port_ranges: Vec<(u16, u16)>,
    ce_ipv6: Ipv6Addr,
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
            Remote::Dmr(prefix) => dmr = Some(prefix.to_string()),
            Remote::Brs(addresses) => br = Some(addresses.clone()),
            Remote::Aftr(name) => aftr = Some(name.to_string()),
        }
        let customer = softwire.customer.map(|edge| CustomerView {
            ipv4: edge.ipv4.address(),
            ipv4_prefix_len: edge.ipv4.len(),
            psid: edge.ports.psid(),
            psid_len: edge.ports.psid_len(),
            psid_offset: edge.ports.offset(),
            ea_bits: edge.ea_bits,
            sharing_ratio: edge.ports.sharing_ratio(),
            port_ranges: edge.ports.ranges().collect(),
            ce_ipv6: edge.ipv6,
        });
        Self {
            ok: true,
            kind: softwire.kind.name(),
            rules: softwire.rules.iter().map(RuleView::from).collect(),
            selected: softwire.selected,
            customer,
            dmr,
            br,
            aftr,
            mtu: softwire.kind.ipv4_mtu(WAN_MTU),
            warnings: warnings(&softwire.remarks),
        }
    }
}

impl From<&Rule> for RuleView {
    fn from(rule: &Rule) -> Self {
        let ports: PortSet = rule.ports();
        Self {
            ipv6_prefix: rule.ipv6_prefix().to_string(),
            ipv4_prefix: rule.ipv4_prefix().to_string(),
            ea_len: rule.ea_len(),
            psid_offset: ports.offset(),
            psid_len: ports.psid_len(),
            psid: (rule.ea_len() == 0 && ports.psid_len() > 0).then(|| ports.psid()),
            fmr: rule.fmr(),
        }
    }
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
