//! A server that sends softwire options of every wrong sort, one after the other: IPv4 stays as it is, `why` says at which
//! byte each is wrong, and the daemon does not grow.

use std::time::Duration;

use dhcpmgr_lab::{Error, Kind, Lab, Result, eventually, lab_or_skip, say};

use super::given::{Home, MAP_T, hex};

const RULE: &str = "0059 000d 00 10 18 c0000200 28 20010db8f0";
const DMR: &str = "005b 0009 40 20010db8ffff0000";
const BR: &str = "005a 0010 20010db8ffff00000000000000000001";

/// How often each is sent, and after how many rounds all that is bounded is full.
const ROUNDS: usize = 28;
const FULL: usize = 15;

/// A rule with these contents, which fit into 255 bytes, and what belongs to it.
fn rule(contents: &str) -> String {
    format!("0059 {:04x} {contents} {DMR}", hex(contents).len())
}

/// Option, value, the byte that is wrong and words of the reason: one of each class, as the decoder's own tests have
/// them. Option 64 is not among them: dibbler reads it itself, and tells a name.
fn classes() -> Vec<(u16, String, usize, &'static str)> {
    let mapt: [(&str, usize, &str); 14] = [
        // Truncation, overruns, bytes left over.
        ("0059 0005 00 10 18 c000", 7, "within its ipv4-prefix"),
        ("0059 ffff 00 10 18 c0000200 28 20010db8f0", 2, "says it has 65535 bytes"),
        ("0059 000e 00 10 18 c0000200 28 20010db8f0 00", 17, "left over at the end of S46_RULE"),
        (&format!("{RULE} {DMR} 00"), 30, "left over at the end of S46_CONT_MAPT"),
        // Numbers that cannot be.
        (&rule("00 31 18 c0000200 28 20010db8f0"), 5, "ea-len is 49"),
        (&rule("00 10 21 c0000200 28 20010db8f0"), 6, "prefix4-len is 33"),
        (&rule("00 10 18 c0000200 c1 20010db8f0"), 11, "prefix6-len is 193"),
        (&rule("00 10 18 c0000200 28 20010db8f0 005d0004 10000000"), 21, "PSID offset is 16"),
        (&rule("00 00 20 c0000200 28 20010db8f0 005d0004 00110000"), 22, "PSID-len is 17"),
        (&format!("{RULE} 005b 0009 41 20010db8ffff0000"), 21, "32, 40, 48, 56, 64 or 96"),
        // Contradictions, and what is missing, double or in the wrong place.
        (&rule("00 10 18 c0000200 28 20010db8f0 005d0004 06070000"), 22, "PSID-len is 7, but 8 follows"),
        (RULE, 17, "has no S46_DMR"),
        (&format!("{RULE} {RULE} {DMR}"), 28, "a second rule for 2001:db8:f000::/40"),
        // Not for this customer.
        (&rule("00 10 18 c0000200 28 20010db9f0"), 11, "no rule has an IPv6 prefix that contains"),
    ];
    let mut classes: Vec<_> =
        mapt.into_iter().map(|(text, offset, words)| (95, text.to_owned(), offset, words)).collect();
    classes.push((95, format!("{BR} {RULE} {DMR}"), 0, "S46_BR (90) is not permitted"));
    classes.push((94, RULE.to_owned(), 17, "S46_CONT_MAPE (94) has no S46_BR"));
    classes.push((94, format!("{RULE} 005a 000f 20010db8ffff000000000000000000"), 21, "br-ipv6-address"));
    classes.push((96, "005c 000c c0000212 38 20010db8001234".to_owned(), 16, "has no S46_BR"));
    classes.push((96, format!("005c 0005 c0000212 81 {BR}"), 8, "bindprefix6-len is 129"));
    classes.push((111, "005f00".to_owned(), 3, ""));
    classes
}

fn resident(pid: nix::unistd::Pid) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

#[test]
fn no_class_of_malformed_option_changes_anything_and_why_says_at_which_byte_it_is_wrong() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let mut home = Home::with_dhcpv4(&lab)?;

    let monitor = lab.monitor()?;
    let classes = classes();
    let mut grown = Vec::new();
    for round in 0..ROUNDS {
        for (code, text, offset, words) in &classes {
            home.tell("RENEW", &[(*code, hex(text))])?;
            if round > 0 {
                continue;
            }
            let name = match code {
                94 => "94 (map-e) is discarded",
                95 => "95 (map-t) is discarded",
                96 => "96 (lw4o6) is discarded",
                _ => "111 (S46 priority) is ignored",
            };
            let expected = format!("option {name}: byte {offset}: ");
            eventually("why says where it is wrong", || {
                let why = home.daemon.cli().json(&["why", "wan6"])?;
                let newest = why["exchanges"][0].to_string();
                if newest.contains(&expected) && newest.contains(words) {
                    return Ok(Some(()));
                }
                Err(Error::new(format!("{code} {text}: no {expected:?} with {words:?} in {newest}")))
            })?;
        }
        grown.push(resident(home.daemon.process()?.pid())?);
    }
    assert_eq!(home.wrong_with_dhcpv4()?, None);
    assert_eq!(home.nat46.count("add")?, 0, "nothing was even begun");
    let moved: Vec<_> =
        monitor.take().into_iter().filter(|change| change.is_v4() && change.kind != Kind::NewLink).collect();
    assert!(moved.is_empty(), "{moved:?}");
    // The first rounds fill what is bounded, as the memory of 256 events; after them it stays.
    let (before, after) = (grown[FULL], grown[ROUNDS - 1]);
    assert!(after <= before + 256, "the daemon grew: {grown:?} KiB");
    let sent = ROUNDS * classes.len();
    say(&format!("{sent} malformed options: {}, {before}, {after} KiB resident", grown[0]));

    home.tell("RENEW", &[(95, hex(MAP_T))])?;
    home.map_t_carries()?;
    // What is wrong is as good as not there.
    let (code, text, ..) = &classes[0];
    home.tell("RENEW", &[(*code, hex(text))])?;
    std::thread::sleep(Duration::from_millis(50));
    home.dhcpv4_carries()
}
