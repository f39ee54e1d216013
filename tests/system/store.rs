//! The state files under a real daemon: how often flash is written, and what happens when it cannot be, or when what
//! it gives back is not what was written.

use std::fs;
use std::path::{Path, PathBuf};

use dhcpmgr_lab::{Daemon, Forged, Lab, Result, eventually, lab_or_skip};
use dhcpmgr_message::ClientEvent;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::given::{bound, configured, one_client, report};

fn clients(daemon: &Daemon<'_>) -> PathBuf {
    daemon.root().join("var/lib/dhcpmgr/clients")
}

fn wan4(daemon: &Daemon<'_>) -> PathBuf {
    clients(daemon).join("wan4.state")
}

/// Waits until the record names this host as the last lease.
fn stored(lab: &Lab, daemon: &Daemon<'_>, host: u8) -> Result {
    eventually("the lease is stored", || {
        let why = daemon.cli().json(&["why", "wan4"])?;
        let wanted = lab.wan().host(host).to_string();
        Ok((why["identity"]["last_lease"]["address"] == wanted).then_some(()))
    })
}

/// Everything that is done to a directory and the files in it, but for reading.
struct Writes(Inotify);

impl Writes {
    fn watch(directories: &[&Path]) -> Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let what = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_DELETE;
        for directory in directories {
            inotify.add_watch(*directory, what)?;
        }
        Ok(Self(inotify))
    }

    fn take(&self) -> Vec<String> {
        let events = self.0.read_events().unwrap_or_default().into_iter();
        events.map(|event| format!("{:?} {:?}", event.mask, event.name)).collect()
    }
}

#[test]
fn a_thousand_renewals_write_nothing_durable_and_a_change_does() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab)?;
    stored(&lab, &daemon, 100)?;
    let client = daemon.cli().client("wan4")?;
    let socket = daemon.lease_socket()?;
    let tell = |event, host| {
        let answer = socket.ask(&Forged::of(&client, event, report(&lab, host))?.bytes()?)?;
        assert!(answer.ok, "{answer:?}");
        Ok::<_, dhcpmgr_lab::Error>(())
    };
    // The forged lease differs from dnsmasq's in its options, but not in its address.
    tell(ClientEvent::Renew, 100)?;
    let writes = Writes::watch(&[&daemon.root().join("var/lib/dhcpmgr"), &clients(&daemon)])?;
    let before = daemon.cli().counter("accepted")?;
    for _ in 0..1000 {
        tell(ClientEvent::Renew, 100)?;
    }
    // The answer of `why` comes after everything that was queued.
    daemon.cli().json(&["why", "wan4"])?;
    assert_eq!(daemon.cli().counter("accepted")? - before, 1000);
    assert_eq!(writes.take(), Vec::<String>::new());

    tell(ClientEvent::Bound, 150)?;
    stored(&lab, &daemon, 150)?;
    let seen = writes.take();
    assert!(seen.iter().any(|write| write.contains("MOVED_TO") && write.contains("wan4.state")), "{seen:?}");
    Ok(())
}

/// CRC-32 as in zip, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

/// The same file as another version of dhcpmgr would have written it.
fn of_version(mut file: Vec<u8>, version: u8) -> Vec<u8> {
    file[11] = version;
    let checksum = crc32(&[&file[..36], &file[40..]].concat());
    file[36..40].copy_from_slice(&checksum.to_be_bytes());
    file
}

#[test]
fn files_that_cannot_be_believed_are_set_aside_and_the_service_goes_on() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, mut daemon) = bound(&lab)?;
    stored(&lab, &daemon, 100)?;
    let honest = fs::read(wan4(&daemon))?;
    let mut flipped = honest.clone();
    flipped[60] ^= 0x10;
    for (bytes, reason, aside) in [
        (honest[..honest.len() / 2].to_vec(), "it should hold", "wan4.damaged"),
        (flipped, "its checksum does not fit", "wan4.damaged"),
        (Vec::new(), "it is empty", "wan4.damaged"),
        (of_version(honest.clone(), 0), "an older version of dhcpmgr", "wan4.other-version"),
        (of_version(honest.clone(), 9), "a newer version of dhcpmgr", "wan4.other-version"),
    ] {
        daemon.stop()?;
        fs::write(wan4(&daemon), &bytes)?;
        let lines = daemon.log().lines().count();
        daemon.start()?;
        daemon.cli().wait_for("wan4", "Bound")?;
        configured(&lab, 100)?;
        let log: Vec<_> = daemon.log().lines().skip(lines).map(str::to_owned).collect();
        let about: Vec<_> = log.iter().filter(|line| line.contains("wan4.state is not used")).collect();
        assert_eq!(about.len(), 1, "{log:#?}");
        assert!(about[0].contains(reason) && about[0].contains(aside), "{about:?}");
        assert_eq!(fs::read(clients(&daemon).join(aside))?, bytes, "{reason}: it is kept to look at");
        // What is true now is stored again.
        stored(&lab, &daemon, 100)?;
    }
    Ok(())
}

#[test]
fn a_full_disk_is_told_once_and_written_to_when_there_is_room_again() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let mut daemon = Daemon::install(&lab)?;
    let state = mounted(&lab, &daemon, "size=8k,mode=700")?;
    // The namespace sees the mount, this process does not.
    let filler = format!("{state}/filler");
    let full = lab.gateway.output("dd", &["if=/dev/zero", &format!("of={filler}"), "bs=1k", "count=64"])?;
    assert!(!full.status.success(), "the disk is not full");
    told_once(&lab, &mut daemon, "No space left on device", ["wan4.state", "free some space"])?;

    lab.gateway.command("rm", &[&filler])?;
    daemon.cli().text(&["renew", "wan4"])?;
    stored(&lab, &daemon, 100)?;
    assert!(daemon.log().contains("can be written again"));
    Ok(())
}

#[test]
fn a_read_only_var_is_told_once_and_costs_nothing_else() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let mut daemon = Daemon::install(&lab)?;
    mounted(&lab, &daemon, "ro,size=64k,mode=700")?;
    told_once(&lab, &mut daemon, "Read-only file system", ["var/lib/dhcpmgr/clients", "mount it writable"])
}

/// Service as ever, one line about the trouble, also when the lease is renewed, and in it where and what to do.
fn told_once(lab: &Lab, daemon: &mut Daemon<'_>, trouble: &str, where_and_what: [&str; 2]) -> Result {
    daemon.configure(&one_client(""))?;
    daemon.start()?;
    daemon.cli().wait_for("wan4", "Bound")?;
    configured(lab, 100)?;
    eventually("it is told", || Ok(daemon.log().contains(trouble).then_some(())))?;
    daemon.cli().text(&["renew", "wan4"])?;
    daemon.cli().wait_for_event("wan4", "lease-renewed", 1)?;
    let log = daemon.log();
    let told: Vec<_> = log.lines().filter(|line| line.contains(trouble)).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(where_and_what.iter().all(|part| told[0].contains(part)), "{told:?}");
    Ok(())
}

/// A file system of its own at `/var/lib/dhcpmgr`, in the gateway's namespace only.
fn mounted(lab: &Lab, daemon: &Daemon<'_>, options: &str) -> Result<String> {
    let state = daemon.root().join("var/lib/dhcpmgr");
    fs::create_dir_all(&state)?;
    let state = state.display().to_string();
    lab.gateway.command("mount", &["-t", "tmpfs", "-o", options, "tmpfs", &state])?;
    Ok(state)
}
