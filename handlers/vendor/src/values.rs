//! What a value may be. Each check takes the bytes of a sub-option and gives the text to publish, or the second half of
//! a sentence that says why not. Nothing is published before one of these has accepted it.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use dhcpmgr_handler_common::text::{is_printable, short, text};
use dhcpmgr_handler_common::uri;
use dhcpmgr_plugin_api::message::DomainName;

/// A check.
pub(crate) type Check = fn(&[u8]) -> Result<String, String>;

/// Bytes of a URL (TR-181: `ManagementServer.URL` is a string(256)).
const MAX_URL: usize = 256;
/// Bytes of a serial number, product class or provisioning code (TR-181: string(64)).
const MAX_NAME: usize = 64;
/// Bytes of an endpoint identifier; TR-369 says that it should be short and sets no limit.
const MAX_ENDPOINT: usize = 255;
/// Servers of one sub-option that are published.
const MAX_SERVERS: usize = 16;

/// A text that is not empty. TR-069 section 3.1: not NUL-terminated, and accepted all the same when it is.
fn some_text(raw: &[u8], limit: usize) -> Result<&str, String> {
    let text = text(raw)?;
    short(text, limit)?;
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    is_printable(text).map(|()| text).map_err(str::to_owned)
}

/// The URL of an ACS (TR-069 section 3.1): absolute, `http` or `https`.
pub(crate) fn acs_url(raw: &[u8]) -> Result<String, String> {
    let url = some_text(raw, MAX_URL)?;
    uri::absolute(url, &["https", "http"]).map(|_| url.to_owned())
}

/// The URL of a USP controller (TR-369, discovery): of a message transfer protocol.
pub(crate) fn controller_url(raw: &[u8]) -> Result<String, String> {
    let url = some_text(raw, MAX_URL)?;
    let schemes = ["wss", "ws", "mqtts", "mqtt", "coaps", "coap", "stomps", "stomp"];
    uri::absolute(url, &schemes).map(|_| url.to_owned())
}

/// The message transfer protocol of a controller's URL, as TR-181 names it (`LocalAgent.Controller.{i}.MTP.{i}.Protocol`).
pub(crate) fn transfer_protocol(url: &str) -> &'static str {
    let (scheme, _) = url.split_once(':').unwrap_or_default();
    match scheme.to_ascii_lowercase().trim_end_matches('s') {
        "mqtt" => "MQTT",
        "coap" => "CoAP",
        "stomp" => "STOMP",
        // `ws`, of which the last letter is gone.
        _ => "WebSocket",
    }
}

/// All of option 43 is a URL: some ISPs put it there without sub-options.
pub(crate) fn bare_url(raw: &[u8]) -> Option<String> {
    let start = raw.get(..4)?.eq_ignore_ascii_case(b"http");
    start.then(|| acs_url(raw).ok()).flatten()
}

/// An endpoint identifier (TR-369, architecture): scheme, authority, instance, in characters of a URI.
pub(crate) fn endpoint_id(raw: &[u8]) -> Result<String, String> {
    let id = some_text(raw, MAX_ENDPOINT)?;
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._:%".contains(&b);
    if !id.bytes().all(allowed) || id.split(':').count() < 3 {
        return Err("is no endpoint identifier (TR-369), such as oui:00256D:acs-1".to_owned());
    }
    Ok(id.to_owned())
}

/// A provisioning code, serial number or product class.
pub(crate) fn name(raw: &[u8]) -> Result<String, String> {
    some_text(raw, MAX_NAME).map(str::to_owned)
}

/// An organisationally unique identifier: six hexadecimal digits, published in capitals as TR-181 has them.
pub(crate) fn oui(raw: &[u8]) -> Result<String, String> {
    let text = some_text(raw, MAX_NAME)?;
    if text.len() != 6 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err("is no OUI of six hexadecimal digits".to_owned());
    }
    Ok(text.to_ascii_uppercase())
}

/// Seconds of the first wait before a retry (TR-181: 1 to 65535).
pub(crate) fn retry_wait(raw: &[u8]) -> Result<String, String> {
    number(raw, 1..=65_535)
}

