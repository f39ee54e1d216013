//! Stateless DHCPv6 (RFC 8415 section 6.1): name servers and no address.

use dhcpmgr_lab::{Lab, MessageType6, Result, eventually, lab_or_skip};

use super::given::{V6, client, kea};

#[test]
fn a_client_that_wants_neither_address_nor_prefix_gets_the_options() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = kea(&lab, (1000, 1600, 3000, 4000)).option("domain-search", "isp.example").start()?;
    let packets = lab.capture6(lab.wan())?;
    let config = client("wan6", "wan0", "addresses = false\nprefixes = false") + V6;
    let daemon = lab.daemon(&config)?;
    let question = packets.wait_for(MessageType6::InformationRequest)?.dhcp;
    assert!(question.requested().contains(&23), "{question:?}");
    assert!(question.ias().is_empty());
    eventually("the name server is in force", || {
        let text = daemon.resolv_conf();
        Ok((text.contains("nameserver 2001:db8::53") && text.contains("isp.example")).then_some(()))
    })?;
    assert!(packets.of(MessageType6::Solicit).is_empty());
    assert!(lab.gateway.addresses6("wan0")?.is_empty());
    let row = daemon.cli().wait_for("wan6", "Bound")?;
    assert_eq!(row["lease"]["dns"], serde_json::json!(["2001:db8::53"]));
    Ok(())
}
