//! The hooks of a chain, with a real module, in this process and in a worker: verdicts, policies, options, events,
//! parameters; what two handlers want differently; and that clients know nothing of each other.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod handlers_support;
mod support;

use std::time::Duration;

use dhcpmgr::config::{Grant, Handler, Isolation};
use dhcpmgr::handlers::{Chain, Decision, HandlerState, NotTaken, NoticeKind, Standing, VendorParameter};
use dhcpmgr_message::ClientName;
use dhcpmgr_plugin_api::{Happening, Hook, ParametersQuery, Protocol};
use handlers_support::*;
use serde_json::json;
use support::module;

const BOTH: [Isolation; 2] = [Isolation::InProcess, Isolation::Worker];

fn policy(name: &str, isolation: Isolation, settings: serde_json::Value) -> Handler {
    with_settings(handler(name, &module("policy"), isolation), &settings)
}

fn wan4() -> ClientName {
    "wan4".parse().unwrap()
}

fn waited(ms: u64) -> Standing {
    Standing { waited: Duration::from_millis(ms), ..Standing::default() }
}

fn asked(decision: &Decision) -> Vec<(&str, Hook)> {
    decision.reports.iter().map(|report| (report.handler.as_str(), report.hook)).collect()
}

#[tokio::test]
async fn only_hooks_that_a_module_names_are_called() {
    for isolation in BOTH {
        let plain = handler("plain", &module("good"), isolation);
        let chain = chain(&[plain, policy("p", isolation, json!({}))]).await;
        let decision = chain.decide(&lease()).await;
        let both = [("p", Hook::Validate), ("plain", Hook::Lease), ("p", Hook::Lease), ("p", Hook::Decide)];
        assert_eq!(asked(&decision), both);
        let hooks = |name| status(&chain, name).hooks.into_iter().map(|row| row.hook).collect::<Vec<_>>();
        assert_eq!(hooks("plain"), [Hook::Lease]);
        assert_eq!(hooks("p"), [Hook::Validate, Hook::Lease, Hook::Decide]);
        assert!(status(&chain, "p").hooks.iter().all(|row| row.calls == 1 && row.failures == 0));
    }
}

#[tokio::test]
async fn a_refused_lease_is_not_planned_at_all() {
    for isolation in BOTH {
        let chain = chain(&[
            handler("plain", &module("good"), isolation),
            policy("p", isolation, json!({"validate": "refuse"})),
        ])
        .await;
        let decision = chain.decide(&lease()).await;
        let why = "the operator does not want this lease".to_owned();
        assert_eq!(decision.refused, Some(("p".to_owned(), why)));
        assert_eq!(asked(&decision), [("p", Hook::Validate)]);
    }
}

#[tokio::test]
async fn a_verdict_without_the_grant_is_cut_and_reported() {
    for (hook, mode) in [("validate", "refuse"), ("decide", "refuse"), ("validate", "defer-or-refuse")] {
        let mut p = policy("p", Isolation::InProcess, json!({hook: mode}));
        p.grants.remove(&Grant::Refuse);
        let decision = chain(&[p]).await.decide(&lease()).await;
        assert_eq!((decision.refused, decision.deferred), (None, None));
        assert_eq!(decision.reports.iter().filter(|report| report.cut == [Grant::Refuse]).count(), 1);
    }
}

#[tokio::test]
async fn a_deferred_lease_waits_and_goes_on_when_the_handler_knows() {
    for isolation in BOTH {
        for hook in ["validate", "decide"] {
            let chain = chain(&[policy("p", isolation, json!({hook: "defer", "patience": 250}))]).await;
            let decision = chain.decide(&lease()).await;
            let deferred = decision.deferred.unwrap();
            assert_eq!((deferred.handler.as_str(), deferred.after), ("p", Duration::from_millis(100)));
            assert!(chain.decide_as(&lease(), waited(200)).await.deferred.is_some());
            let decision = chain.decide_as(&lease(), waited(250)).await;
            assert_eq!((decision.deferred, decision.refused), (None, None));
            assert!(decision.plan.parameters.contains_key("Policy.Leases"));
        }
    }
}

