//! Writing: what somebody wants changed is tried out as a whole on a copy, and is right as a whole or not at all.
//!
//! Pure: the outcome is what is to be kept, the configuration that follows from it, and orders to clients.

mod rows;
mod vendor;
mod whole;

use dhcpmgr_message::{ClientName, IfName};
use dhcpmgr_plugin_api::Protocol;

use super::desired::{Desired, Edits, Whole};
use super::error::{Fault, code};
use super::live::{Facts, INTERFACES, Inputs, below_client, can_be_told, clients, protocol};
use super::numbers::Numbers;
use super::options::Owner;
use super::path::{Found, Path, Place, Source, resolve};
use super::schema::{Access, Object, Parameter};
use super::value::Value;
use crate::config::Config;

pub use vendor::VendorWrite;

/// The most clients.
const MOST_CLIENTS: usize = 256;

/// What a client is told besides its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Extend the lease.
    Renew(ClientName),
    /// Give it back.
    Release(ClientName),
    /// Start the program again.
    Restart(ClientName),
    /// Count from 0.
    ResetCounters(ClientName),
}

/// What comes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What is to be kept.
    pub desired: Desired,
    /// What follows from it.
    pub whole: Whole,
    /// What clients are told.
    pub orders: Vec<Order>,
    /// Clients that were told whether to run, for those that were switched by hand meanwhile.
    pub switched: Vec<ClientName>,
    /// What handlers are to take before anything is done.
    pub vendor: Vec<VendorWrite>,
}

/// Something that is tried out.
#[derive(Debug, Clone)]
pub struct Trial<'a> {
    files: &'a Config,
    inputs: &'a Inputs,
    desired: Desired,
    passing: Numbers,
    orders: Vec<Order>,
    switched: Vec<ClientName>,
    vendor: Vec<VendorWrite>,
}

impl<'a> Trial<'a> {
    /// Begins with what is kept now.
    #[must_use]
    pub fn new(files: &'a Config, inputs: &'a Inputs, desired: Desired, passing: Numbers) -> Self {
        let (orders, switched, vendor) = (Vec::new(), Vec::new(), Vec::new());
        Self { files, inputs, desired, passing, orders, switched, vendor }
    }

    /// What handlers are to take before anything is done.
    #[must_use]
    pub fn vendor(&self) -> &[VendorWrite] {
        &self.vendor
    }

    /// The tree as it would be.
    pub fn facts(&mut self) -> Facts {
        let whole = self.desired.over(self.files);
        Facts::gather(self.files, &whole, self.inputs.clone(), &mut self.desired, &mut self.passing)
    }

    /// Everything that a path names, in the tree as it would be.
    pub fn find(&mut self, text: &str) -> Result<(Vec<Found>, Facts), Fault> {
        let path = Path::parse(text)?;
        let facts = self.facts();
        Ok((resolve(&path, &facts)?, facts))
    }

    /// Writes a parameter of every row that the path names.
    pub fn set(&mut self, text: &str, value: &Value) -> Result<(), Fault> {
        let (found, facts) = self.find(text)?;
        for found in found {
            match found {
                Found::Parameter(place, parameter) => {
                    self.write(&facts, &place, parameter, value)
                        .map_err(|fault| Fault { path: text.to_owned(), ..fault })?;
                }
                Found::Extra(place, extra) => self.write_vendor(&facts, &place, extra, text, value)?,
                _ => {
                    return Err(Fault::new(
                        code::UNKNOWN_PARAMETER,
                        text,
                        "is no parameter; accepted: the path of a parameter",
                    ));
                }
            }
        }
        Ok(())
    }

