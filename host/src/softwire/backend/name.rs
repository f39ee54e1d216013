//! The name of a softwire's interface, which follows from its WAN: by it everything is found again after a crash.

use dhcpmgr_message::IfName;

const PREFIX: &str = "sw-";
/// `IFNAMSIZ`, without the closing zero.
const LONGEST: usize = 15;

/// The interface of the softwire over this WAN: `sw-wan0` over `wan0`. Where that would be too long, or has characters
/// that a rule set or a control file could misread, a number stands for the WAN's name.
#[must_use]
pub fn interface_name(wan: &IfName) -> Option<IfName> {
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'-');
    let text = wan.as_str();
    let name = if text.len() <= LONGEST - PREFIX.len() && text.bytes().all(plain) {
        format!("{PREFIX}{text}")
    } else {
        format!("{PREFIX}{:08x}", crc32fast::hash(text.as_bytes()))
    };
    name.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(wan: &str) -> String {
        interface_name(&wan.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn the_name_says_which_wan_it_is_about() {
        assert_eq!(of("wan0"), "sw-wan0");
        assert_eq!(of("pppoe-wan.10"), "sw-pppoe-wan.10");
    }

    #[test]
    fn what_is_too_long_or_could_be_misread_is_a_number() {
        for wan in ["pppoe-wan.1000", "a\"b", "wan0;", "a{b"] {
            let name = of(wan);
            assert_eq!(name.len(), 11, "{name}");
            assert!(name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-'), "{name}");
        }
        assert_ne!(of("pppoe-wan.1000"), of("pppoe-wan.1001"));
    }
}
