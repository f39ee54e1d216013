//! Each directory of `planner_cases` is one case: `current.toml`, `desired.toml`, `expected.toml`.
//!
//! Times are seconds from now; the interface has index 2; `ours` is what carries our tag. `promotes = false` in
//! `current.toml` stands for a kernel that does not promote secondary addresses.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use dhcpmgr_message::{InterfaceAddress, Prefix};
use dhcpmgr_plugin_api::RoutePlan;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::config::Sysctl;
use crate::flat::FlatMap;
use crate::network::planner::plan;
use crate::network::state::{AddressState, MAIN_TABLE, RouteKey, RouteKind, RouteState, TAG, View};
use crate::network::wanted::Wanted;
use crate::network::{Desired, DesiredAddress};
use crate::order;

const NOW: u64 = 1_000_000;
const HERE: u32 = 2;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Current {
    #[serde(default = "yes")]
    up: bool,
    #[serde(default = "yes")]
    promotes: bool,
    #[serde(default = "ethernet")]
    mtu: u32,
    original_mtu: Option<u32>,
    #[serde(default)]
    sysctls: FlatMap<Sysctl, u8>,
    #[serde(default)]
    original_sysctls: FlatMap<Sysctl, u8>,
    #[serde(default)]
    addresses: Vec<CurrentAddress>,
    #[serde(default)]
    routes: Vec<CurrentRoute>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CurrentAddress {
    address: InterfaceAddress,
    broadcast: Option<Ipv4Addr>,
    preferred: Option<u64>,
    valid: Option<u64>,
    #[serde(default)]
    metric: u32,
    #[serde(default)]
    secondary: bool,
    #[serde(default)]
    dad_failed: bool,
    #[serde(default)]
    ours: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CurrentRoute {
    to: Prefix,
    via: Option<IpAddr>,
    source: Option<IpAddr>,
    #[serde(default)]
    onlink: bool,
    metric: u32,
    table: Option<u32>,
    mtu: Option<u32>,
    #[serde(default = "here")]
    interface: u32,
    #[serde(default)]
    ours: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Desires {
    clients: Vec<Client>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Client {
    #[serde(default = "metric")]
    metric: u32,
    mtu: Option<u32>,
    #[serde(default)]
    takes_over: bool,
    #[serde(default)]
    sysctls: FlatMap<Sysctl, u8>,
    #[serde(default)]
    addresses: Vec<ClientAddress>,
    #[serde(default)]
    routes: Vec<RoutePlan>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientAddress {
    address: InterfaceAddress,
    broadcast: Option<Ipv4Addr>,
    preferred: Option<i64>,
    valid: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    actions: Vec<String>,
    #[serde(default)]
    relies_on_promotion: bool,
}

fn yes() -> bool {
    true
}

fn ethernet() -> u32 {
    1500
}

fn here() -> u32 {
    HERE
}

fn metric() -> u32 {
    100
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn view(current: &Current) -> View {
    let until = |seconds: Option<u64>| seconds.map(|s| NOW + s * 1000);
    View {
        index: HERE,
        up: current.up,
        mtu: current.mtu,
        original_mtu: current.original_mtu,
        sysctls: current.sysctls.clone(),
        original_sysctls: current.original_sysctls.clone(),
        addresses: (current.addresses.iter())
            .map(|a| AddressState {
                address: a.address,
                broadcast: a.broadcast,
                preferred_until: until(a.preferred.or(a.valid)),
                valid_until: until(a.valid),
                metric: a.metric,
                protocol: if a.ours { TAG } else { 0 },
                secondary: a.secondary,
                tentative: false,
                dad_failed: a.dad_failed,
                no_prefix_route: a.ours && a.address.address().is_ipv6(),
                ours: a.ours,
            })
            .collect(),
        routes: (current.routes.iter())
            .map(|r| RouteState {
                key: RouteKey { table: r.table.unwrap_or(MAIN_TABLE), to: r.to, metric: r.metric },
                kind: RouteKind::Unicast,
                interface: Some(r.interface),
                via: r.via,
                onlink: r.onlink,
                source: r.source,
                mtu: r.mtu,
                protocol: if r.ours { TAG } else { 4 },
                ours: r.ours && r.interface == HERE,
            })
            .collect(),
    }
}

fn desired(client: Client) -> Desired {
    let until = |seconds: Option<i64>| seconds.map(|s| NOW.saturating_add_signed(s * 1000));
    Desired {
        addresses: (client.addresses.iter())
            .map(|a| DesiredAddress {
                address: a.address,
                broadcast: a.broadcast,
                preferred_until: until(a.preferred.or(a.valid)),
                valid_until: until(a.valid),
            })
            .collect(),
        routes: client.routes,
        metric: client.metric,
        mtu: client.mtu,
        takes_over: client.takes_over,
        sysctls: client.sysctls,
        ..Desired::of("wan0".parse().unwrap())
    }
}

#[test]
fn every_case_gives_the_expected_steps() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/network/planner_cases");
    let mut cases: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    order::sort(&mut cases);
    assert!(cases.len() >= 20, "only {} cases in {}", cases.len(), directory.display());
    let mut wrong = Vec::new();
    for case in &cases {
        let current: Current = read(&case.join("current.toml"));
        let desires: Desires = read(&case.join("desired.toml"));
        let expected: Expected = read(&case.join("expected.toml"));
        let clients: Vec<Desired> = desires.clients.into_iter().map(desired).collect();
        let got = plan(&view(&current), &Wanted::of(HERE, clients.iter()), NOW, current.promotes);
        let lines: Vec<_> = got.actions.iter().map(ToString::to_string).collect();
        if (&lines, got.relies_on_promotion) != (&expected.actions, expected.relies_on_promotion) {
            let name = case.file_name().unwrap_or_default().display().to_string();
            wrong.push(format!(
                "{name}:\n  expected {:#?} {}\n  got {lines:#?} {}",
                expected.actions, expected.relies_on_promotion, got.relies_on_promotion
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
