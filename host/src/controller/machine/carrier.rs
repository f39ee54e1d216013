//! The link of a client: whether it can carry a request, and whether that has been so for long enough.
//!
//! A link that flaps would cost a request each time, and udhcpc the lease: told to renew into a link that is gone
//! again, it gives the lease up within 12 s. So a carrier that returns is used when it has stayed for a moment.

use crate::network::LinkState;

/// How long a carrier has to stay until the lease is confirmed on it.
pub(super) const SETTLE_MS: u64 = 500;
/// A carrier that was lost sooner than this after it came makes a link that flaps.
const FLAP_MS: u64 = 5_000;

/// The link, and the history of its carrier.
#[derive(Debug, Clone, Default)]
pub(super) struct Carrier {
    link: Option<LinkState>,
    /// When the carrier came.
    since: u64,
    /// It came back and has stayed long enough by then.
    settles_at: Option<u64>,
    flapping: bool,
}

/// What became of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    /// It is another interface, or none.
    pub moved: bool,
    /// The carrier is gone.
    pub lost: bool,
    /// The carrier came, on an interface that was there before.
    pub returned: bool,
    /// The carrier came.
    pub came: bool,
}

impl Carrier {
    /// Takes the state that the kernel tells at `now`.
    pub(super) fn update(&mut self, link: Option<LinkState>, now: u64) -> Change {
        let before = std::mem::replace(&mut self.link, link);
        let carrier = |link: &Option<LinkState>| link.as_ref().is_some_and(|l| l.up && l.carrier);
        let change = Change {
            moved: before.as_ref().is_some_and(|old| self.link.as_ref().map(|l| l.index) != Some(old.index)),
            lost: carrier(&before) && !carrier(&self.link),
            came: !carrier(&before) && carrier(&self.link),
            returned: !carrier(&before) && carrier(&self.link) && before.is_some(),
        };
        if change.lost {
            self.settles_at = None;
            self.flapping = now.saturating_sub(self.since) < FLAP_MS;
        }
        if change.came {
            self.since = now;
            // What is seen for the first time did not return: a daemon that starts asks nobody anything.
            self.settles_at = change.returned.then(|| now.saturating_add(SETTLE_MS));
        }
        change
    }

    /// The link, when there is one.
    pub(super) fn link(&self) -> Option<&LinkState> {
        self.link.as_ref()
    }

    /// Whether packets can go out.
    pub(super) fn is_there(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.up && link.carrier)
    }

    /// Whether a client may be started on it: at once, unless it flaps.
    pub(super) fn can_start(&self) -> bool {
        self.is_there() && !(self.flapping && self.settles_at.is_some())
    }

    /// When the carrier came.
    pub(super) fn since(&self) -> u64 {
        self.since
    }

    /// When [`Carrier::settle`] is due.
    pub(super) fn settles_at(&self) -> Option<u64> {
        self.settles_at
    }

    /// Whether the carrier has just stayed long enough; `true` once for each time that it came.
    pub(super) fn settle(&mut self, now: u64) -> bool {
        let settled = self.settles_at.is_some_and(|at| at <= now);
        if settled {
            self.settles_at = None;
        }
        settled
    }
}
