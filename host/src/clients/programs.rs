//! DHCP clients known by their command line, whoever started them.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use dhcpmgr_message::IfName;

use super::udhcpc;

/// The interface that a process with this command line runs a DHCPv4 client on; `None` when it is none.
pub(super) fn interface(command: &[OsString]) -> Option<IfName> {
    let words: Vec<&str> = command.iter().map(|word| word.to_str().unwrap_or("\u{fffd}")).collect();
    let (program, rest) = words.split_first()?;
    match (base_name(program), rest) {
        ("busybox", ["udhcpc", rest @ ..]) | ("udhcpc", rest) => udhcpc::interface(rest)?.parse().ok(),
        ("dhclient" | "dhcpcd", rest) if !rest.contains(&"-6") => last_name(rest),
        // dhcpcd writes its state there: `dhcpcd: wan0 [ip4]`.
        (title, []) => {
            let (interface, families) = title.strip_prefix("dhcpcd: ")?.split_once(' ')?;
            let named = !interface.starts_with('[') && families != "[ip6]";
            named.then(|| interface.parse().ok()).flatten()
        }
        _ => None,
    }
}

fn base_name(program: &str) -> &str {
    // A login shell and the like put a hyphen before their name.
    Path::new(program)
        .file_name()
        .and_then(OsStr::to_str)
        .filter(|_| !program.contains(": "))
        .unwrap_or(program)
}

/// The interface stands last, after options whose values cannot be told from it.
fn last_name(words: &[&str]) -> Option<IfName> {
    words.last().filter(|word| !word.starts_with('-'))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_known_by_their_command_line() {
        for (line, expected) in [
            ("/usr/sbin/udhcpc -i wan0 -s /shim -f", Some("wan0")),
            ("udhcpc -fi wan1", Some("wan1")),
            ("udhcpc -f -iwan2 -q", Some("wan2")),
            ("udhcpc --interface wan3", Some("wan3")),
            ("udhcpc -s /i -r 10.0.0.1 --interface=wan4", Some("wan4")),
            ("udhcpc -f -s -i", Some("eth0")),
            ("busybox udhcpc -b -i br-lan", Some("br-lan")),
            ("/bin/busybox sh -i wan0", None),
            ("dhclient -4 -v -pf /run/dhclient.pid wan0", Some("wan0")),
            ("dhclient -6 wan0", None),
            ("/sbin/dhcpcd -q wan0", Some("wan0")),
            ("dhcpcd -q", None),
            ("grep udhcpc -i wan0", None),
            ("", None),
        ] {
            let words: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
            assert_eq!(interface(&words).as_ref().map(IfName::as_str), expected, "{line}");
        }
        let title = |title: &str| interface(&[title.into()]).map(|name| name.to_string());
        assert_eq!(title("dhcpcd: wan0 [ip4]").as_deref(), Some("wan0"));
        assert_eq!(title("dhcpcd: wan0 [ip6]"), None);
        assert_eq!(title("dhcpcd: [manager] [ip4] [ip6]"), None);
    }
}
