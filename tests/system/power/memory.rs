//! What the disk of a machine whose power goes has to remember, and what it may remember besides.

use dhcpmgr_lab::{Error, Result};

use super::boot::{ASKED, COMPLAINT, CONTROL, FILE, LEASED, SEEN, SETTLED};

/// What is known of the disk.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The client-ids that were used while none was surely there; the one that is, alone.
    ids: Vec<String>,
    /// The one that is used in this boot.
    id: Option<String>,
    /// The leases that can be there, oldest first; the first is there, or was overwritten, when one is `sure`.
    leases: Vec<String>,
    sure: bool,
    /// Which of them the record named last. It may name it a moment before the disk does: only the next write begins
    /// after that.
    seen: Option<usize>,
    /// A lease from before anybody said which may be there.
    unknown: bool,
    /// Whether there is something on the way to the disk that nobody asked to be there.
    control: bool,
    /// How often that did not arrive.
    pub(super) losses: usize,
}

impl Memory {
    /// Judges by what the machine said in a boot, the `number`-th, and learns what may be there at the next.
    pub(super) fn judge(&mut self, number: usize, said: &[String]) -> Result {
        let lines = |start: &'static str| said.iter().filter_map(move |line| line.strip_prefix(start));
        let aside = |file: &&str| file.ends_with(".damaged") || file.ends_with(".other-version");
        if let Some(wrong) = lines(COMPLAINT).chain(lines(FILE).filter(aside)).next() {
            return Err(Error::new(format!("the disk has something that is not believed: {wrong}")));
        }
        let control = lines(CONTROL).next();
        if let Some(kept) = control {
            self.losses += usize::from(self.control && kept != "whole");
            self.control = false;
        }
        if !self.sure {
            // It may be used and stored before it is heard of.
            self.ids.push(format!("0102000000{number:04x}"));
        }
        self.id = None;
        if let Some(asked) = lines(ASKED).next() {
            self.asked(asked)?;
        }
        self.unknown = !self.sure;
        for line in said {
            if let Some(address) = line.strip_prefix(LEASED) {
                self.leased(address);
            } else if let Some(address) = line.strip_prefix(SEEN) {
                self.seen(address)?;
            } else if line == SETTLED {
                self.seen = self.leases.len().checked_sub(1);
                self.is_sure();
            }
        }
        self.control = lines(LEASED).count() > 1;
        Ok(())
    }

    fn asked(&mut self, asked: &str) -> Result {
        let (id, address) = asked.split_once(' ').unwrap_or((asked, "-"));
        if !self.ids.iter().any(|known| known == id) {
            return Err(Error::new(format!("the client-id was {:?} and is {id} now", self.ids)));
        }
        self.id = Some(id.to_owned());
        if address == "-" {
            if self.sure {
                return Err(Error::new(format!("the lease is forgotten, one of {:?}", self.leases)));
            }
        } else if !self.unknown && !self.leases.iter().any(|lease| lease == address) {
            return Err(Error::new(format!("{address} is asked for, none of {:?}", self.leases)));
        } else {
            // What was read at the start is on the disk.
            self.leases = vec![address.to_owned()];
            self.seen = Some(0);
            self.is_sure();
        }
        Ok(())
    }

    fn leased(&mut self, address: &str) {
        self.unknown = false;
        if self.leases.last().is_none_or(|last| last != address) {
            self.leases.push(address.to_owned());
        }
    }

    fn seen(&mut self, address: &str) -> Result {
        let Some(place) = self.leases.iter().rposition(|lease| lease == address) else {
            return Err(Error::new(format!("the record names {address}, none of {:?}", self.leases)));
        };
        if self.seen.is_some_and(|seen| seen < place) {
            let before = self.seen.unwrap_or_default();
            self.is_sure();
            self.seen = Some(place - before);
        } else {
            self.seen = Some(place);
        }
        Ok(())
    }

    /// What the record named last is on the disk.
    fn is_sure(&mut self) {
        let Some(seen) = self.seen else { return };
        self.leases.drain(..seen);
        if let Some(id) = self.id.clone() {
            self.ids = vec![id];
        }
        (self.sure, self.seen) = (true, Some(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        text.split(", ").map(str::to_owned).collect()
    }

    /// What is left after the first boot, and what the second says.
    fn after(first: &str, second: &str) -> Result {
        let mut memory = Memory::default();
        memory.judge(1, &said(first))?;
        memory.judge(2, &said(second))
    }

    const FIRST: &str = "asked 01020000000001 -, leased a, leased b, seen a, leased c, leased d, seen c";

    #[test]
    fn what_was_overwritten_does_not_come_back() {
        // c was seen, so a's write was complete; b never was to be written for sure.
        for lease in ["a", "b", "c", "d"] {
            assert!(after(FIRST, &format!("asked 01020000000001 {lease}")).is_ok(), "{lease}");
        }
        let third = format!("{FIRST}, seen d");
        assert!(after(&third, "asked 01020000000001 c").is_ok());
        for wrong in ["asked 01020000000001 a", "asked 01020000000001 -", "asked 01020000000002 c"] {
            assert!(after(&third, wrong).is_err(), "{wrong}");
        }
        let settled = format!("{FIRST}, settled");
        assert!(after(&settled, "asked 01020000000001 d").is_ok());
        assert!(after(&settled, "asked 01020000000001 c").is_err());
    }

    #[test]
    fn what_had_no_time_to_be_written_may_be_gone_cleanly() {
        let early = "asked 01020000000001 -, leased a";
        for fine in ["asked 01020000000001 -", "asked 01020000000002 -", "asked 01020000000001 a"] {
            assert!(after(early, fine).is_ok(), "{fine}");
        }
        for wrong in ["asked 01020000000003 -", "file wan4.damaged", "complaint it is not used"] {
            assert!(after(early, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_loss_is_counted_when_there_was_something_to_lose() {
        let mut memory = Memory::default();
        for text in ["control missing, leased a, leased b", "control broken, leased b", "control missing"] {
            assert!(memory.judge(1, &said(text)).is_ok());
        }
        assert_eq!(memory.losses, 1);
    }
}
