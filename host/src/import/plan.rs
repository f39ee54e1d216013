//! What becomes of what was found: whose it is, whether it may be stored, and the words for it.

use dhcpmgr_message::{ClientName, IfName};
use dhcpmgr_plugin_api::Protocol;
use serde::{Deserialize, Serialize};

use super::Found;
use crate::clock;
use crate::flat::{FlatMap, FlatSet};
use crate::identity::{ClientRecord, DeviceRecord, Identities, LastLease};

/// What is to be imported, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// What the files say.
    pub found: Vec<Found>,
    /// For this client, whatever its interface is.
    #[serde(default)]
    pub client: Option<ClientName>,
    /// Give up an identity that is in use.
    #[serde(default)]
    pub replace: bool,
    /// Say what would be stored, and store nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// A client that is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its name.
    pub name: ClientName,
    /// Its interface.
    pub interface: IfName,
    /// Its protocol.
    pub protocol: Protocol,
}

/// What became of everything that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// A line for each.
    pub lines: Vec<Line>,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Where.
    pub file: String,
    /// What, and whose.
    pub what: String,
    /// What became of it.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What became of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", content = "why", rename_all = "kebab-case")]
pub enum Verdict {
    /// It is stored.
    Stored,
    /// It would be stored.
    WouldBeStored,
    /// It was stored already.
    Already,
    /// It is not stored.
    Refused(String),
    /// Something to know.
    Note,
}

/// Stores what may be stored. Nobody else may write the records meanwhile.
#[must_use]
pub fn carry_out(order: &Order, known: &[Known], identities: &Identities) -> Outcome {
    let _only_we = identities.lock();
    let mut plan = Plan {
        order,
        known,
        now: clock::timestamp(),
        clients: FlatMap::new(),
        device: identities.device(),
        settled: FlatSet::new(),
        lines: Vec::new(),
    };
    for found in &order.found {
        plan.take(found, |name| identities.client(name));
    }
    if order.dry_run {
        return plan.outcome(|_| Verdict::WouldBeStored);
    }
    let mut failed = FlatMap::new();
    for (name, record) in &plan.clients {
        if let Err(error) = identities.keep_client(name, record) {
            failed.insert(Owner::Client(name.clone()), error.to_string());
        }
    }
    if plan.settled.iter().any(|(owner, _)| *owner == Owner::Device)
        && let Err(error) = identities.keep_device(&plan.device)
    {
        failed.insert(Owner::Device, error.to_string());
    }
    plan.outcome(|owner| match failed.get(owner) {
        Some(why) => Verdict::Refused(why.clone()),
        None => Verdict::Stored,
    })
}

/// Whose record something goes to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Device,
    Client(ClientName),
}

/// A line before it is known whether the record could be written.
struct Draft {
    file: String,
    what: String,
    fate: Fate,
}

enum Fate {
    Written(Owner),
    Known(Verdict),
}

struct Plan<'a> {
    order: &'a Order,
    known: &'a [Known],
    now: String,
    clients: FlatMap<ClientName, ClientRecord>,
    device: DeviceRecord,
    /// What this import has said already; a second file may not say otherwise.
    settled: FlatSet<(Owner, &'static str)>,
    lines: Vec<Draft>,
}

