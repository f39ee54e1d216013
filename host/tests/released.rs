//! The compatibility promise: modules of every released SDK load and answer, and so they will in every later host.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod handlers_support;
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use dhcpmgr::config::Isolation;
use dhcpmgr::handlers::HandlerState;
use dhcpmgr::handlers::loader::{Module, inspect};
use dhcpmgr_plugin_api::{ApiVersion, Happening, ParametersQuery, Protocol};
use handlers_support::*;
use support::{install, root};

/// The modules for this machine, in a place where they may be loaded from. `None`, loudly, where there are none.
fn released() -> Option<Vec<(String, PathBuf)>> {
    let directory = root().join("tests/released").join(std::env::consts::ARCH);
    if cfg!(not(target_env = "gnu")) || !directory.is_dir() {
        eprintln!("SKIPPED: no module of a released SDK is for this machine; they are for x86_64 with glibc");
        return None;
    }
    // Tests run beside each other, and one of them copies.
    static MODULES: OnceLock<Vec<(String, PathBuf)>> = OnceLock::new();
    Some(MODULES.get_or_init(|| installed(&directory)).clone())
}

fn installed(directory: &Path) -> Vec<(String, PathBuf)> {
    let mut modules: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path))
        .map(|(name, path)| (name.clone(), install(&path, &format!("released-{name}.so"))))
        .collect();
    modules.sort();
    modules
}

#[test]
fn none_of_them_is_missing() {
    let Some(modules) = released() else { return };
    let names: Vec<_> = modules.iter().map(|(name, _)| name.as_str()).collect();
    // A release adds a line; none is ever taken away.
    assert_eq!(names, ["c-1.1", "rust-1.0", "rust-1.1"]);
}

#[test]
fn they_say_what_they_need_and_load_here_and_in_every_later_host() {
    for (name, path) in released().unwrap_or_default() {
        let needed = inspect(&path).unwrap().api;
        assert!(name.ends_with(&format!("-{needed}")), "{name} needs {needed}");
        for minor in [needed.minor, ApiVersion::CURRENT.minor, 7, u16::MAX] {
            Module::load_for(&path, ApiVersion { major: needed.major, minor }).unwrap();
        }
    }
}

#[tokio::test]
async fn they_answer_in_a_worker_and_in_the_daemon() {
    for (name, path) in released().unwrap_or_default() {
        for isolation in [Isolation::Worker, Isolation::InProcess] {
            let chain = chain(&[handler("old", &path, isolation)]).await;
            let mut event = lease();
            let option = b"\x01\x0bhttp://acs/".to_vec();
            event.v4.as_mut().unwrap().options.insert(43, option.into());
            let plan = chain.decide(&event).await.plan;
            let expected = match name.as_str() {
                "c-1.1" => ("ManagementServer.URL", "http://acs/"),
                "rust-1.0" => ("First.Client", "wan4"),
                "rust-1.1" => ("Policy.Leases", "1"),
                other => panic!("what does {other} say?"),
            };
            assert_eq!(plan.parameters[expected.0], expected.1, "{name} {isolation:?}");
            assert_eq!(status(&chain, "old").state, HandlerState::Healthy);
        }
    }
}

/// Each hook of 1.1, as that module was built to answer.
#[tokio::test]
async fn the_one_with_every_hook_is_asked_at_each() {
    let Some(modules) = released() else { return };
    let (_, path) = modules.iter().find(|(name, _)| name == "rust-1.1").unwrap();
    let (client, query) = (
        "wan4".parse().unwrap(),
        ParametersQuery::new("wan4".parse().unwrap(), "wan0".parse().unwrap(), Protocol::V4),
    );
    for isolation in [Isolation::Worker, Isolation::InProcess] {
        let with = |verdict: &str, mode: &str| {
            let settings = BTreeMap::from([(verdict, mode), ("emit", "policy-saw")]);
            with_settings(handler("old", path, isolation), &settings)
        };
        let chain = chain(&[with("decide", "replace")]).await;
        chain.ask_options(&client, &"wan0".parse().unwrap(), Protocol::V4).await;
        let wants = chain.wants(&client, Protocol::V4);
        assert!(wants.request.contains(&43) && wants.send[&60].0 == b"policy of wan4", "{wants:?}");
        write(&chain, &query, "old", "X_POLICY_Colour", "blue").await.unwrap();
        let plan = chain.decide(&lease()).await.plan;
        assert_eq!(plan.mtu.map(|mtu| mtu.0), Some(1400));
        assert_eq!(plan.parameters["Policy.Colour"], "blue");
        let parameters = chain.parameters(&query, |_, _| false).await;
        let leases = parameters.iter().find(|parameter| parameter.name == "X_POLICY_Leases");
        assert_eq!(leases.unwrap().value, "1");
        let reactions = chain.react(&Happening::of("lease-acquired", lease())).await;
        assert_eq!(reactions[0].1.name, "policy-saw");
        let refusing = handlers_support::chain(&[with("validate", "refuse")]).await;
        let refused = refusing.decide(&lease()).await.refused.unwrap();
        assert_eq!(refused.1, "the operator does not want this lease");
    }
}
