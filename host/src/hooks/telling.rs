//! What a hook is told: variables for a program in whatever language, besides the event's JSON on its standard input.
//! Pure. Everything that comes of the network has been checked on its way into the event; a hook must quote it all the
//! same.

use std::collections::BTreeMap;

use dhcpmgr_message::IfName;

use crate::config::ProgramHook;
use crate::events::{Event, Lease, LeaseV4, LeaseV6};
use crate::flat::FlatMap;
use crate::word::word;

/// Where a hook finds programs.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
/// The longest value, and all names and values together, bytes. What does not fit is left out: the JSON has it all.
const LONGEST: usize = 4096;
const MOST: usize = 64 * 1024;

/// Whether a hook is for an event.
pub(super) fn is_for(hook: &ProgramHook, event: &Event) -> bool {
    let client = match (&hook.clients, &event.client) {
        (None, _) => true,
        (Some(clients), Some(client)) => clients.contains(client),
        (Some(_), None) => false,
    };
    client && hook.events.contains(&event.event.name())
}

/// The variables, but for those that the hook is given of the daemon's own.
pub(super) fn variables(
    hook: &ProgramHook,
    event: &Event,
    interface: Option<&IfName>,
    missed: u64,
) -> FlatMap<String, String> {
    let mut told = Told::default();
    told.0.insert("PATH".to_owned(), PATH.to_owned());
    told.set("HOOK", &hook.name);
    told.set("EVENT", event.event.name());
    told.set("TIME", &event.time);
    told.some("CLIENT", event.client.as_ref());
    told.some("INTERFACE", interface);
    told.some("HANDLER", event.handler.as_ref());
    told.some("DETAIL", event.detail.as_ref());
    let changed: Vec<_> = event.changed.iter().map(word).collect();
    told.set("CHANGED", changed.join(" "));
    if missed > 0 {
        told.set("MISSED", missed);
    }
    match &event.lease {
        Some(Lease::V4(lease)) => told.v4(lease),
        Some(Lease::V6(lease)) => told.v6(lease),
        None => {}
    }
    for (name, value) in &event.fields {
        told.set(&format!("FIELD_{}", capitals(name)), value);
    }
    told.0
}

