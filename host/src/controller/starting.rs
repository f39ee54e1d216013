//! Starting the process of a client: what it is started with, and what is written down of it.

use std::ffi::OsStr;
use std::fs;
use std::net::Ipv4Addr;
use std::os::fd::AsFd as _;

use dhcpmgr_message::Token;

use super::machine::Input;
use super::task::Task;
use crate::clients::{
    self, CommandLine, Launch, LaunchContext, LaunchError, Process, ProcessRecord, RunRecord,
};
use crate::config::Client;
use crate::events::EventKind;
use crate::random;
use crate::recovery::Fault;

impl Task {
    /// Starts the process and lets it ask for this address, or for the one before the reboot.
    pub(super) async fn start_process(&mut self, address: Option<Ipv4Addr>) -> Input {
        match self.try_start(address.or_else(|| self.stored_address())).await {
            Ok(()) => Input::Started,
            Err(fault) => Input::NotStarted { fault, jitter: random::jitter() },
        }
    }

    async fn try_start(&mut self, address: Option<Ipv4Addr>) -> Result<(), Fault> {
        let secret = random::bytes()
            .map_err(|error| Fault::Forbidden(format!("no random numbers for a token: {error}")))?;
        let token = Token::from_random(secret);
        // Before it is used for the first time it is on the flash.
        let _ = self.settle_v6_identity().await;
        self.ask_for_options().await;
        let launch = self.launch(&token, address).map_err(|error| error.fault())?;
        let fifo = clients::fifo(&self.shared.records, &self.client.name);
        // Before it runs: its first message may come before this task goes on.
        self.shared.sessions.set_token(&self.client.name, Some(token.clone()));
        let (process, output) = match Process::spawn(&launch, &fifo).await {
            Ok(started) => started,
            Err(error) => {
                self.shared.sessions.set_token(&self.client.name, None);
                return Err(error.fault());
            }
        };
        let command = CommandLine::of(&launch);
        self.write_down(&process, command.clone(), &token);
        if self.launched.is_some() {
            self.restarts += 1;
        }
        self.launched = Some(command);
        self.recorder.started();
        for note in launch.notes {
            tracing::warn!("{}: {note}", self.client.name);
            self.recorder.line(format!("dhcpmgr: {note}"));
        }
        self.running = Some((process, output));
        self.publish(self.event(EventKind::ClientStarted));
        self.look_for_others_again();
        self.settle_client_id();
        Ok(())
    }

    /// Asks the handlers that want to be asked which options the client requests and sends.
    pub(super) async fn ask_for_options(&self) {
        let Client { name, interface, protocol, .. } = &self.client;
        self.shared.chain.ask_options(name, interface, *protocol).await;
    }

    fn launch(&self, token: &Token, last_address: Option<Ipv4Addr>) -> Result<Launch, LaunchError> {
        let wants = self.shared.chain.wants(&self.client.name, self.client.protocol);
        let client_id = self.client_id(&wants);
        let (duid, ias) = (self.shared.keeper.duid(), self.wanted_ias());
        let context = LaunchContext {
            paths: &self.shared.paths,
            wants: &wants,
            token,
            last_address,
            client_id: client_id.as_ref(),
            left_out: self.machine.left_out(),
            duid: duid.as_ref(),
            ias: &ias,
        };
        let mut launch = self.client.program.launch(&self.client, &context)?;
        launch.notes.extend(wants.notes.iter().cloned());
        Ok(launch)
    }

    /// Whether the process that runs, or ran last, would be started otherwise today.
    pub(super) fn launch_has_changed(&self) -> bool {
        let Some(launched) = &self.launched else { return false };
        // Neither the token nor the address that it asks for makes a difference.
        let today = self.launch(&Token::from_random([0; 16]), None);
        today.is_ok_and(|today| {
            let words = CommandLine::of(&today);
            without_address(launched).ne(words.words()) || !today.files_are_there()
        })
    }

    /// Writes down what the next daemon needs to know of the process.
    pub(super) fn write_down(&mut self, process: &Process, command: CommandLine, token: &Token) {
        let index = self.shared.network.link(&self.client.interface).map_or(0, |link| link.index);
        let interface = self.client.interface.clone();
        self.shared.service.store_pidfd(&self.client.name, process.as_fd());
        let written = ProcessRecord::of(process, command, token.clone(), interface, index);
        if let Err(error) = &written {
            // Without a record it is found by its environment.
            tracing::debug!("{}: pid {} has no record: {error}", self.client.name, process.pid());
        }
        self.record(|record, in_force| {
            record.process = written.ok();
            record.without_lease = in_force;
            record.giving_back = None;
        });
    }

    /// The process has ended.
    pub(super) fn forget_process(&mut self) {
        self.shared.service.forget_pidfd(&self.client.name);
        self.record(|record, in_force| {
            // What was begun is over when neither process nor lease is left.
            let giving_back = record.giving_back.filter(|_| in_force);
            *record = RunRecord { released: record.released, giving_back, ..RunRecord::default() };
        });
        let _ = fs::remove_file(clients::fifo(&self.shared.records, &self.client.name));
    }

    /// Changes what the next daemon will know; `change` is told whether a lease is in force.
    pub(super) fn record(&mut self, change: impl FnOnce(&mut RunRecord, bool)) {
        let before = self.record.clone();
        change(&mut self.record, self.lease.is_some());
        if self.record != before {
            self.record.save(&self.shared.records, &self.client.name);
        }
    }
}

fn without_address(command: &CommandLine) -> impl Iterator<Item = &OsStr> {
    let place = command.words().position(|word| word == "-r");
    let keep = move |(index, _): &(usize, &OsStr)| place.is_none_or(|p| *index != p && *index != p + 1);
    command.words().enumerate().filter(keep).map(|(_, word)| word)
}
