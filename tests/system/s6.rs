//! The daemon under s6, with the service directory that we ship: ready when it serves, started again when it is killed,
//! and in neither case does its client notice. A real systemd is in `systemd`; procd is nowhere in Debian.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use dhcpmgr_lab::{Daemon, Lab, MessageType, Process, Result, eventually, lab_or_skip};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::given::{addresses, configured, default_routes, number, one_client, removals};

const RUN: &str = include_str!("../../host/packaging/s6/dhcpmgrd/run");
const NOTIFICATION_FD: &str = include_str!("../../host/packaging/s6/dhcpmgrd/notification-fd");

/// A running s6 with one service, as shipped but for the place of the program.
struct S6<'lab> {
    lab: &'lab Lab,
    service: String,
    _scan: Process,
}

impl<'lab> S6<'lab> {
    fn start(lab: &'lab Lab, root: &Path) -> Result<Self> {
        let scanned = lab.dir().join("service");
        let service = scanned.join("dhcpmgrd");
        fs::create_dir_all(&service)?;
        let program = format!("{0}/usr/sbin/dhcpmgrd --root {0}", root.display());
        let run = RUN.replace("/usr/sbin/dhcpmgrd", &program);
        assert_ne!(run, RUN, "it starts the program where the package puts it");
        fs::write(service.join("run"), run)?;
        fs::set_permissions(service.join("run"), fs::Permissions::from_mode(0o755))?;
        fs::write(service.join("notification-fd"), NOTIFICATION_FD)?;
        let scan = scanned.display().to_string();
        let scan = lab.gateway.spawn("s6-svscan", &[&scan], &[], &lab.dir().join("s6.log"))?;
        let s6 = Self { lab, service: service.display().to_string(), _scan: scan };
        eventually("s6 has found the service", || s6.ask("s6-svok", &[]).map(Some))?;
        Ok(s6)
    }

    /// One of s6's programs, about the service.
    fn ask(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let output = self.lab.gateway.command(program, &[arguments, &[&self.service]].concat())?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Waits until it is up and has said that it serves.
    fn ready(&self) -> Result {
        self.ask("s6-svwait", &["-U", "-t", "20000"]).map(drop)
    }

    fn pid(&self) -> Result<Pid> {
        Ok(Pid::from_raw(self.ask("s6-svstat", &["-o", "pid"])?.parse()?))
    }

    /// Waits until another process than this is ready.
    fn another(&self, before: Pid) -> Result {
        eventually("it is started again", || Ok((self.pid()? != before).then_some(())))?;
        self.ready()
    }
}

#[test]
fn under_s6_the_daemon_says_when_it_serves_and_its_client_outlives_kill_restart_and_stop() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let daemon = Daemon::install(&lab)?;
    daemon.configure(&one_client(""))?;
    let (s6, cli) = (S6::start(&lab, daemon.root())?, daemon.cli());
    s6.ready()?;
    // Ready means that it answers, at once.
    let first = s6.pid()?;
    assert_eq!(cli.json(&["status"])?["pid"], first.as_raw());
    let client = number(&cli.wait_for("wan4", "Bound")?, "pid")?;
    configured(&lab, 100)?;
    let monitor = lab.monitor()?;

    let same_client = || {
        let row = cli.wait_for("wan4", "Bound")?;
        assert_eq!(number(&row, "pid")?, client, "the client runs on: {row}");
        configured(&lab, 100)
    };
    kill(first, Signal::SIGKILL)?;
    s6.another(first)?;
    same_client()?;
    let second = s6.pid()?;
    s6.ask("s6-svc", &["-r"])?;
    s6.another(second)?;
    same_client()?;
    s6.ask("s6-svc", &["-wD", "-T", "20000", "-d"])?;
    assert_eq!(s6.ask("s6-svstat", &["-o", "up"])?, "false");
    assert_eq!(addresses(&lab)?, ["10.77.0.100/24"], "on_stop = \"keep\"");
    s6.ask("s6-svc", &["-wU", "-T", "20000", "-u"])?;
    same_client()?;
    assert!(removals(&monitor.take()).is_empty());

    // SIGHUP; then the end is the end of the lease.
    let packets = lab.capture(lab.wan())?;
    daemon.configure(&one_client("on_stop = \"release\""))?;
    s6.ask("s6-svc", &["-h"])?;
    eventually("the configuration is read again", || {
        let shown = cli.text(&["config", "show"])?;
        let policy = |line: &str| line.contains("on_stop") && line.contains("release");
        Ok(shown.lines().any(policy).then_some(()))
    })?;
    s6.ask("s6-svc", &["-wD", "-T", "20000", "-d"])?;
    packets.wait_for(MessageType::Release)?;
    assert!(addresses(&lab)?.is_empty() && default_routes(&lab)?.is_empty());
    eventually("the client has ended", || {
        // Nobody may have asked yet how, and then it is still in the list.
        let command = fs::read(format!("/proc/{client}/cmdline")).unwrap_or_default();
        Ok(command.is_empty().then_some(()))
    })
}