#[tokio::test]
async fn who_waits_in_vain_gets_what_it_said_for_that_case() {
    let over = Standing { last: true, ..waited(1) };
    for standing in [over, waited(60_000)] {
        let p = policy("p", Isolation::InProcess, json!({"validate": "defer", "patience": 60_001}));
        let decision = chain(&[p]).await.decide_as(&lease(), standing).await;
        assert_eq!((decision.deferred, decision.refused), (None, None));
        assert_eq!(decision.lines, ["used although p still waits: the line is being measured"]);
        let p = policy("p", Isolation::InProcess, json!({"validate": "defer-or-refuse"}));
        let decision = chain(&[p]).await.decide_as(&lease(), standing).await;
        assert_eq!(decision.refused.unwrap().1, "the line is being measured, and it was waited for in vain");
    }
}

#[tokio::test]
async fn a_policy_replaces_what_it_is_granted_and_each_sees_what_the_one_before_made() {
    for isolation in BOTH {
        let settings = json!({"decide": "replace"});
        let first = policy("a", isolation, settings.clone());
        let mut ungranted = policy("b", isolation, json!({"decide": "ungranted"}));
        ungranted.grants.remove(&Grant::Dns);
        let chain = chain(&[first, ungranted, policy("c", isolation, settings)]).await;
        let decision = chain.decide(&lease()).await;
        assert_eq!(decision.plan.mtu.unwrap().0, 1399, "1400, and one less");
        assert!(decision.plan.dns.is_empty());
        assert_eq!(decision.plan.notes, ["a smaller MTU"]);
        let cut: Vec<_> = decision.reports.iter().filter(|report| !report.cut.is_empty()).collect();
        assert_eq!(
            (cut[0].handler.as_str(), cut[0].hook, &cut[0].cut[..]),
            ("b", Hook::Decide, &[Grant::Dns][..])
        );
    }
}

#[tokio::test]
async fn a_hook_that_fails_leaves_the_lease_to_the_others() {
    for isolation in BOTH {
        for (hook, mode) in
            [("validate", "fail"), ("validate", "panic"), ("decide", "fail"), ("decide", "panic")]
        {
            let good = handler("plain", &module("good"), isolation);
            let chain = chain(&[good, policy("p", isolation, json!({hook: mode}))]).await;
            let decision = chain.decide(&lease()).await;
            assert_eq!((decision.refused, decision.deferred), (None, None), "{hook} {mode}");
            assert_eq!(decision.plan.parameters["Vendor.Text"], "acs", "{hook} {mode}");
            let failed = decision.reports.iter().find(|report| report.failure.is_some()).unwrap();
            assert_eq!((failed.handler.as_str(), failed.hook.word()), ("p", hook));
        }
    }
}

#[tokio::test]
async fn a_verdict_that_is_none_is_misbehaviour() {
    let chain = chain(&[policy("p", Isolation::InProcess, json!({"validate": "replace"}))]).await;
    let mut notices = chain.notices();
    let decision = chain.decide(&lease()).await;
    let why = "its verdict replaces a plan before there is one; only decide can";
    assert_eq!(decision.reports[0].failure.as_deref(), Some(why));
    assert_eq!(notices.recv().await.unwrap().kind, NoticeKind::Failed);
}

#[tokio::test]
async fn a_hook_has_a_time_of_its_own() {
    let mut p = policy("p", Isolation::Worker, json!({"validate": "hang"}));
    p.deadlines = [(Hook::Validate, Duration::from_millis(60))].into();
    let chain = chain(&[p]).await;
    let started = std::time::Instant::now();
    let decision = chain.decide(&lease()).await;
    assert!(started.elapsed() < SOON, "the deadline of the other hooks is {SOON:?}");
    assert_eq!(decision.reports[0].failure.as_deref(), Some("gave no answer within 60 ms"));
    let row = status(&chain, "p").hooks.into_iter().find(|row| row.hook == Hook::Validate).unwrap();
    assert_eq!((row.calls, row.failures, row.late), (1, 1, 1));
}

