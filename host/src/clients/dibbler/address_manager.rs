//! `client-AddrMgr.xml`: what dibbler remembers of its identity associations.
//!
//! ```xml
//! <AddrMgr><AddrClient>
//!   <duid length="10">00:03:…</duid>
//!   <AddrIA … T1="15" T2="25" IAID="1" state="CONFIGURED" ifacename="wan0" …>
//!     <duid length="10">the server's</duid>
//!     <AddrAddr … prefix="128">2001:db8::1000</AddrAddr>
//!   </AddrIA>
//!   <AddrPD …><AddrPrefix … length="56">2001:db8:f000::</AddrPrefix></AddrPD>
//! </AddrClient></AddrMgr>
//! ```
//! It is written after the hook: what stands in it while the hook runs is older. A prefix has the wrong valid lifetime
//! after the first renewal, so no lifetimes are read.

use dhcpmgr_message::{IaKind, IfName, Lifetime, Prefix, V6Ia};

use crate::clients::KnownIa;

/// Identity associations that are read; a gateway has two or three.
const MOST_IAS: usize = 16;
/// Addresses or prefixes in one of them.
const MOST_LEASED: usize = 16;

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AddressManager {
    /// The client's DUID as it is written.
    pub(crate) duid: Option<String>,
    /// In the order of the file.
    pub(crate) associations: Vec<Association>,
}

/// An identity association.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Association {
    /// Its interface.
    pub(crate) interface: Option<IfName>,
    /// A server has answered for it.
    pub(crate) configured: bool,
    /// What is known of it.
    pub(crate) known: KnownIa,
}

/// What cannot be right in such a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum XmlError {
    /// An association without its number.
    #[error("an {0} in it has no IAID")]
    NoIaid(String),
    /// More than anybody has.
    #[error("it has more than {MOST_IAS} identity associations")]
    TooMany,
}

impl AddressManager {
    /// Reads the file.
    pub(crate) fn parse(xml: &str) -> Result<Self, XmlError> {
        let mut found = Self::default();
        let mut current: Option<Association> = None;
        for tag in tags(xml) {
            match (tag.name, &mut current) {
                // One byte stands for the addresses that dibbler has declined.
                ("duid", None) if found.duid.is_none() && tag.text.trim().len() > 2 => {
                    found.duid = Some(tag.text.trim().to_owned());
                }
                ("AddrIA" | "AddrTA" | "AddrPD", None) => current = Some(association(&tag)?),
                ("AddrAddr", Some(ia)) => ia.known.values.extend(leased(tag.text, Some("128"))),
                ("AddrPrefix", Some(ia)) => ia.known.values.extend(leased(tag.text, tag.attribute("length"))),
                ("/AddrIA" | "/AddrTA" | "/AddrPD", _) => {
                    if let Some(mut ia) = current.take() {
                        ia.known.values.truncate(MOST_LEASED);
                        found.associations.push(ia);
                    }
                }
                _ => {}
            }
            if found.associations.len() > MOST_IAS {
                return Err(XmlError::TooMany);
            }
        }
        Ok(found)
    }

    /// The associations that a server has answered for.
    pub(crate) fn configured(self) -> Vec<KnownIa> {
        let configured = self.associations.into_iter().filter(|ia| ia.configured);
        configured.map(|ia| ia.known).collect()
    }
}

fn association(tag: &Tag<'_>) -> Result<Association, XmlError> {
    let number = |name: &str| tag.attribute(name).and_then(|text| text.parse().ok());
    let kind = match tag.name {
        "AddrIA" => IaKind::Na,
        "AddrTA" => IaKind::Ta,
        _ => IaKind::Pd,
    };
    let iaid = number("IAID").ok_or_else(|| XmlError::NoIaid(tag.name.to_owned()))?;
    let (t1, t2) = (number("T1").map(Lifetime), number("T2").map(Lifetime));
    Ok(Association {
        interface: tag.attribute("ifacename").and_then(|name| name.parse().ok()),
        configured: tag.attribute("state") == Some("CONFIGURED"),
        known: KnownIa { ia: V6Ia { kind, iaid, t1, t2, status: None }, values: Vec::new() },
    })
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
