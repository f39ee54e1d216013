//! Reads the environment that dibbler gives its script: pure, from variables in order to values and problems.
//!
//! dibbler makes a new environment of its own variables and `PATH`. An option that is there twice is two variables of
//! one name, so this is a list and not a map. Values are bytes; a server controls many of them.

use std::collections::BTreeMap;

use dhcpmgr_message::context::Context;
use dhcpmgr_message::{Bytes, V6Report, V6Request, limits};
use dhcpmgr_shim::reading::once;
use dhcpmgr_shim::{shown, v6};

use crate::encode;
use crate::listed::{self, Listed};
use crate::origin::Call;

/// What was read.
pub type Reading = dhcpmgr_shim::Reading<V6Report>;

/// Codes of options that are read; dibbler has room for 512 variables in all.
const OPTIONS: usize = 512;

/// Reads the variables in order.
///
/// # Errors
/// A sentence for the log: it was no REPLY. dibbler runs its script for whatever has the right transaction id, and uses
/// one id for two messages at times, so that it takes the ADVERTISE to the one for the answer to the other.
pub fn read<N: AsRef<[u8]>, V: AsRef<[u8]>>(
    context: Context,
    variables: impl IntoIterator<Item = (N, V)>,
) -> Result<Reading, String> {
    let mut environment = Environment {
        reading: Reading { context, ..Reading::default() },
        call: Call::default(),
        other_message: None,
        addresses: Listed::new("ADDR"),
        prefixes: Listed::new("PREFIX"),
        options: BTreeMap::new(),
    };
    for (at, (name, value)) in variables.into_iter().enumerate() {
        environment.variable(at, name.as_ref(), value.as_ref());
    }
    let other = environment.other_message.take();
    other.map_or_else(
        || Ok(environment.reading()),
        |other| Err(format!("the server's message is {other}, not a REPLY")),
    )
}

struct Environment {
    reading: Reading,
    call: Call,
    other_message: Option<String>,
    addresses: Listed,
    prefixes: Listed,
    options: BTreeMap<u16, Vec<Bytes>>,
}

impl Environment {
    fn variable(&mut self, at: usize, name: &[u8], value: &[u8]) {
        let Reading { interface, problems, .. } = &mut self.reading;
        let Ok(name) = std::str::from_utf8(name) else {
            problems.add(format_args!("variable {} is unknown", shown(name)));
            return;
        };
        match name {
            "IFACE" => once(interface, name, value, problems),
            "CLNT_MESSAGE" => self.client_message(value),
            "SRV_MESSAGE" if value == b"REPLY" => {}
            "SRV_MESSAGE" => self.other_message = Some(shown(value).to_string()),
            "DOWNLINK_PREFIX_IFACES" => self.call.prefixes_taken += 1,
            // What dibbler would do with prefixes if it were let, and what tells nothing that is not told elsewhere.
            "DOWNLINK_PREFIXES" | "IFINDEX" | "REMOTE_ADDR" | "PATH" => {}
            _ => {
                if let Some(code) = code(name, "SRV_OPTION") {
                    self.call.last_server_option = Some(at);
                    self.option(name, code, value);
                } else if let Some(code) = code(name, "CLNT_OPTION") {
                    self.call.first_client_option.get_or_insert((at, code));
                } else if !self.addresses.take(at, name, value, problems)
                    && !self.prefixes.take(at, name, value, problems)
                {
                    problems.add(format_args!("variable {} is unknown", shown(name.as_bytes())));
                }
            }
        }
    }

    fn client_message(&mut self, value: &[u8]) {
        self.call.request = match value {
            b"SOLICIT" => Some(V6Request::Solicit),
            b"REQUEST" => Some(V6Request::Request),
            b"CONFIRM" => Some(V6Request::Confirm),
            b"RENEW" => Some(V6Request::Renew),
            b"REBIND" => Some(V6Request::Rebind),
            b"RELEASE" => Some(V6Request::Release),
            b"DECLINE" => Some(V6Request::Decline),
            b"INF-REQUEST" => Some(V6Request::InformationRequest),
            _ => {
                self.reading.problems.add(format_args!("CLNT_MESSAGE: {} is unknown", shown(value)));
                None
            }
        };
    }

    fn option(&mut self, name: &str, code: u16, value: &[u8]) {
        let problems = &mut self.reading.problems;
        let Some(wire) = encode::option(name, code, value, problems) else { return };
        if self.options.len() >= OPTIONS && !self.options.contains_key(&code) {
            problems.add(format_args!("option {code} is left out: there are more than {OPTIONS}"));
            return;
        }
        let values = self.options.entry(code).or_default();
        if values.len() >= limits::LIST {
            problems.add(format_args!("option {code} is there more than {} times", limits::LIST));
            return;
        }
        values.push(Bytes(wire));
    }

    fn reading(self) -> Reading {
        let Self { mut reading, call, addresses, prefixes, options, .. } = self;
        let Reading { report, problems, .. } = &mut reading;
        report.answer_to = call.request;
        (report.addresses, report.prefixes) = listed::given(&addresses, &prefixes, call, problems);
        for (code, values) in &options {
            v6::fill(report, *code, values, problems);
        }
        report.options = options;
        reading
    }
}

/// The code at the end of a name, without leading zeros.
fn code(name: &str, begin: &str) -> Option<u16> {
    let digits = name.strip_prefix(begin)?;
    if digits.starts_with(['0', '+']) { None } else { digits.parse().ok() }
}
