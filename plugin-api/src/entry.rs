//! The entry points of a module, made from a [`Handler`]: every call from the host arrives here, and every panic
//! ends here.
#![allow(unsafe_code)]

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use abi_stable::library::{__call_root_module_loader, CheckTypeLayout, LibHeader, RootModuleResult};
use abi_stable::prefix_type::PrefixTypeTrait;
use abi_stable::std_types::{RErr, RResult, RSlice, RVec};
use dhcpmgr_message::wire;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::root_module::{
    FAULT_FAILED, FAULT_PANICKED, FAULT_UNSUPPORTED, Fault, RawHandler, RootModule, RootModuleRef,
};
use crate::{DATA_LIMITS, Handler, HandlerError, Hook, Hooks, Settings, operation};

/// The header that the host looks for in a module. The export macro places it.
#[must_use]
pub const fn header<H: Handler>() -> LibHeader {
    // SAFETY: `loader` returns what `__call_root_module_loader` made of a `RootModuleRef`.
    unsafe { LibHeader::from_constructor::<RootModuleRef>(loader::<H>, CheckTypeLayout::Yes) }
}

extern "C" fn loader<H: Handler>() -> RootModuleResult {
    __call_root_module_loader(root_module::<H>)
}

/// The function table of a handler.
pub(crate) fn root_module<H: Handler>() -> RootModuleRef {
    RootModule { describe: describe::<H>, create: create::<H>, call: call::<H>, destroy: destroy::<H> }
        .leak_into_prefix()
}

/// A handler between calls. `None` after a panic: what a panic left half done is not used again.
struct Slot<H> {
    settings: Settings,
    hooks: Hooks,
    handler: Option<H>,
}

impl<H: Handler> Slot<H> {
    fn handler(&mut self) -> Result<&mut H, Fault> {
        match &mut self.handler {
            Some(handler) => Ok(handler),
            empty => Ok(empty.insert(H::create(&self.settings).map_err(Fault::failed)?)),
        }
    }
}

extern "C" fn describe<H: Handler>() -> RResult<RVec<u8>, Fault> {
    caught(|| wire::encode(&H::manifest()).map(RVec::from).map_err(Fault::failed))
}

extern "C" fn create<H: Handler>(settings: RSlice<'_, u8>) -> RResult<RawHandler, Fault> {
    caught(|| {
        let settings = Settings::from_bytes(settings.to_vec());
        let mut slot = Slot::<H> { settings, hooks: H::manifest().hooks, handler: None };
        slot.handler()?;
        Ok(RawHandler { state: Box::into_raw(Box::new(slot)).cast() })
    })
}

unsafe extern "C" fn call<H: Handler>(
    handler: RawHandler,
    operation: u32,
    input: RSlice<'_, u8>,
) -> RResult<RVec<u8>, Fault> {
    // SAFETY: the host passes what `create` of this module returned, not yet destroyed, and makes one call at a time.
    let slot = unsafe { &mut *handler.state.cast::<Slot<H>>() };
    let result = caught(|| {
        // What the manifest does not name is not there, whatever the handler has: the host would never ask for it.
        if Hook::of_operation(operation).is_none_or(|hook| !slot.hooks.contains(hook)) {
            return Err(unsupported());
        }
        perform(slot.handler()?, operation, input.as_slice())
    });
    if matches!(&result, RErr(fault) if fault.kind == FAULT_PANICKED) {
        let broken = slot.handler.take();
        quietly(move || drop(broken));
    }
    result
}

unsafe extern "C" fn destroy<H: Handler>(handler: RawHandler) {
    // SAFETY: the host passes what `create` of this module returned, and never uses it again.
    let slot = unsafe { Box::from_raw(handler.state.cast::<Slot<H>>()) };
    quietly(move || drop(slot));
}

fn perform<H: Handler>(handler: &mut H, operation: u32, input: &[u8]) -> Result<RVec<u8>, Fault> {
    match operation {
        operation::LEASE => hook(input, |event| handler.lease(&event)),
        operation::OPTIONS => hook(input, |query| handler.options(&query)),
        operation::VALIDATE => hook(input, |candidate| handler.validate(&candidate)),
        operation::DECIDE => hook(input, |proposal| handler.decide(&proposal)),
        operation::EVENT => hook(input, |happening| handler.event(&happening)),
        operation::PARAMETERS => hook(input, |query| handler.parameters(&query)),
        operation::SET_PARAMETER => hook(input, |change| handler.set_parameter(&change)),
        _ => Err(unsupported()),
    }
}

fn hook<I: DeserializeOwned, O: Serialize>(
    input: &[u8],
    call: impl FnOnce(I) -> Result<O, HandlerError>,
) -> Result<RVec<u8>, Fault> {
    let input = wire::decode_within(input, &DATA_LIMITS).map_err(Fault::failed)?;
    let answer = call(input).map_err(Fault::failed)?;
    wire::encode(&answer).map(RVec::from).map_err(Fault::failed)
}

fn unsupported() -> Fault {
    Fault { kind: FAULT_UNSUPPORTED, text: "unknown operation".into() }
}

impl Fault {
    fn failed(why: impl std::fmt::Display) -> Self {
        Self { kind: FAULT_FAILED, text: why.to_string().into() }
    }
}

fn caught<T>(call: impl FnOnce() -> Result<T, Fault>) -> RResult<T, Fault> {
    // What the closure may leave half done is the handler's, and `call` drops that.
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.into(),
        Err(payload) => {
            let text = panic_text(&*payload);
            quietly(move || drop(payload));
            RErr(Fault { kind: FAULT_PANICKED, text: text.into() })
        }
    }
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a value that is not text".to_owned())
}

/// Runs what has no way to report a panic. Its message has been printed by the panic hook.
fn quietly(call: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(call)) {
        // Dropping a payload may panic again: it is leaked instead.
        std::mem::forget(payload);
    }
}
