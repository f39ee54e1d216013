//! What holds for every plan, whatever a server sends.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use dhcpmgr_plugin_api::message::{Bytes, Lifetime, Prefix, StaticRoute, V4Report, wire};
use dhcpmgr_plugin_api::{LeaseEvent, Link, MtuPolicy, Plan, Policy, RoutePolicy};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use crate::support::{event, ordinary};

/// Addresses as hostile servers would choose them, besides ordinary ones of two subnets.
fn address() -> impl Strategy<Value = Ipv4Addr> {
    prop_oneof![
        4 => (0..=255_u8).prop_map(|host| Ipv4Addr::new(192, 0, 2, host)),
        2 => any::<u32>().prop_map(Ipv4Addr::from),
        1 => (0..=255_u8, 0..=255_u8).prop_map(|(net, host)| Ipv4Addr::new(100, 64, net, host)),
        1 => prop_oneof![
            Just(Ipv4Addr::UNSPECIFIED), Just(Ipv4Addr::LOCALHOST), Just(Ipv4Addr::BROADCAST),
            Just(Ipv4Addr::new(224, 0, 0, 1)), Just(Ipv4Addr::new(0, 0, 0, 7)), Just(Ipv4Addr::new(240, 0, 0, 1)),
        ],
    ]
}

fn destination() -> impl Strategy<Value = Prefix> {
    prop_oneof![
        8 => (address(), 0..=32_u8).prop_map(|(a, len)| Prefix::containing(a.into(), len).unwrap()),
        2 => Just(Prefix::DEFAULT_V4),
        1 => Just("2001:db8::/32".parse().unwrap()),
    ]
}

fn routes(max: usize) -> impl Strategy<Value = Vec<StaticRoute>> {
    prop_oneof![
        2 => Just(Vec::new()),
        3 => vec((destination(), address()), 0..12),
        1 => vec((destination(), address()), 0..max),
    ]
    .prop_map(|list| list.into_iter().map(|(to, via)| StaticRoute { to, via }).collect())
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}(\\.[a-z]{1,8}){0,3}( [a-z]{1,5}\\.example)?",
        "\\PC{0,80}",
        any::<String>(),
        Just("bad".to_owned()),
        Just("x".repeat(2000)),
    ]
}

fn lifetime() -> impl Strategy<Value = Option<Lifetime>> {
    proptest::option::of(prop_oneof![Just(0), Just(u32::MAX), 1..90_000_u32, any::<u32>()].prop_map(Lifetime))
}

fn mtu() -> impl Strategy<Value = Option<u32>> {
    proptest::option::of(prop_oneof![Just(0), Just(68), 500..1600_u32, any::<u32>()])
}

fn options() -> impl Strategy<Value = BTreeMap<u8, Bytes>> {
    let known = proptest::sample::select(vec![1_u8, 12, 15, 43, 66, 67, 100, 101, 114, 121, 125, 150, 249]);
    let value = prop_oneof![
        4 => vec(any::<u8>(), 0..40),
        2 => text().prop_map(String::into_bytes),
        1 => Just(vec![255, 255, 255, 0]),
        1 => vec(any::<u8>(), 1000..2100),
    ];
    btree_map(known, value.prop_map(Bytes), 0..4)
}

fn report() -> impl Strategy<Value = V4Report> {
    let maybe = proptest::option::of::<BoxedStrategy<String>>;
    let subnet = (
        proptest::option::weighted(0.95, address()),
        proptest::option::weighted(0.9, prop_oneof![9 => 8..=32_u8, 1 => any::<u8>()]),
        proptest::option::of(address()),
        vec(address(), 0..6),
    );
    let lists = (
        routes(700),
        routes(40),
        routes(40),
        vec(address(), 0..40),
        vec(text(), 0..40),
        vec(address(), 0..40),
        vec(text(), 0..40),
    );
    let texts = vec(maybe(text().boxed()), 8);
    let numbers = (mtu(), lifetime(), lifetime(), lifetime(), proptest::option::of(any::<i32>()));
    (subnet, lists, texts, numbers, proptest::option::of(address()), options()).prop_map(
        |(subnet, lists, texts, numbers, server, options)| {
            let mut texts = texts.into_iter();
            let mut next = || texts.next().flatten();
            V4Report {
                address: subnet.0,
                prefix_len: subnet.1,
                broadcast: subnet.2,
                routers: subnet.3,
                classless_routes: lists.0,
                ms_classless_routes: lists.1,
                static_routes: lists.2,
                dns: lists.3,
                search: lists.4,
                ntp: lists.5,
                sip: lists.6,
                domain: next(),
                hostname: next(),
                posix_timezone: next(),
                tzdb_timezone: next(),
                tftp_server: next(),
                bootfile: next(),
                sname: next(),
                file: next(),
                mtu: numbers.0,
                lease_time: numbers.1,
                t1: numbers.2,
                t2: numbers.3,
                time_offset: numbers.4,
                server,
                siaddr: server,
                options,
                ..V4Report::default()
            }
        },
    )
}

