//! The DHCP clients: how each program is started, what its signals do, and what its words mean.
//!
//! A client program is a folder here with its [`Adapter`]; nothing outside this folder knows its flags.

mod adapter;
mod census;
mod command_line;
mod launch;
mod output;
mod privileges;
mod process;
mod procfs;
mod programs;
mod recognition;
mod record;
mod udhcpc;

pub use adapter::{Adapter, Confirmation, KnownIa, LaunchContext, LaunchError, Progress, Release, Renewal};
pub use census::{Adopted, Census, Foreign, Inherited, LeftOver, fifo};
pub use command_line::CommandLine;
pub use launch::{Launch, LaunchFile};
pub use output::Output;
pub use privileges::Confinement;
pub(crate) use privileges::cut_bounding;
pub use process::{ExitReason, PATIENCE, Process, SpawnError, check_kernel};
pub use programs::Program;
pub use record::{GivingBack, ProcessRecord, RunRecord, forget};