#[tokio::test]
async fn clients_know_nothing_of_each_other() {
    for isolation in BOTH {
        let chain = chain(&[policy("p", isolation, json!({}))]).await;
        let mut counts = Vec::new();
        for client in ["wan4", "wan4", "lte4", "wan4", "lte4"] {
            let decision = chain.decide(&lease_of(client)).await;
            counts.push(decision.plan.parameters["Policy.Leases"].clone());
        }
        assert_eq!(counts, ["1", "2", "1", "3", "2"], "{isolation:?}");
    }
}

#[tokio::test]
async fn a_panic_about_one_client_costs_no_other_its_state() {
    let liar = handler("liar", &module("misbehaving"), Isolation::InProcess);
    let once = Misbehave { mode: "panic", only: vec!["lte4"], ..MODE };
    let chain = chain(&[with_settings(liar, &once)]).await;
    let calls = |decision: Decision| decision.plan.parameters.get("Calls").cloned();
    assert_eq!(calls(chain.decide(&lease()).await).as_deref(), Some("1"));
    assert!(chain.decide(&lease_of("lte4")).await.reports[0].failure.is_some());
    assert_eq!(calls(chain.decide(&lease()).await).as_deref(), Some("2"));
}

#[tokio::test]
async fn options_are_asked_for_each_client_and_stand_in_place_of_the_manifest() {
    for isolation in BOTH {
        let chain = chain(&[policy("p", isolation, json!({}))]).await;
        assert!(chain.wants(&wan4(), Protocol::V4).request.is_empty(), "the manifest has none");
        chain.ask_options(&wan4(), &"wan0".parse().unwrap(), Protocol::V4).await;
        let wants = chain.wants(&wan4(), Protocol::V4);
        assert_eq!(wants.request.into_iter().collect::<Vec<_>>(), [43]);
        assert_eq!(wants.send[&60].0, b"policy of wan4");
        assert_eq!(wants.send.keys().copied().collect::<Vec<_>>(), [60, 124]);
        assert_eq!(
            wants.notes,
            [
                "option 77 is not sent: p wants it in some messages only, which this client cannot do",
                "option 124 is sent in every message: p wants it in some, which this client cannot do",
            ]
        );
        assert_eq!(chain.requested_by(&wan4(), Protocol::V4)[&43], ["p"]);
        assert!(chain.wants(&"lte4".parse().unwrap(), Protocol::V4).send.is_empty());
    }
}

#[tokio::test]
async fn a_handler_that_is_told_of_something_may_publish_events_and_only_hears_of_what_it_asked_for() {
    for isolation in BOTH {
        let mut mute = policy("mute", isolation, json!({"emit": "policy-saw"}));
        mute.grants.remove(&Grant::Events);
        let chain = chain(&[policy("p", isolation, json!({"emit": "policy-saw"})), mute]).await;
        assert!(chain.listens(&wan4(), Protocol::V4, "lease-acquired"));
        assert!(
            !chain.listens(&wan4(), Protocol::V4, "policy-saw")
                && !chain.listens(&wan4(), Protocol::V4, "client-started")
        );
        let acquired = Happening::of("lease-acquired", lease());
        for told in ["1", "2"] {
            let [(handler, event)] = &chain.react(&acquired).await[..] else { panic!("one event") };
            assert_eq!((handler.as_str(), event.name.as_str()), ("p", "policy-saw"));
            assert_eq!(
                (event.fields["event"].as_str(), event.fields["told"].as_str()),
                ("lease-acquired", told)
            );
        }
        assert!(chain.react(&Happening::of("client-started", lease())).await.is_empty());
    }
}

