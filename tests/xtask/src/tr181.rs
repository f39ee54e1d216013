//! `cargo xtask tr181`: the tables of the data model, out of the facts of the standard, so that names, types, ranges and
//! access cannot drift from it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use dhcpmgr_lab::{Error, Result};
use serde_json::Value;

use crate::cargo::workspace;

/// Where the facts are, and what is made of them.
const FACTS: &str = "host/src/data_model/facts";
const TABLES: &str = "host/src/data_model/tables.rs";

const HEAD: &str = "//! The objects and parameters that there are. Written by `cargo xtask tr181` out of `facts/`; do not edit.\n\
    //!\n//! Facts of the Broadband Forum's data models, whose notice is in `facts/NOTICE`.\n\n\
    use super::schema::{Access, Form, Kind, Object, Parameter};\n\n";

/// Writes the file, or only compares it.
pub(crate) fn run(check: bool) -> Result {
    let file = workspace().join(TABLES);
    let text = tables(&workspace().join(FACTS))?;
    if !check {
        return Ok(std::fs::write(file, text)?);
    }
    if std::fs::read_to_string(file)? == text {
        return Ok(());
    }
    Err(Error::new(format!("{TABLES} is not what {FACTS} says; run: cargo xtask tr181")))
}

/// One object with what stands directly below it.
#[derive(Default)]
struct Object {
    fact: Value,
    writable: bool,
    parameters: Vec<(Value, bool)>,
    commands: Vec<String>,
}

fn tables(facts: &Path) -> Result<String> {
    let mut objects: BTreeMap<String, Object> = BTreeMap::new();
    // What is not about the clients themselves is a view of theirs: it is not written to.
    for (file, writes) in [("dhcp-client.json", true), ("related.json", false), ("extensions.json", true)] {
        let text: Value = serde_json::from_str(&std::fs::read_to_string(facts.join(file))?)?;
        for fact in list(&text["items"]) {
            if fact["status"] != "deleted" {
                take(&mut objects, fact, writes);
            }
        }
    }
    let mut out = HEAD.to_owned();
    let _ = writeln!(out, "/// All objects, each after the one that it stands in.\n#[rustfmt::skip]");
    let _ = writeln!(out, "pub static OBJECTS: [Object; {}] = [", objects.len());
    // Sorted so that an object is followed by all that is below it.
    let mut sorted: Vec<_> = objects.iter().collect();
    sorted.sort_by_key(|(path, _)| path.split('.').map(str::to_owned).collect::<Vec<_>>());
    for (path, object) in &sorted {
        let above = format!("{}.", parent(path.trim_end_matches('.')));
        let parent = sorted.iter().position(|(other, _)| **other == above).unwrap_or(0);
        object_text(&mut out, path, parent, object);
    }
    out.push_str("];\n");
    Ok(out)
}

fn take(objects: &mut BTreeMap<String, Object>, fact: &Value, writes: bool) {
    let path = text(&fact["path"]);
    let whole = path.trim_end_matches('.');
    let (above, name) = whole.rsplit_once('.').map_or(("", whole), |(above, name)| (above, name));
    if fact["kind"] == "object" {
        let object = objects.entry(path.to_owned()).or_default();
        object.fact = fact.clone();
        object.writable = writes && fact["access"] == "readWrite";
    } else {
        let owner = objects.entry(format!("{above}.")).or_default();
        if fact["kind"] == "command" {
            if writes {
                owner.commands.push(name.to_owned());
            }
        } else if writes || fact["flavour"] != "cwmp" {
            owner.parameters.push((fact.clone(), writes));
        }
    }
    let mut above = if fact["kind"] == "object" { parent(whole) } else { above };
    // What only contains: Device., Device.IP., …
    while !above.is_empty() {
        objects.entry(format!("{above}.")).or_default();
        above = parent(above);
    }
}

/// The object that one stands in; a table and its rows are one.
fn parent(object: &str) -> &str {
    let table = object.strip_suffix(".{i}").unwrap_or(object);
    table.rsplit_once('.').map_or("", |(above, _)| above)
}

