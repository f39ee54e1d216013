//! dibbler-client 1.0.1, as distributions ship it: its files, its signals and its traps.
//!
//! It runs in the foreground in a directory of its own, which holds its configuration, its DUID, its memory and the
//! context for its shim. It would configure addresses, prefixes and the resolver itself: it is not given the rights to.
//! Rapid commit is never asked for: it runs no hook for a REPLY to a SOLICIT. And it answers nothing to keep its lease:
//! SIGTERM releases, so it is killed, and asks for the same lease when it is started again. (Observed on Debian 12.)

mod address_manager;
mod conf;
mod ending;
mod parameters;

use std::path::{Path, PathBuf};
use std::time::Duration;

use caps::Capability;
use dhcpmgr_message::context::{self, Context};
use dhcpmgr_message::{Bytes, IfName};
use dhcpmgr_plugin_api::Protocol;
use nix::sys::signal::Signal;

pub(crate) use address_manager::AddressManager;

use super::adapter::{
    Adapter, Confirmation, InEffect, KnownIa, LaunchContext, LaunchError, Progress, Release, Renewal,
};
use super::launch::{Content, LaunchFile, PATH, environment, find, is_executable};
use super::recognition::base_name;
use super::{CommandLine, Confinement, ExitReason, Launch};
use crate::config::Client;
use crate::paths::Paths;
use crate::recovery::Fault;

/// Port 546, and its own interface only: before Linux 5.7 binding a socket to one takes CAP_NET_RAW. Not
/// CAP_NET_ADMIN: what it wants to do to addresses and routes fails, it says so and goes on, and the kernel is ours.
const RIGHTS: &[Capability] = &[Capability::CAP_NET_BIND_SERVICE, Capability::CAP_NET_RAW];

/// What it may write until somebody reads, bytes: one write that fails silences it for good.
const OUTPUT: usize = 64 * 1024;

/// Its memory.
const ADDRESSES: &str = "client-AddrMgr.xml";
/// The longest that it can be: eight associations of each kind have some 10 KB.
const LONGEST_MEMORY: u64 = 256 * 1024;

/// It waits a second for better offers, and then for its hook.
const RENEWAL: Duration = Duration::from_secs(30);

/// How its lines begin.
const WORDS: [(&str, Progress); 10] = [
    ("Creating SOLICIT", Progress::Selecting),
    ("Processing msg (SOLICIT", Progress::Selecting),
    ("Creating INFORMATION-REQUEST", Progress::Selecting),
    ("Processing msg (INF-REQUEST", Progress::Selecting),
    ("Creating REQUEST", Progress::Requesting),
    ("Processing msg (REQUEST", Progress::Requesting),
    ("Generating RENEW", Progress::Renewing),
    ("Processing msg (RENEW", Progress::Renewing),
    ("RENEW remains unanswered", Progress::Rebinding),
    ("Processing msg (REBIND", Progress::Rebinding),
];

/// dibbler-client.
#[derive(Debug)]
pub(super) struct Dibbler;

