//! DHCPv6: the real dibbler-client, at an ISP with the real Kea or dibbler-server, and hosts on the LAN that listen to
//! a real radvd.

mod conformance;
mod crash;
mod dibbler;
pub(crate) mod given;
mod hosts;
mod killed;
mod laboratory;
mod lease;
mod link;
mod loss;
mod outside;
mod release;
mod renewal;
mod renumbering;
mod several;
mod softwire;
mod stateless;