#[tokio::test]
async fn an_event_of_the_hosts_own_cannot_be_published_by_a_handler() {
    let chain = chain(&[policy("p", Isolation::InProcess, json!({"emit": "lease-lost"}))]).await;
    assert!(chain.react(&Happening::of("lease-acquired", lease())).await.is_empty());
    let row = &status(&chain, "p").hooks[0];
    assert_eq!((row.hook, row.failures), (Hook::Event, 1));
}

#[tokio::test]
async fn what_is_told_waits_and_is_bounded() {
    let chain = chain(&[]).await;
    let mut told = chain.happenings().unwrap();
    assert!(chain.happenings().is_none());
    (0..1000).for_each(|_| chain.tell(Happening::of("lease-renewed", lease())));
    let mut count = 0;
    while told.try_recv().is_ok() {
        count += 1;
    }
    assert_eq!(count, 256);
}

fn query() -> ParametersQuery {
    ParametersQuery::new(wan4(), "wan0".parse().unwrap(), Protocol::V4)
}

async fn parameters(chain: &Chain) -> Vec<VendorParameter> {
    chain.parameters(&query(), |_, name| name == "X_RDK_Restart").await
}

async fn colour(chain: &Chain) -> Option<String> {
    parameters(chain).await.into_iter().find(|p| p.name == "X_POLICY_Colour").map(|p| p.value)
}

async fn paint(chain: &Chain, value: &str) -> Result<(), NotTaken> {
    write(chain, &query(), "p", "X_POLICY_Colour", value).await
}

#[tokio::test]
async fn parameters_are_listed_read_and_written_and_what_is_written_comes_with_the_next_lease() {
    for isolation in BOTH {
        let chain = chain(&[policy("p", isolation, json!({}))]).await;
        assert!(chain.has_parameters(&wan4(), Protocol::V4));
        let names: Vec<_> = parameters(&chain).await.into_iter().map(|p| (p.name, p.writable)).collect();
        let named = |name: &str, writable| (name.to_owned(), writable);
        assert_eq!(
            names,
            [
                named("X_POLICY_Colour", true),
                named("X_POLICY_HasLease", false),
                named("X_POLICY_Leases", false)
            ]
        );
        let loud = NotTaken::Refused("handler p: loud is no colour; accepted: red, green, blue".to_owned());
        assert_eq!(paint(&chain, "loud").await, Err(loud));
        let gone = chain.set_parameter(&query(), "q", "X_POLICY_Colour", "red").await;
        assert_eq!(gone, Err(NotTaken::Failed("handler q is gone".to_owned())));
        assert_eq!(chain.decide(&lease()).await.plan.parameters["Policy.Colour"], "none");
        paint(&chain, "blue").await.unwrap();
        assert_eq!(colour(&chain).await.unwrap(), "blue");
        assert_eq!(chain.decide(&lease()).await.plan.parameters["Policy.Colour"], "blue");
        assert_eq!(chain.decide(&lease_of("lte4")).await.plan.parameters["Policy.Colour"], "none");
    }
}

#[tokio::test]
async fn what_was_written_outlives_the_handler() {
    for isolation in BOTH {
        let chain = chain(&[policy("p", isolation, json!({}))]).await;
        paint(&chain, "blue").await.unwrap();
        chain.reconfigure(&[policy("p", isolation, json!({"mtu": 1400}))]).await;
        assert_eq!(colour(&chain).await.unwrap(), "blue", "started anew");
        chain.reload("p").await.unwrap();
        assert_eq!(colour(&chain).await.unwrap(), "blue", "reloaded");
        chain.reconfigure(&[]).await;
        chain.reconfigure(&[policy("p", isolation, json!({}))]).await;
        assert_eq!(chain.decide(&lease()).await.plan.parameters["Policy.Colour"], "blue", "there again");
    }
}

