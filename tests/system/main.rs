//! Whole-system tests: `dhcpmgrd` with the real udhcpc, at an ISP with the real dnsmasq or Kea, in namespaces.
//!
//! One file a behaviour; each test makes its own world.

mod acceptance;
mod adoption;
mod bad_leases;
mod carrier;
mod change;
mod chaos;
mod check;
mod client_death;
mod clock;
mod containment;
mod crash;
mod data_model;
mod dbus;
mod events;
mod expiry;
mod foreign;
mod given;
mod handler_hooks;
mod handlers;
mod hooks;
mod hostile;
mod import;
mod interface;
mod kill9;
mod kills;
mod lease;
mod metrics;
mod multi;
mod nak;
mod power;
mod privileges;
mod reboot;
mod recovery;
mod release;
mod reload;
mod renewal;
mod s6;
mod service;
mod softwire;
mod store;
mod sysctls;
mod v6;
mod vendor;
mod world;
