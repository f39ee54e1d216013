//! The bytes of an option, with or without its header.

use crate::malformed::{Flaw, Malformed};

/// An option's value and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input<'a> {
    pub(crate) value: &'a [u8],
    pub(crate) offset: usize,
}

impl<'a> Input<'a> {
    /// The value of an option: what follows code and length.
    pub fn value(value: &'a [u8]) -> Result<Self, Malformed> {
        if value.len() > usize::from(u16::MAX) {
            return Err(Flaw::TooLong(value.len()).at(usize::from(u16::MAX)));
        }
        Ok(Self { value, offset: 0 })
    }

    /// What a person copied: the value of the option, or all of it. There is no doubt which: no value of an option
    /// that is read here begins with the option's own code.
    pub fn pasted(option: u16, bytes: &'a [u8]) -> Result<Self, Malformed> {
        let Some((&[code0, code1, len0, len1], value)) = bytes.split_first_chunk::<4>() else {
            return Self::value(bytes);
        };
        if u16::from_be_bytes([code0, code1]) != option {
            return Self::value(bytes);
        }
        let said = usize::from(u16::from_be_bytes([len0, len1]));
        if said != value.len() {
            return Err(Flaw::HeaderLength { option, said, there: value.len() }.at(2));
        }
        Ok(Self { value, offset: 4 })
    }
}
