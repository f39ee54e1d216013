//! The context that the daemon gives one start of a client, and the shim finds again.
//!
//! udhcpc hands its script its own environment, so there the context travels as variables with these names.
//! dibbler replaces the environment, so there it lies as [`FILE`] in the directory that the client runs in.
//! What follows is the contract between host and shims; nothing else may depend on it.

/// The configured name of the client.
pub const CLIENT: &str = "DHCPMGR_CLIENT";
/// The secret of this start of the client.
pub const TOKEN: &str = "DHCPMGR_TOKEN";
/// Path of the daemon's lease socket (`SOCK_SEQPACKET`): one datagram a message, one datagram an answer.
pub const SOCKET: &str = "DHCPMGR_SOCKET";
/// Directory for messages that nobody took.
pub const SPOOL: &str = "DHCPMGR_SPOOL";

/// Name of the file with the context, in the working directory that the client gives its script. Written whole or not
/// at all, with mode 0600 and the client's own owner or root, before the client is started; the shim believes no other.
pub const FILE: &str = "dhcpmgr-context";
/// Bytes that the file may have: room for two paths as long as the kernel takes them (`PATH_MAX`).
pub const FILE_LIMIT: usize = 16 * 1024;

/// Name of a message in the spool: sorts by time. Written under a name that starts with `.`, then renamed.
#[must_use]
pub fn spool_file_name(at_ms: u64, id: u64) -> String {
    format!("{at_ms:020}-{id:016x}.lease")
}

/// The values as bytes, unchecked. The shim checks what it puts into its message, the kernel the paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// [`CLIENT`]
    pub client: Option<Vec<u8>>,
    /// [`TOKEN`]
    pub token: Option<Vec<u8>>,
    /// [`SOCKET`]
    pub socket: Option<Vec<u8>>,
    /// [`SPOOL`]
    pub spool: Option<Vec<u8>>,
}

/// Why a context cannot be written into a file, or read from one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// More than [`FILE_LIMIT`].
    #[error("the context has {found} bytes, at most {FILE_LIMIT} are accepted")]
    TooLong {
        /// Bytes found.
        found: usize,
    },
    /// A value that would end within itself.
    #[error("{0} has a NUL in it")]
    Nul(&'static str),
    /// The last record has no end: the file was not written whole.
    #[error("the context ends within a record")]
    Truncated,
    /// Not a record.
    #[error("record {0} of the context is not NAME=VALUE")]
    Record(usize),
    /// Two values of one name.
    #[error("record {0} of the context has a name that was there before")]
    Twice(usize),
}

impl Context {
    /// The variables with their values, in the order in which they are written.
    pub fn variables(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let Self { client, token, socket, spool } = self;
        [(CLIENT, client), (TOKEN, token), (SOCKET, socket), (SPOOL, spool)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }

    /// Where the value of a variable belongs, if it is one of these.
    pub fn slot(&mut self, name: &[u8]) -> Option<&mut Option<Vec<u8>>> {
        let named = |expected: &str| name == expected.as_bytes();
        match () {
            () if named(CLIENT) => Some(&mut self.client),
            () if named(TOKEN) => Some(&mut self.token),
            () if named(SOCKET) => Some(&mut self.socket),
            () if named(SPOOL) => Some(&mut self.spool),
            () => None,
        }
    }

    /// The bytes of [`FILE`]: `NAME=VALUE` records, each ended by a NUL.
    ///
    /// # Errors
    /// A value has a NUL in it, or all of them are longer than [`FILE_LIMIT`].
    pub fn encode(&self) -> Result<Vec<u8>, FileError> {
        let mut bytes = Vec::new();
        for (name, value) in self.variables() {
            if value.contains(&0) {
                return Err(FileError::Nul(name));
            }
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(b'=');
            bytes.extend_from_slice(value);
            bytes.push(0);
        }
        if bytes.len() > FILE_LIMIT { Err(FileError::TooLong { found: bytes.len() }) } else { Ok(bytes) }
    }

    /// Reads the bytes of [`FILE`]. Names that are not known are for later shims.
    ///
    /// # Errors
    /// More bytes than [`FILE_LIMIT`], or not what [`Context::encode`] writes; values are not repeated in the error,
    /// one of them is a secret.
    pub fn decode(bytes: &[u8]) -> Result<Self, FileError> {
        if bytes.len() > FILE_LIMIT {
            return Err(FileError::TooLong { found: bytes.len() });
        }
        let mut context = Self::default();
        let Some(records) = bytes.strip_suffix(&[0]) else {
            return if bytes.is_empty() { Ok(context) } else { Err(FileError::Truncated) };
        };
        for (number, record) in (1..).zip(records.split(|byte| *byte == 0)) {
            let equals = record.iter().position(|byte| *byte == b'=').ok_or(FileError::Record(number))?;
            let (name, value) = (&record[..equals], &record[equals + 1..]);
            let Some(slot) = context.slot(name) else { continue };
            if slot.replace(value.to_vec()).is_some() {
                return Err(FileError::Twice(number));
            }
        }
        Ok(context)
    }
}
