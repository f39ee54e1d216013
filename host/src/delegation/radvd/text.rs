//! The file that radvd reads (radvd.conf(5)).

use std::fmt::Write as _;

use dhcpmgr_message::{DomainName, IfName};

use crate::delegation::advertise::{Advertised, End, Lifetimes, PREFERRED_LIMIT, VALID_LIMIT};

/// Name servers that radvd takes for one interface.
const MOST_SERVERS: usize = 3;

/// Search domains that fit an advertisement beside everything else.
const MOST_DOMAINS: usize = 8;

/// The longest time between advertisements, seconds (radvd's own default), and the shortest that short lifetimes make
/// of it.
const INTERVAL: (u32, u32) = (30, 600);

/// Words that mean something to radvd where a name is expected.
const WORDS: [&str; 12] = [
    "abro",
    "clients",
    "high",
    "infinity",
    "interface",
    "low",
    "lowpanco",
    "medium",
    "off",
    "on",
    "prefix",
    "route",
];

/// The whole file.
pub(super) fn config(all: &[Advertised], now: u64) -> String {
    let mut text = "# Written by dhcpmgrd, anew with each change.\n".to_owned();
    for lan in all {
        // Writing to a String cannot fail.
        let _ = if is_understood(&lan.lan) {
            interface(&mut text, lan, now)
        } else {
            writeln!(text, "# {}: radvd does not understand this name", lan.lan.as_str().escape_default())
        };
    }
    if !all.iter().any(|lan| is_understood(&lan.lan)) {
        // radvd ends when it has nothing to do.
        text.push_str("interface lo\n{\n\tIgnoreIfMissing on;\n\tAdvSendAdvert off;\n};\n");
    }
    text
}

/// radvd announces no prefix that counts down and has no preferred lifetime left.
fn decrements(lifetimes: &Lifetimes) -> bool {
    match lifetimes {
        Lifetimes::Current { preferred, valid } => {
            matches!(preferred, End::At(_)) || matches!(valid, End::At(_))
        }
        Lifetimes::Deprecated { .. } => false,
    }
}

fn is_understood(name: &IfName) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'@');
    let name = name.as_str();
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(plain)
        && !WORDS.contains(&name.to_ascii_lowercase().as_str())
}

fn interface(text: &mut String, lan: &Advertised, now: u64) -> std::fmt::Result {
    let router = if lan.is_router { PREFERRED_LIMIT } else { 0 };
    writeln!(text, "interface {}\n{{\n\tAdvSendAdvert on;\n\tIgnoreIfMissing on;", lan.lan)?;
    writeln!(text, "\tMaxRtrAdvInterval {};\n\tAdvDefaultLifetime {router};", interval(lan, now))?;
    for advertised in &lan.prefixes {
        let (preferred, valid) = match advertised.lifetimes {
            Lifetimes::Current { preferred, valid } => {
                let valid = valid.seconds(VALID_LIMIT, now);
                (preferred.seconds(PREFERRED_LIMIT, now).min(valid), valid)
            }
            Lifetimes::Deprecated { valid } => (0, valid),
        };
        // Hosts make addresses in nothing but a /64 (RFC 4862 section 5.5.3 d).
        let autonomous = if advertised.prefix.len() == 64 { "on" } else { "off" };
        let decrement = if decrements(&advertised.lifetimes) { "on" } else { "off" };
        writeln!(text, "\tprefix {}\n\t{{", advertised.prefix)?;
        writeln!(text, "\t\tAdvOnLink on;\n\t\tAdvAutonomous {autonomous};")?;
        writeln!(text, "\t\tAdvPreferredLifetime {preferred};\n\t\tAdvValidLifetime {valid};")?;
        writeln!(text, "\t\tDecrementLifetimes {decrement};\n\t}};")?;
    }
    for (prefix, end) in &lan.routes {
        let lifetime = end.seconds(PREFERRED_LIMIT, now);
        writeln!(text, "\troute {prefix}\n\t{{\n\t\tAdvRouteLifetime {lifetime};\n\t}};")?;
    }
    let servers: Vec<String> = lan.dns.iter().take(MOST_SERVERS).map(ToString::to_string).collect();
    if !servers.is_empty() {
        writeln!(
            text,
            "\tRDNSS {}\n\t{{\n\t\tAdvRDNSSLifetime {PREFERRED_LIMIT};\n\t}};",
            servers.join(" ")
        )?;
    }
    let domains: Vec<&str> =
        lan.search.iter().filter(|d| is_plain(d)).take(MOST_DOMAINS).map(DomainName::as_str).collect();
    if !domains.is_empty() {
        writeln!(
            text,
            "\tDNSSL {}\n\t{{\n\t\tAdvDNSSLLifetime {PREFERRED_LIMIT};\n\t}};",
            domains.join(" ")
        )?;
    }
    text.push_str("};\n");
    Ok(())
}

