//! DHCP clients known by their command line, whoever started them.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use dhcpmgr_message::IfName;
use dhcpmgr_plugin_api::Protocol;

use super::Program;

/// What a process is, by its command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Recognised {
    /// The program, when it is one that we can run.
    pub(super) program: Option<Program>,
    /// What it runs a client of, and where.
    pub(super) clients: Vec<(Protocol, IfName)>,
}

/// What a process with this command line is; `None` when it is no DHCP client. `file` reads a file as it sees it.
pub(super) fn recognise(command: &[OsString], file: &dyn Fn(&Path) -> Option<String>) -> Option<Recognised> {
    let words: Vec<&str> = command.iter().map(|word| word.to_str().unwrap_or("\u{fffd}")).collect();
    for program in Program::all() {
        if let Some(interfaces) = program.interfaces(&words, file) {
            let clients = interfaces.into_iter().map(|name| (program.protocol(), name)).collect();
            return Some(Recognised { program: Some(program), clients });
        }
    }
    let clients = of_others(&words);
    (!clients.is_empty()).then_some(Recognised { program: None, clients })
}

/// The programs that we do not run.
fn of_others(words: &[&str]) -> Vec<(Protocol, IfName)> {
    let Some((program, rest)) = words.split_first() else { return Vec::new() };
    let (v4, v6, interface) = match (base_name(program), rest) {
        ("dhclient", rest) => (!rest.contains(&"-6"), rest.contains(&"-6"), last_name(rest)),
        ("dhcpcd", rest) if !rest.is_empty() => {
            (!rest.contains(&"-6"), !rest.contains(&"-4"), last_name(rest))
        }
        ("odhcp6c" | "dhcp6c", rest) => (false, true, last_name(rest)),
        // dhcpcd writes its state there: `dhcpcd: wan0 [ip4]`.
        (title, []) => match title.strip_prefix("dhcpcd: ").and_then(|state| state.split_once(' ')) {
            Some((interface, families)) if !interface.starts_with('[') => {
                (families != "[ip6]", families != "[ip4]", interface.parse().ok())
            }
            _ => return Vec::new(),
        },
        _ => return Vec::new(),
    };
    let protocols = [(v4, Protocol::V4), (v6, Protocol::V6)];
    let spoken = protocols.into_iter().filter_map(|(speaks, protocol)| speaks.then_some(protocol));
    spoken.filter_map(|protocol| Some((protocol, interface.clone()?))).collect()
}

pub(super) fn base_name(program: &str) -> &str {
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

    fn found(words: &[&str]) -> Vec<String> {
        let words: Vec<OsString> = words.iter().map(Into::into).collect();
        let recognised = recognise(&words, &|_| None).unwrap_or_default();
        let shown = |(protocol, name): (Protocol, IfName)| match protocol {
            Protocol::V4 => format!("v4 {name}"),
            Protocol::V6 => format!("v6 {name}"),
        };
        recognised.clients.into_iter().map(shown).collect()
    }

    #[test]
    fn clients_are_known_by_their_command_line() {
        for (line, expected) in [
            ("/usr/sbin/udhcpc -i wan0 -s /shim -f", &["v4 wan0"][..]),
            ("udhcpc -fi wan1", &["v4 wan1"]),
            ("udhcpc -f -iwan2 -q", &["v4 wan2"]),
            ("udhcpc --interface wan3", &["v4 wan3"]),
            ("udhcpc -s /i -r 10.0.0.1 --interface=wan4", &["v4 wan4"]),
            ("udhcpc -f -s -i", &["v4 eth0"]),
            ("busybox udhcpc -b -i br-lan", &["v4 br-lan"]),
            ("/bin/busybox sh -i wan0", &[]),
            ("dhclient -4 -v -pf /run/dhclient.pid wan0", &["v4 wan0"]),
            ("dhclient -6 wan0", &["v6 wan0"]),
            ("/sbin/dhcpcd -q wan0", &["v4 wan0", "v6 wan0"]),
            ("/sbin/dhcpcd -4 wan0", &["v4 wan0"]),
            ("dhcpcd -q", &[]),
            ("/usr/sbin/odhcp6c -s /script -P 56 wan0", &["v6 wan0"]),
            ("dhcp6c -c /etc/dhcp6c.conf wan0", &["v6 wan0"]),
            ("grep udhcpc -i wan0", &[]),
            ("", &[]),
        ] {
            let words: Vec<&str> = line.split_whitespace().collect();
            assert_eq!(found(&words), expected, "{line}");
        }
        assert_eq!(found(&["dhcpcd: wan0 [ip4]"]), ["v4 wan0"]);
        assert_eq!(found(&["dhcpcd: wan0 [ip6]"]), ["v6 wan0"]);
        assert_eq!(found(&["dhcpcd: wan0 [ip4] [ip6]"]), ["v4 wan0", "v6 wan0"]);
        assert_eq!(found(&["dhcpcd: [manager] [ip4] [ip6]"]), [""; 0]);
    }
}
