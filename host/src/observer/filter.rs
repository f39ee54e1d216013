//! The filter in the kernel: messages of DHCP from and to the interfaces of our clients pass, and nothing else ever wakes
//! the daemon. Classic BPF, on packets that begin with their network header.
//!
//! What a server on this machine hears and says is on the way of no client: requests that come in and replies that go
//! out stay in the kernel, and so does what a LAN does to such a server. Checksums are not looked at: what goes out may
//! have none yet.

use socket2::SockFilter;

use super::packet::{ENOUGH, FRAGMENT, V4_PORTS, V6_PORTS};

/// `linux/filter.h`: what the packet does not hold begins at this offset.
const AD: u32 = -0x1000_i32 as u32;
const PROTOCOL: u32 = AD;
const PACKET_TYPE: u32 = AD + 4;
const INTERFACE: u32 = AD + 8;
const VLAN_TAG: u32 = AD + 44;
/// `linux/if_packet.h`: to another host, seen because the interface is promiscuous.
const OTHER_HOST: u32 = 3;
/// `linux/if_packet.h`
pub(super) const OUTGOING: u32 = 4;
/// The part of a VLAN tag that says which VLAN. Tag 0 is a priority (IEEE 802.1Q), and no VLAN.
const VLAN_ID: u32 = 0x0fff;

/// A jump goes over 255 instructions at most. On more interfaces than this all are listened to.
const MOST_INTERFACES: usize = 200;

/// `linux/bpf_common.h`: instructions, each with its size and kind of operand.
const LOAD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const LOAD_HALF_AFTER: u16 = 0x48;
/// X becomes the length of the IPv4 header at this offset.
const LOAD_HEADER_LENGTH: u16 = 0xb1;
const AND: u16 = 0x54;
const IF_EQUAL: u16 = 0x15;
const IF_AT_LEAST: u16 = 0x35;
const IF_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

/// Where an instruction goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    Next,
    V6,
    V4Out,
    V6Out,
    Interface,
    Pass,
    Drop,
}

/// One instruction: what, its operand, and where it goes on when so and when not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instruction {
    code: u16,
    operand: u32,
    jumps: (u8, u8),
}

/// A program that is being written: each place is defined once, behind all jumps to it.
#[derive(Default)]
struct Program {
    written: Vec<(u16, u32, To, To)>,
    places: Vec<(To, usize)>,
}

impl Program {
    fn does(&mut self, code: u16, operand: u32) {
        self.written.push((code, operand, To::Next, To::Next));
    }

    fn branches(&mut self, code: u16, operand: u32, so: To, not: To) {
        self.written.push((code, operand, so, not));
    }

    fn place(&mut self, place: To) {
        self.places.push((place, self.written.len()));
    }

    /// What comes in goes to the client's port; what goes out, which goes on at `out`, to the server's, and not from there.
    /// `load` and `at` are how to load the source port; the other one follows it.
    fn looks_at_ports(&mut self, load: u16, at: u32, (server, client): (u16, u16), out: To) {
        let (server, client) = (server.into(), client.into());
        self.does(LOAD, PACKET_TYPE);
        self.branches(IF_EQUAL, OUTGOING, out, To::Next);
        self.branches(IF_AT_LEAST, OTHER_HOST, To::Drop, To::Next);
        self.does(load, at + 2);
        self.branches(IF_EQUAL, client, To::Interface, To::Drop);
        self.place(out);
        self.does(load, at);
        self.branches(IF_EQUAL, server, To::Drop, To::Next);
        self.does(load, at + 2);
        self.branches(IF_EQUAL, server, To::Interface, To::Drop);
    }

    fn finish(self) -> Vec<Instruction> {
        let jump = |from: usize, to: To| {
            let place = self.places.iter().find(|(place, _)| *place == to).map_or(from + 1, |(_, at)| *at);
            // `MOST_INTERFACES` keeps every jump short; the test goes over all of them.
            u8::try_from(place - from - 1).unwrap_or(u8::MAX)
        };
        let instruction = |(at, (code, operand, so, not)): (usize, &(u16, u32, To, To))| Instruction {
            code: *code,
            operand: *operand,
            jumps: (jump(at, *so), jump(at, *not)),
        };
        self.written.iter().enumerate().map(instruction).collect()
    }
}

/// The filter for clients on these interfaces, given by their indices.
pub(super) fn program(interfaces: &[u32]) -> Vec<Instruction> {
    let mut program = Program::default();
    if interfaces.is_empty() {
        program.does(RETURN, 0);
        return program.finish();
    }
    program.does(LOAD, PROTOCOL);
    program.branches(IF_EQUAL, 0x86dd, To::V6, To::Next);
    program.branches(IF_EQUAL, 0x0800, To::Next, To::Drop);

    program.does(LOAD_BYTE, 9);
    program.branches(IF_EQUAL, 17, To::Next, To::Drop);
    program.does(LOAD_HALF, 6);
    program.branches(IF_ANY_BIT, u32::from(FRAGMENT), To::Drop, To::Next);
    program.does(LOAD_HEADER_LENGTH, 0);
    program.looks_at_ports(LOAD_HALF_AFTER, 0, V4_PORTS, To::V4Out);

    program.place(To::V6);
    program.does(LOAD_BYTE, 6);
    program.branches(IF_EQUAL, 17, To::Next, To::Drop);
    program.looks_at_ports(LOAD_HALF, 40, V6_PORTS, To::V6Out);

    program.place(To::Interface);
    // What belongs to a VLAN is seen again on the VLAN's own interface.
    program.does(LOAD, VLAN_TAG);
    program.does(AND, VLAN_ID);
    program.branches(IF_EQUAL, 0, To::Next, To::Drop);
    if interfaces.len() <= MOST_INTERFACES {
        program.does(LOAD, INTERFACE);
        for index in interfaces {
            program.branches(IF_EQUAL, *index, To::Pass, To::Next);
        }
        program.place(To::Drop);
        program.does(RETURN, 0);
        program.place(To::Pass);
        program.does(RETURN, ENOUGH);
    } else {
        program.does(RETURN, ENOUGH);
        program.place(To::Drop);
        program.does(RETURN, 0);
    }
    program.finish()
}

/// As the kernel takes it.
pub(super) fn loadable(program: &[Instruction]) -> Vec<SockFilter> {
    let load = |i: &Instruction| SockFilter::new(i.code, i.jumps.0, i.jumps.1, i.operand);
    program.iter().map(load).collect()
}

#[cfg(test)]
mod tests;