    fn write(
        &mut self,
        facts: &Facts,
        place: &Place,
        parameter: &'static Parameter,
        value: &Value,
    ) -> Result<(), Fault> {
        let path = || format!("{}{}", place.path(), parameter.name);
        let fault = |code, text: String| Err(Fault::new(code, path(), text));
        match parameter.access {
            Access::Read => return fault(code::READ_ONLY, "is read-only".to_owned()),
            Access::Once => {
                return fault(code::READ_ONLY, "can only be written when its row is added".to_owned());
            }
            Access::Write | Access::Trigger => {}
        }
        let value = value.taken(&parameter.kind).map_err(|(code, why)| Fault::new(code, path(), why))?;
        let Some(client) = facts.client(place) else {
            return fault(code::NO_OBJECT, "its row is gone".to_owned());
        };
        let name = client.client.name.clone();
        if parameter.access == Access::Trigger {
            if value == Value::Boolean(true) {
                self.trigger(&name, place.object, parameter.name);
            }
            return Ok(());
        }
        if matches!(place.object.name, "SentOption" | "ReqOption") {
            let rows = if place.object.name == "SentOption" { &client.sent } else { &client.requested };
            let number = place.numbers().get(1).copied().unwrap_or_default();
            let Some(row) = rows.iter().find(|row| row.number == number) else {
                return fault(code::NO_OBJECT, "its row is gone".to_owned());
            };
            let order = rows.iter().position(|row| row.number == number).unwrap_or_default() + 1;
            return self.write_option(&name, place, row, order, parameter.name, &value);
        }
        let below = below_client(place.object, parameter.name);
        if !can_be_told(&client.client, &below) {
            let now = facts.value(place, parameter);
            if now.as_ref() == Some(&value) {
                return Ok(());
            }
            let (program, now) =
                (client.client.program.name(), now.map(|now| now.to_string()).unwrap_or_default());
            return fault(
                code::NOT_HONOURED,
                format!("{program} cannot be told this; it is {now:?} in effect"),
            );
        }
        if matches!(below.as_str(), "Interface" | "X_RDK_LinuxInterface") {
            let interface = self
                .interface(facts, &value.to_string())
                .map_err(|why| Fault::new(code::VALUE, path(), why))?;
            self.edits(&name).values.insert("Interface".to_owned(), interface);
            return Ok(());
        }
        if below == "RequestedOptions"
            && value.to_string().split(',').any(|c| c.parse::<u32>().is_ok_and(|c| c > 65535))
        {
            return fault(code::VALUE, "option codes go up to 65535".to_owned());
        }
        if below == "Enable" && !self.switched.contains(&name) {
            self.switched.push(name.clone());
        }
        self.edits(&name).values.insert(below, value.to_string());
        Ok(())
    }

    fn edits(&mut self, client: &ClientName) -> &mut Edits {
        self.desired.clients.entry(client.clone()).or_default()
    }

    fn trigger(&mut self, client: &ClientName, object: &Object, name: &str) {
        let client = client.clone();
        self.orders.push(match (object.name, name.trim_end_matches("()")) {
            ("Stats", _) => Order::ResetCounters(client),
            (_, "Renew") => Order::Renew(client),
            (_, "X_RDK_Restart") => Order::Restart(client),
            (_, "X_RDK_Release") => {
                // RDK's also keeps the client from asking for another one; disabling gives the lease back.
                self.edits(&client).values.insert("Enable".to_owned(), "false".to_owned());
                self.switched.push(client);
                return;
            }
            _ => Order::Release(client),
        });
    }

    /// The network interface that a reference means: the path of a row of IP.Interface, or the name itself, as in RDK.
    fn interface(&mut self, facts: &Facts, text: &str) -> Result<String, String> {
        if text.is_empty() {
            return Ok(String::new());
        }
        if !text.starts_with("Device.") {
            let name: IfName = text.parse().map_err(|error| {
                format!("{error}; accepted: a row of {INTERFACES}, or the name of a network interface")
            })?;
            return Ok(name.to_string());
        }
        let missing = || {
            format!(
                "{text} is not there; accepted: a row of {INTERFACES}, or the name of a network interface"
            )
        };
        let path = Path::parse(&format!("{}.", text.trim_end_matches('.'))).map_err(|fault| fault.text)?;
        match resolve(&path, facts).map_err(|_| missing())?.as_slice() {
            [Found::Object(place)] if place.object.path == "Device.IP.Interface.{i}." => {
                let number = place.numbers().first().copied().unwrap_or_default();
                self.desired.numbers.key(INTERFACES, number).map(str::to_owned).ok_or_else(missing)
            }
            _ => Err(missing()),
        }
    }

    /// Adds a row with these values; gives its path.
    pub fn add(&mut self, text: &str, values: &[(String, Value)]) -> Result<String, Fault> {
        let table_path = format!("{}.", text.trim_end_matches('.'));
        let (found, _) = self.find(&table_path)?;
        let (within, table) = match found.as_slice() {
            [Found::Table(within, table)] => (*within, *table),
            [] => return Err(Fault::new(code::NO_OBJECT, text, "no row matches")),
            [_] => {
                return Err(Fault::new(
                    code::NOT_A_TABLE,
                    text,
                    "is not a table; accepted: such as Device.DHCPv4.Client.",
                ));
            }
            _ => return Err(Fault::new(code::NO_PATH, text, "names more than one table; accepted: one")),
        };
        if !table.writable {
            return Err(Fault::new(code::NOT_CREATABLE, text, "its rows come and go by themselves"));
        }
        let alias = values.iter().find(|(name, _)| name == "Alias").map(|(_, value)| value);
        let alias = match (alias, table.parameter("Alias")) {
            (Some(alias), Some(parameter)) => {
                let taken = alias.taken(&parameter.kind);
                Some(
                    taken
                        .map_err(|(code, why)| Fault::new(code, format!("{table_path}Alias"), why))?
                        .to_string(),
                )
            }
            _ => None,
        };
        let row = if table.name == "Client" {
            self.add_client(&table_path, &within, table, alias)?
        } else {
            self.add_option(&table_path, &within, table, alias, values)?
        };
        let facts = self.facts();
        for (name, value) in values.iter().filter(|(name, _)| name != "Alias") {
            let Some(parameter) = table.parameter(name) else {
                return Err(Fault::new(
                    code::UNKNOWN_PARAMETER,
                    format!("{table_path}{name}"),
                    "there is no such parameter",
                ));
            };
            self.write(&facts, &row, parameter, value)?;
        }
        Ok(row.path())
    }

