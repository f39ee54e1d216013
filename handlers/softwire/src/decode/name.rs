//! AFTR_NAME (RFC 6334): one domain name in the uncompressed form of RFC 8415 section 10.

use dhcpmgr_message::DomainName;

use crate::malformed::{Flaw, Malformed};
use crate::read::{Reader, Value};

const LONGEST_LABEL: u8 = 63;

pub(super) fn decode(mut value: Value<'_>, reader: &mut Reader<'_>) -> Result<DomainName, Malformed> {
    let whole = value;
    let mut name = String::new();
    loop {
        let at = value.offset;
        let Ok(([len], _)) = value.array("label") else {
            return Err(if name.is_empty() { Flaw::NameEmpty } else { Flaw::NameCut }.at(at));
        };
        if len == 0 {
            break;
        }
        if len > LONGEST_LABEL {
            return Err(Flaw::NameLabel(len).at(at));
        }
        let label = value.field("label", usize::from(len)).map_err(|cut| Flaw::NameCut.at(cut.offset))?;
        if let Some(bad) = label.bytes.iter().position(|byte| !is_name_byte(*byte)) {
            return Err(Flaw::NameByte(label.bytes[bad]).at(label.offset + bad));
        }
        if !name.is_empty() {
            name.push('.');
        }
        name.extend(label.bytes.iter().copied().map(char::from));
    }
    if name.is_empty() {
        return Err(Flaw::NameEmpty.at(whole.offset));
    }
    if !value.is_empty() {
        return Err(Flaw::NameGoesOn(value.bytes.len()).at(value.offset));
    }
    let name = name.parse().map_err(|error| Flaw::Name(error).at(whole.offset))?;
    whole.show(reader, &"tunnel-endpoint-name", &name);
    Ok(name)
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}
