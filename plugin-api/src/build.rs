//! Plans that read well: what a handler wants, added word by word.

use std::net::IpAddr;

use dhcpmgr_message::{DomainName, InterfaceAddress, Lifetime, Prefix};

use crate::{AddressPlan, Delegation, Emitted, LeaseEvent, Mtu, Plan, Refusal, RoutePlan, Softwire};

impl Plan {
    /// A plan that only says that the lease must not be used, and why.
    #[must_use]
    pub fn refused(reason: impl Into<String>) -> Self {
        Self { refuse: Some(Refusal { reason: reason.into() }), ..Self::default() }
    }

    /// Adds an address.
    #[must_use]
    pub fn with_address(mut self, address: AddressPlan) -> Self {
        self.addresses.push(address);
        self
    }

    /// Adds a route.
    #[must_use]
    pub fn with_route(mut self, route: RoutePlan) -> Self {
        self.routes.push(route);
        self
    }

    /// Sets the MTU of the interface, bytes.
    #[must_use]
    pub fn with_mtu(mut self, bytes: u32) -> Self {
        self.mtu = Some(Mtu(bytes));
        self
    }

    /// Adds a name server, best first.
    #[must_use]
    pub fn with_dns(mut self, server: impl Into<IpAddr>) -> Self {
        self.dns.push(server.into());
        self
    }

    /// Adds a search domain, best first.
    #[must_use]
    pub fn with_search(mut self, domain: DomainName) -> Self {
        self.search.push(domain);
        self
    }

    /// Adds a time server: an address or a name.
    #[must_use]
    pub fn with_ntp(mut self, server: impl Into<String>) -> Self {
        self.ntp.push(server.into());
        self
    }

    /// Adds a delegated prefix.
    #[must_use]
    pub fn with_prefix(mut self, prefix: Delegation) -> Self {
        self.prefixes.push(prefix);
        self
    }

    /// Adds a softwire, the best first.
    #[must_use]
    pub fn with_softwire(mut self, softwire: Softwire) -> Self {
        self.softwires.push(softwire);
        self
    }

    /// Sets a value for the data model and `dhcpmgr lease`.
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.insert(name.into(), value.into());
        self
    }

    /// Adds an event to publish.
    #[must_use]
    pub fn with_event(mut self, event: Emitted) -> Self {
        self.events.push(event);
        self
    }

    /// Gives every route this metric, so that the lease is preferred to others (lower wins) or comes after them.
    #[must_use]
    pub fn with_metric(mut self, metric: u32) -> Self {
        self.routes.iter_mut().for_each(|route| route.metric = Some(metric));
        self
    }

    /// Adds a sentence for `dhcpmgr why`.
    #[must_use]
    pub fn with_note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }
}

impl AddressPlan {
    /// An address that is preferred as long as it is valid.
    #[must_use]
    pub fn new(address: InterfaceAddress, valid: Lifetime) -> Self {
        Self { address, broadcast: None, preferred: valid, valid }
    }
}

impl RoutePlan {
    /// A route to an on-link destination, with the client's own metric in the main table.
    #[must_use]
    pub fn to(destination: Prefix) -> Self {
        Self { to: destination, via: None, onlink: false, source: None, metric: None, table: None, mtu: None }
    }

    /// The same through a router.
    #[must_use]
    pub fn via(mut self, router: impl Into<IpAddr>) -> Self {
        self.via = Some(router.into());
        self
    }
}

impl Emitted {
    /// An event without details: lower-case words joined by hyphens.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), fields: Default::default() }
    }

    /// Adds a detail.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.fields.insert(name.into(), value.into());
        self
    }
}

impl LeaseEvent {
    /// The value of an option as on the wire, without code and length; of a DHCPv6 option that came more than
    /// once, the first.
    #[must_use]
    pub fn option(&self, code: u16) -> Option<&[u8]> {
        let v4 = || self.v4.as_ref()?.options.get(&u8::try_from(code).ok()?);
        let v6 = || self.v6.as_ref()?.options.get(&code)?.first();
        v4().or_else(v6).map(AsRef::as_ref)
    }
}
