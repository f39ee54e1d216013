//! What happens to a client in the life of a daemon.

/// What the server grants. The network is `10.77.0.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) host: u8,
    pub(super) router: u8,
    pub(super) dns: &'static str,
    /// A network besides, through the same router (option 121).
    pub(super) route: Option<&'static str>,
}

impl Terms {
    pub(super) fn address(self) -> String {
        format!("10.77.0.{}/24", self.host)
    }

    pub(super) fn via(self) -> String {
        format!("10.77.0.{}", self.router)
    }

    /// As udhcpc gives them to its script.
    pub(super) fn variables(self) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("ip", format!("10.77.0.{}", self.host)),
            ("subnet", "255.255.255.0".to_owned()),
            ("mask", "24".to_owned()),
            ("router", self.via()),
            ("dns", self.dns.to_owned()),
            ("serverid", "10.77.0.1".to_owned()),
            ("lease", "3600".to_owned()),
        ];
        if let Some(route) = self.route {
            let via = self.via();
            variables.push(("staticroutes", format!("0.0.0.0/0 {via} {route} {via}")));
        }
        variables
    }
}

/// One thing that happens.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// The client runs its hook with this event; the lease after it.
    Says(&'static str, Option<Terms>),
    /// The operator gives the lease back.
    Release,
    /// The daemon is asked to end, and keeps what there is.
    Stop,
}

/// What happens, in order.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) name: &'static str,
    /// Said to a daemon before, which is then killed…
    pub(super) before: Option<Terms>,
    /// …and while nobody was there.
    pub(super) meanwhile: &'static [(&'static str, Terms)],
    /// Said to the daemon that is killed.
    pub(super) steps: &'static [Step],
}

impl Story {
    /// The lease that the daemon finds.
    pub(super) fn found(&self) -> Option<Terms> {
        self.meanwhile.last().map(|(_, terms)| *terms).or(self.before)
    }
}

const FIRST: Terms = Terms { host: 100, router: 1, dns: "192.0.2.53", route: None };
/// The same address; other name server, router and routes.
const OTHER: Terms = Terms { host: 100, router: 2, dns: "192.0.2.99", route: Some("198.51.100.0/24") };
const MOVED: Terms = Terms { host: 101, router: 1, dns: "192.0.2.53", route: None };

/// From nothing to a lease, through everything that a server can do to it, and back.
pub(super) fn first_life() -> Story {
    use Step::{Release, Says};
    Story {
        name: "first life",
        before: None,
        meanwhile: &[],
        steps: &[
            Says("bound", Some(FIRST)),
            Says("renew", Some(FIRST)),
            Says("renew", Some(OTHER)),
            Says("renew", Some(MOVED)),
            Says("nak", None),
            Says("deconfig", None),
            Says("bound", Some(FIRST)),
            Release,
        ],
    }
}

/// A daemon that finds the lease of one that was killed, and messages in the spool; then it is stopped in order.
pub(super) fn second_life() -> Story {
    Story {
        name: "second life",
        before: Some(FIRST),
        meanwhile: &[("renew", FIRST), ("renew", OTHER)],
        steps: &[Step::Says("renew", Some(MOVED)), Step::Stop],
    }
}
