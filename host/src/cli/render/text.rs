//! Text and numbers as people read them, and as their terminals can bear them.

use serde_json::Value;

/// Characters that a terminal obeys instead of showing: control characters, and those that reorder or hide text.
fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// Text with everything dangerous escaped, on one line.
#[must_use]
pub fn plain(text: &str) -> String {
    if !text.contains(is_dangerous) {
        return text.to_owned();
    }
    text.chars().fold(String::with_capacity(text.len() + 8), |mut out, c| {
        if is_dangerous(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
        out
    })
}

/// One line of JSON. Dangerous characters, which only strings can hold, are written as JSON escapes.
#[must_use]
pub fn json_line(value: &Value) -> String {
    escaped_line(&value.to_string())
}

/// The same of JSON that is text already.
pub(in crate::cli) fn escaped_line(json: &str) -> String {
    let mut line = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        if is_dangerous(c) {
            // All of them are in the basic plane: one escape each.
            line.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            line.push(c);
        }
    }
    line.push('\n');
    line
}

/// Seconds with their two largest units: `3d 4h`, `1h 59m`, `42s`.
#[must_use]
pub fn duration(seconds: u64) -> String {
    let units = [(86_400, 'd'), (3600, 'h'), (60, 'm'), (1, 's')];
    let first = units.iter().position(|(unit, _)| seconds >= *unit).unwrap_or(units.len() - 1);
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (unit, letter) in &units[first..units.len().min(first + 2)] {
        let amount = rest / unit;
        rest %= unit;
        if amount > 0 || parts.is_empty() {
            parts.push(format!("{amount}{letter}"));
        }
    }
    parts.join(" ")
}

/// Microseconds with three digits: `40 µs`, `1.25 ms`, `3.4 s`.
#[must_use]
pub fn micros(us: u64) -> String {
    let (value, unit) = match us {
        0..1000 => return format!("{us} µs"),
        1000..1_000_000 => (us as f64 / 1e3, "ms"),
        _ => (us as f64 / 1e6, "s"),
    };
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {unit}")
}

/// `1 client`, `2 clients`.
#[must_use]
pub fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// `never`, `once`, `2 times`.
pub(super) fn times(number: u64) -> String {
    match number {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        _ => format!("{number} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_cannot_speak_to_the_terminal() {
        assert_eq!(
            plain("a\u{1b}[2Jb\r\n\u{9b}\u{202e}x\u{2063}"),
            "a\\u{1b}[2Jb\\r\\n\\u{9b}\\u{202e}x\\u{2063}"
        );
        assert_eq!(plain("gärtnerei.example"), "gärtnerei.example");
        let value = serde_json::json!({"domain": "a\u{1b}\u{9b}\u{7f}\u{202e}\"b"});
        let line = json_line(&value);
        assert!(!line.trim_end().contains(is_dangerous), "{line}");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value);
    }

    #[test]
    fn durations_have_two_units() {
        let cases = [
            (0, "0s"),
            (42, "42s"),
            (60, "1m"),
            (61, "1m 1s"),
            (7140, "1h 59m"),
            (7199, "1h 59m"),
            (86_400, "1d"),
            (273_600, "3d 4h"),
        ];
        for (seconds, text) in cases {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn short_times_have_three_digits() {
        let cases = [
            (0, "0 µs"),
            (999, "999 µs"),
            (1250, "1.25 ms"),
            (34_560, "34.6 ms"),
            (250_000, "250 ms"),
            (3_400_000, "3.40 s"),
        ];
        for (us, text) in cases {
            assert_eq!(micros(us), text);
        }
    }
}
