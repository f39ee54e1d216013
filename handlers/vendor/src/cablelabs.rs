//! What CableLabs' sub-options say to a cable modem or its embedded router (CL-SP-CANN-DHCP-Reg): enterprise 4491.

use dhcpmgr_handler_common::notes::Notes;

use crate::Parameters;
use crate::suboptions::SubOptions;
use crate::values::{self, Check};

/// Within option 125.
pub(crate) fn v4(parts: &SubOptions<'_>, parameters: &mut Parameters, notes: &mut Notes) {
    take(parts, &[(2, "CableLabs.TftpServers", values::servers4)], parameters, notes);
}

/// Within option 17 of DHCPv6. The others stay as bytes in `VendorSpecific.4491.CODE` of the v6 handler.
pub(crate) fn v6(parts: &SubOptions<'_>, parameters: &mut Parameters, notes: &mut Notes) {
    let table: [(u16, &str, Check); 6] = [
        (32, "CableLabs.TftpServers", values::servers6),
        (33, "CableLabs.ConfigFile", values::file),
        (34, "CableLabs.SyslogServers", values::servers6),
        (37, "CableLabs.TimeServers", values::servers6),
        (38, "CableLabs.TimeOffset", time_offset),
        (39, "CableLabs.IpPreference", ip_preference),
    ];
    take(parts, &table, parameters, notes);
}

fn take(
    parts: &SubOptions<'_>,
    table: &[(u16, &str, Check)],
    parameters: &mut Parameters,
    notes: &mut Notes,
) {
    for (code, name, check) in table {
        match parts.get(*code).map(check) {
            None => {}
            Some(Ok(value)) => {
                parameters.insert((*name).to_owned(), value);
            }
            Some(Err(why)) => {
                notes.add(format!("sub-option {code} of CableLabs ({name}) is ignored: it {why}"));
            }
        }
    }
}

/// Seconds east of UTC.
fn time_offset(raw: &[u8]) -> Result<String, String> {
    let seconds = values::word(raw)?.cast_signed();
    if seconds.unsigned_abs() > 24 * 3600 {
        return Err(format!("says {seconds} s, and no clock is more than a day from UTC"));
    }
    Ok(seconds.to_string())
}

/// Which protocol the modem is provisioned with.
fn ip_preference(raw: &[u8]) -> Result<String, String> {
    match values::byte(raw)? {
        1 => Ok("IPv4".to_owned()),
        2 => Ok("IPv6".to_owned()),
        6 => Ok("dual-stack".to_owned()),
        other => Err(format!("says {other}; known are 1, 2 and 6")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_modem_learns_its_servers() {
        let server: std::net::Ipv6Addr = "2001:db8::69".parse().unwrap();
        let raw = [
            &[0, 32, 0, 16][..],
            &server.octets(),
            &[0, 33, 0, 6],
            b"cm.cfg",
            &[0, 38, 0, 4, 0xff, 0xff, 0xb9, 0xb0, 0, 39, 0, 1, 6],
        ]
        .concat();
        let (mut parameters, mut notes) = (Parameters::new(), Notes::default());
        v6(&SubOptions::long(&raw, "x", &mut notes), &mut parameters, &mut notes);
        let told: Vec<_> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            told,
            [
                ("CableLabs.ConfigFile", "cm.cfg"),
                ("CableLabs.IpPreference", "dual-stack"),
                ("CableLabs.TftpServers", "2001:db8::69"),
                ("CableLabs.TimeOffset", "-18000"),
            ]
        );
        assert!(notes.finish().is_empty());
    }

    #[test]
    fn what_is_wrong_costs_itself() {
        let raw = [0, 32, 0, 3, 1, 2, 3, 0, 38, 0, 4, 0x7f, 0, 0, 0, 0, 39, 0, 1, 9, 0, 33, 0, 1, b'a'];
        let (mut parameters, mut notes) = (Parameters::new(), Notes::default());
        v6(&SubOptions::long(&raw, "x", &mut notes), &mut parameters, &mut notes);
        assert_eq!(parameters.into_iter().collect::<Vec<_>>(), [("CableLabs.ConfigFile".into(), "a".into())]);
        assert_eq!(notes.finish().len(), 3);
    }
}
