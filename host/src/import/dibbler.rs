//! dibbler-client: `client-duid`, which is the DUID as text, and `client-AddrMgr.xml`, which holds the DUID, the
//! IAIDs and what was leased in them.

use std::collections::BTreeMap;

use dhcpmgr_message::{Bytes, IfName, Prefix};

use super::{Found, ParseError, duid, text};
use crate::identity::{Ia, IaKind};

/// Identity associations that are read; a gateway has two or three.
const MOST_IAS: usize = 16;
/// Addresses or prefixes in one of them.
const MOST_LEASED: usize = 16;

pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Found>, ParseError> {
    let content = String::from_utf8_lossy(bytes);
    if content.trim_start().starts_with('<') {
        return address_manager(&content);
    }
    let bytes = text::hex(&content).ok_or_else(|| {
        ParseError::Value("client-duid is not a DUID in hex, such as 00:03:00:01:…".to_owned())
    })?;
    Ok(vec![Found { duid: Some(duid(bytes)?), ..Found::default() }])
}

/// ```xml
/// <AddrMgr><AddrClient>
///   <duid length="10">00:03:…</duid>
///   <AddrIA … IAID="1" … ifacename="wan0" …>
///     <duid length="10">the server's</duid>
///     <AddrAddr … prefix="128">2001:db8::1000</AddrAddr>
///   </AddrIA>
///   <AddrPD …><AddrPrefix … length="56">2001:db8:f000::</AddrPrefix></AddrPD>
/// </AddrClient></AddrMgr>
/// ```
fn address_manager(xml: &str) -> Result<Vec<Found>, ParseError> {
    let mut client: Option<Bytes> = None;
    let mut found: BTreeMap<Option<IfName>, Vec<Ia>> = BTreeMap::new();
    let mut current: Option<(Option<IfName>, Ia)> = None;
    for tag in tags(xml) {
        match (tag.name, &mut current) {
            ("duid", None) => {
                let bytes = text::hex(tag.text)
                    .ok_or_else(|| ParseError::Value("the DUID in it is not hex".to_owned()))?;
                // One byte stands for the addresses that dibbler has declined.
                if client.is_none() && bytes.len() > 1 {
                    client = Some(duid(bytes)?);
                }
            }
            ("AddrIA" | "AddrTA" | "AddrPD", None) => {
                let iaid = tag.attribute("IAID").and_then(|text| text.parse().ok());
                let iaid =
                    iaid.ok_or_else(|| ParseError::Value(format!("an {} in it has no IAID", tag.name)))?;
                let kind = match tag.name {
                    "AddrIA" => IaKind::Na,
                    "AddrTA" => IaKind::Ta,
                    _ => IaKind::Pd,
                };
                let interface = tag.attribute("ifacename").and_then(|name| name.parse().ok());
                current = Some((interface, Ia { kind, iaid, last: Vec::new() }));
            }
            ("AddrAddr", Some((_, ia))) => ia.last.extend(leased(tag.text, Some("128"))),
            ("AddrPrefix", Some((_, ia))) => ia.last.extend(leased(tag.text, tag.attribute("length"))),
            ("/AddrIA" | "/AddrTA" | "/AddrPD", _) => {
                if let Some((interface, mut ia)) = current.take() {
                    ia.last.truncate(MOST_LEASED);
                    found.entry(interface).or_default().push(ia);
                }
            }
            _ => {}
        }
        if found.values().map(Vec::len).sum::<usize>() > MOST_IAS {
            return Err(ParseError::Value(format!("it has more than {MOST_IAS} identity associations")));
        }
    }
    let mut found: Vec<_> =
        found.into_iter().map(|(interface, ias)| Found { interface, ias, ..Found::default() }).collect();
    if let Some(duid) = client {
        match found.first_mut() {
            Some(first) => first.duid = Some(duid),
            None => found.push(Found { duid: Some(duid), ..Found::default() }),
        }
    }
    Ok(found)
}

fn leased(address: &str, length: Option<&str>) -> Option<Prefix> {
    let prefix: Prefix = format!("{}/{}", address.trim(), length?).parse().ok()?;
    prefix.address().is_ipv6().then_some(prefix)
}

/// A tag of the simple XML that dibbler writes, and the text behind it.
struct Tag<'a> {
    name: &'a str,
    attributes: &'a str,
    text: &'a str,
}

impl Tag<'_> {
    fn attribute(&self, name: &str) -> Option<&str> {
        let mut rest = self.attributes;
        while let Some((before, after)) = rest.split_once("=\"") {
            let (value, next) = after.split_once('"')?;
            if before.trim() == name {
                return Some(value);
            }
            rest = next;
        }
        None
    }
}

fn tags(xml: &str) -> impl Iterator<Item = Tag<'_>> {
    let mut rest = xml;
    std::iter::from_fn(move || {
        loop {
            let (_, after) = rest.split_once('<')?;
            if let Some(comment) = after.strip_prefix("!--") {
                (_, rest) = comment.split_once("-->")?;
                continue;
            }
            let (inside, behind) = after.split_once('>')?;
            rest = behind;
            let text = behind.split('<').next().unwrap_or_default();
            let (name, attributes) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
            return Some(Tag { name, attributes, text });
        }
    })
}