/// By what each wait is longer than the one before, in thousandths (TR-181: 1000 to 65535).
pub(crate) fn retry_multiplier(raw: &[u8]) -> Result<String, String> {
    number(raw, 1_000..=65_535)
}

/// TR-069 section 3.1: numbers are decimal text.
fn number(raw: &[u8], range: RangeInclusive<u32>) -> Result<String, String> {
    let text = some_text(raw, MAX_NAME)?;
    let digits = text.len() <= 10 && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse::<u32>() {
        Ok(number) if digits && range.contains(&number) => Ok(number.to_string()),
        _ => Err(format!("is no number from {} to {}", range.start(), range.end())),
    }
}

/// A file name on a server.
pub(crate) fn file(raw: &[u8]) -> Result<String, String> {
    some_text(raw, 255).map(str::to_owned)
}

/// IPv4 addresses of servers, separated by spaces.
pub(crate) fn servers4(raw: &[u8]) -> Result<String, String> {
    let (addresses, rest) = raw.as_chunks::<4>();
    let addresses = addresses.iter().map(|octets| Ipv4Addr::from(*octets));
    let host = |a: &Ipv4Addr| a.octets()[0] != 0 && a.octets()[0] < 224 && !a.is_loopback();
    servers(raw.len(), rest.len(), 4, addresses.map(|a| (a.to_string(), host(&a))))
}

/// IPv6 addresses of servers, separated by spaces.
pub(crate) fn servers6(raw: &[u8]) -> Result<String, String> {
    let (addresses, rest) = raw.as_chunks::<16>();
    let addresses = addresses.iter().map(|octets| Ipv6Addr::from(*octets));
    let host = |a: &Ipv6Addr| {
        !(a.is_unspecified() || a.is_loopback() || a.is_multicast() || a.to_ipv4_mapped().is_some())
    };
    servers(raw.len(), rest.len(), 16, addresses.map(|a| (a.to_string(), host(&a))))
}

fn servers(
    len: usize,
    rest: usize,
    size: usize,
    addresses: impl Iterator<Item = (String, bool)>,
) -> Result<String, String> {
    if len == 0 || rest != 0 {
        return Err(format!("has {len} bytes, a list of addresses has a multiple of {size}"));
    }
    let addresses: Vec<(String, bool)> = addresses.collect();
    if let Some((no_host, _)) = addresses.iter().find(|(_, host)| !host) {
        return Err(format!("has {no_host}, which is no server"));
    }
    if addresses.len() > MAX_SERVERS {
        return Err(format!("has {} addresses, at most {MAX_SERVERS} are accepted", addresses.len()));
    }
    Ok(addresses.into_iter().map(|(text, _)| text).collect::<Vec<_>>().join(" "))
}

/// A name as labels with their lengths (RFC 1035 section 3.1), never compressed, to the end of the value.
pub(crate) fn labels(raw: &[u8]) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = raw;
    loop {
        match rest {
            [0] => break,
            [len @ 1..=63, tail @ ..] => {
                let (label, after) =
                    tail.split_at_checked((*len).into()).ok_or("ends within a label of a name")?;
                if !text.is_empty() {
                    text.push('.');
                }
                let label = std::str::from_utf8(label).map_err(|_| "has a label that is no text")?;
                // A dot within a label would make two of it.
                if label.contains('.') {
                    return Err("has a dot within a label".to_owned());
                }
                text.push_str(label);
                rest = after;
            }
            _ => return Err("is no name of labels with their lengths (RFC 1035)".to_owned()),
        }
    }
    text.parse::<DomainName>().map(String::from).map_err(|error| error.to_string())
}

/// One byte.
pub(crate) fn byte(raw: &[u8]) -> Result<u8, String> {
    match raw {
        [byte] => Ok(*byte),
        _ => Err(format!("has {} bytes, not 1", raw.len())),
    }
}

