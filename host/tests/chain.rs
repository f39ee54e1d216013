//! The handler chain, with real modules in this process: order, grants, failures, what is wanted, and changes of the
//! configuration.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod handlers_support;
mod support;

use std::path::Path;
use std::time::Duration;

use dhcpmgr::config::{Grant, Handler, Isolation};
use dhcpmgr::flat::{FlatMap, FlatSet};
use dhcpmgr::handlers::{Chain, HandlerState, NoticeKind, Wants};
use dhcpmgr_plugin_api::{ApiVersion, Protocol};
use handlers_support::*;
use support::module;

fn good(name: &str) -> Handler {
    handler(name, &module("good"), Isolation::InProcess)
}

fn misbehaving(settings: &Misbehave) -> Handler {
    with_settings(handler("liar", &module("misbehaving"), Isolation::InProcess), settings)
}

fn client() -> dhcpmgr_message::ClientName {
    "wan4".parse().unwrap()
}

#[tokio::test]
async fn a_lease_goes_through_every_handler_in_the_order_of_the_configuration() {
    let second = handler("b", &module("second"), Isolation::InProcess);
    let chain = chain(&[good("a"), second]).await;
    let decision = chain.decide(&lease()).await;
    let reported: Vec<_> = decision.reports.iter().map(|r| r.handler.as_str()).collect();
    assert_eq!(reported, ["a", "b"]);
    assert!(decision.reports.iter().all(|r| r.failure.is_none() && r.cut.is_empty()));
    assert_eq!(decision.plan.parameters["Vendor.Text"], "acs");
    assert_eq!(decision.plan.parameters["Second"], "yes");
    assert_eq!(decision.plan.dns, ["192.0.2.53".parse::<std::net::IpAddr>().unwrap()]);
    assert_eq!(decision.refused, None);
}

#[tokio::test]
async fn what_a_third_party_is_not_granted_is_cut_and_reported() {
    let mut liar = misbehaving(&Misbehave { mode: "ungranted", ..MODE });
    liar.grants = Grant::THIRD_PARTY.into();
    let decision = chain(&[liar]).await.decide(&lease()).await;
    assert_eq!(
        decision.reports[0].cut,
        [Grant::Addresses, Grant::Routes, Grant::Mtu, Grant::Dns, Grant::Refuse]
    );
    assert_eq!(decision.refused, None);
    let plan = &decision.plan;
    assert!(plan.addresses.is_empty() && plan.routes.is_empty() && plan.dns.is_empty());
    assert_eq!((plan.mtu, &plan.refuse), (None, &None));
    assert_eq!(plan.parameters["Calls"], "1");
}

#[tokio::test]
async fn a_granted_refusal_refuses_the_lease_and_says_who() {
    let liar = misbehaving(&Misbehave { mode: "ungranted", ..MODE });
    let decision = chain(&[good("a"), liar]).await.decide(&lease()).await;
    assert_eq!(decision.refused, Some(("liar".to_owned(), "because I can".to_owned())));
}