fn lease_event() -> impl Strategy<Value = LeaseEvent> {
    let policy = (
        prop_oneof![Just(MtuPolicy::Link), Just(MtuPolicy::Route), Just(MtuPolicy::Ignore)],
        prop_oneof![
            Just(RoutePolicy::All),
            Just(RoutePolicy::DefaultOnly),
            Just(RoutePolicy::NoDefault),
            Just(RoutePolicy::None)
        ],
        any::<u32>(),
    )
        .prop_map(|(mtu, routes, metric)| Policy { mtu, routes, metric, ..Policy::default() });
    let link = (mtu(), mtu(), mtu()).prop_map(|(mtu, min_mtu, max_mtu)| Link { mtu, min_mtu, max_mtu });
    (report(), policy, link).prop_map(|(report, policy, link)| LeaseEvent { policy, link, ..event(report) })
}

/// Any address that may stand for one host somewhere.
fn is_host(address: IpAddr) -> bool {
    let IpAddr::V4(address) = address else { return false };
    !matches!(address.octets()[0], 0 | 127 | 224..)
}

fn check_routes(plan: &Plan, event: &LeaseEvent) -> Result<(), TestCaseError> {
    let own = plan.addresses[0].address;
    let destinations: BTreeSet<_> = plan.routes.iter().map(|route| route.to).collect();
    prop_assert_eq!(destinations.len(), plan.routes.len(), "one route a destination");
    prop_assert!(plan.routes.len() <= 256);
    for (at, route) in plan.routes.iter().enumerate() {
        prop_assert!(
            route.to.is_default() || route.to.len() < 8 || is_host(route.to.address()),
            "{:?}",
            route
        );
        prop_assert_eq!(route.source, Some(own.address()));
        prop_assert_eq!((route.metric, route.table), (Some(event.policy.metric), None));
        if let Some(via) = route.via {
            prop_assert!(is_host(via) && via != own.address(), "{:?}", route);
            prop_assert_ne!(Some(via), plan.addresses[0].broadcast.map(IpAddr::V4));
            // When the routes are added in order, the kernel accepts each.
            let vouched = plan.routes[..at].iter().any(|r| r.via.is_none() && r.to.contains(via));
            prop_assert!(route.onlink || own.prefix().contains(via) || vouched, "{:?}", route);
            prop_assert!(!(route.onlink && own.prefix().contains(via)), "{:?}", route);
        } else {
            prop_assert!(!route.onlink);
        }
    }
    let allowed: fn(&Prefix) -> bool = match event.policy.routes {
        RoutePolicy::All => |_| true,
        RoutePolicy::DefaultOnly => Prefix::is_default,
        RoutePolicy::NoDefault => |to| to.len() >= 8,
        RoutePolicy::None => |_| false,
    };
    prop_assert!(destinations.iter().all(allowed));
    Ok(())
}

fn check_mtu(plan: &Plan, event: &LeaseEvent) -> Result<(), TestCaseError> {
    let on_routes: BTreeSet<_> = plan.routes.iter().filter_map(|route| route.mtu).collect();
    match event.policy.mtu {
        MtuPolicy::Link => prop_assert!(on_routes.is_empty()),
        MtuPolicy::Route => prop_assert!(plan.mtu.is_none()),
        MtuPolicy::Ignore => prop_assert!(plan.mtu.is_none() && on_routes.is_empty()),
    }
    for mtu in on_routes.into_iter().chain(plan.mtu.map(|mtu| mtu.0)) {
        prop_assert!(mtu >= 576);
        prop_assert!(event.link.max_mtu.is_none_or(|max| max == 0 || mtu <= max));
        prop_assert!(event.link.min_mtu.is_none_or(|min| mtu >= min));
    }
    Ok(())
}

