//! Makes the lease message, and makes it fit: a message without the largest option is worth more than none.

use std::str::FromStr;

use dhcpmgr_message::wire::{self, EncodeError, LIMITS};
use dhcpmgr_message::{ClientEvent, LeaseMessage, VERSION, context};

use crate::problems::{Problems, shown};
use crate::reading::{Reading, Report};

/// Builds the message, with the values that it takes from the reading. `client` is the client program, `at_ms`
/// `CLOCK_BOOTTIME`, `id` random.
///
/// # Errors
/// A sentence for the log: without client, token or interface nobody could tell whose message it is.
pub fn build<R: Report>(
    reading: &mut Reading<R>,
    client: &str,
    event: ClientEvent,
    at_ms: u64,
    id: u64,
) -> Result<LeaseMessage, String> {
    let Reading { context, interface, report, problems } = &mut *reading;
    let name = from_context(client, context::CLIENT, context.client.as_deref())?;
    let token = from_context(client, context::TOKEN, context.token.as_deref())?;
    let interface = interface.take().ok_or_else(|| {
        format!("no variable names an interface that the kernel could have: is this run by {client}?")
    })?;
    let mut message = LeaseMessage {
        v: VERSION,
        id,
        client: name,
        token,
        program: client.to_owned(),
        event,
        interface,
        at_ms,
        v4: None,
        v6: None,
        problems: problems.lines(),
    };
    std::mem::take(report).put(&mut message);
    Ok(message)
}

fn from_context<T: FromStr>(client: &str, name: &str, value: Option<&[u8]>) -> Result<T, String> {
    let value = value
        .ok_or_else(|| format!("{name} is not set: {client} must be started by dhcpmgrd (see --help)"))?;
    std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).ok_or_else(|| {
        // The token is a secret even where it is not the right one.
        let shown = if name == context::TOKEN { String::new() } else { format!(" {}", shown(value)) };
        format!("{name}{shown} is not what dhcpmgrd sets it to: {client} must be started by dhcpmgrd")
    })
}

/// Writes the message; while it is too large, the option that needs most of it is left out, and said so.
///
/// # Errors
/// What [`LeaseMessage::encode`] refuses for another reason.
pub fn encode<R: Report>(mut message: LeaseMessage, problems: &mut Problems) -> Result<Vec<u8>, EncodeError> {
    loop {
        let error = match message.encode() {
            Ok(bytes) => return Ok(bytes),
            Err(error) => error,
        };
        if wire::encode(&message)?.len() <= LIMITS.bytes {
            return Err(error);
        }
        let Some((code, size)) = R::of(&mut message).and_then(Report::leave_out_largest) else {
            return Err(error);
        };
        problems.add_first(format_args!(
            "option {code} is left out: with its {size} bytes the message would be too large"
        ));
        message.problems = problems.lines();
    }
}
