//! What is told, and under which names. Names are a contract as the JSON is: added, never renamed.

use dhcpmgr_plugin_api::Protocol;

use super::page::{Page, seconds};
use crate::control::views::{ClientState, ClientStatus, LanStanding, Lease, Status};
use crate::events::Counted;
use crate::flat::FlatMap;
use crate::handlers::{HISTOGRAM_US, HandlerState, HandlerStatus};
use crate::histogram::Times;
use crate::word::word;

/// Everything at one moment.
#[derive(Debug, Clone)]
pub struct Figures {
    /// As `dhcpmgr status` shows it.
    pub status: Status,
    /// What happened since the daemon started.
    pub counted: Counted,
}

/// The whole page.
#[must_use]
pub fn text(figures: &Figures) -> String {
    let Figures { status, counted } = figures;
    let mut page = Page::default();
    page.info("dhcpmgr_build", "The version of dhcpmgrd.").told(&[("version", &status.version)]);
    page.gauge("dhcpmgr_uptime_seconds", "Since dhcpmgrd started.").value(&[], status.uptime);
    clients(&mut page, &status.clients);
    events(&mut page, counted);
    lans(&mut page, status);
    handlers(&mut page, &status.handlers);
    hooks(&mut page, &status.handlers);
    messages(&mut page, status);
    page.finish()
}

fn clients(page: &mut Page, clients: &[ClientStatus]) {
    let mut family = page.states("dhcpmgr_client_state", "The state of a client, in the words of TR-181.");
    let states = STATES.map(|state| word(&state));
    for client in clients {
        family.state(&who(client), states.iter().map(String::as_str), &word(&client.status));
    }
    let mut family =
        page.counter("dhcpmgr_client_restarts", "Starts of a client process after one that died.");
    for client in clients {
        family.total(&who(client), client.restarts);
    }
    let help = "Messages of DHCP by their names in TR-181, as far as they are seen.";
    let mut family = page.counter("dhcpmgr_client_messages", help);
    for client in clients {
        let [name, protocol, interface] = who(client);
        for (message, count) in &client.counters {
            family.total(&[name, protocol, interface, ("message", message)], *count);
        }
    }
    let mut family =
        page.gauge("dhcpmgr_lease_expires_in_seconds", "Time that a lease has left; +Inf for ever.");
    for client in clients {
        let left = match &client.lease {
            Some(Lease::V4(lease)) => lease.expires_in,
            Some(Lease::V6(lease)) => lease.expires_in,
            None => continue,
        };
        match left {
            Some(left) => family.value(&who(client), left),
            None => family.value(&who(client), "+Inf"),
        }
    }
}

fn events(page: &mut Page, counted: &Counted) {
    let help = "Events of a client, as dhcpmgr events names them; those of handlers together as vendor.";
    let mut family = page.counter("dhcpmgr_client_events", help);
    for (client, counted) in &counted.clients {
        for (kind, count) in &counted.events {
            family.total(&[("client", client.as_str()), ("event", &word(kind))], *count);
        }
    }
    let mut family = page.counter("dhcpmgr_events", "Events about no client in particular.");
    for (kind, count) in &counted.others {
        family.total(&[("event", &word(kind))], *count);
    }
    let help = "From being able to get a lease (started, with carrier) to having one.";
    let mut family = page.histogram("dhcpmgr_time_to_lease_seconds", help);
    for (client, counted) in &counted.clients {
        family.times(&[("client", client.as_str())], &counted.time_to_lease);
    }
}

fn lans(page: &mut Page, status: &Status) {
    let mut family = page.gauge("dhcpmgr_lan_prefixes", "Prefixes of a LAN, by how they stand.");
    for lan in &status.lans {
        for standing in STANDINGS {
            let count = lan.prefixes.iter().filter(|prefix| prefix.state == standing).count();
            family.value(&[("interface", lan.interface.as_str()), ("state", &word(&standing))], count);
        }
    }
}

fn handlers(page: &mut Page, handlers: &[HandlerStatus]) {
    let mut family = page.states("dhcpmgr_handler_state", "The state of a handler.");
    let states = HANDLER_STATES.map(|state| word(&state));
    for handler in handlers {
        let labels = [("handler", handler.name.as_str())];
        family.state(&labels, states.iter().map(String::as_str), &word(&handler.state));
    }
    type Count = fn(&HandlerStatus) -> u64;
    let counters: [(&str, &str, Count); 3] = [
        ("dhcpmgr_handler_calls", "Calls of a handler.", |handler| handler.calls),
        ("dhcpmgr_handler_failures", "Calls that gave no plan.", |handler| handler.failures),
        ("dhcpmgr_handler_restarts", "Starts of a worker after one that died.", |handler| handler.restarts),
    ];
    for (name, help, count) in counters {
        let mut family = page.counter(name, help);
        for handler in handlers {
            family.total(&[("handler", handler.name.as_str())], count(handler));
        }
    }
    let mut family = page.gauge("dhcpmgr_handler_call_p99_seconds", "99th percentile of the last calls.");
    for handler in handlers {
        family.value(&[("handler", handler.name.as_str())], seconds(handler.p99_us));
    }
}

