//! `dhcpmgr` as a person or a script uses it, its JSON read back.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::error::Context;
use crate::process::{Process, supervised};
use crate::{Error, Result, eventually, eventually_within, program};

/// The command line of one installation.
#[derive(Debug, Clone)]
pub struct Cli {
    root: PathBuf,
}

/// One line of `dhcpmgr events --json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Event {
    /// When, RFC 3339.
    pub time: String,
    /// The client it is about.
    pub client: Option<String>,
    /// What happened: `lease-acquired`, ….
    pub event: String,
    /// What really changed: `address`, `route`, ….
    #[serde(default)]
    pub changed: Vec<String>,
    /// A sentence.
    pub detail: Option<String>,
    /// The handler it is about.
    pub handler: Option<String>,
    /// Details by name.
    #[serde(default)]
    pub fields: std::collections::BTreeMap<String, String>,
    /// The lease after it.
    #[serde(default)]
    pub lease: Value,
}

impl Cli {
    /// The command line of the installation below `root`.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    fn file(&self) -> PathBuf {
        self.root.join("usr/bin/dhcpmgr")
    }

    /// Runs it, whatever it answers; not for longer than 20 s.
    pub fn output(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(program("timeout")?);
        command.arg("20").arg(self.file()).arg("--root").arg(&self.root).args(arguments);
        Ok(command.env_clear().stdin(std::process::Stdio::null()).output()?)
    }

    /// Runs it for a person; an exit status other than 0 is an error with what it said.
    pub fn text(&self, arguments: &[&str]) -> Result<String> {
        let output = self.output(arguments)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(text);
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(Error::new(format!("dhcpmgr {}: {}: {text}{said}", arguments.join(" "), output.status)))
    }

    /// Runs it with `--json`.
    pub fn json(&self, arguments: &[&str]) -> Result<Value> {
        let text = self.text(&[arguments, &["--json"]].concat())?;
        serde_json::from_str(&text).context(|| format!("dhcpmgr {} --json said {text}", arguments.join(" ")))
    }

    /// The row of a client in `dhcpmgr status --json`.
    pub fn client(&self, name: &str) -> Result<Value> {
        find(self.json(&["status"])?, "clients", name)
    }

    /// The row of a handler in `dhcpmgr status --json`.
    pub fn handler(&self, name: &str) -> Result<Value> {
        find(self.json(&["status"])?, "handlers", name)
    }

    /// A counter of the lease monitor: `accepted`, `malformed`, ….
    pub fn counter(&self, name: &str) -> Result<u64> {
        let status = self.json(&["status"])?;
        status["messages"][name].as_u64().ok_or_else(|| Error::new(format!("no counter {name} in {status}")))
    }

    /// Waits until a client is in this state, and returns its row.
    pub fn wait_for(&self, client: &str, status: &str) -> Result<Value> {
        let mut last = Value::Null;
        let found = eventually(&format!("{client} is {status}"), || {
            last = self.client(client)?;
            Ok((last["status"] == status).then(|| last.clone()))
        });
        found.map_err(|error| Error::new(format!("{error}; it is {last}")))
    }

    /// The past events, oldest first.
    pub fn events(&self) -> Result<Vec<Event>> {
        lines(&self.text(&["events", "--json"])?)
    }

    /// The kinds of a client's past events, oldest first.
    pub fn kinds(&self, client: &str) -> Result<Vec<String>> {
        let events = self.events()?.into_iter().filter(|event| event.client.as_deref() == Some(client));
        Ok(events.map(|event| event.event).collect())
    }

    /// Waits for the `count`-th event of this kind of a client, counted from 1.
    pub fn wait_for_event(&self, client: &str, kind: &str, count: usize) -> Result<Event> {
        self.wait_for_event_within(Duration::from_secs(20), client, kind, count)
    }

    /// As [`Cli::wait_for_event`], for at most this long.
    pub fn wait_for_event_within(
        &self,
        patience: Duration,
        client: &str,
        kind: &str,
        count: usize,
    ) -> Result<Event> {
        let found = eventually_within(patience, &format!("event {count} of kind {kind} of {client}"), || {
            let of_kind = |event: &Event| event.event == kind && event.client.as_deref() == Some(client);
            Ok(self.events()?.into_iter().filter(of_kind).nth(count.saturating_sub(1)))
        });
        found.map_err(|error| {
            Error::new(format!("{error}; there were {:?}", self.kinds(client).unwrap_or_default()))
        })
    }

    /// `dhcpmgr events --json --follow`, its lines in `log`.
    pub fn follow(&self, log: &Path) -> Result<Follow> {
        self.stream(&["events", "--json", "--follow"], log)
    }

    /// Follows paths of the data model from now on.
    pub fn watch(&self, paths: &[&str], log: &Path) -> Result<Follow> {
        self.stream(&[&["watch", "--json"], paths].concat(), log)
    }

    fn stream(&self, arguments: &[&str], log: &Path) -> Result<Follow> {
        let mut command = supervised(&self.file())?;
        command.arg("--root").arg(&self.root).args(arguments);
        Ok(Follow(Process::start("dhcpmgr follows", command, log)?))
    }
}

fn find(status: Value, list: &str, name: &str) -> Result<Value> {
    let row = status[list].as_array().into_iter().flatten().find(|row| row["name"] == name);
    row.cloned().ok_or_else(|| Error::new(format!("no {name} among the {list} of {status}")))
}

fn lines(text: &str) -> Result<Vec<Event>> {
    let read = |line: &str| serde_json::from_str(line).context(|| format!("the event {line}"));
    text.lines().map(read).collect()
}

/// A running `dhcpmgr events --json --follow`.
#[derive(Debug)]
pub struct Follow(Process);

impl Follow {
    /// What came so far, a value a line.
    pub fn lines(&self) -> Result<Vec<Value>> {
        let log = self.0.log();
        // The last line may still be on its way.
        let whole = log.rfind('\n').map_or("", |end| &log[..end]);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).context(|| format!("a line of JSON: {line}")))
            .collect()
    }

    /// The complete lines so far.
    pub fn events(&self) -> Result<Vec<Event>> {
        let log = self.0.log();
        lines(log.rsplit_once('\n').map_or("", |(complete, _)| complete))
    }
}
