//! Where the settings of a handler are written, for what is found wrong with them only when its module is loaded.

use std::fmt::Write as _;

/// The places of settings. Two handlers that differ in these only are the same.
#[derive(Debug, Clone, Default)]
pub struct Written {
    /// The section of the handler, as in `handlers.acme`.
    section: String,
    /// Dotted key below `settings` → `FILE:LINE:COLUMN`; the empty key is the section itself.
    places: Vec<(String, String)>,
}

impl PartialEq for Written {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Written {
    pub(super) fn new(section: &str, place: String) -> Self {
        Self { section: section.to_owned(), places: vec![(String::new(), place)] }
    }

    pub(super) fn add(&mut self, key: &str, place: String) {
        self.places.push((key.to_owned(), place));
    }

    /// What is wrong with settings, each with the place where it is written and the key in full: out of a reason in
    /// which each mistake begins with `settings.KEY: `, one after the other with semicolons. A key that is not there
    /// has the place of the section. What else is in the reason stays.
    #[must_use]
    pub fn locate(&self, reason: &str) -> String {
        let mut located = String::with_capacity(reason.len());
        for (at, part) in split(reason).enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            let _ = match part.find("settings.").and_then(|start| self.place_of(part.get(start + 9..)?)) {
                Some((place, told)) => {
                    write!(located, "{separator}{place}: {}.settings.{told}", self.section)
                }
                None => write!(located, "{separator}{part}"),
            };
        }
        located
    }

    /// The place of the key that a text begins with, and the text.
    fn place_of<'a>(&self, told: &'a str) -> Option<(&str, &'a str)> {
        let (key, _) = told.split_once(':')?;
        if key.contains(' ') {
            return None;
        }
        let holds = |known: &str| {
            let rest = key.strip_prefix(known);
            known.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let nearest =
            self.places.iter().filter(|(known, _)| holds(known)).max_by_key(|(known, _)| known.len());
        nearest.map(|(_, place)| (place.as_str(), told))
    }
}

/// Splits where another mistake begins; what is accepted may contain semicolons too.
fn split(reason: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(reason);
    std::iter::from_fn(move || {
        let text = rest?;
        match text.split_once("; settings.") {
            Some((part, _)) => {
                rest = text.get(part.len() + 2..);
                Some(part)
            }
            None => {
                rest = None;
                Some(text)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_gets_the_place_of_the_nearest_key_that_is_written() {
        let mut written = Written::new("handlers.acme", "a.toml:3:1".to_owned());
        written.add("option", "a.toml:8:10".to_owned());
        written.add("acs", "a.toml:9:1".to_owned());
        written.add("acs.url", "b.toml:1:7".to_owned());
        for (reason, located) in [
            (
                "settings.option: 255 is refused; accepted: 1 to 254; settings.acs.url: found a list",
                "a.toml:8:10: handlers.acme.settings.option: 255 is refused; accepted: 1 to 254; b.toml:1:7: \
                 handlers.acme.settings.acs.url: found a list",
            ),
            ("settings.mode: is missing", "a.toml:3:1: handlers.acme.settings.mode: is missing"),
            (
                "cannot be created: settings.acs.urls[2]: no text",
                "a.toml:9:1: handlers.acme.settings.acs.urls[2]: no text",
            ),
            ("cannot be created: the moon is full", "cannot be created: the moon is full"),
            ("its settings. Well", "its settings. Well"),
        ] {
            assert_eq!(written.locate(reason), located);
        }
    }
}