#[tokio::test]
async fn a_value_that_hangs_or_crashes_its_handler_is_not_taken_and_costs_a_deadline_at_most() {
    for (value, what) in [("hang", "gave no answer within"), ("panic", "panicked")] {
        let chain = chain(&[policy("p", Isolation::Worker, json!({}))]).await;
        paint(&chain, "green").await.unwrap();
        let Err(NotTaken::Failed(why)) = paint(&chain, value).await else { panic!("{value} is taken") };
        assert!(why.starts_with("handler p: ") && why.contains(what), "{why}");
        let again = async {
            while colour(&chain).await.as_deref() != Some("green") {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), again).await.expect("it comes back as it was");
    }
}

#[tokio::test]
async fn what_is_wrong_with_parameters_is_told_though_nobody_waits_for_them_any_more() {
    let chain = chain(&[policy("p", Isolation::Worker, json!({"parameters": "hang"}))]).await;
    let answered = tokio::time::timeout(Duration::from_millis(10), parameters(&chain)).await;
    assert!(answered.is_err(), "{answered:?}");
    let told = async {
        while status(&chain, "p").conflicts.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), told).await.expect("it is told");
    let lines = status(&chain, "p").conflicts;
    assert!(lines[0].starts_with("wan4: its parameters are not known: gave no answer within"), "{lines:?}");
}

#[tokio::test]
async fn parameters_that_cannot_be_are_left_out_and_told_once() {
    for (mode, told) in [
        ("ours", "its parameter X_RDK_Restart is left out: the data model has something of that name"),
        ("many", "its parameters are not known: its answer has "),
        ("fail", "its parameters are not known: the stars do not say"),
    ] {
        let chain = chain(&[policy("p", Isolation::Worker, json!({"parameters": mode}))]).await;
        let names: Vec<_> = parameters(&chain).await.into_iter().map(|p| p.name).collect();
        assert!(!names.contains(&"X_RDK_Restart".to_owned()) && names.len() < 4, "{mode}: {names:?}");
        assert_eq!(names.is_empty(), mode != "ours", "{mode}: {names:?}");
        let lines = status(&chain, "p").conflicts;
        assert!(lines.len() == 1 && lines[0].starts_with(&format!("wan4: {told}")), "{mode}: {lines:?}");
    }
}

#[tokio::test]
async fn what_was_written_to_a_parameter_of_another_type_is_kept_and_not_handed_over() {
    let of = |mode: &str| policy("p", Isolation::InProcess, json!({"parameters": mode}));
    let chain = chain(&[of("good")]).await;
    paint(&chain, "blue").await.unwrap();
    chain.reconfigure(&[of("retyped")]).await;
    assert_eq!(colour(&chain).await.unwrap(), "7");
    assert_eq!(chain.decide(&lease()).await.plan.parameters["Policy.Colour"], "none");
    let told = "wan4: what was written to its parameter X_POLICY_Colour is not a whole number without a sign, and is \
                not handed over";
    assert_eq!(status(&chain, "p").conflicts, [told]);
    chain.reconfigure(&[of("good")]).await;
    assert_eq!(colour(&chain).await.unwrap(), "blue");
    assert!(status(&chain, "p").conflicts.is_empty());
}

#[tokio::test]
async fn parameters_need_their_grant() {
    let mut p = policy("p", Isolation::InProcess, json!({}));
    p.grants.remove(&Grant::Parameters);
    let chain = chain(&[p]).await;
    assert!(!chain.has_parameters(&wan4(), Protocol::V4) && parameters(&chain).await.is_empty());
}

