//! The data model for people: a tree of values, what is supported, and what changed.

use std::fmt::Write as _;

use super::style::{Style, Tone};
use super::text::plain;
use crate::data_model::Value;
use crate::data_model::door::{Flat, Supported};
use crate::data_model::notice::Notice;

/// An object with what stands in it.
#[derive(Default)]
struct Node<'a> {
    values: Vec<(&'a str, &'a Value)>,
    below: Vec<(String, Node<'a>)>,
}

/// Values as a tree. They come in the order of the tree.
#[must_use]
pub fn tree(flat: &Flat, style: Style) -> String {
    let mut root = Node::default();
    for (path, value) in &flat.0 {
        let (object, name) = path.rsplit_once('.').unwrap_or(("", path));
        let mut node = &mut root;
        let mut parts = object.split('.').peekable();
        while let Some(part) = parts.next() {
            // A table and the number of its row are one.
            let number = parts.next_if(|next| next.bytes().all(|b| b.is_ascii_digit()));
            let label = number.map_or_else(|| format!("{part}."), |number| format!("{part}.{number}."));
            if node.below.last().is_none_or(|(last, _)| *last != label) {
                node.below.push((label, Node::default()));
            }
            let Some((_, next)) = node.below.last_mut() else { break };
            node = next;
        }
        node.values.push((name, value));
    }
    let mut text = String::new();
    for (label, node) in &root.below {
        // What leads to the first fork stands on one line.
        let (mut label, mut node) = (label.clone(), node);
        while let ([], [(next, only)]) = (node.values.as_slice(), node.below.as_slice()) {
            label.push_str(next);
            node = only;
        }
        let _ = writeln!(text, "{}", style.tone(Tone::Heading, &plain(&label)));
        branch(node, "", style, &mut text);
    }
    style.finish(text)
}

fn branch(node: &Node<'_>, before: &str, style: Style, text: &mut String) {
    let width = node.values.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let count = node.values.len() + node.below.len();
    let corner = |at: usize| if at + 1 == count { "└─" } else { "├─" };
    for (at, (name, value)) in node.values.iter().enumerate() {
        let space = " ".repeat(width - name.chars().count());
        let _ = writeln!(text, "{before}{} {}{space}  {}", corner(at), plain(name), shown(value, style));
    }
    for (at, (label, below)) in node.below.iter().enumerate() {
        let at = at + node.values.len();
        let (mut label, mut below) = (label.clone(), below);
        while let ([], [(next, only)]) = (below.values.as_slice(), below.below.as_slice()) {
            label.push_str(next);
            below = only;
        }
        let _ = writeln!(text, "{before}{} {}", corner(at), style.tone(Tone::Heading, &plain(&label)));
        let further = if at + 1 == count { "   " } else { "│  " };
        branch(below, &format!("{before}{further}"), style, text);
    }
}

fn shown(value: &Value, style: Style) -> String {
    match value {
        Value::Text(text) if text.is_empty() => style.tone(Tone::Faint, "-"),
        Value::Unsigned(u64::MAX) => style.tone(Tone::Faint, "no data"),
        Value::Boolean(true) => style.tone(Tone::Good, "true"),
        other => plain(&other.to_string()),
    }
}

/// `dhcpmgr get --supported`
#[must_use]
pub fn supported(all: &[Supported], style: Style) -> String {
    let rows = all.iter().map(|item| {
        let access = if item.writable { "write" } else { "read" };
        vec![plain(&item.path), plain(&item.kind), access.to_owned(), plain(&item.detail)]
    });
    style.finish(style.table(&["PATH", "TYPE", "ACCESS", "ACCEPTED"], &[], rows.collect()))
}

/// One line of `dhcpmgr watch`.
#[must_use]
pub fn notice(notice: &Notice, style: Style) -> String {
    let mut text = String::new();
    let time = style.tone(Tone::Faint, &plain(&notice.time));
    let mut line = |what: String| {
        let _ = writeln!(text, "{time}  {what}");
    };
    if notice.lost > 0 {
        let lost =
            format!("{} values, rows or commands are missing here: they were read too slowly", notice.lost);
        line(format!("{} {lost}; `dhcpmgr get` has what is there now", style.tone(Tone::Bad, "!")));
    }
    for row in &notice.created {
        line(format!("{} {}", style.tone(Tone::Good, "+"), plain(row)));
    }
    for row in &notice.deleted {
        line(format!("{} {}", style.tone(Tone::Bad, "-"), plain(row)));
    }
    for (path, value) in &notice.values {
        line(format!("{} = {}", plain(path), shown(value, style)));
    }
    for operation in &notice.operations {
        line(format!("{} {}", style.tone(Tone::Good, "done"), plain(operation)));
    }
    style.finish(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_in_a_tree() {
        let flat = Flat(vec![
            ("Device.DHCPv4.ClientNumberOfEntries".to_owned(), 1_u32.into()),
            ("Device.DHCPv4.Client.1.Enable".to_owned(), true.into()),
            ("Device.DHCPv4.Client.1.IPAddress".to_owned(), "".into()),
            ("Device.DHCPv4.Client.1.Stats.Offer".to_owned(), u64::MAX.into()),
        ]);
        let expected = "Device.DHCPv4.\n\
            ├─ ClientNumberOfEntries  1\n\
            └─ Client.1.\n   \
               ├─ Enable     true\n   \
               ├─ IPAddress  -\n   \
               └─ Stats.\n      \
                  └─ Offer  no data\n";
        assert_eq!(tree(&flat, Style::default()), expected);
    }

    #[test]
    fn no_control_character_of_a_server_reaches_the_terminal() {
        let flat = Flat(vec![("Device.A.X".to_owned(), "\u{1b}[2J".into())]);
        assert!(!tree(&flat, Style::default()).contains('\u{1b}'));
    }
}