impl Adapter for Dibbler {
    fn name(&self) -> &'static str {
        "dibbler"
    }

    fn protocol(&self) -> Protocol {
        Protocol::V6
    }

    fn confinement(&self, paths: &Paths) -> Confinement {
        // It edits /etc/resolv.conf, /etc/ntp.conf and /etc/localtime, and there is no switch for it.
        Confinement { rights: RIGHTS, writes: Some(vec![paths.work(), paths.spool()]) }
    }

    fn launch(&self, client: &Client, context: &LaunchContext<'_>) -> Result<Launch, LaunchError> {
        let program = find("dibbler-client").ok_or_else(|| LaunchError::NoProgram {
            program: "dibbler-client",
            looked_for: format!("dibbler-client in {PATH}"),
            package: "dibbler-client",
        })?;
        let shim = absolute(context.paths.shims().join("dhcpmgr-dibbler"));
        if !is_executable(&shim) {
            return Err(LaunchError::NoShim(shim));
        }
        let directory = absolute(context.paths.client(&client.name));
        let duid = context.duid.ok_or(LaunchError::NoDuid)?;
        let file = |name, content: String| LaunchFile::new(name, content.into_bytes());
        let conf = conf::write(client, context, &shim)?;
        let files = vec![
            // What it wishes for differs with what it had last; that is no reason to start it again.
            file("client.conf", conf.with_wishes).of_this_start(),
            file("client.conf.base", conf.base),
            file("client-duid", colons(duid)),
            // The same as it writes to its output, and it would grow for ever.
            LaunchFile {
                content: Content::Link("/dev/null".into()),
                ..LaunchFile::new("client.log", Vec::new())
            },
            LaunchFile::new(context::FILE, context_file(client, context)?).of_this_start(),
        ];
        Ok(Launch {
            program,
            args: vec!["run".into(), "-w".into(), directory.clone().into()],
            env: environment(client, context),
            directory: Some(directory),
            files,
            confinement: self.confinement(context.paths),
            output: OUTPUT,
            notes: conf.notes,
        })
    }

    fn renewal(&self) -> Renewal {
        Renewal::Restart
    }

    fn renewal_takes(&self, _client: &Client) -> Duration {
        RENEWAL
    }

    fn stop(&self) -> Signal {
        Signal::SIGKILL
    }

    /// It waits for the server's REPLY for a second; with or without it, it ends with status 0 and runs no hook.
    fn release(&self) -> Release {
        Release { signal: Signal::SIGTERM, confirmed_by: Confirmation::Exit }
    }

    fn needs_link_local(&self) -> bool {
        true
    }

    fn ending(&self, how: ExitReason, words: &[String], _command: Option<&CommandLine>) -> Fault {
        ending::ending(how, words)
    }

    fn progress(&self, line: &str) -> Option<Progress> {
        let words = said(line)?.1;
        WORDS.iter().find(|(start, _)| words.starts_with(start)).map(|(_, progress)| *progress)
    }

    fn ias(&self, _client: &Client, directory: &Path) -> Vec<KnownIa> {
        let Some(xml) = super::launch::read_small(&directory.join(ADDRESSES), LONGEST_MEMORY) else {
            return Vec::new();
        };
        AddressManager::parse(&xml).map(|memory| memory.configured()).unwrap_or_else(|error| {
            tracing::debug!("{}: {error}", directory.join(ADDRESSES).display());
            Vec::new()
        })
    }

    fn in_effect(&self, _client: &Client, parameter: &str) -> Option<InEffect> {
        parameters::in_effect(parameter)
    }

    fn counted(&self) -> &'static [&'static str] {
        parameters::COUNTED
    }

    fn counts(&self, line: &str) -> Option<&'static str> {
        parameters::counts(said(line)?.1)
    }

    fn interfaces(&self, command: &[&str], file: &dyn Fn(&Path) -> Option<String>) -> Option<Vec<IfName>> {
        let (program, rest) = command.split_first()?;
        if base_name(program) != "dibbler-client" || !matches!(rest.first(), Some(&("run" | "start"))) {
            return None;
        }
        let mut words = rest.iter().skip(1);
        let mut directory = "/etc/dibbler";
        while let Some(word) = words.next() {
            match word.strip_prefix("-w") {
                Some("") => directory = words.next().copied().unwrap_or_default(),
                Some(value) => directory = value,
                None => {}
            }
        }
        Some(
            file(&Path::new(directory).join("client.conf"))
                .map(|text| conf::interfaces(&text))
                .unwrap_or_default(),
        )
    }
}

/// Level and words of a line: `59:58 Client Info      Creating SOLICIT …`.
fn said(line: &str) -> Option<(&str, &str)> {
    let (_, rest) = line.split_once(" Client ")?;
    let (level, words) = rest.split_once(' ')?;
    Some((level, words.trim_start()))
}

fn context_file(client: &Client, context: &LaunchContext<'_>) -> Result<Vec<u8>, LaunchError> {
    use std::os::unix::ffi::OsStringExt as _;
    let path = |path: PathBuf| absolute(path).into_os_string().into_vec();
    Context {
        client: Some(client.name.as_str().into()),
        token: Some(context.token.as_str().into()),
        socket: Some(path(context.paths.lease_socket())),
        spool: Some(path(context.paths.spool())),
    }
    .encode()
    .map_err(|error| LaunchError::Unwritable { what: "the context of the shim", why: error.to_string() })
}

/// It does not run where the daemon runs.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

fn colons(bytes: &Bytes) -> String {
    bytes.0.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests;
