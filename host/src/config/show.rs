//! A configuration as TOML with every default written out: what `dhcpmgr config show` prints. Reading it gives the
//! same configuration again.

use dhcpmgr_message::{Bytes, wire};
use dhcpmgr_plugin_api::Protocol;
use toml::Value;

use super::hook::ProgramHook;
use super::lan::{Delegation, Lans, Ula};
use super::model::{Client, Config, Handler, IaConfig, V6};
use super::reader::key_text;
use super::softwire::{Order, Softwire};
use super::words::{
    DNS_BACKENDS, GRANTS, ISOLATIONS, MTU_POLICIES, ON_STOP, ON_STUCK, PROTOCOLS, RA_BACKENDS, RA_DNS,
    ROUTE_POLICIES, SOFTWIRE_BACKENDS, UNNEEDED, word_of,
};
use crate::flat::FlatMap;
use crate::signature::PublicKey;

/// Writes the configuration.
#[must_use]
pub fn to_toml(config: &Config) -> String {
    let mut out = Writer::default();
    out.section("daemon");
    out.text("log", &config.daemon.log);
    out.section("dns");
    out.text("backend", word_of(DNS_BACKENDS, &config.dns.backend));
    if let Some(address) = &config.metrics.listen {
        out.section("metrics");
        out.text("listen", &address.to_string());
    }
    out.section("observer");
    out.put("enabled", config.observer.enabled.into());
    for client in config.clients.values() {
        write_client(&mut out, client);
    }
    if !config.public_keys.is_empty() {
        out.section("signatures");
        out.put("public_keys", keys(&config.public_keys));
    }
    for handler in &config.handlers {
        // Where `[signatures]` has some, none is something to say.
        let keys = !(config.public_keys.is_empty() && handler.public_keys.is_empty());
        write_handler(&mut out, handler, keys);
    }
    write_softwire(&mut out, &config.softwire);
    write_lans(&mut out, &config.lans);
    config.hooks.iter().for_each(|hook| write_hook(&mut out, hook));
    out.0
}

fn write_client(out: &mut Writer, client: &Client) {
    let section = format!("clients.{}", key_text(client.name.as_str()));
    out.section(&section);
    out.put("enabled", client.enabled.into());
    out.text("protocol", word_of(PROTOCOLS, &client.protocol));
    out.text("interface", client.interface.as_str());
    out.text("program", client.program.name());
    out.put("request", client.request.iter().map(|code| i64::from(*code)).collect::<Vec<_>>().into());
    out.put("metric", i64::from(client.metric).into());
    match client.protocol {
        Protocol::V4 => write_v4(out, client),
        Protocol::V6 => write_v6(out, &client.v6),
    }
    out.text("on_stop", word_of(ON_STOP, &client.on_stop));
    if !client.send.is_empty() {
        out.section(&format!("{section}.send"));
        for (code, value) in &client.send {
            out.line(&code.to_string(), &option_value(value));
        }
    }
    if !client.sysctls.is_empty() {
        out.section(&format!("{section}.sysctls"));
        for (sysctl, value) in &client.sysctls {
            out.put(sysctl.name(), i64::from(*value).into());
        }
    }
    let recovery = &client.recovery;
    out.section(&format!("{section}.recovery"));
    out.put("restarts", i64::from(recovery.restarts).into());
    out.put("window_s", whole(recovery.window.as_secs().into()));
    out.put("slow_s", whole(recovery.slow.as_secs().into()));
    out.put("steady_s", whole(recovery.steady.as_secs().into()));
    out.put("stuck_s", whole(recovery.stuck.as_secs().into()));
    out.text("on_stuck", word_of(ON_STUCK, &recovery.on_stuck));
}

fn write_v4(out: &mut Writer, client: &Client) {
    if let Some(hostname) = &client.hostname {
        out.text("hostname", hostname.as_str());
    }
    out.text("mtu", word_of(MTU_POLICIES, &client.mtu));
    out.text("routes", word_of(ROUTE_POLICIES, &client.routes));
    out.put("discover_attempts", i64::from(client.discover_attempts).into());
    out.put("discover_interval", whole(client.discover_interval.as_secs().into()));
    out.put("discover_pause", whole(client.discover_pause.as_secs().into()));
}

fn write_v6(out: &mut Writer, v6: &V6) {
    for (wanted, key, hint, ias) in
        [("addresses", "ia_na", "address", &v6.ia_na), ("prefixes", "ia_pd", "prefix", &v6.ia_pd)]
    {
        out.put(wanted, (!ias.is_empty()).into());
        if !ias.is_empty() {
            out.put(key, ias.iter().map(|ia| association(ia, hint)).collect::<Vec<_>>().into());
        }
    }
    out.put("rapid_commit", v6.rapid_commit.into());
    out.put("reconfigure_accept", v6.reconfigure_accept.into());
}

fn association(ia: &IaConfig, hint: &str) -> Value {
    let whole = |number: Option<u32>| number.map(|number| Value::from(i64::from(number)));
    let wish = ia.hint.map(|wish| match hint {
        "address" => wish.address().to_string(),
        _ => wish.to_string(),
    });
    let keys =
        [("iaid", whole(ia.iaid)), (hint, wish.map(Value::from)), ("t1", whole(ia.t1)), ("t2", whole(ia.t2))];
    let keys = keys.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Table(keys.collect())
}

fn keys(keys: &[PublicKey]) -> Value {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().into()
}

