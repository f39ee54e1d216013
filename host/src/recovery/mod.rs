//! Recovery: what a fault of a client is, what is done about it, and when it is done.
//!
//! Pure: instants go in (milliseconds of `CLOCK_BOOTTIME`), decisions come out. Nothing here starts a process, reads
//! a clock or writes a file. Every fault takes one of these ways, and the way has a name that logs, events, `status`
//! and `why` use:
//!
//! | fault | path | counted against the budget |
//! |---|---|---|
//! | the process died, or is stuck | [`Path::Restart`]: at once, then later each time | yes |
//! | it refuses what it is started with | [`Path::Reconfigure`]: without the offending option, or with a changed configuration | no |
//! | no link, no network, a lease that cannot be right | [`Path::Retry`]: when the link returns, or later each time | no |
//! | it cannot be run at all | [`Path::Disable`]: until the cause is gone or the operator says so | no |
//! | the budget is used up | [`Path::Escalate`]: an error, and a start now and then | – |

mod backoff;
mod budget;
mod fault;
mod health;
mod record;
mod supervisor;
mod view;
mod words;

pub use fault::{Argument, Fault, Path};
pub use health::{Expectation, Health};
pub use record::{Record, Standing, Trouble};
pub use supervisor::{Report, ReportKind, Supervisor};
pub use view::View;
