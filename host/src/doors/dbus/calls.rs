//! One call: what it asks for, and the answer.

use std::collections::HashMap;

use serde::de::DeserializeOwned;
use zbus::message::{Header, Message};
use zbus::{Connection, DynamicType, OwnedVariant, Type, Variant};

use super::objects::{self, Objects};
use super::values::{Variants, taken};
use super::{CLIENT_INTERFACE, Dictionary, MANAGER, MANAGER_INTERFACE, introspection, status};
use crate::control::{Controls, Request};
use crate::data_model::door::{Change, DataModel};
use crate::data_model::{Fault, code};

/// The most paths of one call.
const MOST: usize = 1024;

const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const OBJECT_MANAGER: &str = "org.freedesktop.DBus.ObjectManager";
const INTROSPECTABLE: &str = "org.freedesktop.DBus.Introspectable";
const PEER: &str = "org.freedesktop.DBus.Peer";

/// Why a call is not answered: the name of the error, and a sentence.
struct Refusal(String, String);

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self(format!("org.dhcpmgr1.Error.Usp{}", fault.code), fault.to_string())
    }
}

impl Refusal {
    fn of_bus(name: &str, text: impl Into<String>) -> Self {
        Self(format!("org.freedesktop.DBus.Error.{name}"), text.into())
    }
}

/// Too much is asked at once.
pub(super) async fn busy(connection: &Connection, message: &Message) -> zbus::Result<()> {
    let why = "many calls are being answered; try again";
    connection.reply_error(&message.header(), "org.freedesktop.DBus.Error.LimitsExceeded", &(why,)).await
}

/// Answers a call.
pub(super) async fn answer<D: DataModel + Controls>(
    daemon: &D,
    connection: &Connection,
    message: &Message,
) -> zbus::Result<()> {
    let header = message.header();
    let reply = Reply { connection, header: &header };
    match call(daemon, &reply, message).await {
        Ok(sent) => sent,
        Err(Refusal(name, text)) => connection.reply_error(&header, name.as_str(), &(text,)).await,
    }
}

struct Reply<'a> {
    connection: &'a Connection,
    header: &'a Header<'a>,
}

impl Reply<'_> {
    async fn with<B: serde::Serialize + DynamicType>(&self, body: &B) -> Result<zbus::Result<()>, Refusal> {
        Ok(self.connection.reply(self.header, body).await)
    }
}

fn arguments<T: DeserializeOwned + Type>(message: &Message) -> Result<T, Refusal> {
    message
        .body()
        .deserialize()
        .map_err(|error| Refusal::of_bus("InvalidArgs", format!("the arguments are not understood: {error}")))
}

async fn call<D: DataModel + Controls>(
    daemon: &D,
    reply: &Reply<'_>,
    message: &Message,
) -> Result<zbus::Result<()>, Refusal> {
    let header = reply.header;
    let text = |name: Option<String>| name.unwrap_or_default();
    let path = text(header.path().map(ToString::to_string));
    let member = text(header.member().map(ToString::to_string));
    let interface = text(header.interface().map(ToString::to_string));
    let unknown = || Refusal::of_bus("UnknownMethod", format!("{path} has no method {interface}.{member}"));
    match (interface.as_str(), member.as_str()) {
        (PEER, "Ping") => reply.with(&()).await,
        (PEER, "GetMachineId") => {
            let id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
            reply.with(&(id.trim(),)).await
        }
        (INTROSPECTABLE, "Introspect") => {
            let xml = introspection::of(&path, &Objects::read(daemon).await);
            reply.with(&(xml.ok_or_else(unknown)?,)).await
        }
        (OBJECT_MANAGER, "GetManagedObjects") if path == MANAGER => {
            let objects = Objects::read(daemon).await;
            reply.with(&(objects.managed(),)).await
        }
        (PROPERTIES, _) => properties(daemon, reply, message, &path, &member).await,
        (MANAGER_INTERFACE | "", _) if path == MANAGER => manager(daemon, reply, message, &member).await,
        (CLIENT_INTERFACE | "", _) => {
            let objects = Objects::read(daemon).await;
            let client = objects.name(&path).ok_or_else(unknown)?;
            let request = match member.as_str() {
                "Renew" => Request::Renew { client },
                "Release" => Request::Release { client },
                "Restart" => Request::Restart { client },
                _ => return Err(unknown()),
            };
            let response = daemon.handle(request).await;
            if response.ok {
                return reply.with(&()).await;
            }
            Err(Refusal::from(Fault::new(code::COMMAND, path, response.error.unwrap_or_default())))
        }
        _ => Err(unknown()),
    }
}

