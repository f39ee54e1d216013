//! What a dhcpmgr handler module is written against.
#![deny(unsafe_code)]

mod event;
mod manifest;
mod plan;

pub use dhcpmgr_message as message;
pub use event::{LeaseEvent, Link, MtuPolicy, Policy, Protocol, RoutePolicy};
pub use manifest::{API_MAJOR, API_MINOR, ApiVersion, Manifest, SentOption};
pub use plan::{AddressPlan, Delegation, Emitted, Mtu, Plan, Refusal, RoutePlan, RulePlan, Softwire};
