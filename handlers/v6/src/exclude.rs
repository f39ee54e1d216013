//! Option 67: the part of a delegated prefix that the link between ISP and gateway uses (RFC 6603). It stands within
//! the option of its prefix, but clients tell it beside, so with several prefixes it is not known whose it is.

use std::net::{IpAddr, Ipv6Addr};

use dhcpmgr_handler_common::notes::Notes;
use dhcpmgr_plugin_api::Delegation;
use dhcpmgr_plugin_api::message::{Prefix, V6Report};

use crate::options::{self, Reader, Wrong, ignored};

/// Sets what is excluded. With several prefixes a value is taken for each that it fits: a subnet that no LAN gets is
/// a small loss, one that is the ISP's own link is a network that does not work.
pub(crate) fn apply(report: &V6Report, prefixes: &mut [Delegation], notes: &mut Notes) {
    for value in options::values(report, 67) {
        match excluded_from(value, prefixes) {
            Err(why) => ignored(67, &why, notes),
            Ok(fitting) => {
                if fitting.len() > 1 {
                    notes.add(
                        "it is not known which prefix option 67 belongs to: taken for each that it fits (RFC 6603)",
                    );
                }
                for (place, excluded) in fitting {
                    set(&mut prefixes[place], excluded, notes);
                }
            }
        }
    }
}

fn set(plan: &mut Delegation, excluded: Prefix, notes: &mut Notes) {
    match plan.exclude {
        Some(known) if known != excluded => notes
            .add(format!("{} cannot be excluded from {} besides {known} (option 67)", excluded, plan.prefix)),
        _ => plan.exclude = Some(excluded),
    }
}

/// The places of the prefixes that the value fits, and what it excludes from each; the error is about the last one.
fn excluded_from(value: &[u8], prefixes: &[Delegation]) -> Result<Vec<(usize, Prefix)>, String> {
    let mut fitting = Vec::new();
    let mut last = "no prefix is delegated that it could belong to".to_owned();
    for (place, plan) in prefixes.iter().enumerate() {
        match excluded(value, plan.prefix) {
            Ok(excluded) => fitting.push((place, excluded)),
            Err(wrong) => last = wrong.to_string(),
        }
    }
    if fitting.is_empty() { Err(last) } else { Ok(fitting) }
}

/// The excluded prefix (RFC 6603 section 4.2): its length, and as many bytes as hold its bits behind those of the
/// delegated prefix. Bits after them are padding.
fn excluded(value: &[u8], delegated: Prefix) -> Result<Prefix, Wrong> {
    let IpAddr::V6(base) = delegated.address() else {
        return Err(Wrong::new(0, format!("{delegated} is no IPv6 prefix")));
    };
    let mut reader = Reader::new(value);
    let len = reader.u8("the prefix length")?;
    if len > 128 {
        return Err(Wrong::new(0, format!("a prefix cannot have {len} bits")));
    }
    let bits = match len.checked_sub(delegated.len()) {
        Some(bits @ 1..) => u32::from(bits),
        _ => return Err(Wrong::new(0, format!("/{len} is not longer than the delegated {delegated}"))),
    };
    let what = format!("the subnet of /{len} in {delegated}");
    let subnet = reader.bytes(bits.div_ceil(8) as usize, &what)?;
    reader.end(&what)?;
    let padded = subnet.iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    let number = padded >> (bits.next_multiple_of(8) - bits);
    let address = u128::from(base) | number << (128 - u32::from(len));
    Prefix::new(IpAddr::V6(Ipv6Addr::from(address)), len).map_err(|error| Wrong::new(1, error.to_string()))
}
