//! `dhcpmgrd` at the gateway: installed below the laboratory's directory, started, stopped, killed.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use nix::sys::signal::Signal;

use crate::error::Context;
use crate::process::Process;
use crate::{Binaries, Cli, Error, Lab, LeaseSocket, MODULES, Result, Shim, Trace, eventually, install};

/// Where a daemon writes.
const DISKS: [&str; 2] = ["run/dhcpmgr", "var/lib/dhcpmgr"];

/// The disks of [`Daemon::on_small_disks`]: a file on each that takes up what is left of it.
#[derive(Debug)]
pub struct SmallDisks([PathBuf; 2]);

impl SmallDisks {
    /// Leaves no room on them.
    pub fn fill(&self) -> Result {
        for file in &self.0 {
            let mut file = fs::File::options().append(true).create(true).open(file)?;
            while io::Write::write(&mut file, &[0; 4096]).is_ok_and(|written| written > 0) {}
        }
        Ok(())
    }

    /// Makes room again.
    pub fn free(&self) {
        for file in &self.0 {
            // Not there is what is wanted.
            let _ = fs::remove_file(file);
        }
    }
}

fn small_disk(directory: &Path, bytes: u64) -> Result {
    use nix::mount::{MsFlags, mount};
    let options = format!("size={bytes},mode=755");
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), directory, Some("tmpfs"), flags, Some(options.as_str()))
        .context(|| format!("a small disk at {}", directory.display()))
}

/// An installation and, most of the time, its running daemon.
#[derive(Debug)]
pub struct Daemon<'lab> {
    lab: &'lab Lab,
    root: PathBuf,
    /// The same directory as it is seen from outside the gateway's mounts.
    view: PathBuf,
    process: Option<Process>,
}

impl<'lab> Daemon<'lab> {
    /// Installs the built files; nothing is started.
    pub fn install(lab: &'lab Lab) -> Result<Self> {
        let root = lab.dir().join("root");
        install(&Binaries::of_this_build()?, &root)?;
        Ok(Self { lab, view: root.clone(), root, process: None })
    }

    /// Gives it small disks for `/run/dhcpmgr` and `/var/lib/dhcpmgr`, of so many bytes each, which can be filled.
    /// Before it is started for the first time.
    pub fn on_small_disks(&mut self, bytes: u64) -> Result<SmallDisks> {
        let inside = DISKS.map(|directory| self.root.join(directory));
        for directory in &inside {
            fs::create_dir_all(directory)?;
        }
        self.lab.gateway.run(move || inside.iter().try_for_each(|directory| small_disk(directory, bytes)))?;
        self.view = self.lab.gateway.view(&self.root);
        Ok(SmallDisks(DISKS.map(|directory| self.view.join(directory).join("filler"))))
    }

