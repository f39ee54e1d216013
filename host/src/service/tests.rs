use std::os::fd::AsFd as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::time::Duration;

use super::*;

fn manager() -> (UnixDatagram, Service) {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let name = format!("dhcpmgr-test-{}-{number}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let manager = UnixDatagram::bind_addr(&address).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let notify = Notify::to(format!("@{name}").into()).unwrap();
    (manager, Service { notify, ..Service::default() })
}

fn heard(manager: &UnixDatagram) -> String {
    let mut buffer = [0; 1024];
    let length = manager.recv(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

#[test]
fn a_supervisor_that_waits_for_a_line_gets_one_and_then_the_end() {
    use std::io::{Read as _, Seek as _};
    use std::os::fd::IntoRawFd as _;
    let file = tempfile::NamedTempFile::new().unwrap();
    let service = Service::default();
    service.line_to(file.reopen().unwrap().into_raw_fd()).unwrap();
    let said = || {
        let (mut file, mut text) = (file.as_file(), String::new());
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        text
    };
    assert_eq!(said(), "");
    service.ready("");
    // As after a reload.
    service.ready("");
    assert_eq!(said(), "\n");
    assert!(service.line_to(1_000_000).is_err(), "it is not open");
}

#[test]
fn each_statement_is_one_datagram() {
    let (manager, service) = manager();
    assert!(service.is_supervised());
    service.ready("2 of 3 clients bound\nWATCHDOG=trigger");
    assert_eq!(heard(&manager), "READY=1\nSTATUS=2 of 3 clients bound WATCHDOG=trigger");
    let before = crate::clock::monotonic_us();
    service.reloading();
    let text = heard(&manager);
    let when = text.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).unwrap();
    assert!(text.starts_with("RELOADING=1\n") && when.parse::<u64>().unwrap() >= before, "{text}");
    service.alive();
    assert_eq!(heard(&manager), "WATCHDOG=1");
    service.stopping();
    assert!(heard(&manager).starts_with("STOPPING=1"));
}

#[test]
fn a_pidfd_is_stored_in_place_of_the_one_before() {
    let (manager, service) = manager();
    let file = tempfile::tempfile().unwrap();
    service.store_pidfd(&"wan4".parse().unwrap(), file.as_fd());
    assert_eq!(heard(&manager), "FDSTOREREMOVE=1\nFDNAME=client.wan4");
    assert_eq!(heard(&manager), "FDSTORE=1\nFDNAME=client.wan4");
}

#[test]
fn without_a_manager_nothing_is_said_and_nothing_fails() {
    let service = Service::default();
    assert!(!service.is_supervised());
    service.ready("");
    service.forget_pidfd(&"wan4".parse().unwrap());
}

#[test]
fn a_socket_is_known_by_where_and_how_it_listens() {
    let directory = tempfile::tempdir().unwrap();
    let (here, elsewhere) = (directory.path().join("control.sock"), directory.path().join("other.sock"));
    let inherited = |path: &Path| Inherited {
        name: "control".to_owned(),
        descriptor: UnixListener::bind(path).unwrap().into(),
    };
    let service = Service::default();
    service.inherited.replace(vec![inherited(&elsewhere), inherited(&here)]);
    assert!(service.lease_socket(&here).is_none(), "a stream is no lease socket");
    assert!(service.control_socket(&here).is_some());
    assert!(service.control_socket(&here).is_none(), "it is taken once");
    assert_eq!(service.inherited.borrow().len(), 1);
}

#[test]
fn an_address_that_is_none_is_refused() {
    for address in ["", "run/notify", "vsock:2:1234"] {
        assert!(Notify::to(address.into()).is_err(), "{address:?}");
    }
}