#[tokio::test]
async fn a_conflict_is_followed_by_order_and_told_once_for_as_long_as_it_lasts() {
    let handlers = |later: u32| {
        let of = |name, mtu: u32| policy(name, Isolation::InProcess, json!({"mtu": mtu}));
        [of("a", 1492), of("b", later)]
    };
    let chain = chain(&handlers(1400)).await;
    let mut notices = chain.notices();
    let told = "conflict about mtu (a says 1492, b says 1400): b comes after a and is followed";
    for _ in 0..3 {
        let decision = chain.decide(&lease()).await;
        assert_eq!(decision.plan.mtu.unwrap().0, 1400);
        assert_eq!(decision.lines, [told]);
    }
    let notice = notices.recv().await.unwrap();
    assert_eq!((notice.kind, notice.handler.as_str()), (NoticeKind::Conflict, "b"));
    assert_eq!(notice.reason, format!("wan4: {told}"));
    assert!(notices.try_recv().is_err(), "once");
    for name in ["a", "b"] {
        assert_eq!(status(&chain, name).conflicts, [format!("wan4: {told}")]);
    }
    chain.reconfigure(&handlers(1492)).await;
    // What else they say differently, now that one has been started anew, is another matter.
    assert!(!chain.decide(&lease()).await.lines.iter().any(|line| line.contains("about mtu")));
    assert!(!status(&chain, "a").conflicts.iter().any(|line| line.contains("about mtu")));
}

#[tokio::test]
async fn a_declared_override_is_no_conflict_and_goes_before_the_order() {
    let mut first = policy("a", Isolation::InProcess, json!({"mtu": 1400}));
    first.overrides = vec!["b.mtu".to_owned()];
    let chain = chain(&[first, policy("b", Isolation::InProcess, json!({"mtu": 1492}))]).await;
    let decision = chain.decide(&lease()).await;
    assert_eq!(decision.plan.mtu.unwrap().0, 1400);
    assert_eq!(decision.lines, ["mtu: a takes the place of b, as declared"]);
}

#[tokio::test]
async fn two_that_send_one_option_differently_are_told() {
    let mut plain = handler("plain", &module("good"), Isolation::InProcess);
    plain.grants = Grant::ALL.into();
    let chain = chain(&[plain, policy("p", Isolation::InProcess, json!({}))]).await;
    chain.ask_options(&wan4(), &"wan0".parse().unwrap(), Protocol::V4).await;
    let wants = chain.wants(&wan4(), Protocol::V4);
    assert_eq!(wants.send[&60].0, b"policy of wan4");
    assert!(wants.notes.iter().any(|note| note.starts_with("conflict about option 60 to send (plain says ")));
    assert_eq!(status(&chain, "plain").conflicts.len(), 1);
}

#[tokio::test]
async fn settings_that_the_schema_does_not_know_are_refused_before_the_module_sees_them() {
    for isolation in BOTH {
        let settings = json!({"validate": "sometimes", "mtu": 68, "speling": 1});
        let chain = chain(&[policy("p", isolation, settings)]).await;
        let row = status(&chain, "p");
        assert_eq!(row.state, HandlerState::Refused);
        let reason = row.reason.unwrap();
        for told in [
            "settings.mtu: 68 is refused; accepted: a whole number from 576 to 65535",
            "settings.speling: is no setting of this module; accepted: validate, decide",
            "settings.validate: \"sometimes\" is refused; accepted: \"continue\", \"refuse\"",
        ] {
            assert!(reason.contains(told), "{reason}");
        }
    }
}

#[tokio::test]
async fn a_policy_that_crashes_still_holds_for_what_is_proposed_as_before() {
    let chain: Chain =
        chain(&[policy("p", Isolation::InProcess, json!({"decide": "replace", "mtu": 1500}))]).await;
    assert_eq!(chain.decide(&lease()).await.plan.mtu.unwrap().0, 1499);
    chain.reconfigure(&[policy("p", Isolation::InProcess, json!({"decide": "panic", "mtu": 1500}))]).await;
    let decision = chain.decide(&lease()).await;
    assert!(decision.reports.last().unwrap().failure.is_some());
    assert_eq!(decision.plan.mtu.unwrap().0, 1499, "the same was proposed");
    chain.reconfigure(&[policy("p", Isolation::InProcess, json!({"decide": "panic", "mtu": 1480}))]).await;
    assert_eq!(chain.decide(&lease()).await.plan.mtu.unwrap().0, 1480, "it never judged this");
}
