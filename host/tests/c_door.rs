//! Modules in C: built as a vendor would build them, run by the same chain with the same grants, and refused or contained
//! when they are wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod handlers_support;
mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use dhcpmgr::config::{Grant, Handler, Isolation};
use dhcpmgr::handlers::loader::{CallError, Module, inspect};
use dhcpmgr::handlers::{HandlerState, NoticeKind};
use dhcpmgr_message::wire;
use dhcpmgr_plugin_api::note::SdkVersion;
use dhcpmgr_plugin_api::{ApiVersion, DATA_LIMITS, Emitted, LeaseEvent, Plan, Protocol, Settings, operation};
use handlers_support::*;
use support::c::{STRICT, acme, cc, hostile};
use support::root;

fn event() -> LeaseEvent {
    let mut event = lease();
    let option = b"\x02\x01x\x01\x0bhttp://acs/".to_vec();
    event.v4.as_mut().unwrap().options.insert(43, option.into());
    event
}

fn expected() -> Plan {
    Plan::default()
        .with_parameter("ManagementServer.URL", "http://acs/")
        .with_event(Emitted::new("acs-found").with("url", "http://acs/"))
}

fn answer(module: &Path, settings: &[u8]) -> Result<Plan, CallError> {
    let mut instance = Module::load(module).unwrap().create(settings)?;
    let bytes = instance.call(operation::LEASE, &wire::encode(&event()).unwrap())?;
    Ok(wire::decode_within(&bytes, &DATA_LIMITS).unwrap())
}

#[test]
fn the_example_passes_its_own_tests_under_the_sanitizers() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("acme_test");
    let example = root().join("plugin-api/c/example");
    let build = |sanitize: &[&str]| {
        let mut command = Command::new("cc");
        command.args(STRICT).args(sanitize).arg(format!("-I{}", root().join("plugin-api/c").display()));
        command.arg("-o").arg(&program).args([example.join("acme_test.c"), example.join("acme.c")]);
        command.output().unwrap()
    };
    let sanitize = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    if !build(&sanitize).status.success() {
        eprintln!("SKIPPED the sanitizers: this compiler has none");
        let built = build(&[]);
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    }
    let ran = Command::new(&program).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(ran.stdout, b"acme: all tests passed\n");
}

#[test]
fn what_a_module_in_c_needs_is_in_its_file() {
    let note = inspect(&acme()).unwrap();
    assert_eq!((note.api, note.sdk), (ApiVersion::CURRENT, SdkVersion::CURRENT));
    assert!(note.in_c && note.unwinds);
    let older = Module::load_for(&acme(), ApiVersion { major: 1, minor: 0 }).unwrap_err().to_string();
    assert!(
        older.ends_with(
            "this host accepts 1.0 to 1.0; update the host, or rebuild the module with min_minor = 0 or less"
        ),
        "{older}"
    );
    Module::load_for(&acme(), ApiVersion { major: 1, minor: 9 }).unwrap();
    // The first host with a door for C, whatever this SDK is.
    let first = cc("libacme_first", &root().join("plugin-api/c/example/acme.c"), &["DHCPMGR_NEEDS_MINOR=1"]);
    Module::load_for(&first, ApiVersion { major: 1, minor: 1 }).unwrap();
}

#[test]
fn it_loads_with_its_manifest_and_its_settings() {
    let module = Module::load(&acme()).unwrap();
    assert_eq!((module.manifest.name.as_str(), module.manifest.version.as_str()), ("acme-options", "1.0.0"));
    assert_eq!(
        (module.manifest.protocols.as_slice(), module.manifest.options_consumed.as_slice()),
        (&[Protocol::V4][..], &[43][..])
    );
    assert_eq!(module.manifest.options_sent[0].value.0, b"acme-options");
    assert_eq!(answer(&acme(), b""), Ok(expected()));
    let settings = |key: &str, value: u16| Settings::of(&BTreeMap::from([(key, value)])).unwrap();
    let other = answer(&acme(), settings("acs_option", 125).as_bytes()).unwrap();
    assert_eq!(other.notes, ["the server sent no vendor option"]);
    for (key, value, told) in [
        ("acs_option", 0, "settings.acs_option: must be the code of an option, 1 to 254"),
        ("acs_option", 255, "settings.acs_option: must be the code of an option, 1 to 254"),
        ("acs_opiton", 43, "settings: an unknown key; there is only acs_option"),
    ] {
        let error = answer(&acme(), settings(key, value).as_bytes()).unwrap_err();
        assert_eq!(error, CallError::Failed(told.to_owned()));
    }
}

#[test]
fn operations_of_the_future_are_unsupported_and_input_that_is_no_event_harms_nothing() {
    let mut instance = Module::load(&acme()).unwrap().create(b"").unwrap();
    for unknown in [0, 99, u32::MAX] {
        assert_eq!(instance.call(unknown, b"").unwrap_err(), CallError::Unsupported(unknown));
    }
    let whole = wire::encode(&event()).unwrap();
    for cut in 0..whole.len() {
        // Not an event any more, or one without its last option: an answer either way.
        let bytes = instance.call(operation::LEASE, &whole[..cut]).unwrap();
        wire::decode::<Plan>(&bytes).unwrap();
    }
    for at in 0..whole.len() {
        for byte in [0x00, 0x7f, 0x80, 0x9f, 0xc1, 0xc6, 0xdb, 0xdd, 0xdf, 0xff] {
            let mut changed = whole.clone();
            changed[at] = byte;
            if let Ok(bytes) = instance.call(operation::LEASE, &changed) {
                wire::decode::<Plan>(&bytes).unwrap();
            }
        }
    }
}

