//! How many clients are bound, kept by what happens, for the line that `systemctl status` shows.

use dhcpmgr_message::ClientName;

use crate::flat::FlatSet;

/// The clients that hold a lease.
#[derive(Debug, Default)]
pub struct Tally {
    bound: FlatSet<ClientName>,
    said: String,
}

impl Tally {
    /// Notes whether a client holds a lease.
    pub fn note(&mut self, client: &ClientName, bound: bool) {
        if bound {
            self.bound.insert(client.clone());
        } else {
            self.bound.remove(client);
        }
    }

    /// The line, of so many configured clients.
    #[must_use]
    pub fn line(&mut self, clients: usize) -> &str {
        let bound = self.bound.len();
        self.said = match clients {
            0 => "no client is configured".to_owned(),
            1 if bound == 1 => "the client is bound".to_owned(),
            1 => "the client is not bound".to_owned(),
            _ => format!("{bound} of {clients} clients bound"),
        };
        &self.said
    }

    /// The same, when it is another than the last time.
    #[must_use]
    pub fn news(&mut self, clients: usize) -> Option<&str> {
        let before = std::mem::take(&mut self.said);
        let changed = self.line(clients) != before;
        changed.then_some(self.said.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_counts_and_is_news_only_when_it_changes() {
        let (wan4, voip) = ("wan4".parse().unwrap(), "voip".parse().unwrap());
        let mut tally = Tally::default();
        assert_eq!(tally.line(3), "0 of 3 clients bound");
        assert_eq!(tally.news(3), None);
        tally.note(&wan4, true);
        tally.note(&voip, true);
        tally.note(&voip, true);
        assert_eq!(tally.news(3), Some("2 of 3 clients bound"));
        assert_eq!(tally.news(3), None);
        tally.note(&wan4, false);
        assert_eq!(tally.news(3), Some("1 of 3 clients bound"));
        tally.note(&voip, false);
        assert_eq!(tally.news(0), Some("no client is configured"));
    }
}
