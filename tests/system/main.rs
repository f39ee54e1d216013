//! Whole-system tests: `dhcpmgrd` with the real udhcpc, at an ISP with the real dnsmasq or Kea, in namespaces.
//!
//! One file a behaviour; each test makes its own world.

mod world;
