//! The sentences for `dhcpmgr why`: what was ignored or corrected. Bounded, and safe to print whatever a server
//! has sent. Nothing is decided here.

use std::fmt::Display;

/// Sentences kept; what comes after them is counted.
pub const MAX_NOTES: usize = 48;
/// Bytes of one sentence.
pub const MAX_NOTE_BYTES: usize = 240;
/// Characters of a server's text, and items of a list, that a sentence repeats.
const MAX_QUOTED_CHARS: usize = 48;
const MAX_LISTED: usize = 4;

/// Collects the sentences of one decision.
#[derive(Debug, Default)]
pub struct Notes {
    sentences: Vec<String>,
    left_out: usize,
}

impl Notes {
    /// Adds a sentence. Texts from the network must have gone through [`quoted`] before.
    pub fn add(&mut self, sentence: impl Into<String>) {
        if self.sentences.len() < MAX_NOTES {
            self.sentences.push(shortened(sentence.into()));
        } else {
            self.left_out += 1;
        }
    }

    /// The sentences; the last one counts those that were left out.
    pub fn finish(self) -> Vec<String> {
        let Self { mut sentences, left_out } = self;
        if left_out > 0 {
            sentences.push(format!("{left_out} more remarks are left out"));
        }
        sentences
    }
}

fn shortened(mut sentence: String) -> String {
    const ELLIPSIS: &str = "…";
    if sentence.len() > MAX_NOTE_BYTES {
        let mut end = MAX_NOTE_BYTES - ELLIPSIS.len();
        while !sentence.is_char_boundary(end) {
            end -= 1;
        }
        sentence.truncate(end);
        sentence.push_str(ELLIPSIS);
    }
    sentence
}

/// A text that a server chose, in quotes, for a sentence: control and non-ASCII characters escaped, shortened.
pub fn quoted(text: &str) -> String {
    let mut escaped: String = text.chars().take(MAX_QUOTED_CHARS).flat_map(char::escape_default).collect();
    if text.chars().nth(MAX_QUOTED_CHARS).is_some() {
        escaped.push('…');
    }
    format!("\"{escaped}\"")
}

/// Values for a sentence: the first few, and how many more there are.
pub fn listed<T: Display>(values: impl IntoIterator<Item = T>) -> String {
    let mut values = values.into_iter();
    let mut text = values.by_ref().take(MAX_LISTED).map(|v| v.to_string()).collect::<Vec<_>>().join(", ");
    match values.count() {
        0 => {}
        more => text.push_str(&format!(" and {more} more")),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_text_is_escaped_and_cut() {
        assert_eq!(quoted("a\"b\n\u{1b}[31m"), r#""a\"b\n\u{1b}[31m""#);
        assert!(quoted(&"x".repeat(5000)).len() < 60);
    }

    #[test]
    fn a_long_sentence_is_cut_between_characters() {
        let mut notes = Notes::default();
        notes.add("é".repeat(400));
        let sentences = notes.finish();
        assert!(sentences[0].len() <= MAX_NOTE_BYTES && sentences[0].ends_with("é…"));
    }

    #[test]
    fn sentences_beyond_the_limit_are_counted() {
        let mut notes = Notes::default();
        (0..MAX_NOTES + 7).for_each(|i| notes.add(format!("note {i}")));
        let sentences = notes.finish();
        assert_eq!(sentences.len(), MAX_NOTES + 1);
        assert_eq!(sentences[MAX_NOTES], "7 more remarks are left out");
    }

    #[test]
    fn a_list_names_the_first_and_counts_the_rest() {
        assert_eq!(listed([1, 2]), "1, 2");
        assert_eq!(listed(1..=9), "1, 2, 3, 4 and 5 more");
    }
}