fn check(plan: &Plan, event: &LeaseEvent) -> Result<(), TestCaseError> {
    prop_assert!(plan.notes.len() <= 49);
    prop_assert!(plan.notes.iter().all(|note| note.len() <= 240 && !note.contains(char::is_control)));
    let size = wire::encode(plan).unwrap().len();
    prop_assert!(size <= wire::LIMITS.bytes, "{size} bytes do not fit a message");
    if plan.refuse.is_some() {
        let rest = Plan { refuse: plan.refuse.clone(), notes: plan.notes.clone(), ..Plan::default() };
        prop_assert_eq!(plan, &rest);
        return Ok(());
    }
    prop_assert_eq!(plan.addresses.len(), 1);
    let address = &plan.addresses[0];
    prop_assert!(is_host(address.address.address()));
    prop_assert!((8..=32).contains(&address.address.prefix_len()));
    prop_assert!(
        address.address.prefix_len() > 30 || address.address.prefix().address() != address.address.address()
    );
    prop_assert_eq!(address.broadcast.is_some(), address.address.prefix_len() <= 30);
    prop_assert_ne!(address.broadcast.map(IpAddr::V4), Some(address.address.address()));
    prop_assert!(address.valid.0 > 0 && address.preferred == address.valid);
    check_routes(plan, event)?;
    check_mtu(plan, event)?;
    prop_assert!(plan.dns.iter().all(|server| is_host(*server)));
    prop_assert_eq!(plan.dns.iter().collect::<BTreeSet<_>>().len(), plan.dns.len());
    prop_assert!(plan.ntp.iter().all(|server| is_host(server.parse().unwrap())));
    prop_assert!(plan.search.len() <= 32);
    prop_assert!(
        plan.parameters.values().all(|value| !value.is_empty() && !value.contains(char::is_control))
    );
    Ok(())
}

proptest! {
    #[test]
    fn no_lease_makes_a_plan_that_could_do_harm(event in lease_event()) {
        let plan = dhcpmgr_v4::plan(&event);
        check(&plan, &event)?;
        prop_assert_eq!(plan, dhcpmgr_v4::plan(&event), "the same lease makes the same plan");
    }

    #[test]
    fn nothing_but_address_mask_and_lease_time_refuses_a_lease(event in lease_event()) {
        let mut event = event;
        let good = ordinary();
        let report = event.v4.as_mut().unwrap();
        (report.address, report.prefix_len, report.lease_time) = (good.address, good.prefix_len, good.lease_time);
        report.options.remove(&1);
        let plan = dhcpmgr_v4::plan(&event);
        prop_assert_eq!(&plan.refuse, &None);
        check(&plan, &event)?;
    }
}

#[test]
fn the_largest_lease_still_makes_a_plan_that_fits_a_message() {
    let long_name =
        |i: usize| format!("{i:03}.{}.{}.{}.example", "a".repeat(63), "b".repeat(63), "c".repeat(63));
    let route = |i: u32| StaticRoute {
        to: Prefix::containing(Ipv4Addr::from(0xC633_0000 + (i << 1)).into(), 31).unwrap(),
        via: Ipv4Addr::new(100, 100, 100, 100),
    };
    let servers: Vec<_> = (0..1000_u32).map(|i| Ipv4Addr::from(0xCB00_7100 + i)).collect();
    let mut report = V4Report {
        classless_routes: (0..1000).map(route).collect(),
        dns: servers.iter().copied().chain([Ipv4Addr::UNSPECIFIED; 500]).collect(),
        ntp: servers.clone(),
        search: (0..1000)
            .map(long_name)
            .chain((0..500).map(|i| format!("\"{i}{}", "é".repeat(60))))
            .collect(),
        sip: (0..1000).map(long_name).collect(),
        bootfile: Some("f".repeat(255)),
        sname: Some("s".repeat(255)),
        file: Some("f".repeat(255)),
        mtu: Some(1500),
        ..ordinary()
    };
    report.options.insert(43, Bytes(vec![0; 2048]));
    report.options.insert(125, Bytes(vec![1; 2048]));
    report.options.insert(114, Bytes(format!("https://{}", "p".repeat(1000)).into_bytes()));
    report.options.insert(150, Bytes(servers.iter().flat_map(Ipv4Addr::octets).collect()));
    let mut event = event(report);
    event.policy = Policy { mtu: MtuPolicy::Route, metric: u32::MAX, ..Policy::default() };
    let plan = dhcpmgr_v4::plan(&event);
    assert_eq!((plan.routes.len(), plan.search.len()), (256, 32));
    assert_eq!(plan.parameters["VendorIdentifying"].len(), 4096);
    let bytes = wire::encode(&plan).unwrap();
    assert!(bytes.len() <= wire::LIMITS.bytes, "{} bytes", bytes.len());
    assert_eq!(wire::decode::<Plan>(&bytes).unwrap(), plan);
}
