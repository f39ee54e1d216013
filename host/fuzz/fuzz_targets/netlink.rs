//! Any bytes as what the kernel says of links, addresses, routes and rules: kept or skipped. A kernel can be of any year,
//! and what others put into it is theirs. Run with `cargo +nightly fuzz run netlink -- -max_len=4096` in `host`.
#![no_main]

use dhcpmgr::network::read_netlink;
use libfuzzer_sys::fuzz_target;

/// RTM_NEWLINK, RTM_DELLINK, and so on of addresses, routes and rules.
const KINDS: [u16; 8] = [16, 17, 20, 21, 24, 25, 32, 33];

fuzz_target!(|bytes: &[u8]| {
    read_netlink(bytes);
    // The header is rarely right by chance: pieces behind one that is, the first byte of each says which and how long.
    let (mut datagram, mut rest) = (Vec::new(), bytes);
    while let [which, body @ ..] = rest {
        let (body, after) = body.split_at(body.len().min(usize::from(which >> 3) * 8));
        datagram.extend((16 + body.len() as u32).to_ne_bytes());
        datagram.extend(KINDS[usize::from(which & 7)].to_ne_bytes());
        datagram.extend([0; 10]);
        datagram.extend(body);
        datagram.resize(datagram.len().next_multiple_of(4), 0);
        rest = after;
    }
    read_netlink(&datagram);
});
