//! Decoders for options of DHCPv6: nothing of an option is used before one of these has accepted it. Each reads any
//! bytes, to the end or to the first that is wrong.

mod boot;
mod dnr;
mod name;
mod ntp;
mod reader;
mod svc_params;
#[cfg(test)]
mod tests;
mod vendor;

use std::net::Ipv6Addr;

use dhcpmgr_handler_common::notes::Notes;
use dhcpmgr_plugin_api::message::{Bytes, DomainName, V6Report};

pub(crate) use boot::boot_parameters;
pub(crate) use dnr::{Resolver, resolver};
pub(crate) use name::WireName;
pub(crate) use ntp::{TimeSource, time_sources};
pub(crate) use reader::{Reader, Wrong};
pub(crate) use vendor::vendor;

/// Every value of an option, in the server's order.
pub(crate) fn values(report: &V6Report, code: u16) -> impl Iterator<Item = &[u8]> {
    report.options.get(&code).into_iter().flatten().map(Bytes::as_ref)
}

/// The value of an option that a message may carry once: the first.
pub(crate) fn single<'a>(report: &'a V6Report, code: u16, notes: &mut Notes) -> Option<&'a [u8]> {
    let mut values = values(report, code);
    let first = values.next()?;
    if values.any(|other| other != first) {
        notes.add(format!("option {code} comes more than once; the first counts (RFC 8415 section 21)"));
    }
    Some(first)
}

/// The same, decoded.
pub(crate) fn decoded<'a, T>(
    report: &'a V6Report,
    code: u16,
    decoder: impl Fn(&'a [u8]) -> Result<T, Wrong>,
    notes: &mut Notes,
) -> Option<T> {
    let value = single(report, code, notes)?;
    decoder(value).map_err(|wrong| ignored(code, &wrong, notes)).ok()
}

/// Every value of an option that may come more than once, decoded; the wrong ones left out.
pub(crate) fn all_decoded<'a, T>(
    report: &'a V6Report,
    code: u16,
    decoder: impl Fn(&'a [u8]) -> Result<T, Wrong>,
    notes: &mut Notes,
) -> Vec<T> {
    values(report, code)
        .filter_map(|value| decoder(value).map_err(|wrong| ignored(code, &wrong, notes)).ok())
        .collect()
}

/// The sentence for an option that is wrong.
pub(crate) fn ignored(code: u16, why: &dyn std::fmt::Display, notes: &mut Notes) {
    notes.add(format!("option {code} is ignored: {why}"));
}

/// One byte, such as option 7 (RFC 8415 section 21.8).
pub(crate) fn byte(value: &[u8]) -> Result<u8, Wrong> {
    whole(value, |reader| reader.u8("the value"))
}

/// A number of seconds, such as option 82 (RFC 8415 section 21.24).
pub(crate) fn seconds(value: &[u8]) -> Result<u32, Wrong> {
    whole(value, |reader| reader.u32("the number of seconds"))
}

/// One address, option 12 (RFC 8415 section 21.12).
pub(crate) fn address(value: &[u8]) -> Result<Ipv6Addr, Wrong> {
    whole(value, |reader| reader.address("the address"))
}

/// A list of addresses, such as option 23 (RFC 3646 section 3).
pub(crate) fn addresses(value: &[u8]) -> Result<Vec<Ipv6Addr>, Wrong> {
    Reader::new(value).addresses("an address of the list")
}

/// A list of names, such as option 24 (RFC 3646 section 4). One that is no name costs itself, not the others.
pub(crate) fn names(value: &[u8]) -> Result<Vec<WireName<'_>>, Wrong> {
    let mut reader = Reader::new(value);
    let mut names = vec![name::name(&mut reader)?];
    while !reader.is_empty() {
        names.push(name::name(&mut reader)?);
    }
    Ok(names)
}

/// One name and nothing else, option 64 (RFC 6334 section 3).
pub(crate) fn one_name(value: &[u8]) -> Result<DomainName, Wrong> {
    whole(value, |reader| name::name(reader))?.domain()
}

/// Option 39, the client's own name as the server knows it (RFC 4704 section 4): flags, and a name that may be
/// partial.
pub(crate) fn client_fqdn(value: &[u8]) -> Result<DomainName, Wrong> {
    let name = whole(value, |reader| {
        reader.u8("the flags")?;
        name::partial_name(reader)
    })?;
    name.domain()
}

/// Option 13 (RFC 8415 section 21.13): the code, and the server's words, which are for people and may be anything.
pub(crate) fn status(value: &[u8]) -> Result<(u16, String), Wrong> {
    let mut reader = Reader::new(value);
    let code = reader.u16("the status code")?;
    Ok((code, String::from_utf8_lossy(reader.rest()).into_owned()))
}

/// What the decoder reads, and nothing after it.
fn whole<'a, T>(
    value: &'a [u8],
    decoder: impl FnOnce(&mut Reader<'a>) -> Result<T, Wrong>,
) -> Result<T, Wrong> {
    let mut reader = Reader::new(value);
    let read = decoder(&mut reader)?;
    reader.end("the value").map(|()| read)
}
