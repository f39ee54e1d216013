//! `Device.MAP.` and its address and route while MAP-T carries IPv4, and afterwards: every parameter, by a calculation
//! by hand.

use std::collections::BTreeMap;

use dhcpmgr_lab::{Lab, Result, eventually, lab_or_skip};
use serde_json::{Value, json};

use super::given::{Home, SOFTWIRE};

/// Everything below a path, by what comes after it.
fn below(home: &Home<'_>, path: &str) -> Result<BTreeMap<String, Value>> {
    let flat = home.daemon.cli().json(&["get", path])?;
    let all = flat.as_object().cloned().unwrap_or_default();
    Ok(all.into_iter().map(|(name, value)| (name.replacen(path, "", 1), value)).collect())
}

#[test]
fn the_view_of_map_t_is_true_while_it_is_up_and_gone_afterwards() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let home = Home::with_map_t(&lab)?;
    let mut domain = below(&home, "Device.MAP.")?;
    let wan = domain.remove("Domain.1.WANInterface").unwrap_or_default();
    let name = below(&home, &format!("{}.Name", wan.as_str().unwrap_or_default()))?;
    assert_eq!(name.into_values().collect::<Vec<_>>(), ["wan0"]);
    assert_eq!(domain.remove("Domain.1.Interface.LowerLayers"), Some(wan));
    // Counted by the stand-in's interface, as far as it counts.
    domain.retain(|name, _| !name.contains(".Interface.Stats."));
    let prefix = below(&home, "Device.MAP.Domain.1.IPv6Prefix+.Prefix")?;
    assert_eq!(prefix.into_values().collect::<Vec<_>>(), ["2001:db8:f012:3400::/56"]);
    domain.remove("Domain.1.IPv6Prefix");
    let up = domain.remove("Domain.1.Interface.LastChange").and_then(|seconds| seconds.as_u64());
    assert!(up.is_some_and(|seconds| seconds < 600), "{up:?}");
    let expected = json!({
        "Enable": true, "DomainNumberOfEntries": 1, "Domain.1.Enable": true, "Domain.1.Status": "Enabled",
        "Domain.1.Alias": "cpe-1", "Domain.1.TransportMode": "Translation",
        "Domain.1.BRIPv6Prefix": "2001:db8:ffff::/64", "Domain.1.DSCPMarkPolicy": 0,
        "Domain.1.RuleNumberOfEntries": 1, "Domain.1.Interface.Enable": true, "Domain.1.Interface.Status": "Up",
        "Domain.1.Interface.Alias": "cpe-1", "Domain.1.Interface.Name": SOFTWIRE,
        "Domain.1.Rule.1.Enable": true, "Domain.1.Rule.1.Status": "Enabled",
        "Domain.1.Rule.1.Alias": "cpe-1", "Domain.1.Rule.1.Origin": "DHCPv6",
        "Domain.1.Rule.1.IPv6Prefix": "2001:db8:f000::/40", "Domain.1.Rule.1.IPv4Prefix": "192.0.2.0/24",
        "Domain.1.Rule.1.EABitsLength": 16, "Domain.1.Rule.1.IsFMR": false, "Domain.1.Rule.1.PSIDOffset": 6,
        "Domain.1.Rule.1.PSIDLength": 8, "Domain.1.Rule.1.PSID": 0x34,
        "Domain.1.Rule.1.IncludeSystemPorts": false,
    });
    let expected: BTreeMap<String, Value> = serde_json::from_value(expected)?;
    assert_eq!(domain, expected);
    let own = format!("Device.IP.Interface.[Name==\"{SOFTWIRE}\"].");
    let way = |interface: &str| {
        format!(
            "Device.Routing.Router.1.IPv4Forwarding.[DestIPAddress==\"\"&&Interface==\"{interface}\"].Origin"
        )
    };
    let values = |path: &str| -> Result<Vec<Value>> { Ok(below(&home, path)?.into_values().collect()) };
    // RFC 7335: what is behind it; the shared address is that of its NAPT.
    assert_eq!(values(&format!("{own}IPv4Address.*.IPAddress"))?, ["192.0.0.2"]);
    let row = home.daemon.cli().json(&["get", &format!("{own}Name")])?;
    let row = row.as_object().into_iter().flat_map(|flat| flat.keys()).next().cloned().unwrap_or_default();
    let row = row.trim_end_matches(".Name");
    assert_eq!(values(&way(row))?, ["Static"]);

    home.tell("RENEW", &[])?;
    eventually("it is gone from the data model", || {
        let gone = json!({"Enable": false, "DomainNumberOfEntries": 0});
        Ok((json!(below(&home, "Device.MAP.")?) == gone).then_some(()))
    })?;
    let names = below(&home, "Device.IP.Interface.*.Name")?;
    assert!(!names.values().any(|name| name == SOFTWIRE), "{names:?}");
    Ok(())
}