/// `acs.url` as `ACS_URL`.
fn capitals(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

#[derive(Default)]
struct Told(FlatMap<String, String>);

impl Told {
    /// The first of a name counts: two parameters may be the same in capitals.
    fn set(&mut self, name: &str, value: impl ToString) {
        let (name, value) = (format!("DHCPMGR_{name}"), value.to_string());
        let length = |name: &str, value: &str| name.len() + value.len() + 2;
        let all: usize = self.0.iter().map(|(name, value)| length(name, value)).sum();
        let fits = value.len() <= LONGEST && all + length(&name, &value) <= MOST;
        if fits && !value.contains('\0') {
            self.0.entry(name).or_insert(value);
        }
    }

    fn some<T: ToString>(&mut self, name: &str, value: Option<&T>) {
        if let Some(value) = value {
            self.set(name, value.to_string());
        }
    }

    fn list<T: ToString>(&mut self, name: &str, values: &[T]) {
        self.set(name, values.iter().map(T::to_string).collect::<Vec<_>>().join(" "));
    }

    fn v4(&mut self, lease: &LeaseV4) {
        self.set("PROTOCOL", "v4");
        self.set("ADDRESS", lease.address);
        self.list("ROUTERS", &lease.routers);
        self.list("DNS", &lease.dns);
        self.some("DOMAIN", lease.domain.as_ref());
        self.list("SEARCH", &lease.search);
        self.list("NTP", &lease.ntp);
        self.some("MTU", lease.mtu.as_ref());
        self.some("SERVER", lease.server.as_ref());
        self.some("HOSTNAME", lease.hostname.as_ref());
        self.some("LEASE_TIME", lease.lease_time.as_ref());
        self.some("EXPIRES_IN", lease.expires_in.as_ref());
        self.parameters(&lease.parameters);
    }

    fn v6(&mut self, lease: &LeaseV6) {
        self.set("PROTOCOL", "v6");
        let addresses: Vec<_> = lease.addresses.iter().map(|address| address.address).collect();
        self.list("ADDRESS", &addresses);
        let prefixes: Vec<_> = lease.prefixes.iter().map(|prefix| prefix.prefix).collect();
        self.list("PREFIXES", &prefixes);
        self.list("DNS", &lease.dns);
        self.list("SEARCH", &lease.search);
        self.list("NTP", &lease.ntp);
        self.some("AFTR", lease.aftr.as_ref());
        self.some("EXPIRES_IN", lease.expires_in.as_ref());
        self.parameters(&lease.parameters);
    }

    fn parameters(&mut self, parameters: &BTreeMap<String, String>) {
        for (name, value) in parameters {
            self.set(&format!("PARAMETER_{}", capitals(name)), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::events::{Change, EventKind};
    use crate::flat::FlatSet;

    fn hook() -> ProgramHook {
        ProgramHook {
            name: "acme".to_owned(),
            run: vec!["/bin/true".to_owned()],
            events: FlatSet::from(["lease-acquired".to_owned(), "acs-found".to_owned()]),
            clients: None,
            user: None,
            timeout: Duration::from_secs(5),
            environment: FlatSet::new(),
        }
    }

    fn lease(parameters: BTreeMap<String, String>) -> Lease {
        Lease::V4(Box::new(LeaseV4 {
            address: "192.0.2.7/24".parse().unwrap(),
            routers: vec!["192.0.2.1".parse().unwrap()],
            routes: Vec::new(),
            dns: vec!["192.0.2.53".parse().unwrap(), "192.0.2.54".parse().unwrap()],
            domain: Some("isp.example".to_owned()),
            search: Vec::new(),
            ntp: Vec::new(),
            mtu: None,
            server: None,
            lease_time: Some(3600),
            t1: None,
            t2: None,
            expires_in: Some(3599),
            hostname: None,
            parameters,
            options: FlatMap::new(),
        }))
    }

    fn event(kind: EventKind, client: Option<&str>) -> Event {
        Event { client: client.map(|name| name.parse().unwrap()), ..Event::now(kind) }
    }

    #[test]
    fn a_hook_is_for_its_events_and_its_clients() {
        let acquired = |client| event(EventKind::LeaseAcquired, client);
        let found = event(EventKind::Vendor("acs-found".to_owned()), Some("wan4"));
        assert!(is_for(&hook(), &acquired(Some("wan4"))) && is_for(&hook(), &acquired(None)));
        assert!(is_for(&hook(), &found));
        assert!(!is_for(&hook(), &event(EventKind::LeaseLost, Some("wan4"))));
        let one = ProgramHook { clients: Some(FlatSet::from(["wan4".parse().unwrap()])), ..hook() };
        assert!(is_for(&one, &acquired(Some("wan4"))));
        assert!(!is_for(&one, &acquired(Some("voip"))) && !is_for(&one, &acquired(None)));
    }

    #[test]
    fn what_happened_is_told_in_variables() {
        let mut event = event(EventKind::LeaseAcquired, Some("wan4"));
        event.changed = vec![Change::Address, Change::Vendor];
        event.fields.insert("endpoint-id".to_owned(), "x".to_owned());
        let parameters =
            BTreeMap::from([("ManagementServer.URL".to_owned(), "http://acs/$(reboot)".to_owned())]);
        event.lease = Some(lease(parameters));
        let told = variables(&hook(), &event, Some(&"wan0".parse().unwrap()), 3);
        for (name, value) in [
            ("PATH", PATH),
            ("DHCPMGR_HOOK", "acme"),
            ("DHCPMGR_EVENT", "lease-acquired"),
            ("DHCPMGR_CLIENT", "wan4"),
            ("DHCPMGR_INTERFACE", "wan0"),
            ("DHCPMGR_CHANGED", "address vendor"),
            ("DHCPMGR_MISSED", "3"),
            ("DHCPMGR_PROTOCOL", "v4"),
            ("DHCPMGR_ADDRESS", "192.0.2.7/24"),
            ("DHCPMGR_DNS", "192.0.2.53 192.0.2.54"),
            ("DHCPMGR_LEASE_TIME", "3600"),
            ("DHCPMGR_FIELD_ENDPOINT_ID", "x"),
            // As it is: there is no shell that would read it.
            ("DHCPMGR_PARAMETER_MANAGEMENTSERVER_URL", "http://acs/$(reboot)"),
        ] {
            assert_eq!(told.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert!(!told.contains_key("DHCPMGR_MTU"), "what is not known is not there");
    }

    #[test]
    fn what_does_not_fit_into_an_environment_is_left_out() {
        let mut event = event(EventKind::LeaseAcquired, Some("wan4"));
        let many = (0..200).map(|n| (format!("P{n}"), "x".repeat(1000)));
        let odd = [("Long".to_owned(), "x".repeat(5000)), ("Nul".to_owned(), "a\0b".to_owned())];
        event.lease = Some(lease(many.chain(odd).collect()));
        let told = variables(&hook(), &event, None, 0);
        assert!(told.iter().map(|(name, value)| name.len() + value.len() + 2).sum::<usize>() <= MOST);
        assert!(told.contains_key("DHCPMGR_PARAMETER_P0") && told.contains_key("DHCPMGR_ADDRESS"));
        assert!(!told.contains_key("DHCPMGR_PARAMETER_LONG") && !told.contains_key("DHCPMGR_PARAMETER_NUL"));
    }
}
