//! Stock dibbler writes name servers, time servers and the time zone where it likes. Nothing of the machine changes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dhcpmgr_lab::{Lab, MessageType6, Result, eventually, lab_or_skip};

use super::given::{OLD, configured, home, kea};

/// What dibbler is known to write to, whatever its working directory is.
const PLACES: [&str; 8] = [
    "/etc/resolv.conf",
    "/etc/resolv.conf.old",
    "/etc/ntp.conf",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/dibbler",
    "/var/lib/dibbler",
    "/var/log/dibbler",
];

/// Every file below these places, with what it holds or points to.
fn state() -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    PLACES.iter().for_each(|place| note(Path::new(place), &mut all));
    all
}

fn note(path: &Path, all: &mut BTreeMap<PathBuf, Vec<u8>>) {
    let Ok(metadata) = path.symlink_metadata() else { return };
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            note(&entry.path(), all);
        }
        all.insert(path.to_owned(), Vec::new());
    } else if metadata.is_symlink() {
        let target = std::fs::read_link(path).unwrap_or_default();
        all.insert(path.to_owned(), target.to_string_lossy().into_owned().into_bytes());
    } else {
        all.insert(path.to_owned(), std::fs::read(path).unwrap_or_default());
    }
}

#[test]
fn nothing_of_the_machine_is_written_to_and_the_lease_is_whole() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let before = state();
    let server = kea(&lab, (2, 60, 3000, 4000)).option("domain-search", "isp.example");
    let server = server.option("sntp-servers", "2001:db8::7").option("new-tzdb-timezone", "America/New_York");
    let _server = server.start()?;
    let packets = lab.capture6(lab.wan())?;
    // The laboratory's own protection of /etc would hide what the daemon does not protect.
    lab.gateway.command("mount", &["-o", "remount,rw,bind", "/etc"])?;
    let daemon = lab.daemon(&home("request = [31, 42]"))?;
    daemon.cli().wait_for("wan6", "Bound")?;
    configured(&lab, OLD)?;
    eventually("it is renewed", || Ok((packets.of(MessageType6::Reply).len() >= 4).then_some(())))?;
    assert!(
        state() == before,
        "something was written: {:?} before, {:?} after",
        before.keys(),
        state().keys()
    );
    let lease = daemon.cli().client("wan6")?["lease"].clone();
    assert_eq!(lease["ntp"], serde_json::json!(["2001:db8::7"]), "{lease}");
    Ok(())
}
