//! The story: lease, renewal, change, release; each with what the wire, the kernel and the daemon say of it.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use dhcpmgr_lab::{Daemon, Error, Lab, Result, eventually};

use super::prefix;
use super::softwire;
use super::timeline::{Timeline, count};

const CONFIG: &str = r#"[clients.wan4]
protocol  = "v4"
interface = "wan0"
program   = "udhcpc"
metric    = 100

[handlers.v4]
module    = "libdhcpmgr_v4.so"
isolation = "in-process"
"#;

pub(crate) fn tell() -> Result {
    let started = Instant::now();
    let lab = Lab::new()?;
    chapter("An ISP and a gateway");
    say(
        "dnsmasq leases 10.77.0.100 and up at 10.77.0.1; the gateway's wan0 is plugged in and has no address.",
    );
    indented(CONFIG);
    let server =
        lab.dnsmasq(lab.wan()).range(100, 100).option("6,192.0.2.53").option("15,isp.example").start()?;

    chapter("A lease");
    say(
        "dhcpmgrd starts udhcpc; udhcpc runs dhcpmgr-udhcpc; its message goes through libdhcpmgr_v4.so into the kernel.",
    );
    let timeline = Timeline::start(&lab)?;
    let daemon = lab.daemon(CONFIG)?;
    let cli = daemon.cli();
    cli.wait_for("wan4", "Bound")?;
    eventually("the default route is there", || Ok(has_default(&lab)?.then_some(())))?;
    timeline.print(&cli)?;
    scene(&lab, &daemon)?;

    chapter("A renewal: nothing moves");
    // For the lifetimes to have something to say.
    std::thread::sleep(Duration::from_secs(2));
    let timeline = Timeline::start(&lab)?;
    cli.text(&["renew", "wan4"])?;
    cli.wait_for_event("wan4", "lease-renewed", 1)?;
    let moved = timeline.print(&cli)?;
    say(&format!("The kernel announced {}.", count(&moved)));
    expect(!moved.iter().any(dhcpmgr_lab::Change::removes), "an unchanged renewal removed something")?;

    chapter("The ISP changes the router and the name server: only the difference moves");
    let change = server.stop()?.range(100, 100).option("6,192.0.2.99").option("15,isp.example");
    let _server = change.option("3,10.77.0.2").start()?;
    let timeline = Timeline::start(&lab)?;
    cli.text(&["renew", "wan4"])?;
    cli.wait_for_event("wan4", "lease-changed", 1)?;
    let moved = timeline.print(&cli)?;
    say(&format!("The kernel announced {}; the address stayed.", count(&moved)));
    expect(!moved.iter().any(|change| change.kind == dhcpmgr_lab::Kind::DelAddr), "the address was removed")?;
    scene(&lab, &daemon)?;

    chapter("A release: the lease is given back");
    let timeline = Timeline::start(&lab)?;
    cli.text(&["release", "wan4"])?;
    cli.wait_for_event("wan4", "lease-lost", 1)?;
    eventually("the address is gone", || Ok(lab.addresses("wan0")?.is_empty().then_some(())))?;
    timeline.print(&cli)?;
    scene(&lab, &daemon)?;
    drop(daemon);

    prefix::tell()?;
    softwire::tell()?;

    say(&format!(
        "That took {:.1} s. Nothing of it remains: not a namespace, not a process, not a file.",
        started.elapsed().as_secs_f32()
    ));
    Ok(())
}

/// What the daemon says and what the kernel holds.
fn scene(lab: &Lab, daemon: &Daemon<'_>) -> Result {
    shown("dhcpmgr status", &daemon.cli().text(&["status"])?);
    shown("ip -4 addr show wan0", &lab.gateway.ip(&["-4", "addr", "show", "wan0"])?);
    shown("ip -4 route", &lab.gateway.ip(&["-4", "route"])?);
    shown("cat /run/dhcpmgr/resolv.conf", &daemon.resolv_conf());
    Ok(())
}

fn has_default(lab: &Lab) -> Result<bool> {
    Ok(lab.routes("wan0")?.iter().any(|route| route.to == "default"))
}

pub(super) fn expect(held: bool, otherwise: &str) -> Result {
    if held { Ok(()) } else { Err(Error::new(otherwise)) }
}

fn bold(text: &str) -> String {
    if std::io::stdout().is_terminal() { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
}

pub(super) fn chapter(title: &str) {
    println!("\n{}\n", bold(&format!("== {title}")));
}

pub(super) fn say(text: &str) {
    println!("{text}\n");
}

pub(super) fn shown(command: &str, output: &str) {
    println!("{}", bold(&format!("  $ {command}")));
    indented(if output.trim().is_empty() { "(nothing)" } else { output });
}

pub(super) fn indented(text: &str) {
    text.trim_end().lines().for_each(|line| println!("  {line}"));
    println!();
}
