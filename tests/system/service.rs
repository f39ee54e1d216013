//! The daemon under a service manager: what it says, what it takes over, and when it stops feeding the watchdog. The
//! manager is this test; a real systemd is in `tests/nspawn`.

use std::fs;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dhcpmgr_lab::{Cli, Daemon, Error, Lab, LeaseSocket, Result, eventually, lab_or_skip, program};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket};
use nix::unistd::Pid;

use crate::given::one_client;

/// What systemd does for a service with two sockets: passes them as descriptors 3 and 4, and says so to this process.
const ACTIVATE: &str = "LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=lease:control exec \"$0\" --root \"$1\" 3<&0 4<&1 0</dev/null 1>&2";

/// A service manager with one service.
struct Manager {
    heard: UnixDatagram,
    service: Child,
}

impl Manager {
    fn start(lab: &Lab, root: &Path, sockets: (OwnedFd, OwnedFd), watchdog: Duration) -> Result<Self> {
        let address = lab.dir().join("notify");
        let heard = UnixDatagram::bind(&address)?;
        heard.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut command = Command::new(program("setpriv")?);
        command.args(["--pdeathsig", "KILL", "--"]).arg(program("sh")?).args(["-c", ACTIVATE]);
        command.arg(root.join("usr/sbin/dhcpmgrd")).arg(root);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("RUST_LOG", "debug");
        command.env("NOTIFY_SOCKET", &address).env("WATCHDOG_USEC", watchdog.as_micros().to_string());
        let log = fs::File::create(lab.dir().join("service.log"))?;
        command.stdin(Stdio::from(sockets.0)).stdout(Stdio::from(sockets.1)).stderr(log).process_group(0);
        let service = lab.gateway.run(move || Ok(command.spawn()?))?;
        Ok(Self { heard, service })
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.service.id() as i32)
    }

    /// The next statement that says this, whatever else is said before.
    fn hear(&self, what: &str) -> Result<String> {
        let mut said = Vec::new();
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            let mut buffer = [0; 4096];
            let length = self.heard.recv(&mut buffer)?;
            let statement = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if statement.lines().any(|line| line.starts_with(what)) {
                return Ok(statement);
            }
            said.push(statement);
        }
        Err(Error::new(format!("the daemon does not say {what}, but {said:?}")))
    }

    /// Whether anything is said within this time.
    fn hears_anything_within(&self, patience: Duration) -> Result<bool> {
        self.heard.set_read_timeout(Some(patience))?;
        let heard = self.heard.recv(&mut [0; 4096]).is_ok();
        self.heard.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(heard)
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = self.service.kill();
        let _ = self.service.wait();
    }
}

/// The sockets as systemd makes them, before there is a service.
fn sockets(daemon: &Daemon<'_>) -> Result<(OwnedFd, OwnedFd)> {
    let path = daemon.lease_socket_file();
    fs::create_dir_all(path.parent().ok_or_else(|| Error::new("the socket is in no directory"))?)?;
    let lease = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)?;
    bind(lease.as_raw_fd(), &UnixAddr::new(&path)?)?;
    listen(&lease, Backlog::MAXCONN)?;
    Ok((lease, UnixListener::bind(path.with_file_name("control.sock"))?.into()))
}

#[test]
fn a_message_from_before_the_start_is_answered_and_the_manager_hears_how_it_goes() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let daemon = Daemon::install(&lab)?;
    daemon.configure(&one_client(""))?;
    let sockets = sockets(&daemon)?;
    let early = LeaseSocket::connect(&daemon.lease_socket_file())?;
    early.send(b"not a message, but one that waits")?;

    let mut manager = Manager::start(&lab, daemon.root(), sockets, Duration::from_secs(1))?;
    let ready = manager.hear("READY=1")?;
    assert!(ready.contains("STATUS=the client is not bound"), "{ready}");
    assert!(!early.answer()?.ok, "it was not right, but it was heard");
    let cli = Cli::new(daemon.root());
    assert_eq!(cli.json(&["status"])?["pid"], manager.service.id(), "the control socket was taken over");
    manager.hear("STATUS=the client is bound")?;
    cli.wait_for("wan4", "Bound")?;
    manager.hear("WATCHDOG=1")?;
    manager.hear("WATCHDOG=1")?;

    // systemd's own reload: SIGHUP, and the answer is dated after it.
    let now = Duration::from(nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC)?).as_micros();
    kill(manager.pid(), Signal::SIGHUP)?;
    let reloading = manager.hear("RELOADING=1")?;
    let dated = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")?.parse::<u128>().ok());
    assert!(dated.is_some_and(|dated| dated >= now), "{reloading}");
    manager.hear("READY=1")?;

    kill(manager.pid(), Signal::SIGTERM)?;
    manager.hear("STOPPING=1")?;
    assert!(manager.service.wait()?.success());
    assert!(daemon.lease_socket_file().exists(), "the sockets are the manager's");
    Ok(())
}

#[test]
fn a_daemon_that_stands_still_feeds_no_watchdog() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let daemon = Daemon::install(&lab)?;
    daemon.configure(&one_client(""))?;
    let manager = Manager::start(&lab, daemon.root(), sockets(&daemon)?, Duration::from_millis(400))?;
    manager.hear("READY=1")?;
    manager.hear("WATCHDOG=1")?;
    kill(manager.pid(), Signal::SIGSTOP)?;
    eventually("nothing more is said", || {
        Ok((!manager.hears_anything_within(Duration::from_secs(1))?).then_some(()))
    })?;
    kill(manager.pid(), Signal::SIGCONT)?;
    manager.hear("WATCHDOG=1").map(drop)
}
