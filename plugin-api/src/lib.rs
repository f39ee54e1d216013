#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]
// The README shows a whole crate, with its tests.
#![allow(clippy::test_attr_in_doctest)]

mod build;
#[doc(hidden)]
pub mod entry;
mod event;
#[doc(hidden)]
pub mod export;
mod handler;
mod manifest;
pub mod note;
pub mod operation;
mod plan;
pub mod root_module;
mod settings;
mod softwire;
pub mod testing;
mod version;

#[doc(hidden)]
pub use abi_stable;
pub use dhcpmgr_message as message;
use dhcpmgr_message::wire;
pub use event::{LeaseEvent, Link, MtuPolicy, Policy, Protocol, RoutePolicy};
pub use handler::{Handler, HandlerError};
pub use manifest::{Manifest, ManifestError, SentOption};
pub use plan::{AddressPlan, Delegation, Emitted, Mtu, Plan, Refusal, RoutePlan, RulePlan};
pub use root_module::CallError;
pub use settings::Settings;
pub use softwire::{Ports, Softwire, SoftwireRule};
pub use version::{API_MAJOR, API_MINOR, ApiVersion};

/// The handler that the project's README shows.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct ProjectReadme;

/// What an event and a plan may contain. Twice the bytes of a lease message: an event is one with its link and
/// policy added, and a plan may repeat what the event holds in longer words. Read both with
/// [`wire::decode_within`].
pub const DATA_LIMITS: wire::Limits = wire::Limits { bytes: 2 * wire::LIMITS.bytes, ..wire::LIMITS };
