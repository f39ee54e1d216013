//! What is published and not applied: texts, times, servers of other services, vendor bytes. The names are part of
//! the interface: `dhcpmgr lease`, the data model and vendors' modules use them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use dhcpmgr_handler_common::notes::{Notes, quoted};
use dhcpmgr_handler_common::text::{is_posix_tz, is_printable, is_tzdb_name, short};
use dhcpmgr_handler_common::{text, uri};
use dhcpmgr_plugin_api::message::{DomainName, V4Report};

use crate::address::{Leased, not_a_host};
use crate::servers::usable;
use crate::{names, options};

/// Bytes of a text that is published. A DHCP option holds 255 unless it is split (RFC 3396).
const MAX_TEXT: usize = 255;
/// Bytes of a URI that is published.
const MAX_URI: usize = 1024;
/// SIP servers that are published; names are long.
const MAX_SIP_SERVERS: usize = 16;
/// Bytes of an option that is passed on as hex: more than a DHCP message has room for on Ethernet.
const MAX_PASSED_ON: usize = 2048;
/// Seconds east or west of UTC that a clock can be.
const MAX_TIME_OFFSET: u32 = 24 * 3600;

/// The values to publish: name → text.
pub(crate) fn collect(report: &V4Report, leased: Leased, notes: &mut Notes) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    let mut set = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            values.insert(name.to_owned(), value);
        }
    };
    set("TimeOffset", time_offset(report, notes));
    set("PosixTimezone", checked(report, 100, report.posix_timezone.as_deref(), is_posix_tz, notes));
    set("TzdbTimezone", checked(report, 101, report.tzdb_timezone.as_deref(), is_tzdb_name, notes));
    set("TftpServerName", names::tftp_server(report, notes).map(String::from));
    set("BootFileName", checked(report, 67, report.bootfile.as_deref(), is_printable, notes));
    set("TftpServerAddresses", tftp_addresses(report, leased, notes));
    set("CaptivePortal", captive_portal(report, notes));
    set("SipServers", sip_servers(report, notes));
    set("VendorSpecific", passed_on(report, 43, notes));
    set("VendorIdentifying", vendor_identifying(report, notes));
    set("SIAddr", next_server(report.siaddr, notes));
    set("SName", bootp_text("sname", report.sname.as_deref(), notes));
    set("File", bootp_text("file", report.file.as_deref(), notes));
    values
}

/// The text of an option without trailing NULs (RFC 2132 section 2): as the shim read it, otherwise the raw bytes.
/// Empty texts are no texts.
pub(crate) fn offered_text(
    report: &V4Report,
    option: u8,
    typed: Option<&str>,
    notes: &mut Notes,
) -> Option<String> {
    let text = match (typed, report.options.get(&option)) {
        (Some(typed), _) => typed.trim_end_matches('\0'),
        (None, Some(raw)) => match text::text(&raw.0) {
            Ok(text) => text,
            Err(why) => {
                notes.add(format!("option {option} is ignored: it {why}"));
                return None;
            }
        },
        (None, None) => return None,
    };
    (!text.is_empty()).then(|| text.to_owned())
}

/// The text of an option if it is of the kind that the option carries.
fn checked(
    report: &V4Report,
    option: u8,
    typed: Option<&str>,
    is_kind: fn(&str) -> Result<(), &'static str>,
    notes: &mut Notes,
) -> Option<String> {
    let text = offered_text(report, option, typed, notes)?;
    short(&text, MAX_TEXT).and_then(|()| is_kind(&text).map_err(str::to_owned)).map_or_else(
        |why| {
            notes.add(format!("option {option} is ignored: {} {why}", quoted(&text)));
            None
        },
        |()| Some(text.clone()),
    )
}

fn time_offset(report: &V4Report, notes: &mut Notes) -> Option<String> {
    let seconds = report.time_offset?;
    if seconds.unsigned_abs() > MAX_TIME_OFFSET {
        notes.add(format!(
            "time offset {seconds} s (option 2) is ignored: no clock is more than a day from UTC"
        ));
        return None;
    }
    Some(seconds.to_string())
}

