//! Colour and tables.

use std::io::IsTerminal;

use comfy_table::{Cell, CellAlignment, Table, presets};

/// Whether to use colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Use it.
    pub colour: bool,
}

/// What a word means for the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Waiting,
    Bad,
    Faint,
    Heading,
}

/// Stand for the start of a tone until the text is laid out: they have no width, so tables stay aligned, and
/// [`plain`](super::plain) lets none of them through from outside.
const STARTS: [(char, Tone, &str); 5] = [
    ('\u{2061}', Tone::Good, "\x1b[32m"),
    ('\u{2062}', Tone::Waiting, "\x1b[33m"),
    ('\u{2063}', Tone::Bad, "\x1b[1;31m"),
    ('\u{2064}', Tone::Faint, "\x1b[2m"),
    ('\u{2060}', Tone::Heading, "\x1b[1m"),
];
const END: char = '\u{206a}';

impl Style {
    /// Colour when standard output is a terminal that wants it (<https://no-color.org>).
    #[must_use]
    pub fn of_stdout() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|value| value == "dumb");
        Self { colour: std::io::stdout().is_terminal() && !refused && !dumb }
    }

    /// Marks text with a tone; [`Style::finish`] turns the mark into colour.
    pub(super) fn tone(self, tone: Tone, text: &str) -> String {
        let start = STARTS.iter().find(|(_, t, _)| *t == tone).map(|(start, ..)| *start);
        match start {
            Some(start) if self.colour => format!("{start}{text}{END}"),
            _ => text.to_owned(),
        }
    }

    /// Turns marks into colour.
    pub(super) fn finish(self, text: String) -> String {
        if !self.colour {
            return text;
        }
        let mut out = String::with_capacity(text.len() + 64);
        for c in text.chars() {
            match STARTS.iter().find(|(start, ..)| *start == c) {
                Some((_, _, code)) => out.push_str(code),
                None if c == END => out.push_str("\x1b[0m"),
                None => out.push(c),
            }
        }
        out
    }

    /// Aligned columns, two spaces apart, each line ended. `right` are the columns of numbers.
    pub(super) fn table(self, header: &[&str], right: &[&str], rows: Vec<Vec<String>>) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(header.iter().map(|title| Cell::new(self.tone(Tone::Heading, title))));
        table.add_rows(rows);
        for (index, title) in header.iter().enumerate() {
            if let Some(column) = table.column_mut(index) {
                column.set_padding((0, 2));
                if right.contains(title) {
                    column.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_does_not_move_columns() {
        let rows = |style: Style| {
            vec![
                vec![style.tone(Tone::Good, "Bound"), "x".to_owned()],
                vec!["Selecting".to_owned(), style.tone(Tone::Bad, "y")],
            ]
        };
        let (colour, none) = (Style { colour: true }, Style { colour: false });
        let plain = none.finish(none.table(&["STATUS", "B"], &[], rows(none)));
        assert_eq!(plain, "STATUS     B\nBound      x\nSelecting  y\n");
        let coloured = colour.finish(colour.table(&["STATUS", "B"], &[], rows(colour)));
        assert_eq!(
            coloured,
            "\x1b[1mSTATUS\x1b[0m     \x1b[1mB\x1b[0m\n\x1b[32mBound\x1b[0m      x\nSelecting  \x1b[1;31my\x1b[0m\n"
        );
    }
}
