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
use serde::de::DeserializeOwned;

use crate::entry::root_module;
use crate::root_module::{CallError, Object, describe};
use crate::{
    Candidate, DATA_LIMITS, Handler, Happening, LeaseEvent, Manifest, Options, OptionsQuery, Parameter,
    ParameterChange, ParametersQuery, Plan, Policy, Proposal, Protocol, Reaction, Settings, Verdict,
    operation,
};

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
        self.ask(operation::LEASE, event)
    }

    /// Which options the handler wants a client to request and to send.
    pub fn options(&mut self, query: &OptionsQuery) -> Result<Options, CallError> {
        self.ask(operation::OPTIONS, query)
    }

    /// What the handler says of a lease before anything is planned.
    pub fn validate(&mut self, candidate: &Candidate) -> Result<Verdict, CallError> {
        self.ask(operation::VALIDATE, candidate)
    }

    /// What the handler says of what all handlers planned.
    pub fn decide(&mut self, proposal: &Proposal) -> Result<Verdict, CallError> {
        self.ask(operation::DECIDE, proposal)
    }

    /// What the handler says to something that has happened.
    pub fn event(&mut self, happening: &Happening) -> Result<Reaction, CallError> {
        self.ask(operation::EVENT, happening)
    }

    /// The parameters of a client.
    pub fn parameters(&mut self, query: &ParametersQuery) -> Result<Vec<Parameter>, CallError> {
        self.ask(operation::PARAMETERS, query)
    }

    /// Writes a parameter.
    pub fn set_parameter(&mut self, change: &ParameterChange) -> Result<(), CallError> {
        self.ask(operation::SET_PARAMETER, change)
    }

    /// A hook that the manifest does not name is not asked by the host either: [`CallError::Unsupported`].
    fn ask<I: Serialize, O: DeserializeOwned>(&mut self, operation: u32, input: &I) -> Result<O, CallError> {
        let bytes = self.call(operation, &wire::encode(input).map_err(failed)?)?;
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
