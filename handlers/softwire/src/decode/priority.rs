//! S46_PRIORITY (RFC 8026 section 1.4): which mechanism the ISP prefers.

use crate::input::Input;
use crate::kind::{Kind, OptionName, PRIORITY};
use crate::malformed::{Flaw, Malformed};
use crate::read::{Reader, Value};
use crate::remark::{Oddity, Remark, Remarks};
use crate::trace::Trace;

/// The mechanisms that the ISP names, its favourite first, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Priority {
    /// Those known here.
    pub kinds: Vec<Kind>,
    /// What is odd about the option.
    pub remarks: Vec<Remark>,
}

/// Reads option 111, and shows its fields. Codes of no mechanism are ignored.
pub fn decode_priority(input: Input<'_>, trace: &mut dyn Trace) -> Result<Priority, Malformed> {
    let len = input.value.len();
    if len == 0 || !len.is_multiple_of(2) {
        return Err(Flaw::PriorityLen(len).at(input.offset + len));
    }
    let reader = &mut Reader { trace, remarks: Remarks::default() };
    let mut value = Value { option: PRIORITY, bytes: input.value, offset: input.offset, depth: 0 };
    let mut kinds = Vec::new();
    while !value.is_empty() {
        let (octets, at) = value.array::<2>("s46-option-code")?;
        let code = u16::from_be_bytes(octets);
        at.show(reader, &"s46-option-code", &OptionName(code));
        match Kind::of_option(code) {
            Some(kind) if kinds.contains(&kind) => {}
            Some(kind) => kinds.push(kind),
            None => reader.remark(at.offset, Oddity::UnknownMechanism(code)),
        }
    }
    Ok(Priority { kinds, remarks: std::mem::take(&mut reader.remarks.0) })
}
