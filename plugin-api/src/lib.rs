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
mod happening;
mod hook;
mod manifest;
pub mod note;
pub mod operation;
mod options;
mod parameter;
mod plan;
pub mod root_module;
mod schema;
mod settings;
mod softwire;
pub mod testing;
mod verdict;
mod version;

#[doc(hidden)]
pub use abi_stable;
pub use dhcpmgr_message as message;
use dhcpmgr_message::wire;
pub use event::{LeaseEvent, Link, MtuPolicy, Policy, Protocol, RoutePolicy};
pub use handler::{Handler, HandlerError};
pub use happening::{Happening, Reaction};
pub use hook::{Hook, Hooks};
pub use manifest::{Manifest, ManifestError, SentOption};
pub use options::{GivenOption, MessageKind, Options, OptionsQuery, WantedOption, When};
pub use parameter::{Parameter, ParameterChange, ParameterKind, ParametersQuery};
pub use plan::{AddressPlan, Delegation, Emitted, Mtu, Plan, Refusal, RoutePlan, RulePlan};
pub use root_module::CallError;
pub use schema::{Setting, SettingError, SettingKind};
pub use settings::Settings;
pub use softwire::{Ports, Softwire, SoftwireRule};
pub use verdict::{Candidate, Deferral, Otherwise, Proposal, Verdict};
pub use version::{API_MAJOR, API_MINOR, ApiVersion};

/// The handler that the project's README shows.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct ProjectReadme;

/// What an event and a plan may contain. Twice the bytes of a lease message: an event is one with its link and
/// policy added, and a plan may repeat what the event holds in longer words. Read both with
/// [`wire::decode_within`].
pub const DATA_LIMITS: wire::Limits = wire::Limits { bytes: 2 * wire::LIMITS.bytes, ..wire::LIMITS };
