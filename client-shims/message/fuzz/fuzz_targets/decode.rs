//! Any bytes: read as a lease message and as an answer, or refused; what was read can be written and is then the
//! same. Run with `cargo +nightly fuzz run decode -- -max_len=65600` in `client-shims/message`.
#![no_main]

use dhcpmgr_message::{Answer, LeaseMessage, wire};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let checked = wire::check(bytes, &wire::LIMITS);
    match LeaseMessage::decode(bytes) {
        Ok(message) => {
            assert!(checked.is_ok(), "decoded what the walk refuses");
            match message.encode() {
                Ok(written) => {
                    assert_eq!(
                        LeaseMessage::decode(&written).expect("what was written can be read"),
                        message
                    );
                }
                // serde also reads the maps within from shorter arrays, so what is written may be longer.
                Err(error) => assert!(bytes.len() > 16 * 1024, "{error}"),
            }
        }
        Err(error) => {
            let text = error.to_string();
            assert!(text.len() < 600 && !text.contains(char::is_control), "{text}");
        }
    }
    // An answer read by hand is what serde reads of it; serde takes more (bytes for texts, numbers for names).
    if let Ok(answer) = Answer::decode(bytes) {
        assert_eq!(wire::decode::<Answer>(bytes).expect("serde reads every answer"), answer);
    }
});
