//! Reading and writing a whole lease message, and the rules that go beyond its types: the version, which values
//! belong to which event, and the bounds of [`limits`](crate::limits).

use serde::Deserialize;

use crate::wire::{self, DecodeError, EncodeError};
use crate::{ClientEvent, LeaseMessage, V4Report, V6Report, VERSION, limits};

/// A well-formed lease message that contradicts itself or holds too much.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// A message is about one protocol.
    #[error("it carries both v4 and v6 values")]
    BothProtocols,
    /// The values do not belong to the event.
    #[error("event \"{event}\" needs {needs}")]
    Event {
        /// The event's word.
        event: &'static str,
        /// What it needs.
        needs: &'static str,
    },
    /// A list is longer than accepted.
    #[error("{field} has {found} entries, at most {limit} are accepted")]
    List {
        /// Name of the field.
        field: &'static str,
        /// Entries found.
        found: usize,
        /// Entries accepted.
        limit: usize,
    },
    /// A text is longer than accepted.
    #[error("{field} has {found} bytes, at most {limit} are accepted")]
    Text {
        /// Name of the field.
        field: &'static str,
        /// Bytes found.
        found: usize,
        /// Bytes accepted.
        limit: usize,
    },
    /// The program has a name that no program has.
    #[error("program must be named with 1 to {limit} of A-Z a-z 0-9 . _ -", limit = limits::PROGRAM)]
    Program,
}

impl LeaseMessage {
    /// Reads one message from untrusted bytes, within [`wire::LIMITS`] and [`limits`](crate::limits).
    ///
    /// # Errors
    /// [`DecodeError::Version`] for a message of another version, whatever else is in it; otherwise what is
    /// wrong, and where in the bytes if they are not even MessagePack.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let message: Self = match wire::decode(bytes) {
            Ok(message) => message,
            Err(DecodeError::Shape(why)) => {
                return Err(other_version(bytes).unwrap_or(DecodeError::Shape(why)));
            }
            Err(error) => return Err(error),
        };
        if message.v != VERSION {
            return Err(DecodeError::Version { found: message.v.into(), accepted: VERSION });
        }
        message.check()?;
        Ok(message)
    }

    /// Writes the message; whatever this writes, [`LeaseMessage::decode`] reads.
    ///
    /// # Errors
    /// The version is not [`VERSION`], the message contradicts itself, or it would exceed a limit.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        if self.v != VERSION {
            let error = DecodeError::Version { found: self.v.into(), accepted: VERSION };
            return Err(EncodeError(error.to_string()));
        }
        self.check().map_err(|error| EncodeError(error.to_string()))?;
        let bytes = wire::encode(self)?;
        wire::check(&bytes, &wire::LIMITS).map_err(|error| EncodeError(error.to_string()))?;
        Ok(bytes)
    }

    fn check(&self) -> Result<(), ContentError> {
        check_event(self.event, self.v4.is_some(), self.v6.is_some())?;
        let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if self.program.is_empty() || self.program.len() > limits::PROGRAM || !self.program.bytes().all(named)
        {
            return Err(ContentError::Program);
        }
        list("problems", &self.problems, limits::PROBLEMS)?;
        for problem in &self.problems {
            text("problems", problem, limits::PROBLEM)?;
        }
        self.v4.as_ref().map_or(Ok(()), check_v4)?;
        self.v6.as_ref().map_or(Ok(()), check_v6)
    }
}

/// The version of a message that this crate cannot read, if that is the reason.
fn other_version(bytes: &[u8]) -> Option<DecodeError> {
    #[derive(Deserialize)]
    struct Versioned {
        v: u64,
    }
    let found = wire::decode::<Versioned>(bytes).ok()?.v;
    (found != u64::from(VERSION)).then_some(DecodeError::Version { found, accepted: VERSION })
}

fn check_event(event: ClientEvent, v4: bool, v6: bool) -> Result<(), ContentError> {
    let fail = |needs| Err(ContentError::Event { event: event.as_str(), needs });
    if v4 && v6 {
        return Err(ContentError::BothProtocols);
    }
    match event {
        ClientEvent::Bound | ClientEvent::Renew if !v4 => fail("v4 values"),
        ClientEvent::Add | ClientEvent::Update | ClientEvent::Delete if !v6 => fail("v6 values"),
        // DHCPNAK is DHCPv4's; the two others are said by clients of both kinds and may come with nothing.
        ClientEvent::Nak if v6 => fail("v4 values or none"),
        _ => Ok(()),
    }
}

/// Every field is named, so that one added to the report is also given its bound here.
fn check_v4(report: &V4Report) -> Result<(), ContentError> {
    let V4Report {
        routers,
        classless_routes,
        ms_classless_routes,
        static_routes,
        dns,
        domain,
        search,
        hostname,
        ntp,
        message,
        posix_timezone,
        tzdb_timezone,
        sip,
        tftp_server,
        bootfile,
        wpad,
        sname,
        file,
        address: _,
        prefix_len: _,
        broadcast: _,
        mtu: _,
        server: _,
        lease_time: _,
        t1: _,
        t2: _,
        time_offset: _,
        siaddr: _,
        giaddr: _,
        options: _,
    } = report;
    list("routers", routers, limits::LIST)?;
    list("classless_routes", classless_routes, limits::LIST)?;
    list("ms_classless_routes", ms_classless_routes, limits::LIST)?;
    list("static_routes", static_routes, limits::LIST)?;
    list("dns", dns, limits::LIST)?;
    list("ntp", ntp, limits::LIST)?;
    texts("search", search)?;
    texts("sip", sip)?;
    for (field, value) in [
        ("domain", domain),
        ("hostname", hostname),
        ("message", message),
        ("posix_timezone", posix_timezone),
        ("tzdb_timezone", tzdb_timezone),
        ("tftp_server", tftp_server),
        ("bootfile", bootfile),
        ("wpad", wpad),
        ("sname", sname),
        ("file", file),
    ] {
        value.as_ref().map_or(Ok(()), |value| text(field, value, limits::TEXT))?;
    }
    Ok(())
}

fn check_v6(report: &V6Report) -> Result<(), ContentError> {
    let V6Report { answer_to: _, addresses, prefixes, ias, dns, search, server_duid: _, options } = report;
    list("addresses", addresses, limits::LIST)?;
    list("prefixes", prefixes, limits::LIST)?;
    list("ias", ias, limits::LIST)?;
    list("dns", dns, limits::LIST)?;
    texts("search", search)?;
    options.values().try_for_each(|values| list("values of one option", values, limits::LIST))
}

fn list<T>(field: &'static str, values: &[T], limit: usize) -> Result<(), ContentError> {
    let found = values.len();
    if found > limit { Err(ContentError::List { field, found, limit }) } else { Ok(()) }
}

fn text(field: &'static str, value: &str, limit: usize) -> Result<(), ContentError> {
    let found = value.len();
    if found > limit { Err(ContentError::Text { field, found, limit }) } else { Ok(()) }
}

fn texts(field: &'static str, values: &[String]) -> Result<(), ContentError> {
    list(field, values, limits::LIST)?;
    values.iter().try_for_each(|value| text(field, value, limits::TEXT))
}
