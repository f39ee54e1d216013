//! busybox udhcpc: its flags, its signals and its traps.
//!
//! Foreground (`-f`), so that it can be watched; never `-R` and never `-n`, so that neither its end nor a failed
//! cycle gives anything away; `-S` off, its words come through the pipe.

mod ending;
mod parameters;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use caps::Capability;
use dhcpmgr_message::{Bytes, IfName, Lifetime};
use dhcpmgr_plugin_api::Protocol;
use nix::sys::signal::Signal;

use super::adapter::{
    Adapter, Confirmation, InEffect, LaunchContext, LaunchError, Progress, Release, Renewal,
};
use super::launch::{PATH, environment, find, is_executable};
use super::recognition::base_name;
use super::{CommandLine, Confinement, ExitReason, Launch};
use crate::config::Client;
use crate::paths::Paths;
use crate::recovery::{Argument, Fault};

/// udhcpc takes leases shorter than this for this long, and renews at half of it.
const SHORTEST_LEASE: u32 = 30;

/// The vendor class; sent as bytes with `-x`, because `-V` cannot carry any byte, and so `-V ''` silences udhcpc's own.
const VENDOR_CLASS: u16 = 60;
/// The client-id; one that is sent with `-x` takes the place of udhcpc's own.
const CLIENT_ID: u16 = 61;

/// Raw packets while it has no address, and port 68 once it has one.
const RIGHTS: &[Capability] = &[Capability::CAP_NET_RAW, Capability::CAP_NET_BIND_SERVICE];

/// busybox udhcpc.
#[derive(Debug)]
pub(super) struct Udhcpc;

impl Adapter for Udhcpc {
    fn name(&self) -> &'static str {
        "udhcpc"
    }

    fn protocol(&self) -> Protocol {
        Protocol::V4
    }

    fn confinement(&self, _paths: &Paths) -> Confinement {
        Confinement { rights: RIGHTS, writes: None }
    }

    fn launch(&self, client: &Client, context: &LaunchContext<'_>) -> Result<Launch, LaunchError> {
        let (program, applet) = find_program()?;
        let shim = context.paths.shims().join("dhcpmgr-udhcpc");
        // udhcpc says nothing at all when its script cannot be run, and "obtains" leases all the same.
        if !is_executable(&shim) {
            return Err(LaunchError::NoShim(shim));
        }
        let mut args: Vec<OsString> = applet.into_iter().map(OsString::from).collect();
        args.extend(arguments(client, context, shim.into_os_string()));
        let (env, confinement) = (environment(client, context), self.confinement(context.paths));
        Ok(Launch { program, args, env, confinement, ..Launch::default() })
    }

    /// A second one before the answer makes udhcpc drop the lease and start over.
    fn renewal(&self) -> Renewal {
        Renewal::Signal(Signal::SIGUSR1)
    }

    /// One request to its server and three to all, each with its time; then it gives the lease up. It shortens what it
    /// believes is left of the lease to 30 s.
    fn renewal_takes(&self, client: &Client) -> Duration {
        (client.discover_interval * 4).max(Duration::from_secs(30))
    }

    fn stop(&self) -> Signal {
        Signal::SIGTERM
    }

    /// Sends DHCPRELEASE, runs the hook with `deconfig`, and idles.
    fn release(&self) -> Release {
        Release { signal: Signal::SIGUSR2, confirmed_by: Confirmation::Hook }
    }

    fn held_for(&self, valid: Lifetime) -> Lifetime {
        valid.max(Lifetime(SHORTEST_LEASE))
    }

    /// At half of the lease, whatever T1 the server sent.
    fn renews_at(&self, began: u64, ends: u64) -> u64 {
        began + ends.saturating_sub(began) / 2
    }

    fn ending(&self, how: ExitReason, words: &[String], command: Option<&CommandLine>) -> Fault {
        ending::ending(how, words, command)
    }

    fn progress(&self, line: &str) -> Option<Progress> {
        let words = line.strip_prefix("udhcpc: ")?;
        if words.starts_with("broadcasting discover") {
            Some(Progress::Selecting)
        } else if words.starts_with("broadcasting select") {
            Some(Progress::Requesting)
        } else if words.starts_with("sending renew") {
            Some(Progress::Renewing)
        } else if words.starts_with("broadcasting renew") {
            Some(Progress::Rebinding)
        } else {
            None
        }
    }

    fn sent_client_id(&self, command: &CommandLine) -> Option<Bytes> {
        let args = command.args();
        let value = |pair: &[&std::ffi::OsStr]| {
            let value = pair.get(1).filter(|_| pair.first().is_some_and(|flag| *flag == "-x"))?;
            Bytes::from_hex(value.to_str()?.strip_prefix("0x3d:")?).ok()
        };
        args.windows(2).find_map(value)
    }

    fn requests_itself(&self) -> &'static [u16] {
        parameters::REQUESTED
    }

    fn in_effect(&self, client: &Client, parameter: &str) -> Option<InEffect> {
        parameters::in_effect(client, parameter)
    }

    fn counted(&self) -> &'static [&'static str] {
        parameters::COUNTED
    }

    fn counts(&self, line: &str) -> Option<&'static str> {
        parameters::counts(line)
    }

    fn interfaces(&self, command: &[&str], _file: &dyn Fn(&Path) -> Option<String>) -> Option<Vec<IfName>> {
        let (program, rest) = command.split_first()?;
        let arguments = match (base_name(program), rest) {
            ("busybox", ["udhcpc", rest @ ..]) | ("udhcpc", rest) => rest,
            _ => return None,
        };
        Some(interface(arguments).and_then(|name| name.parse().ok()).into_iter().collect())
    }
}

