//! URIs that a server sends (RFC 3986): of the characters that the RFC allows, with a scheme that the option is for,
//! and complete. Whether anybody should go there is not decided here.

use crate::text::text;

/// The URI of a captive portal's API (RFC 8910 section 2): `https`, `http` or `urn`.
pub fn captive_portal(raw: &[u8]) -> Result<&str, String> {
    let uri = text(raw)?;
    let (scheme, rest) = parts(uri)?;
    let complete = match scheme.as_str() {
        "https" | "http" => names_a_host(rest),
        // A name within a namespace: urn:ietf:params:capport:unrestricted says that there is no portal.
        "urn" => rest.split_once(':').is_some_and(|(nid, nss)| !nid.is_empty() && !nss.is_empty()),
        _ => return Err("has another scheme than https, http and urn".to_owned()),
    };
    if complete { Ok(uri) } else { Err("names no host".to_owned()) }
}

/// The URL of a boot file (RFC 5970 section 3.1), of the schemes that boot loaders know.
pub fn boot_file(raw: &[u8]) -> Result<&str, String> {
    absolute(text(raw)?, &["https", "http", "tftp", "ftp", "nfs"])
}

/// An absolute URL with one of these schemes (in lower case) and a host.
pub fn absolute<'a>(url: &'a str, schemes: &[&str]) -> Result<&'a str, String> {
    let (scheme, rest) = parts(url)?;
    if !schemes.contains(&scheme.as_str()) {
        return Err(format!("has another scheme than {}", schemes.join(", ")));
    }
    if names_a_host(rest) { Ok(url) } else { Err("names no host".to_owned()) }
}

/// The scheme in lower case, and what comes after its colon; all of it in characters of a URI.
fn parts(uri: &str) -> Result<(String, &str), String> {
    if let Some(bad) = uri.chars().find(|c| !is_uri_character(*c)) {
        return Err(format!("contains '{}', which no URI does (RFC 3986)", bad.escape_default()));
    }
    let (scheme, rest) = uri.split_once(':').ok_or("has no scheme")?;
    Ok((scheme.to_ascii_lowercase(), rest))
}

fn names_a_host(rest: &str) -> bool {
    let Some(after_slashes) = rest.strip_prefix("//") else { return false };
    let authority = after_slashes.split(['/', '?', '#']).next().unwrap_or_default();
    // What is before `@` only makes the host look like another one.
    !authority.is_empty() && !authority.starts_with(':') && !authority.contains('@')
}

fn is_uri_character(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_captive_portal_is_a_web_address_or_a_urn() {
        for good in [
            "https://portal.example/api?x=1",
            "HTTP://[2001:db8::1]:8080/",
            "urn:ietf:params:capport:unrestricted",
        ] {
            assert_eq!(captive_portal(good.as_bytes()), Ok(good));
        }
        for bad in [
            "javascript:alert(1)",
            "file:///etc/passwd",
            "https:///nohost",
            "https://good.example@evil.example/",
            "https://a b/",
            "https://a/\nX: y",
            "https://é.example/",
            "portal.example",
            "urn:ietf",
            "",
        ] {
            assert!(captive_portal(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_boot_file_is_where_a_loader_can_get_it() {
        for good in ["tftp://[2001:db8::69]/boot/cfg.bin", "https://boot.example/fw"] {
            assert_eq!(boot_file(good.as_bytes()), Ok(good));
        }
        for bad in ["file:///etc/shadow", "boot/cfg.bin", "tftp:///cfg", "tftp://a b/", "urn:x:y", ""] {
            assert!(boot_file(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_printable(text in "(https?|urn|tftp)?:?/{0,2}\\PC{0,40}", raw: Vec<u8>) {
            for raw in [text.as_bytes(), &raw] {
                for uri in [captive_portal(raw), boot_file(raw)].into_iter().flatten() {
                    prop_assert!(uri.bytes().all(|b| b.is_ascii_graphic()));
                }
            }
        }
    }
}
