//! The stream of events is what its schema says, and the schema says everything that is in it.

use boon::{Compiler, SchemaIndex, Schemas};
use dhcpmgr_lab::{Error, Lab, Result, lab_or_skip};
use serde_json::{Value, json};

use crate::given::client;
use crate::v6;

struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    /// The published schema; with `strict`, fields that it does not name are refused.
    fn new(strict: bool) -> Result<Self> {
        let mut text: Value = serde_json::from_str(include_str!("../../host/events.schema.json"))
            .map_err(|error| Error::new(format!("events.schema.json: {error}")))?;
        if strict {
            forbid_others(&mut text);
        }
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        let fault = |error: boon::CompileError| Error::new(format!("events.schema.json: {error:#}"));
        compiler.add_resource("events.json", text).map_err(fault)?;
        let index = compiler.compile("events.json", &mut schemas).map_err(fault)?;
        Ok(Self { schemas, index })
    }

    fn accepts(&self, event: &Value) -> Result {
        let refused = |error| Error::new(format!("{error:#}\n{event:#}"));
        self.schemas.validate(event, self.index).map_err(refused)
    }
}

/// Every object that names its properties has no others.
fn forbid_others(schema: &mut Value) {
    if let Value::Object(map) = schema {
        if map.get("properties").is_some_and(Value::is_object) {
            map.entry("additionalProperties").or_insert(json!(false));
        }
        map.values_mut().for_each(forbid_others);
    } else if let Value::Array(list) = schema {
        list.iter_mut().for_each(forbid_others);
    }
}

#[test]
fn the_schema_refuses_what_is_no_event() -> Result {
    let schema = Schema::new(false)?;
    let event = json!({"time": "2026-11-23T05:08:44.120Z", "event": "lease-lost", "changed": ["address"]});
    schema.accepts(&event)?;
    for (key, value) in [
        ("time", json!("yesterday")),
        ("event", json!("Lease Lost")),
        ("changed", json!(["colour"])),
        ("client", json!("../wan4")),
        ("lease", json!({"address": "192.0.2.7/24"})),
        ("fields", json!({"a": 1})),
    ] {
        let mut wrong = event.clone();
        wrong[key] = value;
        assert!(schema.accepts(&wrong).is_err(), "{wrong}");
    }
    let mut newer = event;
    newer["colour"] = json!("blue");
    schema.accepts(&newer)?;
    assert!(Schema::new(true)?.accepts(&newer).is_err());
    Ok(())
}

#[test]
fn everything_that_is_published_is_as_the_schema_says() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let wan = lab.wan();
    let _v4 = lab.dnsmasq(wan).range(100, 100).option("option:ntp-server,192.0.2.123").start()?;
    let _v6 = v6::given::kea(&lab, (1000, 2000, 3000, 4000)).start()?;
    let config = v6::given::home("") + &client("wan4", "wan0", 100, "") + crate::given::V4;
    let daemon = lab.daemon(&config)?;
    let cli = daemon.cli();
    for client in ["wan4", "wan6"] {
        cli.wait_for(client, "Bound")?;
        cli.text(&["renew", client])?;
        cli.wait_for_event(client, "lease-renewed", 1)?;
        cli.text(&["release", client])?;
        cli.wait_for_event(client, "lease-lost", 1)?;
    }
    cli.text(&["config", "reload"])?;

    let schema = Schema::new(true)?;
    let text = cli.text(&["events", "--json"])?;
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).map_err(|e| Error::new(format!("{e}: {line}"))))
        .collect::<Result<_>>()?;
    events.iter().try_for_each(|event| schema.accepts(event))?;
    for lease in ["address", "addresses"] {
        assert!(events.iter().any(|event| !event["lease"][lease].is_null()), "no {lease} in\n{text}");
    }
    for kind in [
        "client-started",
        "lease-acquired",
        "lease-renewed",
        "lease-lost",
        "prefix-assigned",
        "config-reloaded",
    ] {
        assert!(events.iter().any(|event| event["event"] == kind), "no {kind} in\n{text}");
    }
    Ok(())
}
