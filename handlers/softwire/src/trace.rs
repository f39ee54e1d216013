//! Shows what is read while it is read, so that a person sees every field up to the one that is wrong.

use std::fmt::Display;

/// One field, or the header of an option.
#[derive(Clone, Copy)]
pub struct Field<'a> {
    /// Where it begins, as in [`Malformed::offset`](crate::Malformed::offset).
    pub offset: usize,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// How many options it stands in.
    pub depth: usize,
    /// Its name in the RFC.
    pub name: &'a dyn Display,
    /// What it says; nothing for the header of an option.
    pub value: &'a dyn Display,
}

/// Is shown every field in the order of its bytes.
pub trait Trace {
    /// One field.
    fn field(&mut self, field: Field<'_>);
}

/// Shows nothing.
impl Trace for () {
    fn field(&mut self, _: Field<'_>) {}
}
