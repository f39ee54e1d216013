//! busybox udhcpc: its flags, its signals and its traps.
//!
//! Foreground (`-f`), so that it can be watched; never `-R` and never `-n`, so that neither its end nor a failed
//! cycle gives anything away; `-S` off, its words come through the pipe.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use dhcpmgr_message::{Bytes, Lifetime, context};
use nix::sys::signal::Signal;
use nix::unistd::{AccessFlags, access};

use super::{Launch, LaunchContext, LaunchError, Progress};
use crate::config::Client;
use crate::recovery::Argument;

/// Extends the lease at once. A second one before the answer makes udhcpc drop the lease and start over.
pub(super) const RENEW: Signal = Signal::SIGUSR1;
/// Sends DHCPRELEASE, runs the hook with `deconfig`, and idles.
pub(super) const RELEASE: Signal = Signal::SIGUSR2;

/// udhcpc takes leases shorter than this for this long, and renews at half of it.
const SHORTEST_LEASE: u32 = 30;

/// Where the program is looked for, and the PATH that it runs with.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// The vendor class; sent as bytes with `-x`, because `-V` cannot carry any byte, and so `-V ''` silences udhcpc's own.
const VENDOR_CLASS: u16 = 60;
/// The client-id; one that is sent with `-x` takes the place of udhcpc's own.
const CLIENT_ID: u16 = 61;

pub(super) fn held_for(lease_time: Lifetime) -> Lifetime {
    lease_time.max(Lifetime(SHORTEST_LEASE))
}

/// One request to its server and three to all, each with its time; then it gives the lease up. It shortens what it
/// believes is left of the lease to 30 s.
pub(super) fn renewal_takes(client: &Client) -> Duration {
    (client.discover_interval * 4).max(Duration::from_secs(30))
}

/// At half of the lease, whatever T1 the server sent.
pub(super) fn renews_at(began: u64, ends: u64) -> u64 {
    began + ends.saturating_sub(began) / 2
}

/// The value of option 61 among arguments of ours.
pub(super) fn sent_client_id(args: &[OsString]) -> Option<Bytes> {
    let value = |pair: &[OsString]| {
        let value = pair.get(1).filter(|_| pair.first().is_some_and(|flag| flag == "-x"))?;
        Bytes::from_hex(value.to_str()?.strip_prefix("0x3d:")?).ok()
    };
    args.windows(2).find_map(value)
}

