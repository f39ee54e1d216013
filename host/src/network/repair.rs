//! How often what others undo is put back: at once at first, then once a minute. Pure; instants are milliseconds.

use std::collections::VecDeque;

/// How long others may finish what they are doing before it is looked at.
const DEBOUNCE: u64 = 50;

/// Repairs in one [`WINDOW`] before they are slowed down.
const LIMIT: usize = 10;

const WINDOW: u64 = 60_000;

/// When one interface is to be looked at.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    due: Option<u64>,
    repairs: VecDeque<u64>,
    slow: bool,
}

impl Schedule {
    /// Something about the interface changed.
    pub(super) fn touch(&mut self, now: u64) {
        self.look_after(now, DEBOUNCE);
    }

    /// The link came up: what the kernel dropped while it was down is put back at once, and nobody is fought.
    pub(super) fn link_came(&mut self, now: u64) {
        *self = Self { due: Some(now), ..Self::default() };
    }

    /// Look in `delay` milliseconds, or earlier if that was planned already.
    pub(super) fn look_after(&mut self, now: u64, delay: u64) {
        let due = now + delay;
        self.due = Some(self.due.map_or(due, |known| known.min(due)));
    }

    /// When to look, if at all.
    pub(super) fn due(&self) -> Option<u64> {
        self.due
    }

    /// The look is being taken.
    pub(super) fn looked(&mut self) {
        self.due = None;
    }

    /// Whether a repair may be made now. If not, the look is put off until one may.
    pub(super) fn admit(&mut self, now: u64) -> bool {
        let Some(last) = self.repairs.back().copied() else { return true };
        if self.slow && now >= last + 2 * WINDOW {
            self.slow = false; // Peace for a whole window.
        }
        if self.slow && now < last + WINDOW {
            self.due = Some(last + WINDOW);
            return false;
        }
        true
    }

    /// A repair was made. Returns whether it is the one from which on they are slowed down.
    pub(super) fn repaired(&mut self, now: u64) -> bool {
        self.repairs.push_back(now);
        self.repairs.retain(|at| at + WINDOW > now);
        let begins = !self.slow && self.repairs.len() >= LIMIT;
        self.slow |= begins;
        begins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays a fight: somebody undoes everything at once, `seconds` long. Returns when it was put back.
    fn fight(seconds: u64) -> Vec<u64> {
        let mut schedule = Schedule::default();
        let mut repairs = Vec::new();
        schedule.touch(0);
        while let Some(now) = schedule.due().filter(|now| *now < seconds * 1000) {
            schedule.looked();
            if schedule.admit(now) {
                schedule.repaired(now);
                repairs.push(now);
                schedule.touch(now);
            }
        }
        repairs
    }

    #[test]
    fn what_is_undone_is_put_back_after_the_debounce() {
        assert_eq!(fight(1).first(), Some(&50));
    }

    #[test]
    fn a_fight_is_slowed_down_to_one_repair_a_minute() {
        let repairs = fight(600);
        let in_minute = |n: u64| repairs.iter().filter(|at| **at / 60_000 == n).count();
        assert_eq!(in_minute(0), 10);
        assert!((1..10).all(|n| in_minute(n) <= 2), "{repairs:?}");
        assert!((10..30).contains(&repairs.len()), "{repairs:?}");
    }

    #[test]
    fn an_earlier_look_is_not_put_off_by_a_later_wish() {
        let mut schedule = Schedule::default();
        schedule.look_after(0, 50);
        schedule.look_after(10, 1_000);
        assert_eq!(schedule.due(), Some(50));
    }
}
