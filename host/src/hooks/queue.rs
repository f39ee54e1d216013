//! Which hook runs next, and what is given up when one is slower than events come. Pure.
//!
//! A hook runs for one event at a time, in the order in which they happened, so that its program needs no lock. Hooks
//! run beside each other, a few at once; the one whose event has waited longest comes first.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::events::Event;
use crate::flat::FlatMap;

/// Programs that run at once, of all hooks.
pub(super) const MOST_RUNNING: usize = 4;
/// Events that wait for one hook.
pub(super) const MOST_WAITING: usize = 64;

/// What waits, and what runs.
#[derive(Debug, Default)]
pub(super) struct Queue {
    hooks: FlatMap<String, Lane>,
    running: usize,
    /// Counts events, so that it is known which has waited longest.
    turn: u64,
}

/// What waits for one hook.
#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<(u64, Arc<Event>)>,
    busy: bool,
    missed: u64,
}

/// One run.
#[derive(Debug)]
pub(super) struct Job {
    /// The hook.
    pub(super) hook: String,
    /// What it is told.
    pub(super) event: Arc<Event>,
    /// How many events it was not told since the run before.
    pub(super) missed: u64,
}

impl Queue {
    /// An event for a hook. When too many wait, the oldest of the same client goes, since a later one says how its
    /// lease stands now; if there is none, the oldest of all.
    pub(super) fn offer(&mut self, hook: &str, event: Arc<Event>) {
        self.turn += 1;
        let lane = self.hooks.entry(hook.to_owned()).or_default();
        if lane.waiting.len() == MOST_WAITING {
            let same = lane.waiting.iter().position(|(_, waiting)| waiting.client == event.client);
            lane.waiting.remove(same.unwrap_or(0));
            lane.missed += 1;
        }
        lane.waiting.push_back((self.turn, event));
    }

    /// Events that nobody knows any more.
    pub(super) fn lost(&mut self, hook: &str, count: u64) {
        self.hooks.entry(hook.to_owned()).or_default().missed += count;
    }

    /// What is to be run now, if anything may.
    pub(super) fn next(&mut self) -> Option<Job> {
        if self.running == MOST_RUNNING {
            return None;
        }
        let ready = self.hooks.iter_mut().filter(|(_, lane)| !lane.busy);
        let (hook, lane) = ready
            .filter(|(_, lane)| !lane.waiting.is_empty())
            .min_by_key(|(_, lane)| lane.waiting.front().map(|(turn, _)| *turn))?;
        let (_, event) = lane.waiting.pop_front()?;
        lane.busy = true;
        self.running += 1;
        Some(Job { hook: hook.clone(), event, missed: std::mem::take(&mut lane.missed) })
    }

    /// A run is over.
    pub(super) fn ended(&mut self, hook: &str) {
        if let Some(lane) = self.hooks.get_mut(hook).filter(|lane| lane.busy) {
            lane.busy = false;
            self.running -= 1;
        }
    }

    /// Only these hooks are there any more. What runs is counted until it has ended.
    pub(super) fn retain(&mut self, stays: impl Fn(&str) -> bool) {
        self.hooks.retain(|hook, lane| {
            let stays = stays(hook);
            if !stays {
                lane.waiting.clear();
            }
            stays || lane.busy
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::events::EventKind;

    /// An event of client `cN`, or of none.
    fn event(client: Option<u8>, text: &str) -> Arc<Event> {
        let client = client.map(|number| format!("c{number}").parse().unwrap());
        Arc::new(Event { client, detail: Some(text.to_owned()), ..Event::now(EventKind::LeaseRenewed) })
    }

    fn next(queue: &mut Queue) -> Option<(String, String, u64)> {
        queue.next().map(|job| (job.hook, job.event.detail.clone().unwrap(), job.missed))
    }

    #[test]
    fn a_hook_runs_for_one_event_at_a_time_and_in_order() {
        let mut queue = Queue::default();
        for text in ["1", "2"] {
            queue.offer("a", event(Some(1), text));
        }
        assert_eq!(next(&mut queue), Some(("a".into(), "1".into(), 0)));
        assert_eq!(next(&mut queue), None);
        queue.ended("a");
        assert_eq!(next(&mut queue), Some(("a".into(), "2".into(), 0)));
    }

    #[test]
    fn hooks_run_beside_each_other_a_few_at_once_the_longest_waiting_first() {
        let mut queue = Queue::default();
        for hook in ["z", "y", "x", "w", "v"] {
            queue.offer(hook, event(None, "e"));
        }
        let started: Vec<String> = std::iter::from_fn(|| next(&mut queue)).map(|(hook, ..)| hook).collect();
        assert_eq!(started, ["z", "y", "x", "w"]);
        queue.ended("x");
        assert_eq!(next(&mut queue).unwrap().0, "v");
    }

    #[test]
    fn when_too_many_wait_the_oldest_of_the_same_client_goes() {
        let mut queue = Queue::default();
        queue.offer("a", event(Some(2), "another client's"));
        for number in 0..MOST_WAITING {
            queue.offer("a", event(Some(1), &number.to_string()));
        }
        queue.offer("a", event(Some(3), "of one that has none waiting"));
        assert_eq!(next(&mut queue), Some(("a".into(), "1".into(), 2)), "2's was the oldest of all");
        queue.ended("a");
        assert_eq!(next(&mut queue).unwrap().2, 0, "told once");
    }

    #[test]
    fn what_the_feed_lost_is_told_with_the_next_event() {
        let mut queue = Queue::default();
        queue.lost("a", 7);
        assert_eq!(next(&mut queue), None);
        queue.offer("a", event(None, "e"));
        assert_eq!(next(&mut queue), Some(("a".into(), "e".into(), 7)));
    }

    #[test]
    fn a_hook_that_is_configured_no_more_waits_for_nothing_but_its_end() {
        let mut queue = Queue::default();
        for text in ["1", "2"] {
            queue.offer("a", event(None, text));
        }
        next(&mut queue).unwrap();
        queue.retain(|_| false);
        queue.ended("a");
        assert_eq!((next(&mut queue), queue.running), (None, 0));
    }

    proptest! {
        #[test]
        fn nothing_grows_and_nothing_is_lost_silently(
            steps in proptest::collection::vec((0..3u8, 0..4u8, 0..3u8), 0..600)
        ) {
            let mut queue = Queue::default();
            let (mut offered, mut told, mut missed) = (0, 0, 0);
            let mut running: Vec<String> = Vec::new();
            for (what, client, hook) in steps {
                let hook = format!("h{hook}");
                match what {
                    0 | 1 => {
                        queue.offer(&hook, event(Some(client), "e"));
                        offered += 1;
                    }
                    _ if !running.is_empty() && client == 0 => queue.ended(&running.remove(0)),
                    _ => {
                        if let Some(job) = queue.next() {
                            told += 1;
                            missed += job.missed;
                            prop_assert!(!running.contains(&job.hook));
                            running.push(job.hook);
                        }
                    }
                }
                prop_assert!(queue.running == running.len() && running.len() <= MOST_RUNNING);
                prop_assert!(queue.hooks.values().all(|lane| lane.waiting.len() <= MOST_WAITING));
            }
            let waiting: u64 = queue.hooks.values().map(|lane| lane.waiting.len() as u64 + lane.missed).sum();
            prop_assert_eq!(offered, told + missed + waiting);
        }
    }
}
