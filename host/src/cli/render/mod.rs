//! Views as text for people. Pure: a view in, text out; nothing here asks or prints.
//!
//! Text that comes from the network is escaped ([`plain`]): no control character of a server reaches the terminal.

mod check;
mod event;
mod handlers;
mod import;
mod ipv4;
mod lease;
mod map;
mod model;
mod options;
mod status;
mod style;
mod text;
mod why;

use std::fmt::Write as _;

pub use check::check;
pub use event::event;
pub use handlers::{handler, handlers};
pub use import::import;
pub use lease::leases;
pub(super) use map::{Row, destination, fields, priority, softwire};
pub use model::{notice, supported, tree};
pub use status::status;
pub use style::Style;
pub(super) use text::escaped_line;
pub use text::{count, duration, json_line, micros, plain};
pub use why::why;

use crate::control::views::ConfigShown;

/// `dhcpmgr config show`: TOML that can be used as a file, after the names of the files it was read from.
#[must_use]
pub fn config(shown: &ConfigShown, _style: Style) -> String {
    let mut text = String::new();
    for file in &shown.files {
        let _ = writeln!(text, "# {}", plain(file));
    }
    for line in shown.toml.lines() {
        let _ = writeln!(text, "{}", plain(line));
    }
    text
}
