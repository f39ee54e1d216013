//! The module in the README of `plugin-api`, from an empty directory to a handler that answers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::fs;

use dhcpmgr::handlers::loader::Module;
use dhcpmgr_message::{V4Report, wire};
use dhcpmgr_plugin_api::testing::v4_event;
use dhcpmgr_plugin_api::{Emitted, Plan, Settings, operation};
use support::{cargo, install, root, target};

/// The first block of this language.
fn block<'a>(text: &'a str, language: &str) -> &'a str {
    let start = text.find(&format!("```{language}\n")).unwrap() + 3 + language.len() + 1;
    &text[start..start + text[start..].find("```").unwrap()]
}

#[test]
fn the_module_in_the_readme_builds_passes_its_tests_loads_and_answers() {
    let readme = fs::read_to_string(root().join("plugin-api/README.md")).unwrap();
    let directory = target().join("readme-module");
    fs::create_dir_all(directory.join("src")).unwrap();
    let path = format!("path = {:?}", root().join("plugin-api"));
    let manifest = block(&readme, "toml").replace("path = \"../dhcpmgr/plugin-api\"", &path);
    assert!(manifest.contains(&path), "{manifest}");
    // Its own workspace, with the versions that are here anyway.
    fs::write(directory.join("Cargo.toml"), manifest + "\n[workspace]\n").unwrap();
    fs::write(directory.join("src/lib.rs"), block(&readme, "rust")).unwrap();
    fs::copy(root().join("Cargo.lock"), directory.join("Cargo.lock")).unwrap();
    let manifest = directory.join("Cargo.toml");
    cargo(&["test", "--manifest-path", manifest.to_str().unwrap()]);
    cargo(&["build", "--manifest-path", manifest.to_str().unwrap()]);

    let path = install(&target().join("debug/libacme_options.so"), "libacme_options.so");
    let module = Module::load(&path).unwrap();
    assert_eq!((module.manifest.name.as_str(), module.manifest.version.as_str()), ("acme-options", "1.0.0"));
    let settings = Settings::of(&BTreeMap::from([("acs_option", 125)])).unwrap();
    let mut lease = V4Report::default();
    lease.options.insert(125, b"\x02\x01x\x01\x0bhttp://acs/".to_vec().into());
    let mut instance = module.create(settings.as_bytes()).unwrap();
    let answer = instance.call(operation::LEASE, &wire::encode(&v4_event(lease)).unwrap()).unwrap();
    let expected = Plan::default()
        .with_parameter("ManagementServer.URL", "http://acs/")
        .with_event(Emitted::new("acs-found").with("url", "http://acs/"));
    assert_eq!(wire::decode::<Plan>(&answer).unwrap(), expected);
}
