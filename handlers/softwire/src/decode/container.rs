//! S46_CONT_MAPE, S46_CONT_MAPT and S46_CONT_LW (RFC 7598 section 5).

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use super::fields::ipv6_prefix;
use super::rule::{binding, rule};
use super::{Binding, Content, MapRemote, Place};
use crate::kind::{BR, DMR, Kind, PORTPARAMS, RULE, V4V6BIND};
use crate::malformed::{Flaw, Malformed};
use crate::prefix::Ipv6Prefix;
use crate::quirk::Quirks;
use crate::read::{Reader, Value};
use crate::remark::Oddity;
use crate::rfc6052;

type Read = (Content, Vec<Place>);

pub(super) fn map(
    mut value: Value<'_>,
    kind: Kind,
    quirks: Quirks,
    reader: &mut Reader<'_>,
) -> Result<Read, Malformed> {
    let within = value.option;
    let (mut rules, mut places, mut prefixes) = (Vec::new(), Vec::new(), BTreeSet::new());
    let (mut brs, mut dmr) = (Vec::new(), None);
    while let Some(inner) = value.option(reader)? {
        match (inner.option, kind) {
            (RULE, _) => {
                let (rule, place) = rule(inner, quirks, reader)?;
                if !prefixes.insert(rule.ipv6_prefix()) {
                    return Err(Flaw::DuplicateRule(rule.ipv6_prefix()).at(place.prefix6_len));
                }
                rules.push(rule);
                places.push(place);
            }
            (BR, Kind::MapE) => brs.push(br(inner, reader)?),
            (DMR, Kind::MapT) if dmr.is_some() => return Err(twice(inner, within)),
            (DMR, Kind::MapT) => dmr = Some(default_mapping_rule(inner, reader)?),
            _ => other(inner, within, reader)?,
        }
    }
    let missing = |option| Flaw::Missing { option, within }.at(value.offset);
    if rules.is_empty() {
        return Err(missing(RULE));
    }
    let remote = match dmr {
        Some(dmr) => MapRemote::Dmr(dmr),
        None if kind == Kind::MapT => return Err(missing(DMR)),
        None if brs.is_empty() => return Err(missing(BR)),
        None => MapRemote::Brs(brs),
    };
    Ok((Content::Map { rules, remote }, places))
}

pub(super) fn lw4o6(
    mut value: Value<'_>,
    quirks: Quirks,
    reader: &mut Reader<'_>,
) -> Result<Read, Malformed> {
    let within = value.option;
    let mut bound: Option<(Binding, Place)> = None;
    let mut brs = Vec::new();
    while let Some(inner) = value.option(reader)? {
        match inner.option {
            V4V6BIND if bound.is_some() => return Err(twice(inner, within)),
            V4V6BIND => bound = Some(binding(inner, quirks, reader)?),
            BR => brs.push(br(inner, reader)?),
            _ => other(inner, within, reader)?,
        }
    }
    if brs.is_empty() {
        return Err(Flaw::Missing { option: BR, within }.at(value.offset));
    }
    let (binding, place) = bound.unzip();
    Ok((Content::Lw4o6 { binding, brs }, place.into_iter().collect()))
}

/// An option that is none of the place it stands in: the softwire options of RFC 7598 are refused, others ignored.
pub(super) fn other(inner: Value<'_>, within: u16, reader: &mut Reader<'_>) -> Result<(), Malformed> {
    let start = inner.offset - 4;
    if matches!(inner.option, RULE..=PORTPARAMS | 94..=96) {
        return Err(Flaw::NotPermitted { option: inner.option, within }.at(start));
    }
    if !inner.is_empty() {
        inner.show(reader, &"value", &"ignored");
    }
    reader.remark(start, Oddity::UnknownOption(inner.option));
    Ok(())
}

pub(super) fn twice(inner: Value<'_>, within: u16) -> Malformed {
    Flaw::Twice { option: inner.option, within }.at(inner.offset - 4)
}

fn br(mut value: Value<'_>, reader: &mut Reader<'_>) -> Result<Ipv6Addr, Malformed> {
    let (octets, at) = value.array::<16>("br-ipv6-address")?;
    let address = Ipv6Addr::from(octets);
    at.show(reader, &"br-ipv6-address", &address);
    value.end()?;
    Ok(address)
}

fn default_mapping_rule(mut value: Value<'_>, reader: &mut Reader<'_>) -> Result<Ipv6Prefix, Malformed> {
    let u_octet = value.offset + 9;
    let prefix = ipv6_prefix(&mut value, "dmr-prefix6-len", "dmr-ipv6-prefix", reader, |len| {
        if rfc6052::LENGTHS.contains(&len) { Ok(()) } else { Err(Flaw::DmrLen(len)) }
    })?;
    value.end()?;
    if prefix.len() > 64 && prefix.address().octets()[8] != 0 {
        reader.remark(u_octet, Oddity::DmrUOctet);
    }
    Ok(prefix)
}