/// The hooks at which a handler was called: few and known, as handlers are.
fn hooks(page: &mut Page, handlers: &[HandlerStatus]) {
    let all: Vec<_> = handlers
        .iter()
        .flat_map(|handler| handler.hooks.iter().map(move |hook| (handler, hook, word(&hook.hook))))
        .collect();
    let help = "What the calls of a handler at a hook took, those without an answer too.";
    let mut family = page.histogram("dhcpmgr_handler_hook_seconds", help);
    for (handler, hook, name) in &all {
        let times = Times::of(&HISTOGRAM_US, &hook.histogram, hook.total_us);
        family.times(&[("handler", &handler.name), ("hook", name)], &times);
    }
    let mut family =
        page.counter("dhcpmgr_handler_hook_failures", "Calls at a hook without an answer of use.");
    for (handler, hook, name) in &all {
        family.total(&[("handler", &handler.name), ("hook", name)], hook.failures);
    }
    let mut family =
        page.counter("dhcpmgr_handler_hook_late", "Calls at a hook that took their deadline or more.");
    for (handler, hook, name) in &all {
        family.total(&[("handler", &handler.name), ("hook", name)], hook.late);
    }
}

fn messages(page: &mut Page, status: &Status) {
    let messages = &status.messages;
    let mut family = page.counter("dhcpmgr_messages", "Messages of client shims, by what became of them.");
    let outcomes = FlatMap::from([
        ("accepted", messages.accepted),
        ("duplicate", messages.duplicates),
        ("malformed", messages.malformed),
        ("unauthorised", messages.unauthorised),
        ("replayed", messages.replayed),
        ("connection-refused", messages.connections_refused),
    ]);
    for (outcome, count) in outcomes {
        family.total(&[("outcome", outcome)], count);
    }
    let Some(observer) = &status.observer else { return };
    let mut family =
        page.counter("dhcpmgr_observer_packets", "Packets that the observer saw, by whose they were.");
    for (whose, count) in
        [("clients", observer.packets), ("others", observer.others), ("dropped", observer.dropped)]
    {
        family.total(&[("whose", whose)], count);
    }
}

const STATES: [ClientState; 8] = [
    ClientState::Init,
    ClientState::Selecting,
    ClientState::Requesting,
    ClientState::Bound,
    ClientState::Renewing,
    ClientState::Rebinding,
    ClientState::Disabled,
    ClientState::Error,
];

const HANDLER_STATES: [HandlerState; 4] =
    [HandlerState::Healthy, HandlerState::Restarting, HandlerState::Quarantined, HandlerState::Refused];

const STANDINGS: [LanStanding; 4] =
    [LanStanding::Preferred, LanStanding::Deprecated, LanStanding::Withdrawn, LanStanding::Awaited];