fn tftp_addresses(report: &V4Report, leased: Leased, notes: &mut Notes) -> Option<String> {
    match options::addresses(&report.options.get(&150)?.0) {
        Ok(offered) => joined(&usable("TFTP server", 150, &offered, leased, notes)),
        Err(why) => {
            notes.add(format!("option 150 is ignored: it {why}"));
            None
        }
    }
}

fn captive_portal(report: &V4Report, notes: &mut Notes) -> Option<String> {
    let raw = &report.options.get(&114)?.0;
    let uri = uri::captive_portal(raw).and_then(|uri| short(uri, MAX_URI).map(|()| uri.to_owned()));
    uri.map_err(|why| {
        notes.add(format!("option 114 is ignored: {} {why}", quoted(&String::from_utf8_lossy(raw))));
    })
    .ok()
}

/// Option 120 (RFC 3361): addresses or names, in the server's order.
fn sip_servers(report: &V4Report, notes: &mut Notes) -> Option<String> {
    let mut servers: Vec<String> = Vec::new();
    for text in &report.sip {
        match sip_server(text) {
            Err(why) => notes.add(format!("a SIP server (option 120) is ignored: {why}")),
            Ok(_) if servers.len() == MAX_SIP_SERVERS => {
                notes.add(format!("only the first {MAX_SIP_SERVERS} SIP servers (option 120) are used"));
                break;
            }
            Ok(server) => servers.push(server),
        }
    }
    joined(&servers)
}

fn sip_server(text: &str) -> Result<String, String> {
    match text.parse::<Ipv4Addr>() {
        Ok(address) => match not_a_host(address) {
            Some(why) => Err(format!("{address} is {why}")),
            None => Ok(address.to_string()),
        },
        Err(_) => text.parse::<DomainName>().map(String::from).map_err(|error| error.to_string()),
    }
}

fn vendor_identifying(report: &V4Report, notes: &mut Notes) -> Option<String> {
    if let Err(why) = options::vendor_identifying(&report.options.get(&125)?.0) {
        notes.add(format!("option 125 is passed on although it {why} (RFC 3925 section 4)"));
    }
    passed_on(report, 125, notes)
}

/// An option's bytes as hex, for whoever knows the vendor.
fn passed_on(report: &V4Report, option: u8, notes: &mut Notes) -> Option<String> {
    let raw = report.options.get(&option).filter(|raw| !raw.0.is_empty())?;
    if raw.0.len() > MAX_PASSED_ON {
        notes.add(format!(
            "option {option} has {} bytes, at most {MAX_PASSED_ON} are passed on: ignored",
            raw.0.len()
        ));
        return None;
    }
    Some(raw.to_hex())
}

fn next_server(siaddr: Option<Ipv4Addr>, notes: &mut Notes) -> Option<String> {
    // All zeros is how a BOOTP header says "none" (RFC 2131 section 2).
    let siaddr = siaddr.filter(|siaddr| !siaddr.is_unspecified())?;
    if let Some(why) = not_a_host(siaddr) {
        notes.add(format!("next server {siaddr} (siaddr) is ignored: it is {why}"));
        return None;
    }
    Some(siaddr.to_string())
}

fn bootp_text(field: &str, text: Option<&str>, notes: &mut Notes) -> Option<String> {
    let text = text?.trim_end_matches('\0');
    if text.is_empty() {
        return None;
    }
    if let Err(why) = short(text, MAX_TEXT).and_then(|()| is_printable(text).map_err(str::to_owned)) {
        notes.add(format!("BOOTP field {field} is ignored: {} {why}", quoted(text)));
        return None;
    }
    Some(text.to_owned())
}

fn joined<T: ToString>(values: &[T]) -> Option<String> {
    (!values.is_empty()).then(|| values.iter().map(T::to_string).collect::<Vec<_>>().join(" "))
}
