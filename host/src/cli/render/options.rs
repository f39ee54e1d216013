//! Names of DHCP options, for people. From the IANA registries "BOOTP Vendor Extensions and DHCP Options" and "DHCPv6
//! Option Codes".

use dhcpmgr_plugin_api::Protocol;

/// `43 vendor-specific information`; the bare code when the option has no name here.
pub(super) fn option_title(protocol: Protocol, code: u16) -> String {
    let name = match protocol {
        Protocol::V4 => name_v4(code),
        Protocol::V6 => name_v6(code),
    };
    match name {
        Some(name) => format!("{code} {name}"),
        None => code.to_string(),
    }
}

fn name_v6(code: u16) -> Option<&'static str> {
    Some(match code {
        1 => "client identifier",
        2 => "server identifier",
        3 => "IA_NA",
        4 => "IA_TA",
        5 => "IA address",
        6 => "option request",
        7 => "preference",
        8 => "elapsed time",
        12 => "server unicast",
        13 => "status code",
        14 => "rapid commit",
        15 => "user class",
        16 => "vendor class",
        17 => "vendor-specific information",
        19 => "reconfigure message",
        20 => "reconfigure accept",
        21 => "SIP server names",
        22 => "SIP server addresses",
        23 => "name servers",
        24 => "domain search",
        25 => "IA_PD",
        26 => "IA prefix",
        31 => "SNTP servers",
        32 => "information refresh time",
        39 => "client FQDN",
        41 => "POSIX time zone",
        42 => "TZ database time zone",
        56 => "NTP servers",
        59 => "boot file URL",
        60 => "boot file parameters",
        64 => "AFTR name",
        67 => "prefix exclude",
        82 => "SOL_MAX_RT",
        83 => "INF_MAX_RT",
        94 => "MAP-E container",
        95 => "MAP-T container",
        96 => "lw4o6 container",
        103 => "captive portal",
        111 => "softwire priority",
        144 => "encrypted DNS resolvers",
        _ => return None,
    })
}

fn name_v4(code: u16) -> Option<&'static str> {
    Some(match code {
        1 => "subnet mask",
        2 => "time offset",
        3 => "routers",
        4 => "time servers",
        6 => "name servers",
        7 => "log servers",
        12 => "host name",
        15 => "domain name",
        17 => "root path",
        26 => "interface MTU",
        28 => "broadcast address",
        33 => "static routes",
        42 => "NTP servers",
        43 => "vendor-specific information",
        44 => "NetBIOS name servers",
        50 => "requested address",
        51 => "lease time",
        53 => "message type",
        54 => "server identifier",
        56 => "message",
        58 => "renewal time T1",
        59 => "rebinding time T2",
        60 => "vendor class",
        61 => "client identifier",
        66 => "TFTP server name",
        67 => "boot file name",
        77 => "user class",
        81 => "client FQDN",
        82 => "relay agent information",
        90 => "authentication",
        100 => "POSIX time zone",
        101 => "TZ database time zone",
        108 => "IPv6-only preferred",
        114 => "captive portal",
        119 => "domain search",
        120 => "SIP servers",
        121 => "classless static routes",
        124 => "vendor-identifying class",
        125 => "vendor-identifying information",
        150 => "TFTP server addresses",
        212 => "6rd",
        249 => "classless static routes (Microsoft)",
        252 => "proxy auto-discovery",
        _ => return None,
    })
}
