use super::super::packet::Way;
use super::super::packet::tests::{v4, v6};
use super::*;

/// A packet, and what the kernel knows of it.
#[derive(Debug, Clone)]
struct Given {
    bytes: Vec<u8>,
    protocol: u32,
    packet_type: u32,
    interface: u32,
    vlan_tag: u32,
}

/// Classic BPF, as far as it is used here: how many bytes pass. A load from beyond the packet drops it, as in the kernel.
fn run(program: &[Instruction], given: &Given) -> u32 {
    let (mut a, mut x, mut at) = (0_u32, 0_u32, 0);
    let half = |k: u32| {
        let bytes = given.bytes.get(k as usize..k as usize + 2)?;
        Some(u32::from(u16::from_be_bytes([bytes[0], bytes[1]])))
    };
    let byte = |k: u32| given.bytes.get(k as usize).copied().map(u32::from);
    loop {
        let Instruction { code, operand: k, jumps } = program[at];
        at += 1;
        let branch = |so: bool| usize::from(if so { jumps.0 } else { jumps.1 });
        let loaded = match code {
            RETURN => return k,
            LOAD => match k {
                PROTOCOL => Some(given.protocol),
                PACKET_TYPE => Some(given.packet_type),
                INTERFACE => Some(given.interface),
                VLAN_TAG => Some(given.vlan_tag),
                other => panic!("a load of {other:#x}"),
            },
            LOAD_HALF => half(k),
            LOAD_HALF_AFTER => half(x + k),
            LOAD_BYTE => byte(k),
            LOAD_HEADER_LENGTH => match byte(k) {
                Some(byte) => {
                    x = (byte & 0x0f) * 4;
                    Some(a)
                }
                None => None,
            },
            AND => Some(a & k),
            IF_EQUAL | IF_AT_LEAST | IF_ANY_BIT => {
                at += branch(match code {
                    IF_EQUAL => a == k,
                    IF_AT_LEAST => a >= k,
                    _ => a & k != 0,
                });
                Some(a)
            }
            other => panic!("instruction {other:#x}"),
        };
        match loaded {
            Some(loaded) => a = loaded,
            None => return 0,
        }
    }
}

const WAN: u32 = 7;
const LAN: u32 = 9;

fn message(protocol: u32, way: Way) -> Given {
    let bytes = match protocol {
        0x0800 => v4(way, 1, 1, [2, 0, 0, 0, 0, 1], false),
        _ => v6(way, 1, 1),
    };
    let packet_type = if way == Way::Out { OUTGOING } else { 0 };
    Given { bytes, protocol, packet_type, interface: WAN, vlan_tag: 0 }
}

fn passes(given: &Given) -> bool {
    run(&program(&[3, WAN, 5]), given) > 0
}

#[test]
fn what_clients_say_and_hear_passes_on_their_interfaces_only() {
    for protocol in [0x0800, 0x86dd] {
        for way in [Way::Out, Way::In] {
            let given = message(protocol, way);
            assert_eq!(run(&program(&[3, WAN, 5]), &given), ENOUGH, "{given:?}");
            let elsewhere = Given { interface: LAN, ..given.clone() };
            assert!(!passes(&elsewhere), "{elsewhere:?}");
            // The other direction is that of a server on this machine.
            let server = Given { packet_type: OUTGOING - given.packet_type, ..given.clone() };
            assert!(!passes(&server), "{server:?}");
            for packet_type in 0..8 {
                let seen = Given { packet_type, ..given.clone() };
                let expected =
                    if way == Way::Out { packet_type == OUTGOING } else { packet_type < OTHER_HOST };
                assert_eq!(passes(&seen), expected, "{seen:?}");
            }
            assert!(!passes(&Given { vlan_tag: 0xe000 | 832, ..given.clone() }), "of a VLAN");
            assert!(passes(&Given { vlan_tag: 0xe000, ..given.clone() }), "a priority");
            assert_eq!(run(&program(&[]), &given), 0, "no client is there");
        }
    }
}

#[test]
fn everything_else_stays_in_the_kernel() {
    let v4 = message(0x0800, Way::Out);
    let v6 = message(0x86dd, Way::Out);
    let with = |given: &Given, at: usize, to: u8| {
        let mut changed = given.clone();
        changed.bytes[at] = to;
        changed
    };
    assert!(passes(&with(&v4, 10, 0xff)), "a checksum that is not there yet");
    for (given, what) in [
        (Given { protocol: 0x0806, ..v4.clone() }, "ARP"),
        (Given { protocol: 0x8100, ..v4.clone() }, "a VLAN whose tag is in the packet"),
        (with(&v4, 9, 6), "TCP"),
        (with(&v4, 6, 0x20), "the first fragment"),
        (with(&v4, 7, 9), "a later fragment"),
        (with(&v4, 21, 67), "a relay's"),
        (with(&v4, 23, 53), "DNS"),
        (with(&v6, 6, 0), "hop-by-hop options"),
        (with(&v6, 6, 44), "a fragment"),
        (with(&v6, 43, 53), "another port"),
    ] {
        assert!(!passes(&given), "{what}");
    }
    for length in 0..24 {
        let mut cut = v4.clone();
        cut.bytes.truncate(length);
        assert!(!passes(&cut), "{length} bytes");
    }
    // Options of IPv4 move the ports.
    let mut options = with(&v4, 0, 0x46);
    assert!(!passes(&options));
    options.bytes.splice(20..20, [1; 4]);
    assert!(passes(&options));
}

#[test]
fn it_holds_for_as_many_interfaces_as_there_may_be() {
    let given = message(0x86dd, Way::In);
    for count in [1, 2, 64, MOST_INTERFACES, MOST_INTERFACES + 1, 1000] {
        let others: Vec<u32> = (100..).take(count - 1).collect();
        let program = program(&[others.as_slice(), &[WAN]].concat());
        assert!(program.len() < 4096, "BPF_MAXINSNS");
        assert_eq!(run(&program, &given), ENOUGH, "{count}");
        assert_eq!(run(&program, &Given { protocol: 6, ..given.clone() }), 0, "{count}");
        let elsewhere = run(&program, &Given { interface: LAN, ..given.clone() });
        assert_eq!(elsewhere > 0, count > MOST_INTERFACES, "{count}");
        for (at, instruction) in program.iter().enumerate() {
            let far = usize::from(instruction.jumps.0.max(instruction.jumps.1));
            assert!(at + far < program.len(), "{at}: {instruction:?}");
        }
    }
}
