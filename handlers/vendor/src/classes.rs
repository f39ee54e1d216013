//! Vendor and user classes that a server answers with: options 60, 77 and 124, and 15 and 16 of DHCPv6.

use dhcpmgr_handler_common::notes::Notes;
use dhcpmgr_handler_common::text::{is_printable, text};
use dhcpmgr_plugin_api::message::Bytes;

use crate::Parameters;
use crate::suboptions;

/// Classes of one option, and bytes of one class, that are published.
const MAX_CLASSES: usize = 16;
const MAX_BYTES: usize = 255;

/// Options 60, 77 and 124.
pub(crate) fn v4(
    vendor: Option<&[u8]>,
    user: Option<&[u8]>,
    identifying: Option<&[u8]>,
    parameters: &mut Parameters,
    notes: &mut Notes,
) {
    if let Some(raw) = vendor {
        set("VendorClass", &[raw], 60, parameters, notes);
    }
    if let Some(raw) = user {
        match short_list(raw) {
            Some(classes) => set("UserClass", &classes, 77, parameters, notes),
            // Many servers and clients put one text there and no lengths.
            None => set("UserClass", &[raw], 77, parameters, notes),
        }
    }
    let vendors = identifying.map(|raw| suboptions::vendors(raw, 124, notes)).unwrap_or_default();
    for (enterprise, data) in vendors {
        let name = format!("VendorClass.{enterprise}");
        match short_list(data) {
            Some(classes) => set(&name, &classes, 124, parameters, notes),
            None => cut(&format!("option 124 of vendor {enterprise}"), notes),
        }
    }
}

/// Options 15 and 16 of DHCPv6.
pub(crate) fn v6(user: &[Bytes], vendor: &[Bytes], parameters: &mut Parameters, notes: &mut Notes) {
    if let Some(raw) = user.first() {
        match long_list(raw.as_ref()) {
            Some(classes) => set("UserClass", &classes, 15, parameters, notes),
            None => cut("option 15", notes),
        }
    }
    for raw in vendor {
        let Some((enterprise, data)) = suboptions::vendor(raw.as_ref(), 16, notes) else { continue };
        match long_list(data) {
            Some(classes) => set(&format!("VendorClass.{enterprise}"), &classes, 16, parameters, notes),
            None => cut(&format!("option 16 of vendor {enterprise}"), notes),
        }
    }
}

/// Publishes classes that are text, separated by spaces; a class with spaces is in quotes, so that there is one way
/// to read them. What is no text is in hex, as `0x…`.
fn set(name: &str, classes: &[&[u8]], option: u16, parameters: &mut Parameters, notes: &mut Notes) {
    if parameters.len() >= 128 {
        return notes.add(format!("{name} (option {option}) is ignored: there are too many values"));
    }
    if classes.len() > MAX_CLASSES {
        notes.add(format!("only the first {MAX_CLASSES} classes of option {option} are published"));
    }
    let shown: Vec<String> =
        classes.iter().take(MAX_CLASSES).filter(|class| !class.is_empty()).map(|class| word(class)).collect();
    if !shown.is_empty() {
        parameters.entry(name.to_owned()).or_insert_with(|| shown.join(" "));
    }
}

fn word(class: &[u8]) -> String {
    let class = class.get(..MAX_BYTES).unwrap_or(class);
    match text(class) {
        Ok(text) if is_printable(text).is_ok() && !text.is_empty() && !text.contains(['"', '\\']) => {
            if text.contains(' ') { format!("\"{text}\"") } else { text.to_owned() }
        }
        _ => format!("0x{}", Bytes(class.to_vec()).to_hex()),
    }
}

fn cut(what: &str, notes: &mut Notes) {
    notes.add(format!("{what} is ignored: its classes are longer than it is"));
}

/// A byte of length before each (RFC 3004 section 4, RFC 3925 section 3).
fn short_list(mut raw: &[u8]) -> Option<Vec<&[u8]>> {
    let mut classes = Vec::new();
    while let [len, rest @ ..] = raw {
        let (class, after) = rest.split_at_checked(usize::from(*len))?;
        classes.push(class);
        raw = after;
    }
    Some(classes)
}

/// Two bytes of length before each (RFC 8415 sections 21.15 and 21.16).
fn long_list(mut raw: &[u8]) -> Option<Vec<&[u8]>> {
    let mut classes = Vec::new();
    while !raw.is_empty() {
        let (len, rest) = raw.split_first_chunk::<2>()?;
        let (class, after) = rest.split_at_checked(u16::from_be_bytes(*len).into())?;
        classes.push(class);
        raw = after;
    }
    Some(classes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(read: impl FnOnce(&mut Parameters, &mut Notes)) -> (Vec<(String, String)>, Vec<String>) {
        let (mut parameters, mut notes) = (Parameters::new(), Notes::default());
        read(&mut parameters, &mut notes);
        (parameters.into_iter().collect(), notes.finish())
    }

    #[test]
    fn classes_are_text_where_they_are_and_hex_otherwise() {
        let (parameters, notes) = told(|parameters, notes| {
            let user = b"\x03abc\x05a b c";
            v4(
                Some(b"dslforum.org"),
                Some(user),
                Some(b"\0\0\x0d\xe9\x05\x01a\x02\xff\x00"),
                parameters,
                notes,
            );
        });
        let pairs: Vec<_> = parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(
            pairs,
            [
                ("UserClass", "abc \"a b c\""),
                ("VendorClass", "dslforum.org"),
                ("VendorClass.3561", "a 0xff00"),
            ]
        );
        assert!(notes.is_empty(), "{notes:?}");
    }

    #[test]
    fn a_user_class_without_lengths_is_one_text() {
        let (parameters, _) = told(|parameters, notes| v4(None, Some(b"gateway"), None, parameters, notes));
        assert_eq!(parameters[0].1, "gateway");
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_hex() {
        for raw in [&b"a\"b"[..], b"a\\b", b"a\nb", b"\xff"] {
            let (parameters, _) = told(|parameters, notes| v4(Some(raw), None, None, parameters, notes));
            assert!(parameters[0].1.starts_with("0x"), "{raw:?}");
        }
    }

    #[test]
    fn lists_of_dhcpv6_have_longer_lengths() {
        let bytes = |raw: &[u8]| vec![Bytes(raw.to_vec())];
        let (parameters, notes) = told(|parameters, notes| {
            v6(&bytes(b"\0\x02ab"), &bytes(b"\0\0\x11\x8b\0\x0aeRouter1.0"), parameters, notes);
        });
        assert_eq!(
            parameters,
            [("UserClass".into(), "ab".into()), ("VendorClass.4491".into(), "eRouter1.0".into())]
        );
        assert!(notes.is_empty());
        let (parameters, notes) =
            told(|parameters, notes| v6(&bytes(b"\0\x09ab"), &bytes(b"\0\0"), parameters, notes));
        assert_eq!((parameters.len(), notes.len()), (0, 2), "{notes:?}");
    }
}
