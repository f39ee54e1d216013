//! The DHCP clients: how each program is started, what its signals do, and what its words mean.
//!
//! A client program is a folder here with its [`Adapter`]; nothing outside this folder knows its flags.

mod adapter;
mod census;
mod command_line;
mod dibbler;
mod launch;
mod output;
mod privileges;
mod process;
mod procfs;
mod programs;
mod protection;
mod recognition;
mod record;
mod udhcpc;

pub use adapter::{
    Adapter, Confirmation, InEffect, KnownIa, LaunchContext, LaunchError, Progress, Release, Renewal,
};
pub use census::{Adopted, Census, Foreign, Inherited, LeftOver, fifo};
pub use command_line::CommandLine;
pub(crate) use dibbler::AddressManager;
pub use launch::{Content, Launch, LaunchFile};
pub use output::Output;
pub(crate) use privileges::spawn as spawn_confined;
pub use privileges::{Confinement, prepare};
pub(crate) use privileges::{confine, cut_bounding};
pub(crate) use process::watched_process;
pub use process::{ExitReason, PATIENCE, Process, SpawnError, check_kernel};
pub use programs::Program;
pub use record::{GivingBack, ProcessRecord, RunRecord, forget};