/// radvd ends over an underscore in a domain.
fn is_plain(domain: &DomainName) -> bool {
    let domain = domain.as_str();
    domain.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
        && domain.contains(|c: char| c.is_ascii_alphabetic())
}

/// Short lifetimes are refreshed before they end, also when an advertisement is lost.
fn interval(lan: &Advertised, now: u64) -> u32 {
    let shortest = lan.prefixes.iter().filter_map(|advertised| match advertised.lifetimes {
        Lifetimes::Current { preferred, valid } => {
            Some(preferred.seconds(PREFERRED_LIMIT, now).min(valid.seconds(VALID_LIMIT, now)))
        }
        Lifetimes::Deprecated { .. } => None,
    });
    (shortest.min().unwrap_or(PREFERRED_LIMIT) / 3).clamp(INTERVAL.0, INTERVAL.1)
}

#[cfg(test)]
mod tests {
    use dhcpmgr_message::Prefix;

    use super::*;
    use crate::delegation::advertise::AdvertisedPrefix;

    fn lan(name: &str, prefixes: Vec<AdvertisedPrefix>) -> Advertised {
        Advertised {
            lan: name.parse().unwrap(),
            is_router: true,
            prefixes,
            routes: vec![("2001:db8::/56".parse().unwrap(), End::Far)],
            dns: vec!["fd00::1".parse().unwrap()],
            search: vec!["example.net".parse().unwrap(), "_tcp.example.net".parse().unwrap()],
        }
    }

    fn prefix(text: &str, lifetimes: Lifetimes) -> AdvertisedPrefix {
        AdvertisedPrefix { prefix: text.parse::<Prefix>().unwrap(), lifetimes }
    }

    #[test]
    fn a_new_and_an_old_prefix_stand_in_the_file_of_radvd() {
        let current = Lifetimes::Current { preferred: End::At(101_500), valid: End::Far };
        let all = [lan(
            "br-lan",
            vec![
                prefix("2001:db8:0:1::/64", current),
                prefix("2001:db8:ff:1::/64", Lifetimes::Deprecated { valid: 6900 }),
            ],
        )];
        let expected = "\
# Written by dhcpmgrd, anew with each change.
interface br-lan
{
\tAdvSendAdvert on;
\tIgnoreIfMissing on;
\tMaxRtrAdvInterval 33;
\tAdvDefaultLifetime 2700;
\tprefix 2001:db8:0:1::/64
\t{
\t\tAdvOnLink on;
\t\tAdvAutonomous on;
\t\tAdvPreferredLifetime 100;
\t\tAdvValidLifetime 5400;
\t\tDecrementLifetimes on;
\t};
\tprefix 2001:db8:ff:1::/64
\t{
\t\tAdvOnLink on;
\t\tAdvAutonomous on;
\t\tAdvPreferredLifetime 0;
\t\tAdvValidLifetime 6900;
\t\tDecrementLifetimes off;
\t};
\troute 2001:db8::/56
\t{
\t\tAdvRouteLifetime 2700;
\t};
\tRDNSS fd00::1
\t{
\t\tAdvRDNSSLifetime 2700;
\t};
\tDNSSL example.net
\t{
\t\tAdvDNSSLLifetime 2700;
\t};
};
";
        assert_eq!(config(&all, 1_000), expected);
    }

    #[test]
    fn names_that_radvd_would_end_over_are_left_out() {
        for name in ["on", "route", "0lan", "br;lan", "a{", "br\"lan"] {
            let Ok(name) = name.parse::<IfName>() else { continue };
            let text = config(&[lan(name.as_str(), Vec::new())], 0);
            assert!(text.contains("interface lo\n"), "{text}");
            assert!(!text.contains(&format!("interface {name}\n")), "{text}");
        }
    }
}
