//! S46_RULE, S46_V4V6BIND and the S46_PORTPARAMS within them (RFC 7598 sections 4.1, 4.4 and 4.5).

use std::net::Ipv4Addr;

use super::container::{other, twice};
use super::fields::{ipv4_prefix, ipv6_prefix};
use super::{Binding, Place};
use crate::kind::PORTPARAMS;
use crate::malformed::{Flaw, Malformed};
use crate::ports::PortSet;
use crate::quirk::{Quirk, Quirks};
use crate::read::{Reader, Value};
use crate::remark::Oddity;
use crate::rule::{MAX_EA_LEN, Rule, RuleFlaw};

const FMR: u8 = 0x01;
const KEA_FMR: u8 = 0x80;

pub(super) fn rule(
    mut value: Value<'_>,
    quirks: Quirks,
    reader: &mut Reader<'_>,
) -> Result<(Rule, Place), Malformed> {
    let (flags, at) = value.byte("flags", reader)?;
    let fmr = forwarding(flags, at, quirks, reader);
    let (ea_len, ea_len_at) = value.byte("ea-len", reader)?;
    if ea_len > MAX_EA_LEN {
        return Err(Flaw::Rule(RuleFlaw::EaLen(ea_len)).at(ea_len_at));
    }
    let ipv4_at = value.offset + 1;
    let ipv4 = ipv4_prefix(&mut value, reader)?;
    let prefix6_len = value.offset;
    let ipv6 = ipv6_prefix(&mut value, "prefix6-len", "ipv6-prefix", reader, |_| Ok(()))?;
    let (port_params, params_at) = nested_params(value, quirks, reader)?.unzip();
    // What does not fit is the fault of the field that came last.
    let fault = |flaw: RuleFlaw| {
        let at = match (flaw, params_at) {
            (RuleFlaw::PsidLenContradicts { .. } | RuleFlaw::PsidWithPrefix(_), Some(at)) => at + 1,
            (RuleFlaw::OffsetAndDerived { .. }, Some(at)) => at,
            _ => ea_len_at,
        };
        Flaw::Rule(flaw).at(at)
    };
    let rule = Rule::new(fmr, ea_len, ipv4, ipv6, port_params).map_err(fault)?;
    let psid = params_at.map_or(ea_len_at, |at| at + 2);
    Ok((rule, Place { ea_len: ea_len_at, ipv4: ipv4_at, prefix6_len, psid }))
}

pub(super) fn binding(
    mut value: Value<'_>,
    quirks: Quirks,
    reader: &mut Reader<'_>,
) -> Result<(Binding, Place), Malformed> {
    let (octets, field) = value.array::<4>("ipv4-address")?;
    let (ipv4, start) = (Ipv4Addr::from(octets), field.offset);
    field.show(reader, &"ipv4-address", &ipv4);
    let prefix6_len = value.offset;
    let prefix = ipv6_prefix(&mut value, "bindprefix6-len", "bind-ipv6-prefix", reader, |_| Ok(()))?;
    let (port_params, params_at) = nested_params(value, quirks, reader)?.unzip();
    let place = Place { ea_len: start, ipv4: start, prefix6_len, psid: params_at.map_or(start, |at| at + 2) };
    Ok((Binding { ipv4, prefix, port_params }, place))
}

/// Bit 0 is the FMR flag; the others are reserved, and a receiver ignores them.
fn forwarding(flags: u8, at: usize, quirks: Quirks, reader: &mut Reader<'_>) -> bool {
    let kea = flags & KEA_FMR != 0;
    if kea && quirks.has(Quirk::FmrFlag0x80) {
        reader.remark(at, Oddity::Quirk(Quirk::FmrFlag0x80));
        return true;
    }
    if kea {
        reader.remark(at, Oddity::FmrFlagAt0x80);
    }
    let reserved = flags & !(FMR | KEA_FMR);
    if reserved != 0 {
        reader.remark(at, Oddity::ReservedFlags(reserved));
    }
    flags & FMR != 0
}

/// The options of a rule or a binding, of which RFC 7598 knows one: the parameters, and where they begin.
fn nested_params(
    mut value: Value<'_>,
    quirks: Quirks,
    reader: &mut Reader<'_>,
) -> Result<Option<(PortSet, usize)>, Malformed> {
    let within = value.option;
    let mut found = None;
    loop {
        spare_bytes(&mut value, quirks, reader)?;
        match value.option(reader)? {
            None => return Ok(found),
            Some(inner) if inner.option == PORTPARAMS && found.is_some() => return Err(twice(inner, within)),
            Some(inner) if inner.option == PORTPARAMS => {
                found = Some((params(inner, reader)?, inner.offset));
            }
            Some(inner) => other(inner, within, reader)?,
        }
    }
}

/// Read as they stand, the two zero bytes of [`Quirk::SpareBytesBeforePortparams`] are half a header.
fn spare_bytes(value: &mut Value<'_>, quirks: Quirks, reader: &mut Reader<'_>) -> Result<(), Malformed> {
    let at = value.offset;
    if !value.bytes.starts_with(&[0, 0, 0, PORTPARAMS as u8, 0, 4]) {
        return Ok(());
    }
    if !quirks.has(Quirk::SpareBytesBeforePortparams) {
        return Err(Flaw::SpareBytes.at(at));
    }
    value.field("spare bytes", 2)?.show(reader, &"spare bytes", &"ignored");
    reader.remark(at, Oddity::Quirk(Quirk::SpareBytesBeforePortparams));
    Ok(())
}

fn params(mut value: Value<'_>, reader: &mut Reader<'_>) -> Result<PortSet, Malformed> {
    let (offset, offset_at) = value.byte("offset", reader)?;
    if offset > PortSet::MAX_OFFSET {
        return Err(Flaw::Rule(RuleFlaw::Offset(offset)).at(offset_at));
    }
    let (psid_len, psid_len_at) = value.byte("PSID-len", reader)?;
    if psid_len > PortSet::MAX_PSID_LEN {
        return Err(Flaw::Rule(RuleFlaw::PsidLen(psid_len)).at(psid_len_at));
    }
    let (octets, at) = value.array::<2>("PSID")?;
    let field = u16::from_be_bytes(octets);
    // The number is the first PSID-len bits of the field.
    let psid = field.checked_shr(16 - u32::from(psid_len)).unwrap_or(0);
    at.show(reader, &"PSID", &psid);
    value.end()?;
    if psid_len == 0 && field != 0 {
        reader.remark(at.offset, Oddity::PsidWithoutLen(field));
    } else if field.checked_shl(u32::from(psid_len)).unwrap_or(0) != 0 {
        reader.remark(at.offset, Oddity::PsidPadding(field));
    }
    let too_many = || Flaw::Rule(RuleFlaw::OffsetAndPsidLen { offset, psid_len }).at(psid_len_at);
    PortSet::new(offset, psid_len, psid).ok_or_else(too_many)
}