pub(super) fn progress(line: &str) -> Option<Progress> {
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

pub(super) fn launch(client: &Client, context: &LaunchContext<'_>) -> Result<Launch, LaunchError> {
    let (program, applet) = find()?;
    let shim = context.paths.shims().join("dhcpmgr-udhcpc");
    // udhcpc says nothing at all when its script cannot be run, and "obtains" leases all the same.
    if access(&shim, AccessFlags::X_OK).is_err() {
        return Err(LaunchError::NoShim(shim));
    }
    let mut args: Vec<OsString> = applet.into_iter().map(OsString::from).collect();
    args.extend(arguments(client, context, shim.into_os_string()));
    Ok(Launch { program, args, env: environment(client, context) })
}

/// udhcpc itself, or busybox with the applet's name.
fn find() -> Result<(PathBuf, Option<&'static str>), LaunchError> {
    let runnable = |name: &str| {
        let places = PATH.split(':').map(|dir| PathBuf::from(dir).join(name));
        places.into_iter().find(|path| access(path, AccessFlags::X_OK).is_ok())
    };
    if let Some(path) = runnable("udhcpc") {
        return Ok((path, None));
    }
    runnable("busybox").map(|path| (path, Some("udhcpc"))).ok_or_else(|| LaunchError::NoProgram {
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
    for code in context.wants.request.iter().chain(&client.request).collect::<std::collections::BTreeSet<_>>()
    {
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

fn environment(client: &Client, context: &LaunchContext<'_>) -> Vec<(OsString, OsString)> {
    [
        ("PATH", PATH.into()),
        (context::CLIENT, client.name.as_str().into()),
        (context::TOKEN, context.token.as_str().into()),
        (context::SOCKET, context.paths.lease_socket().into_os_string()),
        (context::SPOOL, context.paths.spool().into_os_string()),
    ]
    .map(|(name, value)| (name.into(), value))
    .to_vec()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::time::Duration;

    use dhcpmgr_message::Token;
    use dhcpmgr_plugin_api::{MtuPolicy, Protocol, RoutePolicy};

    use super::*;
    use crate::config::{OnStop, Program};
    use crate::handlers::Wants;
    use crate::paths::Paths;

    fn client() -> Client {
        Client {
            name: "wan4".parse().unwrap(),
            enabled: true,
            protocol: Protocol::V4,
            interface: "wan0".parse().unwrap(),
            program: Program::Udhcpc,
            request: BTreeSet::from([43, 125]),
            send: BTreeMap::new(),
            hostname: None,
            metric: 100,
            mtu: MtuPolicy::Link,
            routes: RoutePolicy::All,
            discover_attempts: 3,
            discover_interval: Duration::from_secs(3),
            discover_pause: Duration::from_secs(20),
            on_stop: OnStop::Keep,
            recovery: crate::config::Recovery::default(),
        }
    }

    fn words(client: &Client, wants: &Wants) -> String {
        let (paths, token) = (Paths::new("/r"), Token::from_random([7; 16]));
        let context = LaunchContext {
            paths: &paths,
            wants,
            token: &token,
            last_address: None,
            client_id: None,
            left_out: &[],
        };
        let args = arguments(client, &context, "/shim".into());
        args.iter()
            .map(|a| format!("{a:?}").replace('"', "|"))
            .collect::<Vec<_>>()
            .join(" ")
            .replace('|', "'")
    }

    #[test]
    fn requests_are_the_union_of_handlers_and_configuration_without_doubles() {
        let wants = Wants { request: BTreeSet::from([43, 121]), ..Wants::default() };
        let words = words(&client(), &wants);
        assert!(words.contains("'-O' '43' '-O' '121' '-O' '125'"), "{words}");
        assert_eq!(words.matches("'43'").count(), 1, "{words}");
    }

    #[test]
    fn a_vendor_class_with_spaces_and_quotes_travels_as_bytes_and_silences_udhcpcs_own() {
        let mut client = client();
        client.send.insert(60, Bytes(b"a \"b\"\0".to_vec()));
        let words = words(&client, &Wants::default());
        assert!(words.contains("'-V' '' '-x' '0x3c:612022622200'"), "{words}");
    }

    #[test]
    fn the_operator_wins_over_a_handler_that_sends_the_same_option() {
        let mut client = client();
        client.send.insert(77, Bytes(vec![1]));
        let wants = Wants { send: BTreeMap::from([(77, Bytes(vec![2]))]), ..Wants::default() };
        let words = words(&client, &wants);
        assert!(words.contains("0x4d:01") && !words.contains("0x4d:02"), "{words}");
    }

    #[test]
    fn the_identity_is_given_and_not_left_to_the_mac_address_of_the_day() {
        let (paths, token, wants) = (Paths::new("/r"), Token::from_random([7; 16]), Wants::default());
        let id = Bytes(vec![1, 2, 0, 0, 0, 0, 9]);
        let last_address = Some([192, 0, 2, 7].into());
        let context = LaunchContext {
            paths: &paths,
            wants: &wants,
            token: &token,
            last_address,
            client_id: Some(&id),
            left_out: &[],
        };
        let args = arguments(&client(), &context, "/shim".into());
        let pair = |flag: &str, value: &str| args.windows(2).any(|pair| pair[0] == flag && pair[1] == value);
        assert!(pair("-x", "0x3d:01020000000009") && pair("-r", "192.0.2.7"), "{args:?}");
        assert_eq!(sent_client_id(&args), Some(id));
        assert_eq!(sent_client_id(&["-x".into(), "0x3c:01".into(), "0x3d:02".into()]), None);
    }

    #[test]
    fn the_client_never_leaves_the_foreground_nor_releases_by_itself() {
        let words = words(&client(), &Wants::default());
        assert!(words.ends_with("'-f'"));
        assert!(!words.contains("'-R'") && !words.contains("'-n'") && !words.contains("'-S'"), "{words}");
    }

    #[test]
    fn the_environment_holds_the_context_and_nothing_inherited() {
        let (paths, token) = (Paths::new("/r"), Token::from_random([7; 16]));
        let wants = Wants::default();
        let context = LaunchContext {
            paths: &paths,
            wants: &wants,
            token: &token,
            last_address: None,
            client_id: None,
            left_out: &[],
        };
        let names: Vec<_> = environment(&client(), &context).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["PATH", context::CLIENT, context::TOKEN, context::SOCKET, context::SPOOL]);
    }

    #[test]
    fn its_words_tell_its_state() {
        for (line, expected) in [
            ("udhcpc: broadcasting discover", Some(Progress::Selecting)),
            ("udhcpc: broadcasting select for 10.0.0.5, server 10.0.0.1", Some(Progress::Requesting)),
            ("udhcpc: sending renew to server 10.0.0.1", Some(Progress::Renewing)),
            ("udhcpc: broadcasting renew", Some(Progress::Rebinding)),
            ("udhcpc: lease of 10.0.0.5 obtained from 10.0.0.1, lease time 30", None),
            ("broadcasting discover", None),
        ] {
            assert_eq!(progress(line), expected, "{line}");
        }
    }

    #[test]
    fn a_short_lease_is_held_as_long_as_udhcpc_holds_it() {
        assert_eq!(held_for(Lifetime(10)), Lifetime(30));
        assert_eq!(held_for(Lifetime(120)), Lifetime(120));
        assert_eq!(held_for(Lifetime::INFINITE), Lifetime::INFINITE);
    }
}
