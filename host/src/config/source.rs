//! The text of one file, and where in it an offset is.

use std::path::{Path, PathBuf};

/// Parts of one dotted key. Far more than any key of ours has; the parser nests a table for each part, and a file
/// made of dots would otherwise overflow the stack.
const MAX_KEY_PARTS: usize = 32;

/// One file.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    text: String,
    /// Offsets at which lines start.
    lines: Vec<usize>,
}

/// A place in one of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Index of the file.
    pub(super) file: usize,
    /// Byte offset in it.
    pub(super) offset: usize,
}

impl Source {
    pub(super) fn new(path: PathBuf, text: String) -> Self {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(breaks).collect();
        Self { path, text, lines }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of an offset, both from 1, the column in characters.
    pub(super) fn position(&self, offset: usize) -> (usize, usize) {
        let offset = offset.min(self.text.len());
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|index| self.lines.get(index)).copied().unwrap_or_default();
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count());
        (line, column + 1)
    }

    /// The offset of a dotted key with more than [`MAX_KEY_PARTS`] parts, if there is one.
    pub(super) fn overlong_key(&self) -> Option<usize> {
        let mut scan = Scan { rest: &self.text };
        let (mut start, mut dots) = (0, 0);
        while let Some(token) = scan.next() {
            let at = self.text.len() - scan.rest.len();
            match token {
                '.' => dots += 1,
                '=' | ',' | '[' | ']' | '{' | '}' | '\n' => (start, dots) = (at, 0),
                _ => {}
            }
            if dots >= MAX_KEY_PARTS {
                return Some(start);
            }
        }
        None
    }
}

/// Walks TOML text character by character, stepping over strings and comments.
struct Scan<'a> {
    rest: &'a str,
}

impl Iterator for Scan<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let first = self.rest.chars().next()?;
        let skip = match first {
            '#' => self.rest.find('\n').unwrap_or(self.rest.len()),
            '"' | '\'' => quoted_len(self.rest, first),
            other => other.len_utf8(),
        };
        self.rest = &self.rest[skip..];
        Some(first)
    }
}

/// Length of the string literal at the start of `text`. A single-line string that is not closed ends with its line,
/// as the parser recovers there too.
fn quoted_len(text: &str, quote: char) -> usize {
    let triple: String = [quote; 3].iter().collect();
    let multiline = text.starts_with(&triple);
    let close = if multiline { triple.as_str() } else { &triple[..1] };
    let mut at = close.len();
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(close.as_bytes()) {
            return at + close.len();
        }
        match rest[0] {
            b'\n' if !multiline => return at,
            // An escaped quote does not close; the byte after the backslash may start a longer character, whose
            // other bytes match nothing here.
            b'\\' if quote == '"' && rest.get(1).is_some_and(|b| b.is_ascii() && *b != b'\n') => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::new("x.toml".into(), text.to_owned())
    }

    #[test]
    fn columns_count_characters_and_lines_count_from_one() {
        let source = source("a = 1\né = \"x\"\n");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position("a = 1\né = ".len()), (2, 5));
        assert_eq!(source.position(10_000), (3, 1));
    }

    #[test]
    fn dots_in_strings_and_comments_are_no_keys() {
        let dots = ".".repeat(100);
        let text =
            format!("# {dots}\na = \"\\\"{dots}\"\nb = '{dots}'\nc = \"\"\"\n{dots}\n\"\"\"\nd = 1.5\n");
        assert_eq!(source(&text).overlong_key(), None);
    }

    #[test]
    fn a_key_of_many_parts_is_found_where_it_starts() {
        let text = format!("a = 1\n{}x = 1\n", "k.".repeat(40));
        assert_eq!(source(&text).overlong_key(), Some(6));
    }
}
