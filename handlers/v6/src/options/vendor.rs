//! Option 17, vendor-specific information (RFC 8415 section 21.17).

use super::reader::{Reader, Wrong};

/// What one vendor says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Vendor<'a> {
    /// IANA's number of the vendor.
    pub(crate) enterprise: u32,
    /// Code and value of each sub-option, in order.
    pub(crate) options: Vec<(u16, &'a [u8])>,
}

/// One value of option 17.
pub(crate) fn vendor(value: &[u8]) -> Result<Vendor<'_>, Wrong> {
    let mut reader = Reader::new(value);
    let enterprise = reader.u32("the enterprise number")?;
    let mut options = Vec::new();
    while !reader.is_empty() {
        let code = reader.u16("the code of a sub-option")?;
        let len = reader.u16("the length of a sub-option")?;
        options.push((code, reader.bytes(len.into(), &format!("sub-option {code}"))?));
    }
    Ok(Vendor { enterprise, options })
}
