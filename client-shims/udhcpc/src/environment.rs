//! Reads the environment that udhcpc gives its script: pure, from variables in order to values and problems.
//!
//! udhcpc adds its variables to the environment that it inherited itself, so the context of the daemon is among
//! them (see [`dhcpmgr_message::context`]). Values are bytes; a server controls many of them.

use std::net::Ipv4Addr;

use dhcpmgr_message::{Bytes, V4Report, limits};
use dhcpmgr_shim::reading::once;
use dhcpmgr_shim::{Problems, shown, v4};

use crate::encode;
use crate::variables::{self, Variable};

/// What was read.
pub type Reading = dhcpmgr_shim::Reading<V4Report>;

/// Reads the variables in order. Of a name that is there twice the first counts, as for `getenv`.
#[must_use]
pub fn read<N: AsRef<[u8]>, V: AsRef<[u8]>>(variables: impl IntoIterator<Item = (N, V)>) -> Reading {
    let mut reading = Reading::default();
    let mut mask = None;
    for (name, value) in variables {
        variable(&mut reading, name.as_ref(), value.as_ref(), &mut mask);
    }
    prefix_len(&mut reading, mask);
    reading
}

fn variable(reading: &mut Reading, name: &[u8], value: &[u8], mask: &mut Option<u8>) {
    let Reading { context, interface, report, problems } = &mut *reading;
    let Ok(name) = std::str::from_utf8(name) else {
        problems.add(format_args!("variable {} is unknown", shown(name)));
        return;
    };
    if let Some(slot) = context.slot(name.as_bytes()) {
        slot.get_or_insert_with(|| value.to_vec());
        return;
    }
    match name {
        "interface" => once(interface, name, value, problems),
        "ip" => address(&mut report.address, name, value, problems),
        "siaddr" => address(&mut report.siaddr, name, value, problems),
        "giaddr" => address(&mut report.giaddr, name, value, problems),
        "mask" => once(mask, name, value, problems),
        "sname" => text(&mut report.sname, name, value, problems),
        // The BOOTP field `file`; `bootfile` without the underscore is option 67.
        "boot_file" => text(&mut report.file, name, value, problems),
        _ => match variables::option(name) {
            Some(variable) => option(reading, name, variable, value),
            None if variables::is_inherited(name.as_bytes()) => {}
            None => problems.add(format_args!("variable {} is unknown", shown(name.as_bytes()))),
        },
    }
}

fn option(reading: &mut Reading, name: &str, variable: Variable, value: &[u8]) {
    let Reading { report, problems, .. } = reading;
    let code = variable.code;
    if report.options.contains_key(&code) {
        problems.add(format_args!("option {code} ({name}) is there twice, the first counts"));
        return;
    }
    if let Some(wire) = encode::option(name, variable, value, problems) {
        v4::fill(report, code, &wire, problems);
        report.options.insert(code, Bytes(wire));
    }
}

/// `mask` is the prefix length that udhcpc makes of `subnet`, and counts only where that is missing.
fn prefix_len(reading: &mut Reading, mask: Option<u8>) {
    let Reading { report, problems, .. } = reading;
    let Some(len) = mask.filter(|_| !report.options.contains_key(&1)) else { return };
    report.prefix_len = Some(len);
    if len <= 32 {
        let mask = u32::MAX.checked_shl(32 - u32::from(len)).unwrap_or(0);
        report.options.insert(1, Bytes(mask.to_be_bytes().to_vec()));
    } else {
        // Kept all the same: without a length the lease would look as if it had no mask at all.
        problems.add(format_args!("mask: {len} is longer than an address"));
    }
}

/// 0.0.0.0 in a BOOTP field means that there is none (a NAK has `ip=0.0.0.0`).
fn address(slot: &mut Option<Ipv4Addr>, name: &str, value: &[u8], problems: &mut Problems) {
    once(slot, name, value, problems);
    *slot = slot.filter(|address| !address.is_unspecified());
}

fn text(slot: &mut Option<String>, name: &str, value: &[u8], problems: &mut Problems) {
    match std::str::from_utf8(value) {
        _ if slot.is_some() => problems.add(format_args!("{name} is there twice, the first counts")),
        Ok(text) if text.len() <= limits::TEXT => *slot = Some(text.to_owned()),
        Ok(_) => problems.add(format_args!("{name}: {} is too long for a text", shown(value))),
        Err(_) => problems.add(format_args!("{name}: {} is not UTF-8", shown(value))),
    }
}
