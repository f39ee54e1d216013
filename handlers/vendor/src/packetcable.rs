//! Option 122: what a media terminal adapter needs to become a telephone (RFC 3495, RFC 3594, RFC 3634).

use dhcpmgr_handler_common::notes::Notes;

use crate::Parameters;
use crate::suboptions::SubOptions;
use crate::values::{self, Check};

/// The sub-options.
const TABLE: [(u16, &str, Check); 10] = [
    (1, "PacketCable.PrimaryDhcpServer", dhcp_server),
    (2, "PacketCable.SecondaryDhcpServer", dhcp_server),
    (3, "PacketCable.ProvisioningServer", provisioning_server),
    (4, "PacketCable.AsBackoff", backoff),
    (5, "PacketCable.ApBackoff", backoff),
    (6, "PacketCable.KerberosRealm", values::labels),
    (7, "PacketCable.UseTicketGranting", ticket_granting),
    (8, "PacketCable.ProvisioningTimer", timer),
    (9, "PacketCable.InvalidateTickets", tickets),
    (10, "PacketCable.KdcServers", values::servers4),
];

/// Reads the sub-options of option 122.
pub(crate) fn read(parts: &SubOptions<'_>, parameters: &mut Parameters, notes: &mut Notes) {
    for (code, name, check) in TABLE {
        match parts.get(code).map(check) {
            None => {}
            Some(Ok(value)) => {
                parameters.insert(name.to_owned(), value);
            }
            Some(Err(why)) => {
                notes.add(format!("sub-option {code} of option 122 ({name}) is ignored: it {why}"));
            }
        }
    }
}

/// Section 3.1: 0.0.0.0 forbids the adapter to provision itself, 255.255.255.255 lets any server do it.
fn dhcp_server(raw: &[u8]) -> Result<String, String> {
    match raw {
        [0, 0, 0, 0] => Ok("none".to_owned()),
        [255, 255, 255, 255] => Ok("any".to_owned()),
        [_, _, _, _] => values::servers4(raw),
        _ => Err(format!("has {} bytes, not 4", raw.len())),
    }
}

/// Section 3.2: a name, or an address.
fn provisioning_server(raw: &[u8]) -> Result<String, String> {
    match raw {
        [0, name @ ..] => values::labels(name),
        [1, address @ ..] if address.len() == 4 => values::servers4(address),
        [1, ..] => Err(format!("has {} bytes, not 5", raw.len())),
        [other, ..] => Err(format!("is of type {other}; known are 0, a name, and 1, an address")),
        [] => Err("is empty".to_owned()),
    }
}

/// Sections 3.3 and 3.4: first and longest time-out and how often, milliseconds and seconds as they come.
fn backoff(raw: &[u8]) -> Result<String, String> {
    let [nominal, longest, retries] = match raw.as_chunks::<4>() {
        (&[a, b, c], []) => [a, b, c].map(u32::from_be_bytes),
        _ => return Err(format!("has {} bytes, not 12", raw.len())),
    };
    Ok(format!("{nominal} {longest} {retries}"))
}

/// Section 3.6.
fn ticket_granting(raw: &[u8]) -> Result<String, String> {
    match values::byte(raw)? {
        0 => Ok("false".to_owned()),
        1 => Ok("true".to_owned()),
        other => Err(format!("says {other}, and is 0 or 1")),
    }
}

/// Section 3.7: minutes; 0 is no timer.
fn timer(raw: &[u8]) -> Result<String, String> {
    match values::byte(raw)? {
        minutes @ 0..=30 => Ok(minutes.to_string()),
        other => Err(format!("says {other} min, at most 30 are accepted")),
    }
}

/// RFC 3594: which tickets are made invalid, a mask.
fn tickets(raw: &[u8]) -> Result<String, String> {
    let mask: [u8; 2] = raw.try_into().map_err(|_| format!("has {} bytes, not 2", raw.len()))?;
    Ok(format!("{:#06x}", u16::from_be_bytes(mask)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(raw: &[u8]) -> (Vec<(String, String)>, Vec<String>) {
        let (mut parameters, mut notes) = (Parameters::new(), Notes::default());
        read(&SubOptions::short(raw, "option 122", &mut notes), &mut parameters, &mut notes);
        (parameters.into_iter().collect(), notes.finish())
    }

    #[test]
    fn a_telephone_adapter_learns_who_provisions_it() {
        let raw = [
            &[1, 4, 192, 0, 2, 1, 2, 4, 255, 255, 255, 255][..],
            b"\x03\x0e\0\x03mta\x07example\0",
            &[4, 12, 0, 0, 0x27, 0x10, 0, 0, 0, 5, 0, 0, 0, 3],
            b"\x06\x07\x05BASIC\0",
            &[7, 1, 1, 8, 1, 15, 9, 2, 0, 3, 10, 4, 192, 0, 2, 88],
        ]
        .concat();
        let (parameters, notes) = told(&raw);
        let parameters: Vec<_> = parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(
            parameters,
            [
                ("PacketCable.AsBackoff", "10000 5 3"),
                ("PacketCable.InvalidateTickets", "0x0003"),
                ("PacketCable.KdcServers", "192.0.2.88"),
                ("PacketCable.KerberosRealm", "BASIC"),
                ("PacketCable.PrimaryDhcpServer", "192.0.2.1"),
                ("PacketCable.ProvisioningServer", "mta.example"),
                ("PacketCable.ProvisioningTimer", "15"),
                ("PacketCable.SecondaryDhcpServer", "any"),
                ("PacketCable.UseTicketGranting", "true"),
            ]
        );
        assert!(notes.is_empty(), "{notes:?}");
    }

    #[test]
    fn an_address_of_a_provisioning_server_is_one_too() {
        assert_eq!(told(&[3, 5, 1, 192, 0, 2, 3]).0[0].1, "192.0.2.3");
        assert_eq!(told(&[1, 4, 0, 0, 0, 0]).0[0].1, "none");
    }

    #[test]
    fn each_wrong_value_costs_itself() {
        for raw in [
            &[1, 3, 1, 2, 3][..],
            &[3, 0],
            &[3, 1, 7],
            &[3, 4, 1, 1, 2, 3],
            &[4, 4, 0, 0, 0, 1],
            &[6, 2, 0xc0, 0x0c],
            &[7, 1, 2],
            &[8, 1, 31],
            &[9, 1, 0],
            &[10, 5, 1, 2, 3, 4, 5],
        ] {
            let (parameters, notes) = told(raw);
            assert_eq!((parameters.len(), notes.len()), (0, 1), "{raw:?}: {notes:?}");
        }
    }
}
