//! Text that came out of a module, made fit for logs, tables and events.

/// One line of at most `longest` characters: control characters are escaped, the rest is cut with an ellipsis.
#[must_use]
pub(super) fn one_line(text: &str, longest: usize) -> String {
    let mut line = String::with_capacity(text.len().min(longest + 8));
    let mut room = longest;
    for character in text.trim().chars() {
        if room == 0 {
            line.push('…');
            break;
        }
        room -= 1;
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn control_characters_are_escaped_and_length_is_bounded() {
        assert_eq!(one_line(" as it is \n", 80), "as it is");
        assert_eq!(one_line("two\nlines\u{1b}[31m", 80), "two\\nlines\\u{1b}[31m");
        assert_eq!(one_line("abcdef", 3), "abc…");
    }
}