fn object_text(out: &mut String, path: &str, parent: usize, object: &Object) {
    let fact = &object.fact;
    let whole = path.trim_end_matches('.');
    let table = whole.ends_with("{i}");
    let whole = whole.trim_end_matches(".{i}");
    let name = whole.rsplit_once('.').map_or(whole, |(_, name)| name);
    let keys: Vec<String> = list(&fact["unique_keys"]).iter().map(|key| words(&key["parameters"])).collect();
    let count =
        fact["num_entries_parameter"].as_str().map_or_else(|| "None".to_owned(), |c| format!("Some({c:?})"));
    let _ = writeln!(
        out,
        "    Object {{ path: {path:?}, name: {name:?}, parent: {parent}, table: {table}, writable: {}, keys: &[{}], count: {count}, commands: &{:?}, parameters: &[",
        object.writable,
        keys.join(", "),
        object.commands,
    );
    for (fact, writes) in &object.parameters {
        parameter_text(out, fact, *writes);
    }
    out.push_str("    ] },\n");
}

fn parameter_text(out: &mut String, fact: &Value, writes: bool) {
    let path = text(&fact["path"]);
    let name = path.rsplit_once('.').map_or(path, |(_, name)| name);
    let access = match fact["access_usp"].as_str().or(fact["access"].as_str()) {
        _ if fact["command_parameter"] == true && writes => "Trigger",
        Some("readWrite") if writes => "Write",
        Some("writeOnceReadOnly") if writes => "Once",
        // Parameters of CWMP only have no access in USP.
        None if writes && fact["access_cwmp"] == "readWrite" => "Trigger",
        _ => "Read",
    };
    let default = fact["default"]["value"].as_str();
    let default =
        default.map_or_else(|| "None".to_owned(), |d| format!("Some({:?})", if d == "[]" { "" } else { d }));
    let quiet = fact["active_notify"] == "canDeny";
    let cwmp = fact["flavour"] == "cwmp";
    let _ = writeln!(
        out,
        "        Parameter {{ name: {name:?}, kind: {}, access: Access::{access}, default: {default}, quiet: {quiet}, cwmp: {cwmp} }},",
        kind(fact, name)
    );
}

fn kind(fact: &Value, name: &str) -> String {
    let bound = |value: &Value, otherwise: i128| value.as_i64().map_or(otherwise, i128::from);
    let (min, max) = (&fact["range"][0]["min"], &fact["range"][0]["max"]);
    let (shortest, longest) = (&fact["size"][0]["minLength"], &fact["size"][0]["maxLength"]);
    let longest = |otherwise| bound(longest, otherwise);
    let form = match fact["data_type"].as_str() {
        Some(kind) if kind.contains("Alias") => "Alias",
        Some("IPv4Address") => "Ipv4",
        Some("IPv6Address") => "Ipv6",
        Some("IPAddress") => "Ip",
        Some("IPv4Prefix") => "Ipv4Prefix",
        Some("IPv6Prefix") => "Ipv6Prefix",
        _ if !fact["path_ref"].is_null() => "Reference",
        _ if name == "Alias" => "Alias",
        _ => "Any",
    };
    let list_of = fact["list"] == true;
    match text(&fact["type"]) {
        "boolean" => "Kind::Boolean".to_owned(),
        "int" => format!(
            "Kind::Int {{ min: {}, max: {} }}",
            bound(min, i32::MIN.into()),
            bound(max, i32::MAX.into())
        ),
        "unsignedInt" if list_of => "Kind::Numbers".to_owned(),
        "unsignedInt" => {
            format!("Kind::Unsigned {{ min: {}, max: {} }}", bound(min, 0), bound(max, u32::MAX.into()))
        }
        "unsignedLong" => "Kind::Long".to_owned(),
        "hexBinary" => format!("Kind::Hex {{ min: {}, max: {} }}", bound(shortest, 0), longest(65535)),
        "dateTime" => "Kind::DateTime".to_owned(),
        _ if list_of => format!("Kind::List {{ form: Form::{form} }}"),
        _ if fact["enum"].is_array() => {
            let current = |word: &&Value| word["status"] != "deleted";
            let words: Vec<_> =
                list(&fact["enum"]).iter().filter(current).map(|word| text(&word["value"])).collect();
            format!("Kind::Word(&{words:?})")
        }
        _ => format!("Kind::Text {{ max: {}, form: Form::{form} }}", longest(65535)),
    }
}

fn words(value: &Value) -> String {
    let words: Vec<_> = list(value).iter().map(text).collect();
    format!("&{words:?}")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