async fn manager<D: DataModel + Controls>(
    daemon: &D,
    reply: &Reply<'_>,
    message: &Message,
    member: &str,
) -> Result<zbus::Result<()>, Refusal> {
    let bounded = |paths: &[String]| {
        let many = || Fault::new(code::RESOURCES, "Device.", format!("accepted: up to {MOST} paths"));
        if paths.len() <= MOST { Ok(()) } else { Err(many()) }
    };
    let one = |mut faults: Vec<Fault>| {
        let fault = if faults.is_empty() {
            Fault::new(code::INTERNAL, "Device.", "nothing was done")
        } else {
            faults.swap_remove(0)
        };
        Refusal::from(fault)
    };
    match member {
        "Get" => {
            let (paths,): (Vec<String>,) = arguments(message)?;
            bounded(&paths)?;
            let flat = daemon.get(&paths, 0).await?;
            reply.with(&(Variants(&flat),)).await
        }
        "Set" => {
            let (values, allow_partial): (HashMap<String, OwnedVariant>, bool) = arguments(message)?;
            let failed = match taken(values) {
                Err(fault) => vec![fault],
                Ok(values) => match daemon.change(Change::Set { values, allow_partial }).await {
                    Ok(changed) => changed.failed,
                    Err(faults) => faults,
                },
            };
            let failed: HashMap<String, (u32, String)> =
                failed.into_iter().map(|fault| (fault.path, (u32::from(fault.code), fault.text))).collect();
            reply.with(&(failed,)).await
        }
        "Add" => {
            let (path, values): (String, HashMap<String, OwnedVariant>) = arguments(message)?;
            let added = daemon.change(Change::Add { path, values: taken(values)? }).await.map_err(one)?;
            reply.with(&(added.paths.into_iter().next().unwrap_or_default(),)).await
        }
        "Delete" => {
            let (paths,): (Vec<String>,) = arguments(message)?;
            bounded(&paths)?;
            daemon.change(Change::Delete { paths }).await.map_err(one)?;
            reply.with(&()).await
        }
        "Operate" => {
            let (command, given): (String, HashMap<String, OwnedVariant>) = arguments(message)?;
            if !given.is_empty() {
                return Err(Fault::new(code::COMMAND_ARGUMENTS, command, "takes no arguments").into());
            }
            daemon.change(Change::Operate { command }).await.map_err(one)?;
            let nothing: Dictionary<'_> = HashMap::new();
            reply.with(&(nothing,)).await
        }
        "GetInstances" => {
            let (path,): (String,) = arguments(message)?;
            reply.with(&(daemon.instances(&path).await?,)).await
        }
        "GetSupportedDM" => {
            let (path,): (String,) = arguments(message)?;
            let all: Vec<(String, String, bool, String)> = daemon
                .supported(&path)
                .await?
                .into_iter()
                .map(|s| (s.path, s.kind, s.writable, s.detail))
                .collect();
            reply.with(&(all,)).await
        }
        "Status" => reply.with(&(status(daemon).await,)).await,
        _ => Err(Refusal::of_bus("UnknownMethod", format!("there is no method {member}"))),
    }
}

async fn properties<D: DataModel + Controls>(
    daemon: &D,
    reply: &Reply<'_>,
    message: &Message,
    path: &str,
    member: &str,
) -> Result<zbus::Result<()>, Refusal> {
    let objects = Objects::read(daemon).await;
    let none = HashMap::new();
    let own = objects.properties(path);
    if own.is_none() && path != MANAGER {
        return Err(Refusal::of_bus("UnknownObject", format!("there is no {path}")));
    }
    match member {
        "GetAll" => {
            let (interface,): (String,) = arguments(message)?;
            let own = own.filter(|_| interface == CLIENT_INTERFACE || interface.is_empty());
            reply.with(&(own.unwrap_or(&none),)).await
        }
        "Get" => {
            let (_, name): (String, String) = arguments(message)?;
            let value: &Variant<'_> = own.and_then(|own| own.get(&name)).ok_or_else(|| {
                Refusal::of_bus("UnknownProperty", format!("{path} has no property {name}"))
            })?;
            reply.with(&(value,)).await
        }
        "Set" => Err(Refusal::of_bus("PropertyReadOnly", objects::READ_ONLY)),
        _ => Err(Refusal::of_bus("UnknownMethod", format!("there is no method {member}"))),
    }
}
