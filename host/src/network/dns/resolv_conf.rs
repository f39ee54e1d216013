//! The text of a resolv.conf(5), and how it is put in place.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::Record;

use crate::order;

/// `MAXNS`: how many name servers the C library looks at.
const MAXNS: usize = 3;

/// How long a `search` line may be: older C libraries stop at 256 characters, and a line of any length ends up here.
const SEARCH_LEN: usize = 1024;

const HEADER: &str =
    "# Written by dhcpmgr from the leases of its clients; changes are overwritten. See \"dhcpmgr lease\".\n";

/// All records as one file: servers of the lowest metric first; names and servers once each.
pub(super) fn text<'a>(records: impl Iterator<Item = &'a Record>) -> String {
    let mut records: Vec<&Record> = records.collect();
    // Stable: clients with the same metric stay in the order of their names.
    order::sort_by_key(&mut records, |record| record.metric);
    let mut servers = Vec::new();
    let mut search: Vec<&str> = Vec::new();
    let mut length = "search".len();
    for record in &records {
        for server in &record.servers {
            if !servers.iter().any(|(known, _)| known == server) {
                servers.push((*server, &record.interface));
            }
        }
        for domain in record.search.iter().map(AsRef::as_ref) {
            let known = search.iter().any(|known: &&str| known.eq_ignore_ascii_case(domain));
            if !known && length + 1 + domain.len() <= SEARCH_LEN {
                length += 1 + domain.len();
                search.push(domain);
            }
        }
    }
    let mut text = HEADER.to_owned();
    // Writing to a String cannot fail.
    for (at, (server, interface)) in servers.iter().enumerate() {
        if at == MAXNS {
            let _ = writeln!(text, "# The C library uses the first {MAXNS} only.");
        }
        let link_local = matches!(server, std::net::IpAddr::V6(a) if a.is_unicast_link_local());
        let _ = match link_local {
            // Without its link, a link-local address leads nowhere.
            true => writeln!(text, "nameserver {server}%{interface}"),
            false => writeln!(text, "nameserver {server}"),
        };
    }
    if !search.is_empty() {
        let _ = writeln!(text, "search {}", search.join(" "));
    }
    text
}

/// Puts the text in place at once, readable by everybody; not at all when it is there already.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    if fs::read(path).is_ok_and(|known| known == text.as_bytes()) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let temporary = beside(path, "new");
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&temporary)?;
    // Whatever the umask is: every program of the machine reads it.
    file.set_permissions(fs::Permissions::from_mode(0o644))?;
    file.write_all(text.as_bytes())?;
    drop(file);
    fs::rename(&temporary, path)
}

/// A name of ours in the same directory.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".dhcpmgr-");
    name.push(suffix);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(interface: &str, metric: u32, servers: &[&str], search: &[&str]) -> Record {
        Record {
            interface: interface.parse().unwrap(),
            metric,
            servers: servers.iter().map(|s| s.parse().unwrap()).collect(),
            search: search.iter().map(|s| s.parse().unwrap()).collect(),
        }
    }

    fn lines(records: &[Record]) -> Vec<String> {
        text(records.iter()).lines().skip(1).map(str::to_owned).collect()
    }

    #[test]
    fn the_client_with_the_lowest_metric_is_asked_first_and_nothing_is_said_twice() {
        let records = [
            record("wan1", 200, &["192.0.2.2", "9.9.9.9"], &["b.example", "A.example"]),
            record("wan0", 100, &["192.0.2.1", "9.9.9.9"], &["a.example"]),
        ];
        assert_eq!(
            lines(&records),
            [
                "nameserver 192.0.2.1",
                "nameserver 9.9.9.9",
                "nameserver 192.0.2.2",
                "search a.example b.example"
            ]
        );
    }

    #[test]
    fn more_than_three_servers_are_all_written_with_a_word_of_warning() {
        let records = [record("wan0", 1, &["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"], &[])];
        assert_eq!(
            lines(&records)[2..],
            ["nameserver 192.0.2.3", "# The C library uses the first 3 only.", "nameserver 192.0.2.4"]
        );
    }

    #[test]
    fn a_link_local_server_carries_its_link() {
        assert_eq!(lines(&[record("wan0", 1, &["fe80::1"], &[])]), ["nameserver fe80::1%wan0"]);
    }

    #[test]
    fn a_search_list_of_any_length_is_bounded() {
        let many: Vec<String> = (0..400).map(|n| format!("d{n}.example")).collect();
        let records = [record("wan0", 1, &[], &many.iter().map(String::as_str).collect::<Vec<_>>())];
        let lines = lines(&records);
        assert!(lines[0].len() <= SEARCH_LEN && lines[0].len() > SEARCH_LEN - 20, "{}", lines[0].len());
    }

    #[test]
    fn the_same_text_is_not_written_again_and_anybody_may_read_it() {
        use std::os::unix::fs::MetadataExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run/dhcpmgr/resolv.conf");
        write(&path, "one\n").unwrap();
        let first = fs::metadata(&path).unwrap();
        assert_eq!(first.mode() & 0o777, 0o644);
        write(&path, "one\n").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().ino(), first.ino(), "not replaced");
        write(&path, "two\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
    }
}
