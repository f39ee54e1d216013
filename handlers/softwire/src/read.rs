//! Bytes with their place, and the options within.

use std::fmt::Display;

use crate::kind::OptionName;
use crate::malformed::{Flaw, Malformed};
use crate::remark::{Oddity, Remarks};
use crate::trace::{Field, Trace};

/// Who reads: shows each field, and collects remarks.
pub(crate) struct Reader<'t> {
    pub(crate) trace: &'t mut dyn Trace,
    pub(crate) remarks: Remarks,
}

impl Reader<'_> {
    pub(crate) fn remark(&mut self, offset: usize, oddity: Oddity) {
        self.remarks.add(offset, oddity);
    }
}

/// What is left of an option's value.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a> {
    /// The option's code.
    pub(crate) option: u16,
    /// What is left.
    pub(crate) bytes: &'a [u8],
    /// Where it begins.
    pub(crate) offset: usize,
    /// How many options it stands in.
    pub(crate) depth: usize,
}

impl<'a> Value<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The next bytes as a field; `None` when there are fewer.
    fn split(&mut self, len: usize) -> Option<Self> {
        let (head, rest) = self.bytes.split_at_checked(len)?;
        let field = Self { bytes: head, ..*self };
        self.bytes = rest;
        self.offset += len;
        Some(field)
    }

    /// The next field of this length.
    pub(crate) fn field(&mut self, field: &'static str, len: usize) -> Result<Self, Malformed> {
        let offset = self.offset;
        self.split(len).ok_or_else(|| Flaw::FieldCut { option: self.option, field, needed: len }.at(offset))
    }

    /// The next field of a fixed length.
    pub(crate) fn array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<([u8; N], Self), Malformed> {
        let value = self.field(field, N)?;
        let mut array = [0; N];
        array.copy_from_slice(value.bytes);
        Ok((array, value))
    }

    /// The next field of one byte, and where it stands.
    pub(crate) fn byte(
        &mut self,
        field: &'static str,
        reader: &mut Reader<'_>,
    ) -> Result<(u8, usize), Malformed> {
        let ([byte], at) = self.array(field)?;
        at.show(reader, &field, &byte);
        Ok((byte, at.offset))
    }

    /// There are no further fields.
    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.is_empty() {
            return Ok(());
        }
        Err(Flaw::FieldsEnd { option: self.option, left: self.bytes.len() }.at(self.offset))
    }

    /// The next option; `None` at the end.
    pub(crate) fn option(&mut self, reader: &mut Reader<'_>) -> Result<Option<Self>, Malformed> {
        if self.is_empty() {
            return Ok(None);
        }
        let (within, start, left) = (self.option, self.offset, self.bytes.len());
        let header = self.split(4).ok_or_else(|| Flaw::LeftOver { within, left }.at(start))?;
        let &[code0, code1, len0, len1] = header.bytes else {
            return Err(Flaw::LeftOver { within, left }.at(start));
        };
        let (option, said) =
            (u16::from_be_bytes([code0, code1]), usize::from(u16::from_be_bytes([len0, len1])));
        header.show(reader, &OptionName(option), &Length(said));
        let there = self.bytes.len();
        let value =
            self.split(said).ok_or_else(|| Flaw::Overrun { option, said, there, within }.at(start + 2))?;
        Ok(Some(Self { option, depth: self.depth + 1, ..value }))
    }

    /// Shows these bytes as a field.
    pub(crate) fn show(&self, reader: &mut Reader<'_>, name: &dyn Display, value: &dyn Display) {
        let Self { bytes, offset, depth, .. } = *self;
        reader.trace.field(Field { offset, bytes, depth, name, value });
    }
}

struct Length(usize);

impl Display for Length {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} byte{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}
