//! The context of a client as a file: what the host writes, the shim reads, and nothing else.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use dhcpmgr_message::context::{Context, FILE_LIMIT, FileError};
use proptest::collection::vec;
use proptest::prelude::*;

fn full() -> Context {
    Context {
        client: Some(b"wan6".to_vec()),
        token: Some(b"00112233445566778899aabbccddeeff".to_vec()),
        socket: Some(b"/run/dhcpmgr/lease.sock".to_vec()),
        spool: Some(b"/run/dhcpmgr/spool".to_vec()),
    }
}

#[test]
fn the_file_is_records_as_in_an_environment() {
    let expected: &[u8] = b"DHCPMGR_CLIENT=wan6\0DHCPMGR_TOKEN=00112233445566778899aabbccddeeff\0\
        DHCPMGR_SOCKET=/run/dhcpmgr/lease.sock\0DHCPMGR_SPOOL=/run/dhcpmgr/spool\0";
    assert_eq!(full().encode().unwrap(), expected);
    assert_eq!(Context::decode(expected).unwrap(), full());
}

#[test]
fn what_a_later_daemon_adds_is_ignored() {
    let bytes = b"DHCPMGR_MORE=x\0DHCPMGR_CLIENT=a=b\0DHCPMGR_SPOOL=\0";
    let read = Context::decode(bytes).unwrap();
    assert_eq!(
        read,
        Context { client: Some(b"a=b".to_vec()), spool: Some(Vec::new()), ..Context::default() }
    );
}

#[test]
fn what_was_not_written_whole_or_not_by_us_is_refused_without_the_secret() {
    let whole = full().encode().unwrap();
    for cut in 1..whole.len() {
        let read = Context::decode(&whole[..cut]);
        // At the end of a record it is a context with less in it; the shim misses what is not there.
        assert_eq!(read.is_ok(), whole[cut - 1] == 0, "{cut}: {read:?}");
    }
    assert_eq!(Context::decode(b"DHCPMGR_CLIENT=a\0DHCPMGR_CLIENT=b\0").unwrap_err(), FileError::Twice(2));
    assert_eq!(Context::decode(b"a=b\0secret\0").unwrap_err(), FileError::Record(2));
    assert_eq!(Context::decode(b"\0").unwrap_err(), FileError::Record(1));
    let found = FILE_LIMIT + 1;
    assert_eq!(Context::decode(&vec![b'='; found]).unwrap_err(), FileError::TooLong { found });
}

#[test]
fn what_could_not_be_read_is_not_written() {
    let with = |value: Vec<u8>| Context { socket: Some(value), ..full() };
    assert_eq!(with(b"/a\0b".to_vec()).encode().unwrap_err(), FileError::Nul("DHCPMGR_SOCKET"));
    assert!(matches!(with(vec![b'/'; FILE_LIMIT]).encode().unwrap_err(), FileError::TooLong { .. }));
    assert!(with(vec![b'/'; 4096]).encode().is_ok());
}

fn value() -> impl Strategy<Value = Option<Vec<u8>>> {
    proptest::option::of(vec(1_u8.., 0..40))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_what_is_read(client in value(), token in value(), socket in value(), spool in value()) {
        let context = Context { client, token, socket, spool };
        prop_assert_eq!(Context::decode(&context.encode().unwrap()).unwrap(), context);
    }

    #[test]
    fn any_bytes_are_a_context_or_not_but_never_a_panic(
        bytes in vec(prop_oneof![
            Just(b"DHCPMGR_CLIENT=".to_vec()), Just(b"DHCPMGR_TOKEN=".to_vec()), Just(vec![0]), vec(any::<u8>(), 0..6),
        ], 0..12)
    ) {
        if let Ok(read) = Context::decode(&bytes.concat()) {
            prop_assert_eq!(Context::decode(&read.encode().unwrap()).unwrap(), read);
        }
    }
}
