//! Names and numbers that modules in the field were built with: operations, keys and words of the MessagePack, and the
//! header for C.
//!
//! When a test here fails because a line is gone or changed, the change is wrong: such a module would be misunderstood.
//! What is new is added to the file beside this one, and nothing else is done to it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt;
use std::fmt::Write as _;

use dhcpmgr_plugin_api::message::{
    ClientEvent, IaKind, StaticRoute, V4Report, V6Address, V6Ia, V6Prefix, V6Report, V6Request,
};
use dhcpmgr_plugin_api::{
    API_MAJOR, API_MINOR, AddressPlan, Candidate, Deferral, Delegation, Emitted, GivenOption, Happening,
    Hook, LeaseEvent, Link, Manifest, MessageKind, MtuPolicy, Options, OptionsQuery, Otherwise, Parameter,
    ParameterChange, ParameterKind, ParametersQuery, Plan, Policy, Ports, Proposal, Protocol, Reaction,
    Refusal, RoutePlan, RoutePolicy, RulePlan, SentOption, Setting, SettingKind, Softwire, SoftwireRule,
    Verdict, WantedOption, When, note, operation,
};
use serde::de::{self, Deserialize, Deserializer, Visitor};

fn frozen(found: &str, file: &str, frozen: &str) {
    let gone: Vec<_> = frozen.lines().filter(|line| !found.lines().any(|f| f == *line)).collect();
    assert!(gone.is_empty(), "{file}: modules in the field rely on\n{}\nfound:\n{found}", gone.join("\n"));
    let new: Vec<_> = found.lines().filter(|line| !frozen.lines().any(|f| f == *line)).collect();
    assert!(new.is_empty(), "add to {file}, with the minor version that brings it:\n{}", new.join("\n"));
}

#[test]
fn operations_keys_and_words_are_what_they_were() {
    let mut found = String::new();
    for (name, number) in [
        ("LEASE", operation::LEASE),
        ("OPTIONS", operation::OPTIONS),
        ("VALIDATE", operation::VALIDATE),
        ("DECIDE", operation::DECIDE),
        ("EVENT", operation::EVENT),
        ("PARAMETERS", operation::PARAMETERS),
        ("SET_PARAMETER", operation::SET_PARAMETER),
    ] {
        let _ = writeln!(found, "operation {name} = {number}");
    }
    let _ = writeln!(
        found,
        "note {:?} {} unwinds {} c {}",
        "dhcpmgr",
        note::KIND,
        note::FLAG_UNWINDS,
        note::FLAG_C
    );
    macro_rules! names {
        ($($type:ty),* $(,)?) => { $( names::<$type>(&mut found); )* };
    }
    names!(
        AddressPlan,
        Candidate,
        ClientEvent,
        Deferral,
        Delegation,
        Emitted,
        GivenOption,
        Happening,
        Hook,
        IaKind,
        LeaseEvent,
        Link,
        Manifest,
        MessageKind,
        MtuPolicy,
        Options,
        OptionsQuery,
        Otherwise,
        Parameter,
        ParameterChange,
        ParameterKind,
        ParametersQuery,
        Plan,
        Policy,
        Ports,
        Proposal,
        Protocol,
        Reaction,
        Refusal,
        RoutePlan,
        RoutePolicy,
        RulePlan,
        SentOption,
        Setting,
        SettingKind,
        Softwire,
        SoftwireRule,
        StaticRoute,
        V4Report,
        V6Address,
        V6Ia,
        V6Prefix,
        V6Report,
        V6Request,
        Verdict,
        WantedOption,
        When,
    );
    frozen(&found, "frozen_data.txt", include_str!("frozen_data.txt"));
}

/// Writes a line for each key of a struct and each word of an enum, as serde knows them.
fn names<'de, T: Deserialize<'de>>(found: &mut String) {
    let Err(Names(names)) = T::deserialize(Asked) else {
        panic!("{} reads nothing", std::any::type_name::<T>())
    };
    let kind = std::any::type_name::<T>().rsplit("::").next().unwrap();
    assert!(!names.is_empty(), "{kind}");
    for name in names {
        let _ = writeln!(found, "{kind} {name}");
    }
}

/// A deserializer that only looks at what is asked for.
struct Asked;

/// What was asked for.
#[derive(Debug)]
struct Names(&'static [&'static str]);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl std::error::Error for Names {}

impl de::Error for Names {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(&[])
    }
}

impl<'de> Deserializer<'de> for Asked {
    type Error = Names;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Names> {
        Err(Names(fields))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Names> {
        Err(Names(variants))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Names> {
        Err(Names(&[]))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map identifier ignored_any
    }
}

const HEADER: &str = include_str!("../c/dhcpmgr_plugin.h");

/// Without comments, one declaration a line, and without what a new minor changes.
fn declarations(header: &str) -> String {
    let mut rest = header;
    let mut text = String::new();
    while let Some((before, comment)) = rest.split_once("/*") {
        text.push_str(before);
        rest = comment.split_once("*/").unwrap().1;
    }
    text.push_str(rest);
    let text = text.replace("\\\n", " ");
    let mut lines = String::new();
    let mut within = String::new();
    for line in text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")) {
        // A struct is one line: the order of its fields is what matters.
        if !within.is_empty() || line.starts_with("typedef struct") {
            within = [within.as_str(), &line].join(" ").trim().to_owned();
            if line.starts_with('}') {
                let _ = writeln!(lines, "{}", std::mem::take(&mut within));
            }
        } else if !line.is_empty() && !line.starts_with("#define DHCPMGR_API_MINOR") {
            let _ = writeln!(lines, "{line}");
        }
    }
    lines
}

#[test]
fn the_header_for_c_is_what_modules_in_the_field_were_compiled_with() {
    frozen(&declarations(HEADER), "frozen_c_header.txt", include_str!("frozen_c_header.txt"));
}

#[test]
fn the_header_is_of_this_version_and_has_every_operation() {
    let defined = |name: &str| {
        let line = HEADER.lines().find_map(|line| line.strip_prefix(&format!("#define {name} ")));
        line.unwrap_or_else(|| panic!("{name} is not defined")).parse::<u32>().unwrap()
    };
    assert_eq!(
        (defined("DHCPMGR_API_MAJOR"), defined("DHCPMGR_API_MINOR")),
        (API_MAJOR.into(), API_MINOR.into())
    );
    for (name, number) in [
        ("DHCPMGR_LEASE", operation::LEASE),
        ("DHCPMGR_OPTIONS", operation::OPTIONS),
        ("DHCPMGR_VALIDATE", operation::VALIDATE),
        ("DHCPMGR_DECIDE", operation::DECIDE),
        ("DHCPMGR_EVENT", operation::EVENT),
        ("DHCPMGR_PARAMETERS", operation::PARAMETERS),
        ("DHCPMGR_SET_PARAMETER", operation::SET_PARAMETER),
    ] {
        assert_eq!(defined(name), number, "{name}");
    }
}