/// udhcpc itself, or busybox with the applet's name.
fn find_program() -> Result<(PathBuf, Option<&'static str>), LaunchError> {
    if let Some(path) = find("udhcpc") {
        return Ok((path, None));
    }
    find("busybox").map(|path| (path, Some("udhcpc"))).ok_or_else(|| LaunchError::NoProgram {
        program: "udhcpc",
        looked_for: format!("udhcpc and busybox in {PATH}"),
        package: "udhcpc",
    })
}

fn arguments(client: &Client, context: &LaunchContext<'_>, shim: OsString) -> Vec<OsString> {
    let mut args: Vec<OsString> = Vec::new();
    let mut flag = |flag: &str, value: OsString| args.extend([OsString::from(flag), value]);
    flag("-i", client.interface.as_str().into());
    flag("-s", shim);
    flag("-t", client.discover_attempts.to_string().into());
    flag("-T", client.discover_interval.as_secs().to_string().into());
    flag("-A", client.discover_pause.as_secs().to_string().into());
    if let Some(address) = context.last_address {
        flag("-r", address.to_string().into());
    }
    for code in context.wants.request.iter().chain(&client.request).collect::<crate::flat::FlatSet<_>>() {
        flag("-O", code.to_string().into());
    }
    // What the operator says goes before what a handler wants: udhcpc takes the first of two and drops the other.
    let mut sent = context.wants.send.clone();
    sent.extend(client.send.iter().map(|(code, value)| (*code, value.clone())));
    if let Some(name) = &client.hostname {
        sent.entry(12).or_insert_with(|| Bytes(name.as_str().as_bytes().to_vec()));
    }
    if let Some(id) = context.client_id {
        sent.insert(CLIENT_ID, id.clone());
    }
    if sent.contains_key(&VENDOR_CLASS) {
        flag("-V", OsString::new());
    }
    for (code, value) in &sent {
        flag("-x", format!("0x{code:02x}:{}", value.to_hex()).into());
    }
    args.push("-f".into());
    without(args, context.left_out)
}

/// The arguments without those pairs of flag and value.
fn without(args: Vec<OsString>, left_out: &[Argument]) -> Vec<OsString> {
    let mut kept = Vec::with_capacity(args.len());
    let mut args = args.into_iter().peekable();
    while let Some(arg) = args.next() {
        let refused = |a: &Argument| arg == *a.flag && args.peek().is_some_and(|value| *value == *a.value);
        if left_out.iter().any(refused) {
            args.next();
        } else {
            kept.push(arg);
        }
    }
    kept
}

/// The options that take a value, as busybox has them.
const WITH_VALUE: &str = "VHhFiprsTtAOxPl";

/// The interface in these arguments; udhcpc's own default when there is none.
pub(super) fn interface<'a>(arguments: &[&'a str]) -> Option<&'a str> {
    let mut words = arguments.iter().copied();
    let mut found = "eth0";
    while let Some(word) = words.next() {
        if let Some(long) = word.strip_prefix("--") {
            match long.split_once('=') {
                Some(("interface", name)) => found = name,
                None if long == "interface" => found = words.next()?,
                _ => {}
            }
            continue;
        }
        let Some(short) = word.strip_prefix('-') else { continue };
        // Letters may stand together; the first that takes a value takes the rest, or the next word.
        if let Some(at) = short.find(|letter| WITH_VALUE.contains(letter)) {
            let (letter, rest) = short[at..].split_at(1);
            let value = if rest.is_empty() { words.next() } else { Some(rest) };
            if letter == "i" {
                found = value?;
            }
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests;
