//! Tests a handler without a host: the same bytes through the same entry points, but nothing is loaded.
//!
//! ```
//! use dhcpmgr_plugin_api::message::V4Report;
//! use dhcpmgr_plugin_api::testing::{Harness, v4_event};
//! # use dhcpmgr_plugin_api::*;
//! # struct Example;
//! # impl Handler for Example {
//! #     fn manifest() -> Manifest { Manifest::new("example", "1.0.0").protocol(Protocol::V4) }
//! #     fn create(_: &Settings) -> Result<Self, HandlerError> { Ok(Self) }
//! #     fn lease(&mut self, event: &LeaseEvent) -> Result<Plan, HandlerError> {
//! #         let count = event.v4.as_ref().map_or(0, |lease| lease.dns.len());
//! #         Ok(Plan::default().with_parameter("servers", count.to_string()))
//! #     }
//! # }
//!
//! let mut handler = Harness::<Example>::new().unwrap();
//! let lease = V4Report { dns: vec!["192.0.2.53".parse().unwrap()], ..V4Report::default() };
//! let plan = handler.lease(&v4_event(lease)).unwrap();
//! assert_eq!(plan.parameters["servers"], "1");
//! ```

use std::marker::PhantomData;

use dhcpmgr_message::{ClientEvent, V4Report, V6Report, wire};
use serde::Serialize;

use crate::entry::root_module;
use crate::root_module::{CallError, Object, describe};
use crate::{DATA_LIMITS, Handler, LeaseEvent, Manifest, Plan, Policy, Protocol, Settings, operation};

/// A handler as the host sees it: bytes in, bytes out, panics caught.
#[derive(Debug)]
pub struct Harness<H> {
    object: Object,
    handler: PhantomData<fn() -> H>,
}

impl<H: Handler> Harness<H> {
    /// A handler without settings.
    pub fn new() -> Result<Self, CallError> {
        Self::from_settings(&Settings::default())
    }

    /// A handler with settings made of a value: a struct with `#[derive(Serialize)]`, a map, a `toml::Table`.
    pub fn with_settings<T: Serialize + ?Sized>(settings: &T) -> Result<Self, CallError> {
        Self::from_settings(&Settings::of(settings).map_err(failed)?)
    }

    /// A handler with settings as the host hands them over.
    pub fn from_settings(settings: &Settings) -> Result<Self, CallError> {
        let object = Object::create(root_module::<H>(), settings.as_bytes())?;
        Ok(Self { object, handler: PhantomData })
    }

    /// The manifest as the host reads it; refused for what the host would refuse it for.
    pub fn manifest() -> Result<Manifest, CallError> {
        let manifest: Manifest = wire::decode(&describe(root_module::<H>())?).map_err(failed)?;
        manifest.validate().map_err(failed)?;
        Ok(manifest)
    }

    /// What the handler makes of a lease, before the host cuts it to what is granted.
    pub fn lease(&mut self, event: &LeaseEvent) -> Result<Plan, CallError> {
        let bytes = self.call(operation::LEASE, &wire::encode(event).map_err(failed)?)?;
        wire::decode_within(&bytes, &DATA_LIMITS).map_err(failed)
    }

    /// Any operation, raw.
    pub fn call(&mut self, operation: u32, input: &[u8]) -> Result<Vec<u8>, CallError> {
        self.object.call(operation, input)
    }
}

fn failed(why: impl std::fmt::Display) -> CallError {
    CallError::Failed(why.to_string())
}

/// A v4 lease of client `wan4` on interface `wan0`, just bound; change its fields at will.
#[must_use]
pub fn v4_event(report: V4Report) -> LeaseEvent {
    event(Protocol::V4, "wan4", ClientEvent::Bound, Some(report), None)
}

/// A v6 lease of client `wan6` on interface `wan0`, just obtained; change its fields at will.
#[must_use]
pub fn v6_event(report: V6Report) -> LeaseEvent {
    event(Protocol::V6, "wan6", ClientEvent::Add, None, Some(report))
}

fn event(
    protocol: Protocol,
    client: &str,
    event: ClientEvent,
    v4: Option<V4Report>,
    v6: Option<V6Report>,
) -> LeaseEvent {
    let (Ok(client), Ok(interface)) = (client.parse(), "wan0".parse()) else {
        unreachable!("the names above are valid")
    };
    LeaseEvent {
        client,
        interface,
        protocol,
        event,
        link: Default::default(),
        policy: Policy::default(),
        v4,
        v6,
    }
}
