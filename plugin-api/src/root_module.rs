//! The function table of a module: frozen for ever. With [`entry`](crate::entry) the only unsafe code of this crate.
//!
//! abi_stable compares names, packages, sizes, fields and signatures of these types between module and host, and
//! refuses every difference that is not *the module has more*. Since firmware moves and modules stay, nothing here
//! may change while [`API_MAJOR`](crate::API_MAJOR) is 1, and no field may be added either: everything that grows
//! is an operation number or a key in a MessagePack map. `tests/frozen_layout.rs` holds that promise.
//!
//! Authors never see this: [`export_handler!`](crate::export_handler) makes the table from a
//! [`Handler`](crate::Handler). Hosts use [`Object`], which is safe.
#![allow(unsafe_code)]

use std::fmt;

use abi_stable::StableAbi;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{RErr, ROk, RResult, RSlice, RString, RVec};

/// The functions of a module. Each catches its own panics.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = RootModuleRef)))]
#[sabi(missing_field(panic))]
pub struct RootModule {
    /// The manifest as MessagePack.
    pub(crate) describe: extern "C" fn() -> RResult<RVec<u8>, Fault>,
    /// Makes a handler from its settings as MessagePack.
    pub(crate) create: extern "C" fn(settings: RSlice<'_, u8>) -> RResult<RawHandler, Fault>,
    /// Calls an operation of a handler: MessagePack in, MessagePack out. The handler was made by this module, was
    /// not destroyed, and no other call of it is under way.
    pub(crate) call: unsafe extern "C" fn(
        handler: RawHandler,
        operation: u32,
        input: RSlice<'_, u8>,
    ) -> RResult<RVec<u8>, Fault>,
    /// Destroys a handler. The handler was made by this module, was not destroyed, and no call of it is under way.
    #[sabi(last_prefix_field)]
    pub(crate) destroy: unsafe extern "C" fn(handler: RawHandler),
}

impl abi_stable::library::RootModule for RootModuleRef {
    abi_stable::declare_root_module_statics! {RootModuleRef}
    const BASE_NAME: &'static str = "dhcpmgr_handler";
    const NAME: &'static str = "dhcpmgr_handler";
    // abi_stable compares the major; ours never changes without API_MAJOR, which is checked before.
    const VERSION_STRINGS: VersionStrings = VersionStrings::new("1.0.0");
}

/// A handler, as its module knows it.
#[repr(transparent)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawHandler {
    pub(crate) state: *mut (),
}

/// Why a function of the table gave no answer.
#[repr(C)]
#[derive(StableAbi)]
pub struct Fault {
    /// One of the `FAULT_` numbers; an unknown one means the same as [`FAULT_FAILED`].
    pub(crate) kind: u32,
    /// A sentence for the operator.
    pub(crate) text: RString,
}

/// The operation is not known to the module.
pub(crate) const FAULT_UNSUPPORTED: u32 = 1;
/// The handler could not do it.
pub(crate) const FAULT_FAILED: u32 = 2;
/// The handler panicked.
pub(crate) const FAULT_PANICKED: u32 = 3;

/// Why a call of a handler gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The module does not know the operation: it was built with an older SDK.
    #[error("the module does not know operation {0}")]
    Unsupported(u32),
    /// The handler said that it cannot.
    #[error("{0}")]
    Failed(String),
    /// The handler panicked; it is created again from its settings before its next call.
    #[error("the handler panicked: {0}")]
    Panicked(String),
    /// The module broke the rules of its function table; what it did to this process is not known.
    #[error("the module breaks the rules of its function table: {0}")]
    Broken(String),
    /// The answer is longer than [`DATA_LIMITS`](crate::DATA_LIMITS) allows.
    #[error("the answer has {found} bytes, at most {limit} are accepted")]
    TooLong {
        /// Bytes found.
        found: usize,
        /// Bytes accepted.
        limit: usize,
    },
}

impl CallError {
    fn of(fault: Fault, operation: u32) -> Self {
        // What a module says ends up in logs and on terminals: one line, of bounded length.
        let text: String =
            fault.text.chars().take(MAX_TEXT).map(|c| if c.is_control() { ' ' } else { c }).collect();
        match fault.kind {
            FAULT_UNSUPPORTED => Self::Unsupported(operation),
            FAULT_PANICKED => Self::Panicked(text),
            _ => Self::Failed(text),
        }
    }
}

/// Characters of a module's own words that are kept.
const MAX_TEXT: usize = 512;

/// The manifest of a module as MessagePack, for hosts.
pub fn describe(module: RootModuleRef) -> Result<Vec<u8>, CallError> {
    answer(module.describe()(), 0)
}

/// A handler of a loaded module, for hosts.
pub struct Object {
    module: RootModuleRef,
    raw: RawHandler,
}

// SAFETY: the handler behind the pointer is `Send` (`Handler: Send`), and nothing else holds the pointer.
unsafe impl Send for Object {}

impl Object {
    /// Makes a handler from its settings as MessagePack; no bytes mean no settings.
    pub fn create(module: RootModuleRef, settings: &[u8]) -> Result<Self, CallError> {
        match module.create()(RSlice::from_slice(settings)) {
            ROk(raw) => Ok(Self { module, raw }),
            RErr(fault) => Err(CallError::of(fault, 0)),
        }
    }

    /// Calls an operation; see [`operation`](crate::operation).
    pub fn call(&mut self, operation: u32, input: &[u8]) -> Result<Vec<u8>, CallError> {
        // SAFETY: `raw` came from `create` of this module, `drop` has not run, and `&mut self` keeps other calls out.
        answer(unsafe { self.module.call()(self.raw, operation, RSlice::from_slice(input)) }, operation)
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: `raw` came from `create` of this module, and this is the last use of it.
        unsafe { self.module.destroy()(self.raw) }
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Object").field(&self.raw.state).finish()
    }
}

fn answer(result: RResult<RVec<u8>, Fault>, operation: u32) -> Result<Vec<u8>, CallError> {
    match result {
        ROk(bytes) => Ok(bytes.into_vec()),
        RErr(fault) => Err(CallError::of(fault, operation)),
    }
}