fn configured(isolation: Isolation, grants: &[Grant]) -> Handler {
    let mut handler = handler("acme", &acme(), isolation);
    handler.grants = grants.iter().copied().collect();
    handler
}

#[tokio::test]
async fn the_chain_runs_it_in_both_places_with_the_same_grants() {
    for isolation in [Isolation::InProcess, Isolation::Worker] {
        let all = chain(&[configured(isolation, &Grant::ALL)]).await;
        assert_eq!(all.decide(&event()).await.plan, expected(), "{isolation:?}");
        let wants = all.wants(&"wan4".parse().unwrap(), Protocol::V4);
        assert_eq!((wants.request.contains(&43), wants.send[&60].0.as_slice()), (true, &b"acme-options"[..]));
        let shown = status(&all, "acme");
        assert_eq!(
            (shown.state, shown.version.as_str(), shown.api.as_str()),
            (HandlerState::Healthy, "1.0.0", ApiVersion::CURRENT.to_string().as_str())
        );

        let some = chain(&[configured(isolation, &[Grant::Parameters])]).await;
        let decision = some.decide(&event()).await;
        assert_eq!(decision.reports[0].cut, [Grant::Events], "{isolation:?}");
        assert_eq!((decision.plan.events.len(), decision.plan.parameters.len()), (0, 1));
        assert!(some.wants(&"wan4".parse().unwrap(), Protocol::V4).send.is_empty());
    }
}

#[tokio::test]
async fn an_error_of_it_is_an_orderly_one() {
    for isolation in [Isolation::InProcess, Isolation::Worker] {
        let chain = chain(&[configured(isolation, &Grant::ALL)]).await;
        let mut cut = event();
        cut.v4.as_mut().unwrap().options.insert(43, b"\x01\x0bhttp".to_vec().into());
        let decision = chain.decide(&cut).await;
        let failure = decision.reports[0].failure.as_deref();
        assert_eq!(failure, Some("a sub-option is longer than its option"));
        assert_eq!(
            (status(&chain, "acme").state, status(&chain, "acme").restarts),
            (HandlerState::Healthy, 0)
        );
    }
}

#[test]
fn a_table_that_is_none_is_refused_with_one_line() {
    for (wrong, told) in [
        ("WRONG_SYMBOL", "has no usable function table: it does not export dhcpmgr_plugin_v1; rebuild it"),
        ("WRONG_TABLE", "has no usable function table: its table has 16 bytes, at least "),
        ("WRONG_FUNCTION", "has no usable function table: its function call is NULL; rebuild it"),
        ("WRONG_DESCRIPTION", "describes itself wrongly: I do not know who I am; "),
        ("WRONG_MANIFEST", "describes itself wrongly: message is refused at byte 0"),
    ] {
        let line = Module::load(&hostile(&[wrong])).unwrap_err().to_string();
        assert!(line.contains(told) && !line.contains('\n'), "{wrong}: {line}");
    }
    assert_eq!(answer(&hostile(&[]), b"").unwrap().parameters["Hostile"], "no");
}

#[test]
fn lies_of_a_call_are_told_apart_from_an_orderly_no() {
    let told = |wrong: &str| answer(&hostile(&[wrong]), b"").unwrap_err();
    assert!(
        matches!(told("WRONG_LENGTH"), CallError::Broken(text) if text.starts_with("it says that it wrote 4294967295 bytes"))
    );
    assert!(matches!(told("WRONG_MORE"), CallError::TooLong { found, limit } if found == limit + 1));
    assert_eq!(
        told("WRONG_OVERRUN"),
        CallError::Broken("it wrote beyond the buffer of its answer".to_owned())
    );
    assert_eq!(told("WRONG_SILENCE"), CallError::Failed("the handler failed and did not say why".to_owned()));
    assert_eq!(told("WRONG_CREATE"), CallError::Failed("x".repeat(512)));
    assert!(matches!(told("WRONG_SIZE_OF_PLAN"), CallError::TooLong { found, .. } if found > 900_000));
    // The helpers of the header find these before the host does.
    assert!(matches!(told("WRONG_GROUPS"), CallError::Failed(text) if text.contains("in two parts")));
    assert!(matches!(told("WRONG_TEXT"), CallError::Failed(text) if text.ends_with("no UTF-8")));
}

#[tokio::test]
async fn in_a_worker_the_worst_costs_its_deadline() {
    for (wrong, told) in [
        ("WRONG_ADDRESS", "its worker was killed by SIGSEGV"),
        ("WRONG_ENDLESS", "gave no answer within 300 ms"),
        ("WRONG_OVERRUN", "the module breaks the rules of its function table: it wrote beyond"),
        ("WRONG_LENGTH", "the module breaks the rules of its function table: it says that it wrote"),
        ("WRONG_MORE", "its answer has 131073 bytes, at most 131072 are accepted"),
    ] {
        let mut worst = handler("worst", &hostile(&[wrong]), Isolation::Worker);
        worst.deadline = Duration::from_millis(300);
        let chain = chain(&[worst, configured(Isolation::Worker, &Grant::ALL)]).await;
        let mut notices = chain.notices();
        let decision = chain.decide(&event()).await;
        let failure = decision.reports[0].failure.clone().unwrap();
        assert!(failure.contains(told), "{wrong}: {failure}");
        assert_eq!(decision.plan, expected(), "{wrong}: the other one is not touched");
        notice(&mut notices, NoticeKind::Failed).await;
        until(&chain, "worst", HandlerState::Healthy).await;
    }
}
