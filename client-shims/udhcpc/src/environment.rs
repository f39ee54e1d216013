//! Reads the environment that udhcpc gives its script: pure, from variables in order to values and problems.
//!
//! udhcpc adds its variables to the environment that it inherited itself, so the context of the daemon is among
//! them (see [`dhcpmgr_message::context`]). Values are bytes; a server controls many of them.

use std::net::Ipv4Addr;
use std::str::FromStr;

use dhcpmgr_message::context::Context;
use dhcpmgr_message::{Bytes, IfName, V4Report, limits};

use crate::problems::{Problems, shown};
use crate::variables::{self, Variable};
use crate::{encode, report};

/// What was read.
#[derive(Debug, Default)]
pub struct Reading {
    /// The daemon's context.
    pub context: Context,
    /// `interface`; udhcpc always sets it.
    pub interface: Option<IfName>,
    /// The values.
    pub report: V4Report,
    /// What could not be read.
    pub problems: Problems,
}

/// Reads the variables in order. Of a name that is there twice the first counts, as for `getenv`.
#[must_use]
pub fn read<N: AsRef<[u8]>, V: AsRef<[u8]>>(variables: impl IntoIterator<Item = (N, V)>) -> Reading {
    let mut reading = Reading::default();
    let mut mask = None;
    for (name, value) in variables {
        reading.variable(name.as_ref(), value.as_ref(), &mut mask);
    }
    reading.mask(mask);
    reading
}

impl Reading {
    fn variable(&mut self, name: &[u8], value: &[u8], mask: &mut Option<u8>) {
        let Self { context, interface, report, problems } = self;
        let Ok(name) = std::str::from_utf8(name) else {
            problems.add(format_args!("variable {} is unknown", shown(name)));
            return;
        };
        if let Some(slot) = context.slot(name.as_bytes()) {
            slot.get_or_insert_with(|| value.to_vec());
            return;
        }
        match name {
            "interface" => parsed(interface, name, value, problems),
            "ip" => address(&mut report.address, name, value, problems),
            "siaddr" => address(&mut report.siaddr, name, value, problems),
            "giaddr" => address(&mut report.giaddr, name, value, problems),
            "mask" => parsed(mask, name, value, problems),
            "sname" => text(&mut report.sname, name, value, problems),
            // The BOOTP field `file`; `bootfile` without the underscore is option 67.
            "boot_file" => text(&mut report.file, name, value, problems),
            _ => match variables::option(name) {
                Some(variable) => self.option(name, variable, value),
                None if variables::is_inherited(name.as_bytes()) => {}
                None => problems.add(format_args!("variable {} is unknown", shown(name.as_bytes()))),
            },
        }
    }

    fn option(&mut self, name: &str, variable: Variable, value: &[u8]) {
        let code = variable.code;
        if self.report.options.contains_key(&code) {
            self.problems.add(format_args!("option {code} ({name}) is there twice, the first counts"));
            return;
        }
        if let Some(wire) = encode::option(name, variable, value, &mut self.problems) {
            report::fill(&mut self.report, code, &wire, &mut self.problems);
            self.report.options.insert(code, Bytes(wire));
        }
    }

    /// `mask` is the prefix length that udhcpc makes of `subnet`, and counts only where that is missing.
    fn mask(&mut self, mask: Option<u8>) {
        let Some(len) = mask.filter(|_| !self.report.options.contains_key(&1)) else { return };
        self.report.prefix_len = Some(len);
        if len <= 32 {
            let mask = u32::MAX.checked_shl(32 - u32::from(len)).unwrap_or(0);
            self.report.options.insert(1, Bytes(mask.to_be_bytes().to_vec()));
        } else {
            // Kept all the same: without a length the lease would look as if it had no mask at all.
            self.problems.add(format_args!("mask: {len} is longer than an address"));
        }
    }
}

fn parsed<T: FromStr>(slot: &mut Option<T>, name: &str, value: &[u8], problems: &mut Problems) {
    match std::str::from_utf8(value).ok().and_then(|value| value.parse().ok()) {
        _ if slot.is_some() => problems.add(format_args!("{name} is there twice, the first counts")),
        Some(value) => *slot = Some(value),
        None => problems.add(format_args!("{name}: {} cannot be read", shown(value))),
    }
}

/// 0.0.0.0 in a BOOTP field means that there is none (a NAK has `ip=0.0.0.0`).
fn address(slot: &mut Option<Ipv4Addr>, name: &str, value: &[u8], problems: &mut Problems) {
    parsed(slot, name, value, problems);
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
