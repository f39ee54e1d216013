//! What the verdicts of several handlers come to. Pure.

use std::time::Duration;

use dhcpmgr_plugin_api::{Deferral, Otherwise, Refusal, Verdict};

use super::Deferred;

/// What all verdicts together come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Weighed {
    /// The lease goes on. The lines say who waited in vain.
    Go(Vec<String>),
    /// This handler refuses it, and why.
    Refused(String, String),
    /// It is not known yet.
    Wait(Deferred),
}

/// Weighs verdicts, given in the order of the chain. The first refusal goes before everything: waiting could not mend it.
/// Of several that defer, the first to be asked again counts. `waited` is how long the lease has been waiting; `last`
/// says that it cannot wait any longer.
pub(super) fn weigh(verdicts: &[(String, Verdict)], waited: Duration, last: bool) -> Weighed {
    let longest = Duration::from_millis(Deferral::LONGEST_MS.into());
    let left = longest.saturating_sub(waited);
    let last = last || left.is_zero();
    let mut lines = Vec::new();
    let mut wait: Option<Deferred> = None;
    for (handler, verdict) in verdicts {
        match verdict {
            Verdict::Refuse(Refusal { reason }) => return Weighed::Refused(handler.clone(), reason.clone()),
            Verdict::Defer(deferral) if !last => {
                let ms = deferral.ms.max(Deferral::SHORTEST_MS);
                let asked_again = Duration::from_millis(ms.into()).min(left);
                if wait.as_ref().is_none_or(|wait| asked_again < wait.after) {
                    let reason = deferral.reason.clone();
                    wait = Some(Deferred { handler: handler.clone(), reason, after: asked_again });
                }
            }
            Verdict::Defer(Deferral { reason, otherwise: Otherwise::Refuse, .. }) => {
                return Weighed::Refused(handler.clone(), format!("{reason}, and it was waited for in vain"));
            }
            Verdict::Defer(Deferral { reason, .. }) => {
                lines.push(format!("used although {handler} still waits: {reason}"));
            }
            _ => {}
        }
    }
    wait.map_or(Weighed::Go(lines), Weighed::Wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(
        verdicts: impl IntoIterator<Item = (&'static str, Verdict)>,
        waited_ms: u64,
        last: bool,
    ) -> Weighed {
        let verdicts: Vec<_> =
            verdicts.into_iter().map(|(name, verdict)| (name.to_owned(), verdict)).collect();
        weigh(&verdicts, Duration::from_millis(waited_ms), last)
    }

    fn wait(handler: &str, ms: u64) -> Weighed {
        let after = Duration::from_millis(ms);
        Weighed::Wait(Deferred { handler: handler.to_owned(), reason: "why".to_owned(), after })
    }

    #[test]
    fn a_lease_that_nobody_minds_goes_on() {
        assert_eq!(of([], 0, false), Weighed::Go(vec![]));
        assert_eq!(of([("a", Verdict::Continue), ("b", Verdict::Continue)], 0, false), Weighed::Go(vec![]));
    }

    #[test]
    fn the_first_refusal_counts_even_where_others_would_wait() {
        let verdicts = [
            ("a", Verdict::defer(100, "why")),
            ("b", Verdict::refuse("no")),
            ("c", Verdict::refuse("nor I")),
        ];
        assert_eq!(of(verdicts, 0, false), Weighed::Refused("b".into(), "no".into()));
    }

    #[test]
    fn the_shortest_wait_counts_and_no_wait_is_shorter_or_longer_than_allowed() {
        let verdicts = [("a", Verdict::defer(900, "why")), ("b", Verdict::defer_or_refuse(300, "why"))];
        assert_eq!(of(verdicts, 0, false), wait("b", 300));
        assert_eq!(of([("a", Verdict::defer(0, "why"))], 0, false), wait("a", 50));
        assert_eq!(of([("a", Verdict::defer(u32::MAX, "why"))], 0, false), wait("a", 60_000));
        assert_eq!(of([("a", Verdict::defer(5_000, "why"))], 59_000, false), wait("a", 1_000));
    }

    #[test]
    fn when_the_time_is_over_each_gets_what_it_said_for_that_case() {
        for (waited, last) in [(60_000, false), (100, true)] {
            let lines = vec!["used although a still waits: why".to_owned()];
            assert_eq!(of([("a", Verdict::defer(100, "why"))], waited, last), Weighed::Go(lines));
            let refused = Weighed::Refused("a".into(), "why, and it was waited for in vain".into());
            assert_eq!(of([("a", Verdict::defer_or_refuse(100, "why"))], waited, last), refused);
        }
    }
}
