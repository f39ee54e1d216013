//! `dhcpmgr import`: what was found in each file, and what became of it.

use super::style::{Style, Tone};
use super::text::plain;
use crate::import::{Outcome, Verdict};

/// A heading for each file, a line for each thing in it.
#[must_use]
pub fn import(outcome: &Outcome, style: Style) -> String {
    let mut text = String::new();
    let mut file = None;
    for line in &outcome.lines {
        if file != Some(&line.file) {
            text.push_str(&format!("{}\n", style.tone(Tone::Heading, &plain(&line.file))));
            file = Some(&line.file);
        }
        let verdict = match &line.verdict {
            Verdict::Stored => style.tone(Tone::Good, "stored"),
            Verdict::WouldBeStored => "would be stored".to_owned(),
            Verdict::Already => "stored already".to_owned(),
            Verdict::Refused(why) => style.tone(Tone::Bad, &format!("refused: {}", plain(why))),
            Verdict::Note => {
                text.push_str(&format!("  note: {}\n", plain(&line.what)));
                continue;
            }
        };
        text.push_str(&format!("  {}: {verdict}\n", plain(&line.what)));
    }
    style.finish(text)
}
