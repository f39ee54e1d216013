//! Texts that a server sends: nothing of one is used before a check here has accepted it. An error is the second half
//! of a sentence that the caller begins with the option's name.

/// A text (RFC 2132 section 2): UTF-8, trailing NULs deleted as that section demands.
pub fn text(raw: &[u8]) -> Result<&str, String> {
    let end = raw.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    std::str::from_utf8(&raw[..end]).map_err(|_| "is not text (UTF-8)".to_owned())
}

/// At most so many bytes.
pub fn short(text: &str, limit: usize) -> Result<(), String> {
    if text.len() > limit {
        return Err(format!("has {} bytes, at most {limit} are accepted", text.len()));
    }
    Ok(())
}

/// A text for a person or a file name: no control characters, nothing that turns the direction of writing.
pub fn is_printable(text: &str) -> Result<(), &'static str> {
    let bad = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
    };
    if text.chars().any(bad) { Err("contains control characters") } else { Ok(()) }
}

/// A POSIX TZ string (RFC 4833). One that starts with `:` would name a file.
pub fn is_posix_tz(text: &str) -> Result<(), &'static str> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"<>+-:,./".contains(&b);
    if text.starts_with(':') || !text.bytes().all(allowed) {
        return Err("is not a POSIX time zone (IEEE 1003.1, TZ)");
    }
    Ok(())
}

/// A name in the TZ database (RFC 4833), which is a path below the zone directory and no other.
pub fn is_tzdb_name(text: &str) -> Result<(), &'static str> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_+-.".contains(&b);
    let part_is_name = |part: &str| {
        !part.is_empty() && !part.starts_with('.') && !part.starts_with('-') && part.bytes().all(allowed)
    };
    if text.split('/').all(part_is_name) { Ok(()) } else { Err("is not a name of the TZ database") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_loses_its_trailing_nuls_only() {
        assert_eq!(text(b"isp.example\0\0"), Ok("isp.example"));
        assert_eq!(text(b"a\0b"), Ok("a\0b"));
        assert_eq!(text(b"\0"), Ok(""));
        assert!(text(&[0xff, 0xfe]).is_err());
    }

    #[test]
    fn a_time_zone_never_names_a_file() {
        assert!(is_posix_tz(":/etc/passwd").is_err());
        for bad in ["../etc/passwd", "/etc/passwd", "Europe//Berlin", "Europe/.."] {
            assert!(is_tzdb_name(bad).is_err(), "{bad}");
        }
        assert_eq!(is_tzdb_name("America/Port-au-Prince"), Ok(()));
    }
}
