//! DHCPv6: the real dibbler-client, at an ISP with the real Kea or dibbler-server, and hosts on the LAN that listen to
//! a real radvd.

mod laboratory;
mod softwire;
