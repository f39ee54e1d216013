//! What could not be read, a sentence each: bounded in number and in length, and printable whatever a server sent.

use std::fmt;

/// Lines that are kept; of the others only the count. Well below what a message may hold.
const LINES: usize = 32;
/// Bytes of one line.
const LINE: usize = 240;
/// Bytes of a value that are shown.
const SHOWN: usize = 48;

/// The sentences.
#[derive(Debug, Default)]
pub struct Problems {
    first: Vec<String>,
    lines: Vec<String>,
    more: usize,
}

impl Problems {
    /// Adds a sentence.
    pub fn add(&mut self, line: fmt::Arguments<'_>) {
        if self.lines.len() < LINES {
            self.lines.push(cut(line.to_string()));
        } else {
            self.more += 1;
        }
    }

    /// Adds a sentence that must not fall victim to the count: something was left out that could be read. There
    /// cannot be many.
    pub fn add_first(&mut self, line: fmt::Arguments<'_>) {
        if self.first.len() < LINES - 1 {
            self.first.push(cut(line.to_string()));
        } else {
            self.more += 1;
        }
    }

    /// All of them; at most twice 32 lines.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let more = (self.more > 0).then(|| format!("and {} more problems", self.more));
        self.first.iter().chain(&self.lines).cloned().chain(more).collect()
    }
}

fn cut(mut line: String) -> String {
    if line.len() > LINE {
        shorten(&mut line, LINE - 3);
        line.push_str("...");
    }
    line
}

/// Cuts a text to at most so many bytes, not within a character.
pub fn shorten(text: &mut String, bytes: usize) {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
}

/// Shows bytes from the network: printable ASCII, escaped, the first few.
#[must_use]
pub fn shown(bytes: &[u8]) -> Shown<'_> {
    Shown(bytes)
}

/// See [`shown`].
#[derive(Debug)]
pub struct Shown<'a>(&'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.get(..SHOWN) {
            Some(head) if self.0.len() > SHOWN => write!(f, "\"{}...\"", head.escape_ascii()),
            _ => write!(f, "\"{}\"", self.0.escape_ascii()),
        }
    }
}