    fn add_client(
        &mut self,
        text: &str,
        within: &Place,
        table: &'static Object,
        alias: Option<String>,
    ) -> Result<Place, Fault> {
        let Some(protocol) = protocol(table.path) else {
            return Err(Fault::new(code::NOT_CREATABLE, text, "its rows come and go by themselves"));
        };
        let key = clients(protocol);
        let word = if protocol == Protocol::V4 { "dhcpv4" } else { "dhcpv6" };
        let name = alias.unwrap_or_else(|| format!("cpe-{word}-{}", self.desired.numbers.next(key)));
        let name: ClientName = name
            .parse()
            .map_err(|error| Fault::new(code::VALUE, format!("{text}Alias"), format!("{error}")))?;
        let whole = self.desired.over(self.files);
        if whole.config.clients.contains_key(&name) || whole.parked.contains_key(&name) {
            return Err(Fault::new(
                code::DUPLICATE,
                format!("{text}Alias"),
                format!("another client is called {name}"),
            ));
        }
        if whole.config.clients.len() + whole.parked.len() >= MOST_CLIENTS {
            return Err(Fault::new(
                code::RESOURCES,
                text,
                format!("there are {MOST_CLIENTS} clients already"),
            ));
        }
        // One of the files that was deleted here comes back as the files have it.
        let of_files = self.files.clients.get(&name);
        if of_files.is_some_and(|client| client.protocol != protocol) {
            return Err(Fault::new(
                code::DUPLICATE,
                format!("{text}Alias"),
                format!("the configuration files have a client {name} of the other protocol"),
            ));
        }
        let added = of_files.is_none().then_some(protocol);
        self.desired.clients.insert(name.clone(), Edits { added, ..Edits::default() });
        let number = self.desired.numbers.give(key, name.as_str());
        Ok(within.row(table, number))
    }

    /// Deletes every row that the path names.
    pub fn delete(&mut self, text: &str) -> Result<Vec<String>, Fault> {
        let (found, facts) = self.find(&format!("{}.", text.trim_end_matches('.')))?;
        let mut deleted = Vec::new();
        for found in found {
            let Found::Object(place) = found else {
                return Err(Fault::new(
                    code::NOT_A_TABLE,
                    text,
                    "names no row; accepted: such as Device.DHCPv4.Client.2.",
                ));
            };
            if !place.object.writable {
                let (code, why) = if place.object.table {
                    (code::DELETE, "its rows come and go by themselves")
                } else {
                    (code::NOT_A_TABLE, "is not a row of a table")
                };
                return Err(Fault::new(code, text, why));
            }
            let Some(client) = facts.client(&place) else { continue };
            let name = client.client.name.clone();
            if place.object.name == "Client" {
                if self.files.clients.contains_key(&name) {
                    *self.edits(&name) = Edits { deleted: true, ..Edits::default() };
                } else {
                    self.desired.clients.remove(&name);
                }
            } else {
                let is_sent = place.object.name == "SentOption";
                let number = place.numbers().get(1).copied().unwrap_or_default();
                let rows = if is_sent { &client.sent } else { &client.requested };
                if let Some(Owner::Other(who)) =
                    rows.iter().find(|row| row.number == number).map(|row| &row.owner)
                {
                    return Err(Fault::new(code::DELETE, place.path(), format!("{who} wants it")));
                }
                let edits = self.edits(&name);
                let table = if is_sent { &mut edits.sent } else { &mut edits.requested };
                match table.row(number) {
                    Some(row) if row.origin.is_some() => row.deleted = true,
                    _ => table.rows.retain(|row| row.number != number),
                }
            }
            deleted.push(place.path());
        }
        Ok(deleted)
    }

    /// Calls a command of every object that the path names.
    pub fn operate(&mut self, text: &str) -> Result<Vec<String>, Fault> {
        let (found, facts) = self.find(text)?;
        let mut called = Vec::new();
        for found in found {
            let Found::Command(place, command) = found else {
                return Err(Fault::new(
                    code::COMMAND,
                    text,
                    "is no command; accepted: such as Device.DHCPv4.Client.1.Renew()",
                ));
            };
            let Some(client) = facts.client(&place) else { continue };
            self.trigger(&client.client.name.clone(), place.object, command);
            called.push(format!("{}{command}", place.path()));
        }
        Ok(called)
    }
}
