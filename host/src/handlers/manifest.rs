//! What a module may say of itself. A manifest comes out of foreign code, so the host believes none of it unchecked.

use dhcpmgr_plugin_api::{Manifest, Protocol, SentOption, Settings};

/// DHCPv4 options that the client program and the daemon themselves are responsible for: requested address, lease time, overload, message type, server identifier, request list, message, maximum size, T1, T2,
/// client identifier (stored identity), relay information (RFC 2132, RFC 3046).
const V4_RESERVED: [u16; 12] = [50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 61, 82];
/// DHCPv6 the same: identifiers, IAs and what is in them, option request, elapsed time, relay, authentication,
/// unicast, status, rapid commit, interface-id, reconfigure (RFC 8415 section 21).
const V6_RESERVED: [u16; 20] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 18, 19, 20, 25, 26, 82, 83];

/// Checks a manifest, however it came here; the error says what is wrong with it.
pub(super) fn check(manifest: Manifest) -> Result<Manifest, String> {
    manifest.validate().map_err(|e| e.to_string())?;
    let reserved = |option: &&SentOption| is_reserved(option.protocol, option.code);
    if let Some(option) = manifest.options_sent.iter().find(reserved) {
        return Err(format!(
            "manifest: options_sent has option {}, which is not for handlers to send",
            option.code
        ));
    }
    Ok(manifest)
}

/// Checks the operator's settings against what the manifest says that it takes; all that is wrong, in one line.
pub(super) fn check_settings(manifest: &Manifest, settings: &[u8]) -> Result<(), String> {
    let errors = manifest.check_settings(&Settings::from_bytes(settings.to_vec()));
    if errors.is_empty() {
        return Ok(());
    }
    Err(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

/// Whether only the client program and the daemon say this option to the server.
pub(super) fn is_reserved(protocol: Protocol, code: u16) -> bool {
    match protocol {
        Protocol::V4 => V4_RESERVED.contains(&code),
        Protocol::V6 => V6_RESERVED.contains(&code),
    }
}

/// Whether an option code is one that a client of the protocol can request.
pub(super) fn can_be_requested(protocol: Protocol, code: u16) -> bool {
    match protocol {
        Protocol::V4 => (1..=254).contains(&code),
        Protocol::V6 => code != 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sending(protocol: Protocol, code: u16) -> Manifest {
        Manifest::new("acme-options", "1.2.0").protocol(protocol).consumes([43]).sends(protocol, code, "acme")
    }

    #[test]
    fn vendor_options_may_be_sent() {
        for manifest in [sending(Protocol::V4, 60), sending(Protocol::V4, 125), sending(Protocol::V6, 16)] {
            assert_eq!(check(manifest.clone()), Ok(manifest));
        }
    }

    #[test]
    fn what_the_client_itself_says_to_the_server_is_not_a_handlers_business() {
        for (protocol, code) in
            [(Protocol::V4, 53), (Protocol::V4, 61), (Protocol::V6, 1), (Protocol::V6, 14)]
        {
            let why = check(sending(protocol, code)).unwrap_err();
            assert!(why.contains(&format!("option {code},")), "{why}");
        }
    }

    #[test]
    fn a_manifest_that_is_none_is_refused() {
        assert!(check(Manifest::default()).is_err());
    }
}
