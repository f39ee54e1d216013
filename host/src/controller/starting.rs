//! Starting the process of a client: what it is started with, and what is written down of it.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use dhcpmgr_message::Token;

use super::machine::Input;
use super::task::Task;
use crate::clients::{self, Launch, LaunchContext, LaunchError, Process};
use crate::events::EventKind;
use crate::random;

/// How long to wait before a client that cannot be started is tried again: its program may be being installed.
const NOT_STARTED_MS: u64 = 10_000;

impl Task {
    /// Starts the process and lets it ask for this address, or for the one before the reboot.
    pub(super) async fn start_process(&mut self, address: Option<Ipv4Addr>) -> Input {
        match self.try_start(address.or_else(|| self.stored_address())).await {
            Ok(()) => Input::Started,
            Err(why) => Input::NotStarted { why, retry_in: NOT_STARTED_MS },
        }
    }

    async fn try_start(&mut self, address: Option<Ipv4Addr>) -> Result<(), String> {
        let secret = random::bytes().map_err(|error| format!("no random numbers for a token: {error}"))?;
        let token = Token::from_random(secret);
        let launch = self.launch(&token, address).map_err(|error| error.to_string())?;
        let (process, output) = Process::spawn(&launch).map_err(|error| error.to_string())?;
        if let Err(error) = process.record(&self.process_record(), &token) {
            tracing::warn!("{}: cannot write {}: {error}", self.client.name, self.process_record().display());
        }
        // Nothing else runs on this thread until here, so its first message finds the token.
        self.shared.sessions.set_token(&self.client.name, Some(token));
        if self.launched.is_some() {
            self.restarts += 1;
        }
        self.launched = Some(launch);
        self.running = Some((process, output));
        self.publish(self.event(EventKind::ClientStarted));
        self.settle_client_id().await;
        Ok(())
    }

    fn launch(&self, token: &Token, last_address: Option<Ipv4Addr>) -> Result<Launch, LaunchError> {
        let wants = self.shared.chain.wants(&self.client.name, self.client.protocol);
        let client_id = self.client_id(&wants);
        let paths = &self.shared.paths;
        let context =
            LaunchContext { paths, wants: &wants, token, last_address, client_id: client_id.as_ref() };
        clients::launch(&self.client, &context)
    }

    /// Whether the running process would be started otherwise today.
    pub(super) fn launch_has_changed(&self) -> bool {
        let (Some(launched), Some(_)) = (&self.launched, &self.running) else { return false };
        // Neither the token nor the address that it asks for makes a difference.
        let today = self.launch(&Token::from_random([0; 16]), None);
        today.is_ok_and(|today| today.args != without_address(&launched.args))
    }

    /// The file that proves the process to a later daemon.
    pub(super) fn process_record(&self) -> PathBuf {
        self.shared.paths.clients().join(self.client.name.as_str())
    }
}

fn without_address(args: &[OsString]) -> Vec<OsString> {
    let place = args.iter().position(|arg| arg == "-r");
    let keep = |(index, _): &(usize, &OsString)| place.is_none_or(|p| *index != p && *index != p + 1);
    args.iter().enumerate().filter(keep).map(|(_, arg)| arg.clone()).collect()
}
