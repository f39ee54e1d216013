//! The last part of the story: a provider without IPv4 of its own, and back.

use dhcpmgr_lab::{Daemon, Error, Lab, Nat46, Result, eventually};

use super::story::{chapter, indented, say, shown};

const CONFIG: &str = r#"[clients.wan4]
protocol  = "v4"
interface = "wan0"

[clients.wan6]
protocol  = "v6"
interface = "wan0"

[handlers.v4]
module = "libdhcpmgr_v4.so"
[handlers.v6]
module = "libdhcpmgr_v6.so"
[handlers.mapt]
module = "libdhcpmgr_mapt.so"
"#;

/// The domain and the customer: 12 EA bits behind 36, 4 of them of the address.
const RULE: &str = "0, 12, 28, 192.0.2.16, 2001:db8:f000::/36";
const DMR: &str = "2001:db8:ffff::/64";
const GROUP: u16 = 0xf5a7;
/// So that a renewal comes while somebody watches.
const TIMES: (u32, u32, u32, u32) = (2, 60, 3600, 7200);

pub(super) fn tell() -> Result {
    let (t1, t2, preferred, valid) = TIMES;
    let lab = Lab::new()?;
    chapter("IPv4 over IPv6: MAP-T takes the WAN from DHCPv4, and gives it back");
    say(&format!(
        "dnsmasq still leases 10.77.0.100. Kea delegates {} and offers MAP-T with it. What stands in for the module nat46 \
         writes down what it is told.",
        lab.wan().prefix(GROUP)
    ));
    indented(CONFIG);
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let server = lab.kea6().times(t1, t2, preferred, valid).prefix(GROUP).map_t(RULE, DMR).start()?;
    let mut daemon = Daemon::install(&lab)?;
    daemon.configure(CONFIG)?;
    let nat46 = Nat46::stand_in(&lab, &daemon, "wan0")?;
    daemon.start()?;
    let cli = daemon.cli();
    cli.wait_for_event("wan6", "softwire-up", 1)?;
    eventually("DHCPv4 stands aside", || Ok(lab.addresses("wan0")?.is_empty().then_some(())))?;
    let option = cli.client("wan6")?["lease"]["options"]["95"].as_str().map(str::to_owned);
    let option = option.ok_or_else(|| Error::new("the lease has no option 95"))?;
    let prefix = lab.wan().prefix(GROUP);
    let explain = ["map", "explain", "--option", "95", "--hex", &option, "--prefix", &prefix];
    shown(&format!("dhcpmgr {}", explain.join(" ")), &cli.text(&explain)?);
    shown("dhcpmgr status", &cli.text(&["status"])?);
    shown("cat /proc/net/nat46/control", &nat46.told()?.unwrap_or_default());
    shown("ip -4 route", &lab.gateway.ip(&["-4", "route"])?);

    say("The ISP offers it no more: with the next renewal the softwire goes, and DHCPv4 is there again.");
    server.reload(&server.config().times(t1, t2, preferred, valid).prefix(GROUP))?;
    cli.wait_for_event("wan6", "softwire-down", 1)?;
    cli.wait_for("wan4", "Bound")?;
    eventually("DHCPv4 has its route", || {
        Ok(lab.routes("wan0")?.iter().any(|route| route.to == "default").then_some(()))
    })?;
    shown("ip -4 route", &lab.gateway.ip(&["-4", "route"])?);
    let why = cli.text(&["why", "wan4"])?;
    let ipv4 = why.split("\n\n").find(|section| section.starts_with("IPv4 on")).unwrap_or_default();
    shown("dhcpmgr why wan4", ipv4);
    Ok(())
}
