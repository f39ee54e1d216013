//! Domain names as DHCPv6 writes them: labels with their lengths, and never a pointer (RFC 8415 section 10).

use dhcpmgr_plugin_api::message::DomainName;

use super::reader::{Reader, Wrong};

/// The longest name on the wire, its last zero included (RFC 1035 section 2.3.4).
const MAX_WIRE_BYTES: usize = 255;

/// A name that is well formed on the wire; its labels may still be no name's.
#[derive(Debug, Clone)]
pub(crate) struct WireName<'a> {
    at: usize,
    labels: Vec<&'a [u8]>,
}

/// The next name, which ends with the root. An error leaves nothing to read on from.
pub(crate) fn name<'a>(reader: &mut Reader<'a>) -> Result<WireName<'a>, Wrong> {
    labels(reader, false)
}

/// A name that may lack its last labels and then ends with the option (RFC 4704 section 4.2).
pub(crate) fn partial_name<'a>(reader: &mut Reader<'a>) -> Result<WireName<'a>, Wrong> {
    labels(reader, true)
}

fn labels<'a>(reader: &mut Reader<'a>, partial: bool) -> Result<WireName<'a>, Wrong> {
    let at = reader.at();
    let mut labels = Vec::new();
    loop {
        if partial && reader.is_empty() {
            return Ok(WireName { at, labels });
        }
        let here = reader.at();
        match reader.u8("the length of a label")? {
            0 => return Ok(WireName { at, labels }),
            len @ 1..=63 => labels.push(reader.bytes(len.into(), "a label")?),
            192.. => {
                return Err(Wrong::new(
                    here,
                    "a name is compressed, which DHCPv6 forbids (RFC 8415 section 10)",
                ));
            }
            len => return Err(Wrong::new(here, format!("a label cannot have {len} bytes"))),
        }
        if reader.at() - at >= MAX_WIRE_BYTES {
            return Err(Wrong::new(here, format!("a name has more than {MAX_WIRE_BYTES} bytes")));
        }
    }
}

impl WireName<'_> {
    /// The name in words.
    pub(crate) fn domain(&self) -> Result<DomainName, Wrong> {
        let mut text = String::new();
        let mut at = self.at;
        for label in &self.labels {
            let named = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
            if let Some(bad) = label.iter().position(|b| !named(b)) {
                let why = format!("the byte {:#04x} is in no domain name", label[bad]);
                return Err(Wrong::new(at + 1 + bad, why));
            }
            if !text.is_empty() {
                text.push('.');
            }
            text.extend(label.iter().map(|b| char::from(*b)));
            at += 1 + label.len();
        }
        if text.is_empty() {
            return Err(Wrong::new(self.at, "the name is empty"));
        }
        text.parse().map_err(|error| Wrong::new(self.at, format!("{error}")))
    }
}
