//! What an operator does to one handler while leases go on: it is loaded anew, put aside, and taken back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod handlers_support;
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use dhcpmgr::cli::render::{self, Style};
use dhcpmgr::config::{Handler, Isolation};
use dhcpmgr::handlers::{Chain, HandlerState, NoticeKind};
use dhcpmgr_plugin_api::Protocol;
use handlers_support::*;
use support::module;

const BOTH: [Isolation; 2] = [Isolation::Worker, Isolation::InProcess];

/// A place for one module, whose file is replaced as a package manager would.
struct Place(tempfile::TempDir);

impl Place {
    fn with(module: &Path) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.install(module);
        place
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("module.so")
    }

    fn install(&self, module: &Path) {
        let new = self.0.path().join("new");
        fs::copy(module, &new).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(new, self.path()).unwrap();
    }

    fn handler(&self, isolation: Isolation) -> Handler {
        handler("one", &self.path(), isolation)
    }
}

async fn requests(chain: &Chain) -> bool {
    !chain.requested_by(&"wan4".parse().unwrap(), Protocol::V4).is_empty()
}

#[tokio::test]
async fn a_module_that_was_replaced_is_loaded_anew_and_the_old_one_serves_until_then() {
    for isolation in BOTH {
        let place = Place::with(&module("good"));
        let chain = chain(&[place.handler(isolation)]).await;
        let former = status(&chain, "one");
        place.install(&module("second"));
        assert!(
            chain.decide(&lease()).await.plan.parameters.contains_key("Vendor.Text"),
            "the old one still"
        );
        let told = chain.reload("one").await.unwrap();
        assert!(told.starts_with("handler one is reloaded, version "), "{told}");
        assert_eq!(told.contains("stays in memory"), isolation == Isolation::InProcess);
        assert_eq!(chain.decide(&lease()).await.plan.parameters["Second"], "yes", "{isolation:?}");
        let now = status(&chain, "one");
        assert_eq!(now.state, HandlerState::Healthy);
        assert!(now.pid.is_none() || now.pid != former.pid);
        if let Some(pid) = former.pid {
            let gone = async {
                while Path::new(&format!("/proc/{pid}")).exists() {
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
            };
            tokio::time::timeout(SOON, gone).await.expect("the old worker ends");
        }
    }
}

#[tokio::test]
async fn a_module_that_does_not_load_changes_nothing() {
    for isolation in BOTH {
        let place = Place::with(&module("good"));
        let chain = chain(&[place.handler(isolation)]).await;
        let pid = status(&chain, "one").pid;
        for wrong in [module("aborting"), "/etc/passwd".into()] {
            place.install(&wrong);
            let error = chain.reload("one").await.unwrap_err();
            assert!(
                error.starts_with("handler one is not reloaded, and the one that is there stays: module "),
                "{error}"
            );
        }
        assert_eq!((status(&chain, "one").state, status(&chain, "one").pid), (HandlerState::Healthy, pid));
        assert!(chain.decide(&lease()).await.plan.parameters.contains_key("Vendor.Text"));
        assert!(chain.reload("two").await.unwrap_err().ends_with("there are: one"));
    }
}

#[tokio::test]
async fn leases_that_are_decided_while_a_handler_is_reloaded_are_all_answered() {
    let place = Place::with(&module("good"));
    let chain = chain(&[place.handler(Isolation::Worker)]).await;
    let deciding = async {
        for _ in 0..200 {
            let decision = chain.decide(&lease()).await;
            assert_eq!(decision.reports[0].failure, None);
            assert!(decision.plan.parameters.contains_key("Vendor.Text"));
        }
    };
    let reloading = async {
        for _ in 0..3 {
            chain.reload("one").await.unwrap();
        }
    };
    tokio::join!(deciding, reloading);
}

#[tokio::test]
async fn what_it_contributed_stays_when_a_reloaded_handler_fails() {
    let place = Place::with(&module("good"));
    let chain = chain(&[place.handler(Isolation::Worker)]).await;
    chain.decide(&lease()).await;
    chain.reload("one").await.unwrap();
    chain.quarantine("one").await.unwrap();
    assert!(chain.decide(&lease()).await.plan.parameters.contains_key("Vendor.Text"));
}

#[tokio::test]
async fn a_handler_is_put_aside_and_taken_back() {
    for isolation in BOTH {
        let place = Place::with(&module("good"));
        let chain = chain(&[place.handler(isolation)]).await;
        let mut notices = chain.notices();
        let before = chain.decide(&lease()).await.plan;
        assert!(requests(&chain).await);
        chain.quarantine("one").await.unwrap();
        let row = status(&chain, "one");
        assert_eq!(
            (row.state, row.pid, row.reason.as_deref()),
            (HandlerState::Quarantined, None, Some("by the operator"))
        );
        assert_eq!(notice(&mut notices, NoticeKind::Quarantined).await.reason, "by the operator");
        let decision = chain.decide(&lease()).await;
        assert_eq!(decision.reports[0].failure.as_deref(), Some("is quarantined: by the operator"));
        assert_eq!(decision.plan.parameters, before.parameters, "what it contributed stays in force");
        assert!(!requests(&chain).await, "nobody reads its options now");
        // Again is no error; and it comes back.
        chain.quarantine("one").await.unwrap();
        chain.reset("one").await.unwrap();
        until(&chain, "one", HandlerState::Healthy).await;
        assert_eq!(chain.decide(&lease()).await.reports[0].failure, None, "{isolation:?}");
        assert!(requests(&chain).await);
    }
}

#[tokio::test]
async fn what_its_calls_cost_is_shown_for_each_hook() {
    let place = Place::with(&module("good"));
    let chain = chain(&[place.handler(Isolation::Worker)]).await;
    for _ in 0..5 {
        chain.decide(&lease()).await;
    }
    let text = render::handler(&status(&chain, "one"), Style { colour: false });
    let hook = text.split("\n\n").last().unwrap();
    assert!(hook.starts_with("lease: 5 calls, 0 failed, 0 late, "), "{text}");
    let counted: u64 = hook
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().last().unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(counted, 5, "{text}");
}

#[tokio::test]
async fn a_reload_ends_a_quarantine() {
    let place = Place::with(&module("good"));
    let chain = chain(&[place.handler(Isolation::Worker)]).await;
    chain.quarantine("one").await.unwrap();
    chain.reload("one").await.unwrap();
    assert_eq!(status(&chain, "one").state, HandlerState::Healthy);
    let missing =
        handlers_support::chain(&[handler("one", Path::new("/nonexistent.so"), Isolation::InProcess)]).await;
    assert!(
        missing
            .quarantine("one")
            .await
            .unwrap_err()
            .starts_with("it does not run anyway: module /nonexistent.so")
    );
}