#[tokio::test]
async fn a_handler_is_asked_for_its_clients_and_protocols_only() {
    let mut only = good("only");
    only.clients = Some(FlatSet::from(["wan9".parse().unwrap()]));
    let chain = chain(&[only, good("all")]).await;
    let reported = |decision: dhcpmgr::handlers::Decision| {
        decision.reports.into_iter().map(|r| r.handler).collect::<Vec<_>>()
    };
    assert_eq!(reported(chain.decide(&lease()).await), ["all"]);
    assert_eq!(reported(chain.decide(&lease_of("wan9")).await), ["only", "all"]);
    let mut v6 = lease();
    v6.protocol = Protocol::V6;
    assert_eq!(reported(chain.decide(&v6).await), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_wanted_comes_from_the_handlers_that_could_use_it() {
    let needy = handler("needy", &module("needy"), Isolation::InProcess);
    let mut other = good("other");
    other.grants = FlatSet::new();
    let chain = chain(&[good("a"), other, needy]).await;
    let both = ["a".to_owned(), "other".to_owned()].to_vec();
    assert_eq!(chain.requested_by(&client(), Protocol::V4), FlatMap::from([(43, both)]));
    let wants = chain.wants(&client(), Protocol::V4);
    assert_eq!(wants.request, FlatSet::from([43]));
    assert_eq!(wants.send, FlatMap::from([(60, b"good/1".to_vec().into())]));
    assert_eq!(chain.wants(&client(), Protocol::V6), Wants::default());
    // It is loaded and asked all the same, and says what it lacks.
    let needy = status(&chain, "needy");
    assert_eq!(needy.state, HandlerState::Healthy);
    assert!(needy.reason.unwrap().contains("/proc/net/no/such/control"));
    assert_eq!(chain.decide(&lease()).await.plan.parameters["Needy"], "asked");
}

#[tokio::test]
async fn options_are_sent_with_the_grant_only() {
    let mut handler = good("a");
    handler.grants.remove(&Grant::SendOptions);
    let wants = chain(&[handler]).await.wants(&client(), Protocol::V4);
    assert_eq!((wants.request.len(), wants.send.len()), (1, 0));
}

#[tokio::test]
async fn a_module_that_cannot_be_loaded_is_shown_and_stops_nobody_else() {
    let absent = handler("absent", Path::new("libabsent.so"), Isolation::InProcess);
    let outside = handler("outside", Path::new("../libgood.so"), Isolation::Worker);
    let picky = misbehaving(&Misbehave { mode: "create-fail", ..MODE });
    let handlers = [absent, outside, picky, good("a")];
    let chain = Chain::load(&handlers, &support::modules(), &worker_exe()).await;
    for (name, word) in [
        ("absent", "libabsent.so cannot be read"),
        ("outside", "must be a file name"),
        ("liar", "settings.server"),
    ] {
        let status = status(&chain, name);
        assert_eq!(status.state, HandlerState::Refused, "{name}");
        let reason = status.reason.unwrap();
        assert!(reason.contains(word) && !reason.contains('\n'), "{reason}");
    }
    let decision = chain.decide(&lease()).await;
    assert_eq!(decision.plan.parameters["Vendor.Text"], "acs");
    assert!(decision.reports[0].failure.as_ref().unwrap().contains("is not loaded"));
    assert!(chain.reset("absent").await.unwrap_err().contains("libabsent.so"));
    assert!(chain.reset("nobody").await.unwrap_err().contains("absent, outside, liar, a"));
}

#[tokio::test]
async fn a_module_is_found_in_the_handlers_directory() {
    let path = module("good");
    let name = path.file_name().unwrap();
    let relative = handler("a", Path::new(name), Isolation::InProcess);
    let chain = Chain::load(&[relative], path.parent().unwrap(), &worker_exe()).await;
    let status = status(&chain, "a");
    assert_eq!(
        (status.state, status.version.as_str(), status.api.as_str()),
        (HandlerState::Healthy, "1.2.3", ApiVersion::CURRENT.to_string().as_str())
    );
}

#[tokio::test]
async fn when_a_call_fails_the_last_good_contribution_stays_until_the_lease_is_lost() {
    let chain = chain(&[misbehaving(&Misbehave { mode: "fail", after: 1, ..MODE })]).await;
    assert_eq!(chain.decide(&lease()).await.plan.parameters["Calls"], "1");
    let second = chain.decide(&lease()).await;
    assert_eq!(second.plan.parameters["Calls"], "1");
    let report = &second.reports[0];
    assert_eq!(report.failure.as_deref(), Some("the option makes no sense to me"));
    assert!(report.notes[0].contains("stays in force"), "{:?}", report.notes);
    // Another client has a handler of its own, with a first call of its own.
    assert_eq!(chain.decide(&lease_of("wan9")).await.plan.parameters["Calls"], "1");
    chain.forget(&client());
    let third = chain.decide(&lease()).await;
    assert!(third.plan.parameters.is_empty());
    assert!(third.reports[0].notes[0].contains("nothing for this client"), "{:?}", third.reports);
}

#[tokio::test]
async fn a_last_good_contribution_is_cut_to_the_grants_of_today() {
    let mut liar = misbehaving(&Misbehave { mode: "fail", after: 1, ..MODE });
    let chain = chain(std::slice::from_ref(&liar)).await;
    chain.decide(&lease()).await;
    liar.grants.clear();
    assert_eq!(chain.reconfigure(&[liar]).await, ["handler liar: grants changed"]);
    assert!(chain.decide(&lease()).await.plan.parameters.is_empty());
}

#[tokio::test]
async fn an_orderly_error_is_no_misbehaviour_however_often_it_comes() {
    let chain = chain(&[misbehaving(&Misbehave { mode: "fail", ..MODE })]).await;
    let mut notices = chain.notices();
    for _ in 0..20 {
        chain.decide(&lease()).await;
    }
    let status = status(&chain, "liar");
    assert_eq!((status.state, status.calls, status.failures), (HandlerState::Healthy, 20, 20));
    assert!(notices.try_recv().is_err());
}

#[tokio::test]
async fn a_handler_that_panics_again_and_again_is_quarantined_and_comes_back_when_reset() {
    let settings = Misbehave { mode: "panic", only: vec!["wan4"], ..MODE };
    let chain = chain(&[misbehaving(&settings), good("a")]).await;
    let mut notices = chain.notices();
    for call in 1..=5 {
        assert_eq!(status(&chain, "liar").state, HandlerState::Healthy, "before call {call}");
        let decision = chain.decide(&lease()).await;
        assert!(decision.reports[0].failure.as_ref().unwrap().contains("I was told to panic"));
        assert_eq!(decision.plan.parameters["Vendor.Text"], "acs", "the others go on");
        assert_eq!(notices.recv().await.unwrap().kind, NoticeKind::Failed);
    }
    assert_eq!(notices.recv().await.unwrap().kind, NoticeKind::Quarantined);
    assert_eq!(status(&chain, "liar").state, HandlerState::Quarantined);
    // Not even asked now, about nobody's lease.
    let decision = chain.decide(&lease_of("wan5")).await;
    assert!(decision.reports[0].failure.as_ref().unwrap().contains("is quarantined"));
    chain.reset("liar").await.unwrap();
    assert_eq!(notices.recv().await.unwrap().kind, NoticeKind::Recovered);
    assert_eq!(chain.decide(&lease_of("wan5")).await.plan.parameters["Calls"], "1");
}

#[tokio::test]
async fn a_quarantined_handler_wants_nothing() {
    let chain = chain(&[good("a"), misbehaving(&Misbehave { mode: "panic", ..MODE })]).await;
    assert_eq!(chain.wants(&client(), Protocol::V4).request, FlatSet::from([43, 125]));
    for _ in 0..5 {
        chain.decide(&lease()).await;
    }
    assert_eq!(status(&chain, "liar").state, HandlerState::Quarantined);
    assert_eq!(chain.wants(&client(), Protocol::V4).request, FlatSet::from([43]));
}

#[tokio::test]
async fn a_plan_that_cannot_be_right_is_a_failure_even_when_everything_is_granted() {
    for (mode, word) in
        [("control-characters", "cannot be right"), ("many-routes", "its "), ("huge", "bytes")]
    {
        let chain = chain(&[misbehaving(&Misbehave { mode, after: 1, ..MODE })]).await;
        let mut notices = chain.notices();
        chain.decide(&lease()).await;
        let decision = chain.decide(&lease()).await;
        let failure = decision.reports[0].failure.clone().unwrap();
        assert!(failure.contains(word), "{mode}: {failure}");
        assert_eq!(decision.plan.parameters["Calls"], "1", "{mode}");
        assert_eq!(notices.recv().await.unwrap().reason, failure, "{mode}");
    }
}

#[tokio::test]
async fn a_call_in_the_daemon_that_takes_too_long_is_told() {
    let mut slow = misbehaving(&Misbehave { mode: "slow", amount: 30, ..MODE });
    slow.deadline = Duration::from_millis(5);
    let chain = chain(&[slow]).await;
    let decision = chain.decide(&lease()).await;
    let report = &decision.reports[0];
    assert!(report.failure.is_none() && report.took >= Duration::from_millis(30));
    assert!(report.notes[0].contains("its deadline is 5 ms"), "{:?}", report.notes);
    assert!(status(&chain, "liar").p99_us >= 30_000);
}

#[tokio::test]
async fn a_reload_touches_only_what_differs() {
    #[derive(serde::Serialize)]
    struct Dns {
        dns: &'static str,
    }
    let chain = chain(&[good("a"), good("b"), good("c")]).await;
    chain.decide(&lease()).await;
    assert_eq!(chain.reconfigure(&[good("a"), good("b"), good("c")]).await, Vec::<String>::new());

    let mut b = good("b");
    b.deadline = Duration::from_secs(1);
    b.grants.remove(&Grant::Refuse);
    let c = with_settings(good("c"), &Dns { dns: "192.0.2.99" });
    let lines = chain.reconfigure(&[b.clone(), good("d"), c.clone()]).await;
    assert_eq!(
        lines,
        [
            "handler b: grants changed",
            "handler b: deadline changed",
            "handler d: added",
            "handler c: started anew",
            "handler a: removed"
        ]
    );
    let names: Vec<_> = chain.status().into_iter().map(|s| s.name).collect();
    assert_eq!(names, ["b", "d", "c"]);
    // b went on counting, the others started; the last in the chain wins.
    chain.decide(&lease()).await;
    let (b_calls, c_calls) = (status(&chain, "b").calls, status(&chain, "c").calls);
    assert_eq!((b_calls, c_calls), (2, 1));

    assert_eq!(chain.reconfigure(&[c, b, good("d")]).await, ["handlers: the order is now c, b, d"]);
    let decision = chain.decide(&lease()).await;
    assert_eq!(decision.reports[0].handler, "c");
    assert_eq!(decision.plan.dns.len(), 2);
}

#[tokio::test]
async fn a_refused_handler_is_tried_again_at_a_reload_and_at_a_reset() {
    let directory = tempfile::tempdir().unwrap();
    let late = |name| handler(name, Path::new("late.so"), Isolation::InProcess);
    let handlers = [late("a"), late("b")];
    let chain = Chain::load(&handlers, directory.path(), &worker_exe()).await;
    assert_eq!(chain.reconfigure(&handlers).await, Vec::<String>::new());
    std::fs::copy(module("good"), directory.path().join("late.so")).unwrap();
    chain.reset("a").await.unwrap();
    assert_eq!(status(&chain, "a").state, HandlerState::Healthy);
    assert_eq!(status(&chain, "b").state, HandlerState::Refused);
    assert_eq!(chain.reconfigure(&handlers).await, ["handler b: started anew"]);
    assert_eq!(chain.decide(&lease()).await.plan.parameters["Vendor.Text"], "acs");
}
