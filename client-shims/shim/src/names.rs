//! Domain names as DNS writes them (RFC 1035 section 3.1), as options 119 and 120 of DHCPv4 and many of DHCPv6 carry
//! them.

/// Bytes of one name, length bytes and final zero included.
const NAME: usize = 255;

/// Appends the name without compression; refused if it is not made of labels of 1 to 63 bytes or is too long.
/// A label may hold any byte but the dot.
pub fn encode(name: &[u8], wire: &mut Vec<u8>) -> Result<(), &'static str> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    if name.len() + 2 > NAME {
        return Err("is longer than a domain name can be");
    }
    if name.split(|b| *b == b'.').any(|label| label.is_empty() || label.len() > 63) {
        return Err("must have labels of 1 to 63 bytes");
    }
    for label in name.split(|b| *b == b'.') {
        // Checked above to be at most 63.
        wire.push(label.len() as u8);
        wire.extend_from_slice(label);
    }
    wire.push(0);
    Ok(())
}

/// Reads all names of an option; pointers go back into the option itself (RFC 3397 section 2). What was read
/// before the error is kept.
pub fn decode(wire: &[u8], mut name: impl FnMut(Vec<u8>)) -> Result<(), &'static str> {
    let mut at = 0;
    while at < wire.len() {
        let (text, next) = decode_one(wire, at)?;
        if !text.is_empty() {
            name(text);
        }
        at = next;
    }
    Ok(())
}

/// The name at an offset, and the offset after it. Every pointer must go back, so the walk ends.
fn decode_one(wire: &[u8], start: usize) -> Result<(Vec<u8>, usize), &'static str> {
    const CUT: &str = "ends within a name";
    let mut text = Vec::new();
    let (mut at, mut lowest, mut next) = (start, start, None);
    loop {
        let len = usize::from(*wire.get(at).ok_or(CUT)?);
        match len {
            0 => return Ok((text, next.unwrap_or(at + 1))),
            1..=63 => {
                let label = wire.get(at + 1..=at + len).ok_or(CUT)?;
                if label.contains(&b'.') {
                    return Err("has a label with a dot in it");
                }
                if !text.is_empty() {
                    text.push(b'.');
                }
                text.extend_from_slice(label);
                if text.len() + 2 > NAME {
                    return Err("has a name that is too long");
                }
                at += 1 + len;
            }
            0xc0.. => {
                let low = usize::from(*wire.get(at + 1).ok_or(CUT)?);
                next = next.or(Some(at + 2));
                at = (len & 0x3f) << 8 | low;
                if at >= lowest {
                    return Err("has a pointer that does not go back");
                }
                lowest = at;
            }
            _ => return Err("has a label of an unknown kind"),
        }
    }
}
