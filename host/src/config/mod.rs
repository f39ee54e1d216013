//! The desired configuration: one typed value, made of TOML files, refused as a whole when anything in it is wrong.
//!
//! Files are read ([`load`]) into a tree whose every value knows its place, drop-ins are merged into it, and typed
//! readers turn it into a [`Config`]. Nothing here touches the daemon: what a new configuration means for what runs
//! is a [`diff`], a value too.

mod build;
mod diff;
mod error;
mod hook;
mod lan;
mod load;
mod model;
mod reader;
mod show;
mod softwire;
mod source;
mod tree;
mod words;
mod written;

pub use diff::{ClientChange, ConfigDiff, HandlerChange, diff};
pub use error::{ConfigError, ConfigErrors};
pub use hook::ProgramHook;
pub use lan::{Delegation, Lans, RaBackend, RaDns, RouterAdvertisements, Token, Ula};
pub use load::{Loaded, MAX_FILE_BYTES, load, parse};
pub use model::*;
pub use show::to_toml;
pub use softwire::{Order, Provider, Softwire, SoftwireBackend, Unneeded};
pub(crate) use words::nearest;
pub use written::Written;