fn who(client: &ClientStatus) -> [(&str, &str); 3] {
    let protocol = match client.protocol {
        Protocol::V4 => "v4",
        Protocol::V6 => "v6",
    };
    [("client", client.name.as_str()), ("protocol", protocol), ("interface", client.interface.as_str())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::views::MessageCounters;
    use crate::events::{ClientCounted, EventKind};

    fn figures() -> Figures {
        let client = |name: &str, status, lease| {
            let json = serde_json::json!({
                "name": name, "protocol": "v4", "interface": "wan0", "enabled": true, "status": status,
                "pid": 7, "restarts": 2, "lease": lease,
            });
            serde_json::from_value(json).unwrap()
        };
        let lease = serde_json::json!({
            "address": "192.0.2.7/24", "routers": [], "routes": [], "dns": [], "domain": null, "search": [],
            "ntp": [], "mtu": null, "server": null, "lease_time": null, "t1": null, "t2": null,
            "expires_in": null, "options": {},
        });
        let counted = ClientCounted {
            events: FlatMap::from([(EventKind::LeaseAcquired, 1), (EventKind::Vendor("vendor".into()), 4)]),
            time_to_lease: Times { buckets: vec![(50_000, 0)], count: 1, sum_us: 120_000 },
        };
        Figures {
            status: Status {
                version: "0.1.0".to_owned(),
                pid: 1,
                uptime: 9,
                clients: vec![
                    client("wan4", "Bound", lease),
                    client("lte", "Selecting", serde_json::Value::Null),
                ],
                handlers: vec![handler()],
                lans: Vec::new(),
                wans: Vec::new(),
                messages: MessageCounters { malformed: 3, ..MessageCounters::default() },
                observer: None,
            },
            counted: Counted {
                clients: FlatMap::from([("wan4".parse().unwrap(), counted)]),
                ..Default::default()
            },
        }
    }

    fn handler() -> HandlerStatus {
        let json = serde_json::json!({
            "name": "acme", "module": "libacme.so", "version": "1.0.0", "api": "1.1", "isolation": "worker",
            "state": "healthy", "calls": 4, "failures": 1, "restarts": 1, "p99_us": 60,
            "hooks": [
                {"hook": "lease", "calls": 3, "failures": 1, "late": 1, "total_us": 12_000_040,
                 "histogram": [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]},
                {"hook": "parameters", "calls": 1, "failures": 0, "late": 0, "total_us": 30,
                 "histogram": [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]},
            ],
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn each_hook_of_a_handler_is_told_by_itself_in_cumulative_buckets() {
        let text = text(&figures());
        let of = |hook: &str| {
            let label = format!("hook=\"{hook}\"");
            text.lines().filter(|line| line.contains(&label)).map(str::to_owned).collect::<Vec<_>>()
        };
        let lease = of("lease");
        let own = r#"{handler="acme",hook="lease"}"#;
        for line in [
            r#"dhcpmgr_handler_hook_seconds_bucket{handler="acme",hook="lease",le="2.5e-05"} 1"#.to_owned(),
            r#"dhcpmgr_handler_hook_seconds_bucket{handler="acme",hook="lease",le="5e-05"} 2"#.to_owned(),
            r#"dhcpmgr_handler_hook_seconds_bucket{handler="acme",hook="lease",le="10.0"} 2"#.to_owned(),
            r#"dhcpmgr_handler_hook_seconds_bucket{handler="acme",hook="lease",le="+Inf"} 3"#.to_owned(),
            format!("dhcpmgr_handler_hook_seconds_count{own} 3"),
            format!("dhcpmgr_handler_hook_seconds_sum{own} 12.00004"),
            format!("dhcpmgr_handler_hook_failures_total{own} 1"),
            format!("dhcpmgr_handler_hook_late_total{own} 1"),
        ] {
            assert!(lease.contains(&line), "no {line} in {lease:#?}");
        }
        // As many as there are hooks that were called, whatever handlers say.
        assert_eq!((lease.len(), of("parameters").len()), (HISTOGRAM_US.len() + 5, HISTOGRAM_US.len() + 5));
        assert!(text.contains("# UNIT dhcpmgr_handler_hook_seconds seconds\n"));
    }

    #[test]
    fn what_matters_is_told() {
        let text = text(&figures());
        for line in [
            r#"dhcpmgr_client_state{client="wan4",protocol="v4",interface="wan0",dhcpmgr_client_state="Bound"} 1"#,
            r#"dhcpmgr_client_state{client="lte",protocol="v4",interface="wan0",dhcpmgr_client_state="Bound"} 0"#,
            r#"dhcpmgr_client_restarts_total{client="wan4",protocol="v4",interface="wan0"} 2"#,
            r#"dhcpmgr_lease_expires_in_seconds{client="wan4",protocol="v4",interface="wan0"} +Inf"#,
            r#"dhcpmgr_client_events_total{client="wan4",event="lease-acquired"} 1"#,
            r#"dhcpmgr_client_events_total{client="wan4",event="vendor"} 4"#,
            r#"dhcpmgr_time_to_lease_seconds_sum{client="wan4"} 0.12"#,
            r#"dhcpmgr_messages_total{outcome="malformed"} 3"#,
        ] {
            assert!(text.lines().any(|l| l == line), "no {line} in\n{text}");
        }
        assert!(
            !text.contains(r#"expires_in_seconds{client="lte""#),
            "a client without a lease has no time left"
        );
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn each_family_is_told_once_and_its_samples_follow_it() {
        let text = text(&figures());
        let mut known: Vec<&str> = Vec::new();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split(' ').next()) {
                assert!(!known.contains(&name), "{name} twice");
                known.push(name);
            } else if !line.starts_with('#') {
                assert!(line.starts_with(known.last().unwrap()), "{line} is not of {known:?}");
            }
        }
        assert!(known.len() > 10);
    }
}