/// A number of four bytes.
pub(crate) fn word(raw: &[u8]) -> Result<u32, String> {
    let bytes: [u8; 4] = raw.try_into().map_err(|_| format!("has {} bytes, not 4", raw.len()))?;
    Ok(u32::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_acs_has_an_absolute_url() {
        assert_eq!(acs_url(b"https://acs.example:7547/cwmp\0").unwrap(), "https://acs.example:7547/cwmp");
        let long = format!("http://acs.example/{}", "x".repeat(256));
        for bad in ["", "acs.example", "ftp://acs.example/", "http://", "http://a b/", "http://x@y/", &long] {
            assert!(acs_url(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(acs_url(&[0xff, 0xfe]).is_err());
    }

    #[test]
    fn a_controller_has_the_url_of_its_transfer_protocol() {
        for (url, protocol) in [
            ("wss://usp.example/usp", "WebSocket"),
            ("ws://usp.example", "WebSocket"),
            ("MQTTS://broker.example:8883", "MQTT"),
            ("coap://[2001:db8::1]:5683/usp", "CoAP"),
            ("stomp://broker.example", "STOMP"),
        ] {
            let read = controller_url(url.as_bytes()).unwrap();
            assert_eq!(transfer_protocol(&read), protocol, "{url}");
        }
        assert!(controller_url(b"javascript:alert(1)").is_err());
    }

    #[test]
    fn numbers_are_decimal_text_within_their_range() {
        assert_eq!(retry_wait(b"5").unwrap(), "5");
        assert_eq!(retry_wait(b"0060").unwrap(), "60");
        assert_eq!(retry_multiplier(b"2000").unwrap(), "2000");
        for bad in [&b"0"[..], b"65536", b"+5", b"5 s", b"-1", b"", &[0, 5], b"99999999999999999999"] {
            assert!(retry_wait(bad).is_err(), "{bad:?}");
        }
        assert!(retry_multiplier(b"999").is_err());
    }

    #[test]
    fn an_oui_has_six_digits() {
        assert_eq!(oui(b"00256d").unwrap(), "00256D");
        for bad in [&b"00256"[..], b"00256dd", b"00256g", b"00:25:", &[0, 0x25, 0x6d]] {
            assert!(oui(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_endpoint_has_a_scheme_an_authority_and_a_name() {
        for good in ["oui:00256D:acs-1", "proto::controller", "fqdn::usp.example"] {
            assert_eq!(endpoint_id(good.as_bytes()).unwrap(), good);
        }
        for bad in ["controller", "a:b", "oui:00256D:a b", "oui:00256D:<x>"] {
            assert!(endpoint_id(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_list_of_servers_has_whole_addresses_of_hosts() {
        assert_eq!(servers4(&[192, 0, 2, 1, 192, 0, 2, 2]).unwrap(), "192.0.2.1 192.0.2.2");
        for bad in [&[][..], &[192, 0, 2], &[0; 4], &[127, 0, 0, 1], &[255; 4], &[192; 4 * 17]] {
            assert!(servers4(bad).is_err(), "{bad:?}");
        }
        let server: Ipv6Addr = "2001:db8::1".parse().unwrap();
        assert_eq!(servers6(&server.octets()).unwrap(), "2001:db8::1");
        assert!(servers6(&[0; 16]).is_err() && servers6(&[1; 15]).is_err());
    }

    #[test]
    fn a_name_of_labels_is_a_domain() {
        assert_eq!(labels(b"\x03mta\x07example\0").unwrap(), "mta.example");
        for bad in [
            &b""[..],
            b"\0",
            b"\x03mta",
            b"\x09mta\0",
            b"\x03mta\0x",
            b"\xc0\x0c",
            b"\x03m.a\0",
            b"\x03m\ta\0",
            b"\x02\xff\xff\0",
        ] {
            assert!(labels(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_can_be_published(raw in proptest::collection::vec(any::<u8>(), 0..300)) {
            let checks: [Check; 10] = [
                acs_url, controller_url, endpoint_id, name, oui, retry_wait, retry_multiplier, file, servers4, labels,
            ];
            for text in checks.iter().filter_map(|check| check(&raw).ok()) {
                prop_assert!(!text.is_empty() && text.len() <= 300 && !text.contains(char::is_control));
            }
        }
    }
}
