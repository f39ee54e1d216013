//! Names of DHCPv4 options, for people. From the IANA registry "BOOTP Vendor Extensions and DHCP Options".

/// `43 vendor-specific information`; the bare code when the option has no name here.
pub(super) fn option_title(code: u16) -> String {
    match name(code) {
        Some(name) => format!("{code} {name}"),
        None => code.to_string(),
    }
}

fn name(code: u16) -> Option<&'static str> {
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
