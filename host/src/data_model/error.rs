//! What goes wrong, with the codes of USP (TR-369 "Error Codes").

use std::fmt;

use serde::{Deserialize, Serialize};

/// The codes that we use.
pub mod code {
    /// Something of ours failed.
    pub const INTERNAL: u16 = 7003;
    /// The arguments are not right.
    pub const INVALID_ARGUMENTS: u16 = 7004;
    /// There is no room for it.
    pub const RESOURCES: u16 = 7005;
    /// This user may not.
    pub const PERMISSION: u16 = 7006;
    /// The whole would not be right.
    pub const CONFIGURATION: u16 = 7007;
    /// It is not written as a path is.
    pub const PATH_SYNTAX: u16 = 7008;
    /// The client underneath cannot be told this.
    pub const NOT_HONOURED: u16 = 7009;
    /// There is no such parameter.
    pub const UNKNOWN_PARAMETER: u16 = 7010;
    /// It is of another type.
    pub const TYPE: u16 = 7011;
    /// It is out of range, or no such value can be.
    pub const VALUE: u16 = 7012;
    /// It cannot be written.
    pub const READ_ONLY: u16 = 7013;
    /// It does not go with another value.
    pub const CONFLICT: u16 = 7014;
    /// There is no such row.
    pub const NO_OBJECT: u16 = 7016;
    /// It is not a table.
    pub const NOT_A_TABLE: u16 = 7018;
    /// Rows of it come and go by themselves.
    pub const NOT_CREATABLE: u16 = 7019;
    /// A command was not carried out.
    pub const COMMAND: u16 = 7022;
    /// It cannot be deleted.
    pub const DELETE: u16 = 7024;
    /// Another row has this key.
    pub const DUPLICATE: u16 = 7025;
    /// There is nothing there, or nothing can be.
    pub const NO_PATH: u16 = 7026;
    /// The command takes no such arguments.
    pub const COMMAND_ARGUMENTS: u16 = 7027;
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What it is about: the path as it was asked for.
    pub path: String,
    /// One of [`code`].
    pub code: u16,
    /// A sentence that says what to do.
    pub text: String,
}

impl Fault {
    /// A fault.
    #[must_use]
    pub fn new(code: u16, path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), code, text: text.into() }
    }

    /// The same about a path that is read: USP has another code for what is not there then.
    pub(super) fn when_read(self) -> Self {
        if self.code == code::NO_OBJECT { Self { code: code::NO_PATH, ..self } } else { self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (USP error {})", self.path, self.text, self.code)
    }
}

impl std::error::Error for Fault {}
