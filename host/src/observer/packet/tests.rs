use proptest::prelude::*;

use super::*;

/// A DHCPv4 packet from its IP header on.
pub(crate) fn v4(way: Way, number: u8, transaction: u32, hardware: [u8; 6], ciaddr: bool) -> Vec<u8> {
    let mut bytes = vec![0; 28 + OPTIONS];
    bytes[0] = 0x45;
    bytes[9] = UDP;
    bytes[16..20].copy_from_slice(&if ciaddr { [10, 77, 0, 1] } else { [255; 4] });
    let (from, to) = if way == Way::Out { (68, 67) } else { (67, 68) };
    bytes[21] = from;
    bytes[23] = to;
    let bootp = &mut bytes[28..];
    bootp[0] = if way == Way::Out { 1 } else { 2 };
    bootp[4..8].copy_from_slice(&transaction.to_be_bytes());
    bootp[12] = u8::from(ciaddr) * 10;
    bootp[28..34].copy_from_slice(&hardware);
    bootp[236..].copy_from_slice(&COOKIE);
    bytes.extend([PAD, 12, 2, MESSAGE_TYPE, 1, MESSAGE_TYPE, 1, number, END]);
    bytes
}

/// A DHCPv6 packet from its IP header on.
pub(crate) fn v6(way: Way, number: u8, transaction: u32) -> Vec<u8> {
    let mut bytes = vec![0; 60];
    bytes[0] = 0x60;
    bytes[6] = UDP;
    bytes[8..10].copy_from_slice(&[0xfe, 0x80]);
    bytes[24..26].copy_from_slice(if way == Way::Out { &[0xff, 0x02] } else { &[0xfe, 0x80] });
    let (from, to): (u16, u16) = if way == Way::Out { (546, 547) } else { (547, 546) };
    bytes[40..42].copy_from_slice(&from.to_be_bytes());
    bytes[42..44].copy_from_slice(&to.to_be_bytes());
    bytes[48..52].copy_from_slice(&(u32::from(number) << 24 | transaction).to_be_bytes());
    bytes
}

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 7];

#[test]
fn a_message_is_read_as_what_it_is() {
    let read = Packet::read(IPV4, Way::Out, &v4(Way::Out, 3, 0xdead_beef, MAC, true)).unwrap();
    assert_eq!((read.message, read.transaction), (Message::REQUEST, 0xdead_beef));
    assert_eq!((&read.hardware[..6], read.unicast, read.has_address), (&MAC[..], true, true));
    let read = Packet::read(IPV6, Way::In, &v6(Way::In, 7, 0xabcdef)).unwrap();
    assert_eq!((read.message, read.transaction), (Message::REPLY, 0xabcdef));
    for protocol in [Protocol::V4, Protocol::V6] {
        for message in Message::all(protocol) {
            let way = if message.is_of_a_client() { Way::Out } else { Way::In };
            let (ethertype, bytes) = match protocol {
                Protocol::V4 => (IPV4, v4(way, message.number, 1, MAC, false)),
                Protocol::V6 => (IPV6, v6(way, message.number, 1)),
            };
            assert_eq!(Packet::read(ethertype, way, &bytes).unwrap().message, message, "{message:?}");
        }
    }
}

#[test]
fn its_names_are_those_of_the_standard() {
    use crate::data_model::schema::Object;
    for (protocol, path) in
        [(Protocol::V4, "Device.DHCPv4.Client.{i}.Stats."), (Protocol::V6, "Device.DHCPv6.Client.{i}.Stats.")]
    {
        let stats = Object::find(path).unwrap();
        for message in Message::all(protocol) {
            assert!(stats.parameter(message.statistic()).is_some(), "{path}{}", message.statistic());
        }
    }
}

#[test]
fn what_is_not_a_message_that_goes_this_way_is_none() {
    let discover = v4(Way::Out, 1, 1, MAC, false);
    let changed = |at: usize, to: u8| {
        let mut bytes = discover.clone();
        bytes[at] = to;
        Packet::read(IPV4, Way::Out, &bytes)
    };
    assert!(changed(1, 0).is_some());
    for (at, to, what) in [
        (0, 0x44, "a header that is too short for IPv4"),
        (0, 0x65, "IPv6 in IPv4's clothes"),
        (6, 0x20, "more fragments"),
        (7, 1, "not the first fragment"),
        (9, 6, "TCP"),
        (21, 67, "of a relay"),
        (23, 68, "to a client"),
        (28, 2, "BOOTREPLY"),
        (28 + 239, 0, "no cookie"),
        (28 + OPTIONS + 7, 0, "message type 0"),
        (28 + OPTIONS + 7, 10, "a message type beyond those of clients and servers"),
        (28 + OPTIONS + 7, 5, "an ACK that this machine sends"),
        (28 + OPTIONS + 6, 2, "a message type of two bytes"),
        (28 + OPTIONS, END, "no message type before the end"),
    ] {
        assert_eq!(changed(at, to), None, "{what}");
    }
    assert_eq!(Packet::read(0x8100, Way::Out, &discover), None, "another protocol");
    let solicit = v6(Way::Out, 1, 1);
    for (at, to, what) in [
        (0, 0x45, "not IPv6"),
        (6, 0, "with an extension header"),
        (8, 0x20, "of an address that is not link-local: forwarded"),
        (41, 0x23, "of a relay"),
        (48, 12, "RELAY-FORW"),
        (48, 0, "no type"),
    ] {
        let mut bytes = solicit.clone();
        bytes[at] = to;
        assert_eq!(Packet::read(IPV6, Way::Out, &bytes), None, "{what}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..700), ethertype in prop::sample::select(vec![IPV4, IPV6, 0]), out: bool) {
        let way = if out { Way::Out } else { Way::In };
        if let Some(packet) = Packet::read(ethertype, way, &bytes) {
            prop_assert!(packet.message.place() < Message::COUNT);
            prop_assert_eq!(packet.message.is_of_a_client(), out);
        }
    }

    #[test]
    fn what_is_cut_off_or_changed_is_read_without_harm(
        v6_not_v4: bool, out: bool, number in 0_u8..16, at in 0_usize..300, to: u8, length in 0_usize..300,
    ) {
        let way = if out { Way::Out } else { Way::In };
        let (ethertype, mut bytes) =
            if v6_not_v4 { (IPV6, v6(way, number, 7)) } else { (IPV4, v4(way, number, 7, MAC, false)) };
        if let Some(byte) = bytes.get_mut(at) {
            *byte = to;
        }
        bytes.truncate(length);
        if let Some(packet) = Packet::read(ethertype, way, &bytes) {
            prop_assert!(!packet.message.name().is_empty());
        }
    }
}
