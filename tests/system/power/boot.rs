//! One boot of the machine: the daemon starts on what the disk remembers, and its lease changes until the power goes.
//! What the test outside has to know is said on the console, always before it is true.

use std::fs;
use std::path::Path;
use std::time::Duration;

use dhcpmgr_lab::vm::in_vm;
use dhcpmgr_lab::{
    Daemon, Disk, Error, Forged, Lab, LeaseSocket, MessageType, Packet, Result, lab_or_skip, say,
};
use dhcpmgr_message::ClientEvent;
use serde_json::Value;

use crate::chaos::random::Random;
use crate::given::{one_client, report};

pub(super) const NUMBER: &str = "DHCPMGR_BOOT";
pub(super) const SEED: &str = "DHCPMGR_BOOT_SEED";

/// A file of the state directory.
pub(super) const FILE: &str = "file ";
/// A file that nobody synchronises: `whole`, or what else became of it.
pub(super) const CONTROL: &str = "control ";
pub(super) const STARTING: &str = "starting";
/// The client-id and the address, or `-`, of the first DHCPDISCOVER.
pub(super) const ASKED: &str = "asked ";
/// An address that the daemon learns now.
pub(super) const LEASED: &str = "leased ";
/// The address that the record names.
pub(super) const SEEN: &str = "seen ";
/// What the daemon complained of.
pub(super) const COMPLAINT: &str = "complaint ";
/// Everything is on the disk.
pub(super) const SETTLED: &str = "settled";

/// How often the lease changes: with the first, as often as the daemon writes in an hour.
pub(super) const CHANGES: u64 = 7;
/// What nobody synchronises: longer than what fits beside the name of a file.
const UNSYNCHRONISED: [u8; 16 * 1024] = [b'x'; 16 * 1024];

#[test]
#[ignore = "the power goes while it runs: the test of the module above runs it in a machine of its own"]
fn one_boot() -> Result {
    lab_or_skip!();
    if !in_vm() {
        return Err(Error::new("this is not the machine for it"));
    }
    let (number, mut random) = (variable(NUMBER)?, Random::new(variable(SEED)?));
    // The harness has left its line open.
    say("");
    let lab = Lab::new()?;
    // Another port each time: an identity that is not stored is another one.
    let [high, low] = (number as u16).to_be_bytes();
    lab.gateway.ip(&["link", "set", "wan0", "address", &format!("02:00:00:00:{high:02x}:{low:02x}")])?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 199).start()?;
    let mut daemon = Daemon::install(&lab)?;
    daemon.configure(&one_client(""))?;
    let state = daemon.root().join("var/lib/dhcpmgr");
    fs::create_dir_all(&state)?;
    let mount = ["-t", "ext4", "-o", "noauto_da_alloc", Disk::DEVICE];
    lab.gateway.command("mount", &[&mount[..], &[&state.display().to_string()]].concat())?;
    let control = state.join("control");
    let kept = lab.gateway.run({
        let (state, control) = (state.clone(), control.clone());
        move || {
            list(&state)?;
            Ok(fs::read(control).ok())
        }
    })?;
    let kept = kept.map_or("missing", |kept| if kept == UNSYNCHRONISED { "whole" } else { "broken" });
    say(&format!("{CONTROL}{kept}"));

    say(STARTING);
    let packets = lab.capture(lab.wan())?;
    daemon.start()?;
    let discover = packets.wait_for(MessageType::Discover)?;
    say(&format!("{ASKED}{}", asked(&discover)));
    let given = packets.wait_for(MessageType::Ack)?.dhcp.yiaddr;
    say(&format!("{LEASED}{given}"));
    daemon.cli().wait_for("wan4", "Bound")?;
    for line in daemon.log().lines().filter(|line| line.contains("is not used")) {
        say(&format!("{COMPLAINT}{line}"));
    }
    lab.gateway.run(move || Ok(fs::write(control, UNSYNCHRONISED)?))?;

    let client = daemon.cli().client("wan4")?;
    let socket = daemon.lease_socket()?;
    for change in 0..CHANGES {
        let host = 101 + ((number * (CHANGES + 1) + change) % 90) as u8;
        say(&format!("{LEASED}{}", lab.wan().host(host)));
        tell(&lab, &client, &socket, host)?;
        std::thread::sleep(Duration::from_millis(random.below(1000)));
        let why = daemon.cli().json(&["why", "wan4"])?;
        if let Some(address) = why["identity"]["last_lease"]["address"].as_str() {
            say(&format!("{SEEN}{address}"));
        }
    }
    daemon.stop()?;
    say(SETTLED);
    std::thread::sleep(Duration::from_secs(600));
    Err(Error::new("the power has not gone"))
}

/// A change of the lease, as the hook would report it.
fn tell(lab: &Lab, client: &Value, socket: &LeaseSocket, host: u8) -> Result {
    let answer = socket.ask(&Forged::of(client, ClientEvent::Bound, report(lab, host))?.bytes()?)?;
    if answer.ok { Ok(()) } else { Err(Error::new(format!("not taken: {answer:?}"))) }
}

fn asked(discover: &Packet) -> String {
    let option = |code: u8| discover.dhcp.options.get(&code).cloned().unwrap_or_default();
    let id: String = option(61).iter().map(|byte| format!("{byte:02x}")).collect();
    let address = <[u8; 4]>::try_from(option(50)).map(std::net::Ipv4Addr::from);
    format!("{id} {}", address.map_or_else(|_| "-".to_owned(), |address| address.to_string()))
}

/// Says what lies in a directory and below.
fn list(directory: &Path) -> Result {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        say(&format!("{FILE}{}", path.display()));
        if path.is_dir() {
            list(&path)?;
        }
    }
    Ok(())
}

fn variable(name: &str) -> Result<u64> {
    let text = std::env::var(name).unwrap_or_default();
    text.parse().map_err(|_| Error::new(format!("{name} must be a number and is \"{text}\"")))
}
