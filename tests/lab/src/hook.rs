//! A stand-in for dibbler-client: a process that only waits, and the real shim run for it as dibbler would.
//!
//! dibbler takes a second for its first lease and half a processor for 64 links; what is measured or shown about us
//! alone must not wait for that.

use std::ffi::CString;
use std::net::Ipv6Addr;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Instant;

use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, posix_spawn};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::error::Context as _;
use crate::process::PATH;
use crate::{Error, Lab, Namespace, Result, program};

/// Waits in the directory that it is told as its last argument.
const SCRIPT: &str = "#!/bin/sh\nfor directory; do :; done\ncd \"$directory\" && exec sleep 100000\n";

impl Lab {
    /// From now on `dibbler-client` at the gateway only waits.
    pub fn stand_in_for_dibbler(&self) -> Result {
        let script = self.write("dibbler-client", SCRIPT)?;
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))?;
        let (script, real) = (script.display().to_string(), program("dibbler-client")?.display().to_string());
        self.gateway.command("mount", &["--bind", &script, &real]).map(drop)
    }
}

/// An address or a prefix in an exchange, with its preferred and valid lifetime, seconds.
#[derive(Debug, Clone, Copy)]
pub enum Told {
    /// Of an IA_NA.
    Address(Ipv6Addr, u32, u32),
    /// Of an IA_PD, with its length.
    Prefix(Ipv6Addr, u8, u32, u32),
}

/// An exchange as dibbler tells its hook of it: what the server answered, and after it what it had itself asked for.
#[derive(Debug, Clone)]
pub struct Exchange<'a> {
    /// `REQUEST`, `RENEW` or `REBIND`
    pub request: &'a str,
    /// The interface.
    pub interface: &'a str,
    /// What the server said.
    pub answered: &'a [Told],
    /// What the client had asked for; a REQUEST that was answered is not shown.
    pub asked: &'a [Told],
}

impl Exchange<'_> {
    fn action(&self) -> &'static str {
        if self.request == "REQUEST" { "add" } else { "update" }
    }

    /// In the order in which dibbler lists them: it says what is whose.
    fn variables(&self) -> Vec<String> {
        let mut all = Vec::new();
        for _ in self.answered.iter().filter(|told| matches!(told, Told::Prefix(..))) {
            all.extend(["DOWNLINK_PREFIX_IFACES=[none]".to_owned(), "DOWNLINK_PREFIXES=".to_owned()]);
        }
        let Self { request, interface, .. } = self;
        all.extend([
            format!("IFACE={interface}"),
            "IFINDEX=2".to_owned(),
            "REMOTE_ADDR=ff02::1:2".to_owned(),
        ]);
        all.extend([format!("CLNT_MESSAGE={request}"), "SRV_MESSAGE=REPLY".to_owned()]);
        let duids =
            ["OPTION1=00:03:00:01:02:00:00:00:00:00", "OPTION2=00:01:00:01:32:96:76:ba:02:00:00:00:0a:08"];
        all.extend(duids.map(|duid| format!("SRV_{duid}")));
        let (mut addresses, mut prefixes) = (0, 0);
        let mut list = |all: &mut Vec<String>, told: &[Told]| {
            for told in told {
                let (name, preferred, valid) = match *told {
                    Told::Address(address, preferred, valid) => {
                        addresses += 1;
                        all.push(format!("ADDR{addresses}={address}"));
                        (format!("ADDR{addresses}"), preferred, valid)
                    }
                    Told::Prefix(prefix, length, preferred, valid) => {
                        prefixes += 1;
                        all.push(format!("PREFIX{prefixes}={prefix}"));
                        all.push(format!("PREFIX{prefixes}LEN={length}"));
                        (format!("PREFIX{prefixes}"), preferred, valid)
                    }
                };
                all.extend([format!("{name}PREF={preferred}"), format!("{name}VALID={valid}")]);
            }
        };
        list(&mut all, self.answered);
        all.push("SRV_OPTION23=2001:db8::53 ".to_owned());
        all.extend(duids.map(|duid| format!("CLNT_{duid}")));
        list(&mut all, self.asked);
        all.extend(["CLNT_OPTION8=0", "CLNT_OPTION6=[generic]"].map(str::to_owned));
        all.push(format!("PATH={PATH}"));
        all
    }
}

/// The hook of a DHCPv6 client.
#[derive(Debug, Clone)]
pub struct Hook {
    file: PathBuf,
    directory: PathBuf,
}

impl Hook {
    /// This program, run in this directory.
    #[must_use]
    pub fn new(file: PathBuf, directory: PathBuf) -> Self {
        Self { file, directory }
    }

    /// The one of a running client, in the directory that it works in.
    pub fn of(client: Pid, file: PathBuf) -> Result<Self> {
        let directory = std::fs::read_link(format!("/proc/{client}/cwd"))
            .context(|| format!("the directory of {client}"))?;
        Ok(Self { file, directory })
    }

    /// Runs it as dibbler does, and says when it began; a shim that complains is an error, but for one whose message
    /// goes to the spool.
    pub fn tell(&self, gateway: &Namespace, exchange: &Exchange<'_>) -> Result<Instant> {
        self.tell_with(gateway, exchange, &[])
    }

    /// As [`Hook::tell`], the server having sent these options besides: code and value.
    pub fn tell_with(
        &self,
        gateway: &Namespace,
        exchange: &Exchange<'_>,
        options: &[(u16, Vec<u8>)],
    ) -> Result<Instant> {
        let hook = self.clone();
        let text = |text: String| CString::new(text).context(|| "a variable of the hook".to_owned());
        let arguments = [text(self.file.display().to_string())?, text(exchange.action().to_owned())?];
        let byte = |byte: &u8| format!("{byte:02x}");
        let option = |(code, value): &(u16, Vec<u8>)| {
            format!("SRV_OPTION{code}={}", value.iter().map(byte).collect::<Vec<_>>().join(":"))
        };
        let mut variables = exchange.variables();
        // The server's words stand before the client's.
        let at = variables.iter().position(|variable| variable.starts_with("CLNT_OPTION"));
        let at = at.unwrap_or(variables.len());
        variables.splice(at..at, options.iter().map(option));
        let variables = variables.into_iter().map(text).collect::<Result<Vec<CString>>>()?;
        gateway.run(move || hook.spawn(&arguments, &variables))
    }

    /// `std::process` would sort the variables.
    fn spawn(&self, arguments: &[CString], variables: &[CString]) -> Result<Instant> {
        let said = tempfile::NamedTempFile::new()?;
        let mut files = PosixSpawnFileActions::init()?;
        files.add_dup2(said.as_file().as_raw_fd(), 2)?;
        let attributes = PosixSpawnAttr::init()?;
        // The thread of a namespace has a working directory of its own.
        let before = std::env::current_dir()?;
        std::env::set_current_dir(&self.directory)?;
        let start = Instant::now();
        let spawned = posix_spawn(self.file.as_path(), &files, &attributes, arguments, variables);
        std::env::set_current_dir(before)?;
        let status = waitpid(spawned.context(|| self.file.display().to_string())?, None)?;
        let said = std::fs::read_to_string(said.path())?;
        // When nobody answers, it says where it left its message.
        let fine = said.is_empty() || said.contains("is left as");
        if fine && matches!(status, WaitStatus::Exited(_, 0)) {
            return Ok(start);
        }
        Err(Error::new(format!("{}: {status:?}: {said}", self.file.display())))
    }
}
