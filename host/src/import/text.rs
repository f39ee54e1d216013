//! What the files of the other clients are made of: hex digits, variables, command lines.

/// Bytes in hex: with or without `:` or `-` between them; leading zeros may be missing where there is a separator.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let text = text.strip_prefix("0x").unwrap_or(text);
    let separated = text.contains([':', '-']);
    let parts: Vec<&str> = if separated {
        text.split([':', '-']).collect()
    } else {
        let pair = |at: usize| text.get(at..at + 2).unwrap_or("odd");
        (0..text.len()).step_by(2).map(pair).collect()
    };
    let byte = |part: &str| {
        let digits = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_hexdigit());
        u8::from_str_radix(part, 16).ok().filter(|_| digits)
    };
    parts.into_iter().map(byte).collect::<Option<Vec<u8>>>().filter(|bytes| !bytes.is_empty())
}

/// The variables of a process or of a script, in order: `NAME=VALUE` on lines, or ended by NUL as in
/// `/proc/PID/environ`; also as `set`, `export` and `declare -x` of a shell print them.
pub(super) fn variables(bytes: &[u8]) -> Vec<(String, String)> {
    let end = if bytes.contains(&0) { 0 } else { b'\n' };
    bytes.split(|byte| *byte == end).filter_map(variable).collect()
}

fn variable(line: &[u8]) -> Option<(String, String)> {
    let line = String::from_utf8_lossy(line);
    let line = line.trim();
    let line = ["export ", "declare -x "].iter().find_map(|word| line.strip_prefix(word)).unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let ok = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let unquoted = ['\'', '"'].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    (!name.is_empty() && name.bytes().all(ok))
        .then(|| (name.to_owned(), unquoted.unwrap_or(value).to_owned()))
}

/// The value of a variable that is not empty; of several the last.
pub(super) fn value<'a>(variables: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let of_name = variables.iter().rev().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
    of_name.into_iter().find(|value| !value.is_empty())
}

/// The arguments of a program in `/proc/PID/cmdline`, or in the first line of a script that starts it.
pub(super) fn arguments(bytes: &[u8], program: &str) -> Option<Vec<String>> {
    let lines: Vec<Vec<String>> = if bytes.contains(&0) {
        vec![bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()]
    } else {
        String::from_utf8_lossy(bytes).lines().map(words).collect()
    };
    let after = |line: &Vec<String>| {
        let names = |word: &String| word.rsplit('/').next() == Some(program);
        let place = line.iter().position(names)?;
        Some(line[place + 1..].iter().filter(|word| !word.is_empty()).cloned().collect())
    };
    lines.iter().filter(|line| !line.first().is_some_and(|word| word.starts_with('#'))).find_map(after)
}

/// The values of an option: `-x VALUE`, `-xVALUE`, `--long VALUE`, `--long=VALUE`.
pub(super) fn options<'a>(arguments: &'a [String], short: &str, long: &str) -> Vec<&'a str> {
    let mut values = Vec::new();
    for (index, argument) in arguments.iter().enumerate() {
        let next = || arguments.get(index + 1).map(String::as_str);
        if argument == short || argument == long {
            values.extend(next());
        } else if let Some(value) = argument.strip_prefix(long).and_then(|rest| rest.strip_prefix('=')) {
            values.push(value);
        } else if !argument.starts_with("--")
            && let Some(value) = argument.strip_prefix(short)
        {
            values.push(value);
        }
    }
    values
}

/// The words of a line, with quotes as a shell takes them; nothing is expanded.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut started) = (Vec::new(), String::new(), None, false);
    for c in line.chars() {
        match (quote, c) {
            (None, '\'' | '"') => (quote, started) = (Some(c), true),
            (Some(open), _) if c == open => quote = None,
            (None, _) if c.is_whitespace() => {
                if started {
                    words.push(std::mem::take(&mut word));
                }
                started = false;
            }
            _ => {
                word.push(c);
                started = true;
            }
        }
    }
    if started {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hex_is_read_as_the_clients_write_it() {
        assert_eq!(hex("00:03:00:01:2:0:0"), Some(vec![0, 3, 0, 1, 2, 0, 0]));
        assert_eq!(hex("ff0A "), Some(vec![255, 10]));
        assert_eq!(hex("0x01-02"), Some(vec![1, 2]));
        for wrong in ["", "abc", "0g", "01:", "01::02", "01:123", "ä1", "+1", "0ä"] {
            assert_eq!(hex(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn variables_come_from_lines_from_nul_and_from_a_shell() {
        let expected = [("ip".to_owned(), "192.0.2.7".to_owned()), ("opt61".to_owned(), "0102".to_owned())];
        for text in [
            "ip=192.0.2.7\nopt61=0102\n",
            "ip=192.0.2.7\0opt61=0102\0",
            "export ip='192.0.2.7'\ndeclare -x opt61=\"0102\"\n# a note\n",
        ] {
            assert_eq!(variables(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn options_are_found_however_they_are_written() {
        let line = b"#!/bin/sh\n/sbin/udhcpc -i eth0 -x61:0102 --request=192.0.2.7 -x '77:\"a b\"' &\n";
        let arguments = arguments(line, "udhcpc").unwrap();
        assert_eq!(options(&arguments, "-x", "--xopt"), ["61:0102", "77:\"a b\""]);
        assert_eq!(options(&arguments, "-r", "--request"), ["192.0.2.7"]);
        assert_eq!(options(&arguments, "-i", "--interface"), ["eth0"]);
    }

    proptest! {
        #[test]
        fn nothing_makes_them_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in ".{0,60}") {
            let _ = (variables(&bytes), arguments(&bytes, "udhcpc"), hex(&text), words(&text));
        }
    }
}
