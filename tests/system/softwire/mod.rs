//! One owner of IPv4 on a WAN: MAP-T by what stands in for the module nat46, DHCPv4 by the real udhcpc and dnsmasq.

mod given;
mod hostile;
mod killed;
mod offered;
mod switching;
mod viewed;
