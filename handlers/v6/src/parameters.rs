//! What is published and not applied: times, texts, servers of other services. The names are part of the interface:
//! `dhcpmgr lease`, the data model and vendors' modules use them; those of the DHCPv4 handler are used where an option
//! means the same.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

use dhcpmgr_handler_common::notes::{Notes, quoted};
use dhcpmgr_handler_common::text::{is_posix_tz, is_printable, is_tzdb_name, short, text};
use dhcpmgr_handler_common::uri;
use dhcpmgr_plugin_api::message::{Lifetime, V6Report};

use crate::options::{self, ignored};
use crate::servers::usable;
use crate::{names, resolvers, vendors};

/// Bytes of a text and of a URI that are published.
const MAX_TEXT: usize = 255;
const MAX_URI: usize = 1024;
/// SIP servers and parameters of a boot file that are published.
const MAX_SIP_SERVERS: usize = 15;
const MAX_BOOT_PARAMETERS: usize = 16;
/// What a server may set `SOL_MAX_RT` and `INF_MAX_RT` to, seconds (RFC 7083, RFC 8415 sections 21.24 and 21.25).
const MAX_RT: std::ops::RangeInclusive<u32> = 60..=86_400;
/// `IRT_MINIMUM`, seconds (RFC 8415 section 21.23).
const MIN_REFRESH: u32 = 600;

/// The values to publish: name → text. `groups` are the time servers' multicast groups, `own` the leased addresses.
pub(crate) fn collect(
    report: &V6Report,
    own: &BTreeSet<IpAddr>,
    groups: &[Ipv6Addr],
    notes: &mut Notes,
) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    let mut set = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            values.insert(name.to_owned(), value);
        }
    };
    set("Preference", options::decoded(report, 7, options::byte, notes).map(|value| value.to_string()));
    set("SipServers", sip_servers(report, own, notes));
    set("InformationRefreshTime", refresh_time(report, notes));
    set("ClientFqdn", options::decoded(report, 39, options::client_fqdn, notes).map(String::from));
    set("PosixTimezone", checked(report, 41, |raw| kind(raw, is_posix_tz), notes));
    set("TzdbTimezone", checked(report, 42, |raw| kind(raw, is_tzdb_name), notes));
    set("BootFileUrl", checked(report, 59, |raw| limited(uri::boot_file(raw), MAX_URI), notes));
    set("aftr", options::decoded(report, 64, options::one_name, notes).map(String::from));
    set("SolMaxRt", max_rt(report, 82, notes));
    set("InfMaxRt", max_rt(report, 83, notes));
    set("CaptivePortal", checked(report, 103, |raw| limited(uri::captive_portal(raw), MAX_URI), notes));
    set("NtpMulticast", joined(groups));
    boot_parameters(report, &mut values, notes);
    resolvers::collect(report, &mut values, notes);
    vendors::collect(report, &mut values, notes);
    values
}

/// The text of an option that may come once, if `check` accepts it.
fn checked<'a>(
    report: &'a V6Report,
    code: u16,
    check: impl Fn(&'a [u8]) -> Result<&'a str, String>,
    notes: &mut Notes,
) -> Option<String> {
    let raw = options::single(report, code, notes)?;
    check(raw)
        .map(str::to_owned)
        .map_err(|why| {
            notes.add(format!("option {code} is ignored: {} {why}", quoted(&String::from_utf8_lossy(raw))));
        })
        .ok()
}

fn limited(read: Result<&str, String>, limit: usize) -> Result<&str, String> {
    read.and_then(|text| short(text, limit).map(|()| text))
}

fn kind(raw: &[u8], is_kind: fn(&str) -> Result<(), &'static str>) -> Result<&str, String> {
    let text = limited(text(raw), MAX_TEXT)?;
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    is_kind(text).map(|()| text).map_err(str::to_owned)
}

/// Options 21 and 22: names first, since a client shall try them first (RFC 3319 section 3.2).
fn sip_servers(report: &V6Report, own: &BTreeSet<IpAddr>, notes: &mut Notes) -> Option<String> {
    let mut servers: Vec<String> = names::domains(report, 21, notes).into_iter().map(String::from).collect();
    let addresses: Vec<_> =
        options::all_decoded(report, 22, options::addresses, notes).into_iter().flatten().collect();
    servers.extend(usable("SIP server", 22, &addresses, own, notes).iter().map(ToString::to_string));
    if servers.len() > MAX_SIP_SERVERS {
        notes.add(format!("only the first {MAX_SIP_SERVERS} SIP servers (options 21 and 22) are published"));
        servers.truncate(MAX_SIP_SERVERS);
    }
    joined(&servers)
}

/// Option 32, as a client uses it: seconds, or `for ever`.
fn refresh_time(report: &V6Report, notes: &mut Notes) -> Option<String> {
    let offered = options::decoded(report, 32, options::seconds, notes)?;
    if offered < MIN_REFRESH {
        notes.add(format!("refresh time {offered} s (option 32) counts as {MIN_REFRESH} s (RFC 8415)"));
    }
    let used = Lifetime(offered.max(MIN_REFRESH));
    Some(used.seconds().map_or_else(|| used.to_string(), |seconds| seconds.to_string()))
}

fn max_rt(report: &V6Report, code: u16, notes: &mut Notes) -> Option<String> {
    let offered = options::decoded(report, code, options::seconds, notes)?;
    if !MAX_RT.contains(&offered) {
        let (min, max) = MAX_RT.into_inner();
        ignored(code, &format!("{offered} s is not between {min} and {max} (RFC 7083)"), notes);
        return None;
    }
    Some(offered.to_string())
}

/// Option 60: `BootFileParameters.1` and so on; a loader takes all or none.
fn boot_parameters(report: &V6Report, values: &mut BTreeMap<String, String>, notes: &mut Notes) {
    let Some(parameters) = options::decoded(report, 60, options::boot_parameters, notes) else { return };
    let check = |text: &&str| short(text, MAX_TEXT).and_then(|()| is_printable(text).map_err(str::to_owned));
    let wrong =
        parameters.iter().find_map(|text| check(text).err().map(|why| format!("{} {why}", quoted(text))));
    match wrong {
        Some(why) => ignored(60, &why, notes),
        None if parameters.len() > MAX_BOOT_PARAMETERS => {
            let found = parameters.len();
            ignored(
                60,
                &format!("it carries {found} parameters, at most {MAX_BOOT_PARAMETERS} are accepted"),
                notes,
            );
        }
        None => values.extend(
            parameters
                .iter()
                .enumerate()
                .map(|(place, text)| (format!("BootFileParameters.{}", place + 1), (*text).to_owned())),
        ),
    }
}

fn joined<T: ToString>(values: &[T]) -> Option<String> {
    (!values.is_empty()).then(|| values.iter().map(T::to_string).collect::<Vec<_>>().join(" "))
}
