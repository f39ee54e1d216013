use std::time::Duration;

use dhcpmgr_message::{Token, context};
use dhcpmgr_plugin_api::{MtuPolicy, Protocol, RoutePolicy};

use super::*;
use crate::clients::Program;
use crate::config::OnStop;
use crate::flat::{FlatMap, FlatSet};
use crate::handlers::Wants;
use crate::paths::Paths;

fn client() -> Client {
    Client {
        name: "wan4".parse().unwrap(),
        enabled: true,
        protocol: Protocol::V4,
        interface: "wan0".parse().unwrap(),
        program: Program::named("udhcpc").unwrap(),
        request: FlatSet::from([43, 125]),
        send: FlatMap::new(),
        hostname: None,
        metric: 100,
        mtu: MtuPolicy::Link,
        routes: RoutePolicy::All,
        discover_attempts: 3,
        discover_interval: Duration::from_secs(3),
        discover_pause: Duration::from_secs(20),
        on_stop: OnStop::Keep,
        sysctls: FlatMap::new(),
        recovery: crate::config::Recovery::default(),
        v6: crate::config::V6::default(),
    }
}

fn words(client: &Client, wants: &Wants) -> String {
    let (paths, token) = (Paths::new("/r"), Token::from_random([7; 16]));
    let context = LaunchContext {
        paths: &paths,
        wants,
        token: &token,
        last_address: None,
        client_id: None,
        left_out: &[],
        duid: None,
        ias: &[],
    };
    let args = arguments(client, &context, "/shim".into());
    args.iter().map(|a| format!("{a:?}").replace('"', "|")).collect::<Vec<_>>().join(" ").replace('|', "'")
}

#[test]
fn requests_are_the_union_of_handlers_and_configuration_without_doubles() {
    let wants = Wants { request: FlatSet::from([43, 121]), ..Wants::default() };
    let words = words(&client(), &wants);
    assert!(words.contains("'-O' '43' '-O' '121' '-O' '125'"), "{words}");
    assert_eq!(words.matches("'43'").count(), 1, "{words}");
}

#[test]
fn a_vendor_class_with_spaces_and_quotes_travels_as_bytes_and_silences_udhcpcs_own() {
    let mut client = client();
    client.send.insert(60, Bytes(b"a \"b\"\0".to_vec()));
    let words = words(&client, &Wants::default());
    assert!(words.contains("'-V' '' '-x' '0x3c:612022622200'"), "{words}");
}

#[test]
fn the_operator_wins_over_a_handler_that_sends_the_same_option() {
    let mut client = client();
    client.send.insert(77, Bytes(vec![1]));
    let wants = Wants { send: FlatMap::from([(77, Bytes(vec![2]))]), ..Wants::default() };
    let words = words(&client, &wants);
    assert!(words.contains("0x4d:01") && !words.contains("0x4d:02"), "{words}");
}

#[test]
fn the_identity_is_given_and_not_left_to_the_mac_address_of_the_day() {
    let (paths, token, wants) = (Paths::new("/r"), Token::from_random([7; 16]), Wants::default());
    let id = Bytes(vec![1, 2, 0, 0, 0, 0, 9]);
    let last_address = Some([192, 0, 2, 7].into());
    let context = LaunchContext {
        paths: &paths,
        wants: &wants,
        token: &token,
        last_address,
        client_id: Some(&id),
        left_out: &[],
        duid: None,
        ias: &[],
    };
    let args = arguments(&client(), &context, "/shim".into());
    let pair = |flag: &str, value: &str| args.windows(2).any(|pair| pair[0] == flag && pair[1] == value);
    assert!(pair("-x", "0x3d:01020000000009") && pair("-r", "192.0.2.7"), "{args:?}");
    let command = |args: Vec<OsString>| {
        CommandLine::of(&Launch { program: "udhcpc".into(), args, ..Launch::default() })
    };
    assert_eq!(Udhcpc.sent_client_id(&command(args)), Some(id));
    assert_eq!(Udhcpc.sent_client_id(&command(vec!["-x".into(), "0x3c:01".into(), "0x3d:02".into()])), None);
}

#[test]
fn the_client_never_leaves_the_foreground_nor_releases_by_itself() {
    let words = words(&client(), &Wants::default());
    assert!(words.ends_with("'-f'"));
    assert!(!words.contains("'-R'") && !words.contains("'-n'") && !words.contains("'-S'"), "{words}");
}

#[test]
fn the_environment_holds_the_context_and_nothing_inherited() {
    let (paths, token) = (Paths::new("/r"), Token::from_random([7; 16]));
    let wants = Wants::default();
    let context = LaunchContext {
        paths: &paths,
        wants: &wants,
        token: &token,
        last_address: None,
        client_id: None,
        left_out: &[],
        duid: None,
        ias: &[],
    };
    let names: Vec<_> = environment(&client(), &context).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["PATH", context::CLIENT, context::TOKEN, context::SOCKET, context::SPOOL]);
}

#[test]
fn its_words_tell_its_state() {
    for (line, expected) in [
        ("udhcpc: broadcasting discover", Some(Progress::Selecting)),
        ("udhcpc: broadcasting select for 10.0.0.5, server 10.0.0.1", Some(Progress::Requesting)),
        ("udhcpc: sending renew to server 10.0.0.1", Some(Progress::Renewing)),
        ("udhcpc: broadcasting renew", Some(Progress::Rebinding)),
        ("udhcpc: lease of 10.0.0.5 obtained from 10.0.0.1, lease time 30", None),
        ("broadcasting discover", None),
    ] {
        assert_eq!(Udhcpc.progress(line), expected, "{line}");
    }
}

#[test]
fn a_short_lease_is_held_as_long_as_udhcpc_holds_it() {
    assert_eq!(Udhcpc.held_for(Lifetime(10)), Lifetime(30));
    assert_eq!(Udhcpc.held_for(Lifetime(120)), Lifetime(120));
    assert_eq!(Udhcpc.held_for(Lifetime::INFINITE), Lifetime::INFINITE);
}
