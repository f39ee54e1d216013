//! Doors: other ways to the data model than the control socket. Each is a cargo feature and a folder.

#[cfg(feature = "dbus")]
pub mod dbus;
