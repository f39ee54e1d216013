//! What a shim is called for: its client gives one word, a person may give anything.

use std::env;
use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;

use dhcpmgr_message::ClientEvent;

use crate::problems::shown;
use crate::reading::{Reading, Report};
use crate::send::Door;
use crate::{Log, run};

/// One shim.
#[derive(Debug)]
pub struct Program {
    /// Its own name, for the log.
    pub log: Log,
    /// The client program, as messages name it: `udhcpc`.
    pub client: &'static str,
    /// What a person gets to read.
    pub help: &'static str,
    /// The client's word for an event; `None` where the client has no such word.
    pub event: fn(&[u8]) -> Option<ClientEvent>,
}

/// The reason of the call.
#[derive(Debug, PartialEq, Eq)]
pub enum Call {
    /// The client reports an event.
    Event(ClientEvent),
    /// `--version`.
    Version,
    /// `--help`, or no argument at all.
    Help,
    /// Anything else.
    Unknown(Vec<u8>),
}

impl Program {
    /// The whole program: reads the arguments, then what the client said, and delivers it. Comes back whatever
    /// happens, and the program is to end with status 0: clients ignore it or log it, and can do nothing about it.
    pub fn main<R: Report>(&self, read: impl FnOnce(&mut Door) -> Result<Reading<R>, String>) {
        self.log.catch_panics();
        match self.call(env::args_os().skip(1).map(OsStringExt::into_vec)) {
            Call::Event(event) => run::event(self, event, read),
            // No client asks for it, so stdout is free.
            Call::Version => {
                let _closed = writeln!(io::stdout(), "{} {}", self.log.0, env!("CARGO_PKG_VERSION"));
            }
            Call::Help => self.explain(),
            Call::Unknown(word) => {
                let (word, client) = (shown(&word), self.client);
                self.log.line(format_args!("{word} is not an event of {client}; nothing is reported"));
                self.explain();
            }
        }
    }

    /// Reads the arguments, the program's name not among them. Clients give exactly one; more are ignored.
    pub fn call(&self, mut arguments: impl Iterator<Item = Vec<u8>>) -> Call {
        let Some(word) = arguments.next() else { return Call::Help };
        match &*word {
            b"--version" | b"-V" => Call::Version,
            b"--help" | b"-h" => Call::Help,
            _ => (self.event)(&word).map_or(Call::Unknown(word), Call::Event),
        }
    }

    fn explain(&self) {
        let _closed = io::stderr().write_all(self.help.as_bytes());
    }
}
