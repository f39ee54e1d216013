//! Option 60, the parameters of a boot file (RFC 5970 section 3.2).

use super::reader::{Reader, Wrong};

/// The parameters in order, each with the offset of its first byte.
pub(crate) fn boot_parameters(value: &[u8]) -> Result<Vec<&str>, Wrong> {
    let mut reader = Reader::new(value);
    let mut parameters = Vec::new();
    while !reader.is_empty() {
        let len = reader.u16("the length of a parameter")?;
        let at = reader.at();
        let text = std::str::from_utf8(reader.bytes(len.into(), "a parameter")?);
        parameters
            .push(text.map_err(|e| Wrong::new(at + e.valid_up_to(), "a parameter is not text (UTF-8)"))?);
    }
    if parameters.is_empty() { Err(Wrong::new(0, "it carries no parameter")) } else { Ok(parameters) }
}