fn write_handler(out: &mut Writer, handler: &Handler, with_keys: bool) {
    let section = format!("handlers.{}", key_text(&handler.name));
    out.section(&section);
    out.text("module", &handler.module);
    out.text("isolation", word_of(ISOLATIONS, &handler.isolation));
    if with_keys {
        out.put("public_keys", keys(&handler.public_keys));
    }
    let words = GRANTS.iter().filter(|(_, grant)| handler.grants.contains(grant));
    out.put("grants", words.map(|(word, _)| (*word).to_owned()).collect::<Vec<_>>().into());
    if let Some(clients) = &handler.clients {
        out.put("clients", clients.iter().map(ToString::to_string).collect::<Vec<_>>().into());
    }
    out.put("order", i64::from(handler.order).into());
    if !handler.overrides.is_empty() {
        out.put("overrides", handler.overrides.clone().into());
    }
    out.put("deadline_ms", whole(handler.deadline.as_millis()));
    if !handler.deadlines.is_empty() {
        let words = handler.deadlines.iter();
        let words = words.map(|(hook, time)| (hook.word().to_owned(), whole(time.as_millis())));
        out.put("deadlines", Value::Table(words.collect()));
    }
    if !handler.settings.0.is_empty() {
        out.settings(&handler.name, &handler.settings);
    }
}

fn write_hook(out: &mut Writer, hook: &ProgramHook) {
    let list = |words: Vec<String>| Value::from(words);
    out.section(&format!("hooks.{}", key_text(&hook.name)));
    out.put("run", list(hook.run.clone()));
    out.put("events", list(hook.events.iter().cloned().collect()));
    if let Some(clients) = &hook.clients {
        out.put("clients", list(clients.iter().map(ToString::to_string).collect()));
    }
    if let Some(user) = &hook.user {
        out.text("user", user);
    }
    out.put("timeout_ms", whole(hook.timeout.as_millis()));
    if !hook.environment.is_empty() {
        out.put("environment", list(hook.environment.iter().cloned().collect()));
    }
}

fn write_softwire(out: &mut Writer, softwire: &Softwire) {
    let Softwire { backend, order, dhcpv4_lease, interfaces } = softwire;
    let words = |order: &Order| {
        Value::from(order.providers().iter().map(|provider| provider.name().to_owned()).collect::<Vec<_>>())
    };
    out.section("softwire");
    out.text("backend", word_of(SOFTWIRE_BACKENDS, backend));
    out.put("order", words(order));
    out.text("dhcpv4_lease", word_of(UNNEEDED, dhcpv4_lease));
    for (interface, order) in interfaces {
        out.section(&format!("softwire.interfaces.{}", key_text(interface.as_str())));
        out.put("order", words(order));
    }
}

fn write_lans(out: &mut Writer, lans: &Lans) {
    for (interface, delegation) in &lans.delegations {
        out.section(&format!("delegations.{}", key_text(interface.as_str())));
        let Delegation { from, subnet, length, token, ula } = delegation;
        if !from.is_empty() {
            out.put("from", from.iter().map(ToString::to_string).collect::<Vec<_>>().into());
        }
        if let Some(subnet) = subnet {
            out.put("subnet", i64::from(*subnet).into());
        }
        out.put("length", i64::from(*length).into());
        out.text("token", &token.to_string());
        out.put("ula", (*ula).into());
    }
    match lans.ula {
        None => {}
        Some(Ula::Generated) => {
            out.section("ula");
            out.text("prefix", "auto");
        }
        Some(Ula::Prefix(prefix)) => {
            out.section("ula");
            out.text("prefix", &prefix.to_string());
        }
    }
    let advertised = &lans.router_advertisements;
    out.section("router_advertisements");
    out.text("backend", word_of(RA_BACKENDS, &advertised.backend));
    for (key, path) in [("config", &advertised.config), ("pidfile", &advertised.pidfile)] {
        if let Some(path) = path {
            out.text(key, &path.display().to_string());
        }
    }
    out.text("dns", word_of(RA_DNS, &advertised.dns));
}

/// As text where a person would have written text.
fn option_value(value: &Bytes) -> String {
    match std::str::from_utf8(&value.0) {
        Ok(text) if !text.chars().any(char::is_control) => format!("{{ text = {} }}", Value::from(text)),
        _ => format!("{{ hex = \"{}\" }}", value.to_hex()),
    }
}

fn whole(number: u128) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}

#[derive(Default)]
struct Writer(String);

impl Writer {
    fn section(&mut self, name: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.0.push_str(&format!("[{name}]\n"));
    }

    fn line(&mut self, key: &str, value: &str) {
        self.0.push_str(&format!("{key} = {value}\n"));
    }

    fn put(&mut self, key: &str, value: Value) {
        self.line(key, &value.to_string());
    }

    fn text(&mut self, key: &str, text: &str) {
        self.put(key, text.into());
    }

    /// Settings are the vendor's: written by the TOML writer, whatever they contain.
    fn settings(&mut self, handler: &str, settings: &Bytes) {
        let written = wire::decode::<toml::Table>(&settings.0).map_err(|e| e.to_string()).and_then(|table| {
            let table = FlatMap::from([("settings", table)]);
            let tree = FlatMap::from([("handlers", FlatMap::from([(handler, table)]))]);
            toml::to_string(&tree).map_err(|e| e.to_string())
        });
        self.0.push('\n');
        match written {
            Ok(text) => self.0.push_str(&text),
            Err(error) => self.0.push_str(&format!("# the settings cannot be shown: {error:?}\n")),
        }
    }
}