impl Plan<'_> {
    fn take(&mut self, found: &Found, record: impl Fn(&ClientName) -> ClientRecord) {
        // What comes over the control socket need not have come out of a parser.
        if let Err(error) = found.check() {
            self.say(found, "what it says".to_owned(), Fate::Known(Verdict::Refused(error.to_string())));
            return;
        }
        if let Some(duid) = &found.duid {
            let mut slot = self.device.duid.take();
            let fate =
                self.settle(&Owner::Device, "DUID", &mut slot, duid.clone(), |a, b| a == b, |id| id.to_hex());
            self.device.duid = slot;
            self.say(found, format!("DUID {} of the device", duid.to_hex()), fate);
        }
        if found.client_id.is_some() || found.address.is_some() {
            self.take_v4(found, &record);
        }
        if !found.ias.is_empty() {
            self.take_v6(found, &record);
        }
        for note in &found.notes {
            self.say(found, note.clone(), Fate::Known(Verdict::Note));
        }
    }

    fn take_v4(&mut self, found: &Found, record: impl Fn(&ClientName) -> ClientRecord) {
        let what = |name: &str| {
            let id = found.client_id.as_ref().map(|id| format!("client-id {}{name}", id.to_hex()));
            let address = found.address.map(|address| format!("last address {address}{name}"));
            (id, address)
        };
        let client = match self.client(found, Protocol::V4) {
            Ok(client) => client,
            Err(why) => {
                let (id, address) = what("");
                for what in [id, address].into_iter().flatten() {
                    self.say(found, what, Fate::Known(Verdict::Refused(why.clone())));
                }
                return;
            }
        };
        let (id_line, address_line) = what(&format!(" of {client}"));
        let owner = Owner::Client(client.clone());
        let mut kept = self.clients.remove(&client).unwrap_or_else(|| record(&client));
        if let (Some(id), Some(line)) = (&found.client_id, id_line) {
            let same = |a: &_, b: &_| a == b;
            let fate =
                self.settle(&owner, "client-id", &mut kept.client_id, id.clone(), same, |id| id.to_hex());
            self.say(found, line, fate);
        }
        if let (Some(address), Some(line)) = (found.address, address_line) {
            let lease = LastLease { address, server: found.server, changed: self.now.clone() };
            let same = |a: &LastLease, b: &LastLease| a.address == b.address;
            let show = |lease: &LastLease| lease.address.to_string();
            let fate = self.settle(&owner, "last address", &mut kept.last_lease, lease, same, show);
            self.say(found, line, fate);
        }
        self.clients.insert(client, kept);
    }

    fn take_v6(&mut self, found: &Found, record: impl Fn(&ClientName) -> ClientRecord) {
        let ias: Vec<_> = found
            .ias
            .iter()
            .map(|ia| {
                let last: String = ia.last.iter().map(|prefix| format!(" {prefix}")).collect();
                format!("{} {}{last}", ia.kind, ia.iaid)
            })
            .collect();
        let ias = ias.join(", ");
        match self.client(found, Protocol::V6) {
            Ok(client) => {
                let mut kept = self.clients.remove(&client).unwrap_or_else(|| record(&client));
                let mut slot = Some(std::mem::take(&mut kept.ias)).filter(|ias| !ias.is_empty());
                let owner = Owner::Client(client.clone());
                let show = |_: &_| "with other identity associations".to_owned();
                let fate = self.settle(&owner, "IAs", &mut slot, found.ias.clone(), |a, b| a == b, show);
                kept.ias = slot.unwrap_or_default();
                self.say(found, format!("{ias} of {client}"), fate);
                self.clients.insert(client, kept);
            }
            Err(why) => self.say(found, ias, Fate::Known(Verdict::Refused(why))),
        }
    }

    /// Whose it is: the client that was named, or the only one that it can be.
    fn client(&self, found: &Found, protocol: Protocol) -> Result<ClientName, String> {
        let family = if protocol == Protocol::V4 { "DHCPv4" } else { "DHCPv6" };
        if let Some(name) = &self.order.client {
            return match self.known.iter().find(|known| known.name == *name) {
                Some(known) if known.protocol != protocol => Err(format!("{name} is no {family} client")),
                // It may be configured later.
                _ => Ok(name.clone()),
            };
        }
        let fits = |known: &&Known| {
            known.protocol == protocol && found.interface.as_ref().is_none_or(|name| *name == known.interface)
        };
        let mut fitting = self.known.iter().filter(fits);
        let place = found.interface.as_ref().map(|name| format!(" on {name}")).unwrap_or_default();
        match (fitting.next(), fitting.next()) {
            (Some(known), None) => Ok(known.name.clone()),
            (None, _) => Err(format!("no {family} client{place} is configured; name one with --client")),
            (Some(_), Some(_)) => {
                Err(format!("several {family} clients{place} are configured; name one with --client"))
            }
        }
    }

    fn settle<T>(
        &mut self,
        owner: &Owner,
        field: &'static str,
        slot: &mut Option<T>,
        value: T,
        same: impl Fn(&T, &T) -> bool,
        show: impl Fn(&T) -> String,
    ) -> Fate {
        let first = self.settled.insert((owner.clone(), field));
        match slot {
            Some(kept) if same(kept, &value) => Fate::Known(Verdict::Already),
            Some(kept) if !first => {
                let why = format!("another file of this import says {}", show(kept));
                Fate::Known(Verdict::Refused(why))
            }
            Some(kept) if !self.order.replace => {
                let why = format!("{} is kept already; --replace gives it up", show(kept));
                Fate::Known(Verdict::Refused(why))
            }
            _ => {
                *slot = Some(value);
                Fate::Written(owner.clone())
            }
        }
    }

    fn say(&mut self, found: &Found, what: String, fate: Fate) {
        self.lines.push(Draft { file: found.file.clone(), what, fate });
    }

    fn outcome(self, written: impl Fn(&Owner) -> Verdict) -> Outcome {
        let line = |Draft { file, what, fate }| match fate {
            Fate::Written(owner) => Line { file, what, verdict: written(&owner) },
            Fate::Known(verdict) => Line { file, what, verdict },
        };
        Outcome { lines: self.lines.into_iter().map(line).collect() }
    }
}
