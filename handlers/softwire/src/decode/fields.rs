//! Fields that several options have.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::malformed::{Flaw, Malformed};
use crate::prefix::{Ipv4Prefix, Ipv6Prefix};
use crate::read::{Reader, Value};
use crate::remark::Oddity;

/// A length, and as many octets as it takes. Bits past the length are ignored.
pub(super) fn ipv6_prefix(
    value: &mut Value<'_>,
    len_name: &'static str,
    name: &'static str,
    reader: &mut Reader<'_>,
    check: impl FnOnce(u8) -> Result<(), Flaw>,
) -> Result<Ipv6Prefix, Malformed> {
    let (len, at) = value.byte(len_name, reader)?;
    let too_long = || Flaw::Ipv6PrefixLen { field: len_name, len }.at(at);
    if len > Ipv6Prefix::WIDTH {
        return Err(too_long());
    }
    check(len).map_err(|flaw| flaw.at(at))?;
    let field = value.field(name, usize::from(len.div_ceil(8)))?;
    let mut octets = [0; 16];
    octets.iter_mut().zip(field.bytes).for_each(|(to, from)| *to = *from);
    let prefix = Ipv6Prefix::containing(Ipv6Addr::from(octets), len).ok_or_else(too_long)?;
    field.show(reader, &name, &prefix);
    if prefix.address().octets() != octets {
        reader.remark(field.offset, Oddity::BitsPastLength(name));
    }
    Ok(prefix)
}

/// A length, and always four octets. Bits past the length are ignored (RFC 7598 section 4.1).
pub(super) fn ipv4_prefix(value: &mut Value<'_>, reader: &mut Reader<'_>) -> Result<Ipv4Prefix, Malformed> {
    let (len, at) = value.byte("prefix4-len", reader)?;
    if len > Ipv4Prefix::WIDTH {
        return Err(Flaw::Ipv4PrefixLen(len).at(at));
    }
    let (octets, field) = value.array::<4>("ipv4-prefix")?;
    let address = Ipv4Addr::from(octets);
    let prefix = Ipv4Prefix::containing(address, len).ok_or_else(|| Flaw::Ipv4PrefixLen(len).at(at))?;
    field.show(reader, &"ipv4-prefix", &prefix);
    if prefix.address() != address {
        reader.remark(field.offset, Oddity::BitsPastLength("ipv4-prefix"));
    }
    Ok(prefix)
}
