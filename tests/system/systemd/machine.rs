//! A Debian of the same release as this machine, made with debootstrap and booted with systemd-nspawn.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dhcpmgr_lab::{Error, Result, SystemdVersion, packages, program};
use nix::fcntl::{Flock, FlockArg};

/// What is in it besides the essential packages.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,iproute2,udhcpc,dnsmasq-base,procps";
/// How long the whole story may take, in seconds; it takes about forty.
const PATIENCE: &str = "240";

/// The tree on disk; nobody else uses it meanwhile.
pub(crate) struct Machine {
    tree: PathBuf,
    _lock: Flock<fs::File>,
}

/// Why this cannot be shown here, or nothing.
pub(crate) fn missing() -> Option<String> {
    let absent = packages::missing(packages::SYSTEMD);
    if !absent.is_empty() {
        return Some(format!("programs are missing; run: {}", packages::install_line(&absent)));
    }
    codename().is_none().then(|| "this is no Debian, whose packages a container would be made of".to_owned())
}

fn codename() -> Option<String> {
    let about = fs::read_to_string("/etc/os-release").ok()?;
    let value = |name: &str| {
        about.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim_matches('"').to_owned())
    };
    value("VERSION_CODENAME=").filter(|_| value("ID=").as_deref() == Some("debian"))
}

/// Where this machine gets its own packages from.
fn mirror(codename: &str) -> Result<String> {
    let format = "$(CODENAME) $(COMPONENT) $(REPO_URI)";
    let mut apt = Command::new(program("apt-get")?);
    let output = apt.args(["indextargets", "--format", format, "Created-By: Packages"]).output()?;
    let targets = String::from_utf8_lossy(&output.stdout).into_owned();
    let main = format!("{codename} main ");
    let mirror = targets.lines().find_map(|line| line.strip_prefix(&main)).map(str::to_owned);
    mirror.ok_or_else(|| Error::new(format!("apt knows no mirror of {codename}; run apt-get update")))
}

impl Machine {
    /// Takes the tree that is there, or makes it.
    pub(crate) fn debian() -> Result<Self> {
        let codename = codename().ok_or_else(|| Error::new("this is no Debian"))?;
        let program_file = std::env::current_exe()?;
        let target = program_file
            .ancestors()
            .find(|directory| directory.ends_with("debug") || directory.ends_with("release"));
        let cache = target
            .and_then(Path::parent)
            .ok_or_else(|| Error::new("this program is not in a target directory"))?;
        let cache = cache.join("systemd");
        fs::create_dir_all(&cache)?;
        let lock = fs::File::create(cache.join("lock"))?;
        let lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, error)| error)?;
        let tree = cache.join(&codename);
        // Written last, so that a tree that was not finished is made again.
        let complete = cache.join(format!("{codename}.complete"));
        if fs::read_to_string(&complete).ok().as_deref() != Some(PACKAGES) {
            if tree.exists() {
                fs::remove_dir_all(&tree)?;
            }
            let mut debootstrap = Command::new(program("debootstrap")?);
            debootstrap.args(["--variant=minbase", &format!("--include={PACKAGES}"), &codename]);
            debootstrap.arg(&tree).arg(mirror(&codename)?);
            run(&mut debootstrap)?;
            fs::write(&complete, PACKAGES)?;
        }
        Ok(Self { tree, _lock: lock })
    }

    /// The systemd in it.
    pub(crate) fn systemd(&self) -> Result<SystemdVersion> {
        let output =
            Command::new(program("chroot")?).arg(&self.tree).args(["systemctl", "--version"]).output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = said.split_whitespace().nth(1).and_then(|number| number.parse().ok());
        version.map(SystemdVersion).ok_or_else(|| Error::new(format!("systemd says of its version: {said}")))
    }

    /// A directory for one boot: what goes in and what comes out. It stays until the next one, for whoever wonders.
    pub(crate) fn scratch(&self) -> Result<PathBuf> {
        let directory = self.tree.with_extension("last");
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        fs::create_dir(&directory)?;
        Ok(directory)
    }

    /// Boots it with the package and the test in `directory`, and waits until it has switched itself off. What it
    /// changes in its own files is forgotten. Returns what it wrote to its console.
    pub(crate) fn boot(&self, directory: &Path) -> Result<String> {
        let bind =
            |how: &str, what: &str, to: &str| format!("--{how}={}:{to}", directory.join(what).display());
        let mut boot = Command::new(program("timeout")?);
        boot.args(["--kill-after=5", PATIENCE]).arg(program("systemd-nspawn")?);
        // Nothing registers: there is no systemd outside, which would be asked for a scope and for a name.
        boot.args(["--quiet", "--register=no", "--keep-unit", "--machine=dhcpmgr-test", "--private-network"]);
        boot.args(["--volatile=overlay", "--console=pipe", "--link-journal=no", "--resolv-conf=off"]);
        // Workers lock themselves in with it; this nspawn does not know it yet.
        boot.arg("--system-call-filter=landlock_create_ruleset landlock_add_rule landlock_restrict_self");
        boot.arg("--directory").arg(&self.tree);
        boot.arg(bind("bind-ro", "dhcpmgr.deb", "/package/dhcpmgr.deb"));
        boot.arg(bind("bind-ro", "inside.sh", "/test/inside.sh"));
        boot.arg(bind("bind-ro", "verdict.service", "/etc/systemd/system/verdict.service"));
        boot.arg(bind("bind", "", "/verdict"));
        boot.args(["--boot", "--", "systemd.wants=verdict.service"]);
        let output = boot.stdin(Stdio::null()).process_group(0).output()?;
        Ok([output.stdout, output.stderr].concat().iter().map(|byte| char::from(*byte)).collect())
    }
}

fn run(command: &mut Command) -> Result {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    Err(Error::new(format!("{:?}: {}\n{said}", command.get_program(), output.status)))
}
