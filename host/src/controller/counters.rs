//! Messages of one client, counted for TR-181's statistics: those that its program tells of, and those that reach its hook.

use dhcpmgr_message::ClientEvent;
use dhcpmgr_plugin_api::Protocol;

use crate::clients::Program;
use crate::flat::FlatMap;

/// What was counted. A few pairs: most programs tell of a handful.
#[derive(Debug, Default)]
pub(super) struct Counters(Vec<(&'static str, u64)>);

impl Counters {
    /// A message of this kind was sent or received.
    pub(super) fn count(&mut self, message: &'static str) {
        match self.0.iter_mut().find(|(name, _)| *name == message) {
            Some((_, count)) => *count += 1,
            None => self.0.push((message, 1)),
        }
    }

    /// The server answered, as the hook says.
    pub(super) fn answered(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::Bound | ClientEvent::Renew => self.count("ACK"),
            ClientEvent::Nak => self.count("NACK"),
            ClientEvent::Add | ClientEvent::Update => self.count("Reply"),
            _ => {}
        }
    }

    /// All that this program can be counted by, 0 included.
    pub(super) fn shown(&self, program: Program) -> FlatMap<String, u64> {
        let of_hook: &[&str] = match program.protocol() {
            Protocol::V4 => &["ACK", "NACK"],
            Protocol::V6 => &["Reply"],
        };
        let count =
            |name: &str| self.0.iter().find(|(other, _)| *other == name).map_or(0, |(_, count)| *count);
        program.counted().iter().chain(of_hook).map(|name| ((*name).to_owned(), count(name))).collect()
    }
}
