//! The operations of a handler: a number, and what goes in and comes out as MessagePack.
//!
//! Numbers are never used twice. A module that does not know one, or does not implement its [`Hook`](crate::Hook),
//! says so, and the host does without.

/// A lease was obtained or extended: [`LeaseEvent`](crate::LeaseEvent) in, [`Plan`](crate::Plan) out. Since 1.0.
pub const LEASE: u32 = 1;
/// A client is about to be started: [`OptionsQuery`](crate::OptionsQuery) in, [`Options`](crate::Options) out. Since 1.1.
pub const OPTIONS: u32 = 2;
/// A lease is to be judged before anything is planned: [`Candidate`](crate::Candidate) in, [`Verdict`](crate::Verdict)
/// out. Since 1.1.
pub const VALIDATE: u32 = 3;
/// What all handlers planned is to be judged: [`Proposal`](crate::Proposal) in, [`Verdict`](crate::Verdict) out. Since
/// 1.1.
pub const DECIDE: u32 = 4;
/// Something has happened: [`Happening`](crate::Happening) in, [`Reaction`](crate::Reaction) out. Since 1.1.
pub const EVENT: u32 = 5;
/// The parameters of a client are read: [`ParametersQuery`](crate::ParametersQuery) in, a list of
/// [`Parameter`](crate::Parameter) out. Since 1.1.
pub const PARAMETERS: u32 = 6;
/// A parameter of a client is to be written: [`ParameterChange`](crate::ParameterChange) in, nil out. Since 1.1.
pub const SET_PARAMETER: u32 = 7;