    /// As after a boot: what is executed comes from the disk. What installing left in memory comes in pieces of any size,
    /// up to megabytes, and the kernel maps such a piece as a whole (Linux 6.18).
    pub fn forget_files(&self) -> Result {
        let modules = MODULES.map(|module| Path::new("usr/lib/dhcpmgr/handlers").join(module));
        for file in modules.iter().map(PathBuf::as_path).chain([Path::new("usr/sbin/dhcpmgrd")]) {
            let path = self.root.join(file);
            let file = fs::File::open(&path).context(|| format!("opening {}", path.display()))?;
            file.sync_all()?;
            posix_fadvise(file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?;
        }
        Ok(())
    }

    /// What `--root` is.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Writes `dhcpmgr.toml`.
    pub fn configure(&self, config: &str) -> Result {
        let file = self.root.join("etc/dhcpmgr/dhcpmgr.toml");
        fs::write(&file, config).context(|| format!("writing {}", file.display()))
    }

    /// Puts a handler module beside ours.
    pub fn add_module(&self, module: &Path) -> Result {
        let name = module.file_name().ok_or_else(|| Error::new("a module has no name"))?;
        let target = self.root.join("usr/lib/dhcpmgr/handlers").join(name);
        fs::copy(module, &target).context(|| format!("copying {}", module.display()))?;
        Ok(fs::set_permissions(target, fs::Permissions::from_mode(0o644))?)
    }

    /// Starts it and waits until it answers.
    pub fn start(&mut self) -> Result {
        self.start_logging("debug")
    }

    /// As [`Daemon::start`], with this in its log: `warn`, or as `RUST_LOG` has it.
    pub fn start_logging(&mut self, log: &str) -> Result {
        self.process = Some(self.spawn(Vec::new(), log)?);
        self.await_answer()
    }

    /// Starts it and waits for nothing.
    pub fn launch(&mut self) -> Result {
        self.process = Some(self.spawn(Vec::new(), "warn")?);
        Ok(())
    }

    /// Starts it under strace and waits for nothing: it may be killed before it answers anybody. It logs little, so
    /// that there are few calls that are only about that.
    pub fn start_traced(&mut self, trace: &Trace) -> Result {
        self.process = Some(self.spawn(trace.command()?, "warn")?);
        Ok(())
    }

    fn spawn(&self, mut command: Vec<String>, log: &str) -> Result<Process> {
        command.extend([self.program(), "--root".to_owned(), self.root.display().to_string()]);
        let arguments: Vec<&str> = command.iter().map(String::as_str).collect();
        let environment = [("RUST_LOG", log), ("RUST_BACKTRACE", "1"), ("NO_COLOR", "1")];
        self.lab.gateway.spawn(arguments[0], &arguments[1..], &environment, &self.lab.log("dhcpmgrd"))
    }

    /// Waits until it answers.
    fn await_answer(&mut self) -> Result {
        let cli = self.cli();
        let process = self.process()?;
        let pid = process.pid().as_raw();
        eventually("dhcpmgrd answers", || {
            process.must_run()?;
            // The answer must be its own and not that of one before.
            Ok((cli.json(&["status"])?["pid"] == pid).then_some(()))
        })
        .map_err(|error| Error::new(format!("{error}\n{}", process.log_tail())))
    }

    fn program(&self) -> String {
        self.root.join("usr/sbin/dhcpmgrd").display().to_string()
    }

    /// `dhcpmgrd --root ROOT --check`: exit status and everything that it wrote.
    pub fn check(&self) -> Result<(Option<i32>, String)> {
        let root = self.root.display().to_string();
        let output = self.lab.gateway.output(&self.program(), &["--root", &root, "--check"])?;
        let text = [output.stdout, output.stderr].concat();
        Ok((output.status.code(), String::from_utf8_lossy(&text).into_owned()))
    }

    /// The running process.
    pub fn process(&mut self) -> Result<&mut Process> {
        self.process.as_mut().ok_or_else(|| Error::new("dhcpmgrd is not running"))
    }

    /// Asks it to end, and waits.
    pub fn stop(&mut self) -> Result {
        let process = self.process()?;
        process.signal(Signal::SIGTERM)?;
        let status = process.wait(Duration::from_secs(10))?;
        if !status.success() {
            return Err(Error::new(format!("dhcpmgrd ended with {status}\n{}", process.log_tail())));
        }
        self.process = None;
        Ok(())
    }

    /// `kill -9`
    pub fn kill(&mut self) -> Result {
        self.process()?.kill();
        self.process = None;
        Ok(())
    }

    /// Whether it runs.
    pub fn runs(&mut self) -> Result<bool> {
        self.process.as_mut().map_or(Ok(false), |process| Ok(process.ended()?.is_none()))
    }

    /// The hook of a running client.
    pub fn shim(&self, client: nix::unistd::Pid) -> Result<Shim> {
        Shim::of(client, self.root.join("usr/lib/dhcpmgr/dhcpmgr-udhcpc"))
    }

    /// The command line of this installation.
    #[must_use]
    pub fn cli(&self) -> Cli {
        Cli::new(&self.view)
    }

    /// A connection to the lease socket.
    pub fn lease_socket(&self) -> Result<LeaseSocket> {
        LeaseSocket::connect(&self.lease_socket_file())
    }

    /// The lease socket.
    #[must_use]
    pub fn lease_socket_file(&self) -> PathBuf {
        self.view.join("run/dhcpmgr/lease.sock")
    }

    /// The messages in the spool.
    #[must_use]
    pub fn spooled(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.view.join("run/dhcpmgr/spool")).into_iter().flatten().flatten();
        entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|end| end == "lease"))
            .collect()
    }

    /// The daemon's `resolv.conf`, empty when there is none.
    #[must_use]
    pub fn resolv_conf(&self) -> String {
        fs::read_to_string(self.view.join("run/dhcpmgr/resolv.conf")).unwrap_or_default()
    }

    /// What the daemon logged, all starts of it.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.lab.log("dhcpmgrd")).unwrap_or_default()
    }
}

impl Drop for Daemon<'_> {
    /// A failed test shows what the daemon said last.
    fn drop(&mut self) {
        if let Some(process) = self.process.as_ref().filter(|_| std::thread::panicking()) {
            eprintln!("{}", process.log_tail());
        }
    }
}
