//! Makes the lease message, and makes it fit: a message without the largest option is worth more than none.

use std::str::FromStr;

use dhcpmgr_message::wire::{self, EncodeError, LIMITS};
use dhcpmgr_message::{ClientEvent, LeaseMessage, V4Report, VERSION, context};

use crate::environment::Reading;
use crate::problems::{Problems, shown};
use crate::report;

/// Builds the message, with the values that it takes from the reading. `at_ms` is `CLOCK_BOOTTIME`, `id` random.
///
/// # Errors
/// A sentence for the log: without client, token or interface nobody could tell whose message it is.
pub fn build(reading: &mut Reading, event: ClientEvent, at_ms: u64, id: u64) -> Result<LeaseMessage, String> {
    let Reading { context, interface, report, problems } = &mut *reading;
    let client = from_context(context::CLIENT, context.client.as_deref())?;
    let token = from_context(context::TOKEN, context.token.as_deref())?;
    let interface = interface
        .take()
        .ok_or("the variable \"interface\" names none that the kernel could have: is this run by udhcpc?")?;
    Ok(LeaseMessage {
        v: VERSION,
        id,
        client,
        token,
        program: "udhcpc".to_owned(),
        event,
        interface,
        at_ms,
        v4: Some(std::mem::take(report)),
        v6: None,
        problems: problems.lines(),
    })
}

fn from_context<T: FromStr>(name: &str, value: Option<&[u8]>) -> Result<T, String> {
    let value =
        value.ok_or_else(|| format!("{name} is not set: udhcpc must be started by dhcpmgrd (see --help)"))?;
    std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).ok_or_else(|| {
        // The token is a secret even where it is not the right one.
        let shown = if name == context::TOKEN { String::new() } else { format!(" {}", shown(value)) };
        format!("{name}{shown} is not what dhcpmgrd sets it to: udhcpc must be started by dhcpmgrd")
    })
}

/// Writes the message; while it is too large, the option that needs most of it is left out, and said so.
///
/// # Errors
/// What [`LeaseMessage::encode`] refuses for another reason.
pub fn encode(mut message: LeaseMessage, problems: &mut Problems) -> Result<Vec<u8>, EncodeError> {
    loop {
        let error = match message.encode() {
            Ok(bytes) => return Ok(bytes),
            Err(error) => error,
        };
        if wire::encode(&message)?.len() <= LIMITS.bytes {
            return Err(error);
        }
        let Some(report) = message.v4.as_mut() else { return Err(error) };
        let Some(code) = largest(report) else { return Err(error) };
        let size = report.options[&code].0.len();
        problems.add_first(format_args!(
            "option {code} is left out: with its {size} bytes the message would be too large"
        ));
        *report = without(std::mem::take(report), code);
        message.problems = problems.lines();
    }
}

/// The option that needs most bytes in the message, its typed field included.
fn largest(report: &V4Report) -> Option<u8> {
    let size = |code: u8, wire: &[u8]| {
        let mut alone = V4Report::default();
        report::fill(&mut alone, code, wire, &mut Problems::default());
        wire.len() + wire::encode(&alone).map_or(0, |bytes| bytes.len())
    };
    let sizes = report.options.iter().map(|(code, wire)| (size(*code, &wire.0), *code));
    sizes.max().map(|(_, code)| code)
}

fn without(mut report: V4Report, left_out: u8) -> V4Report {
    let options = std::mem::take(&mut report.options);
    let mut kept = V4Report {
        address: report.address,
        prefix_len: report.prefix_len,
        siaddr: report.siaddr,
        giaddr: report.giaddr,
        sname: report.sname,
        file: report.file,
        ..V4Report::default()
    };
    for (code, wire) in options {
        if code != left_out {
            // What cannot be read has been reported when it was read first.
            report::fill(&mut kept, code, &wire.0, &mut Problems::default());
            kept.options.insert(code, wire);
        }
    }
    kept
}
