//! Whose words an address or a prefix is.
//!
//! dibbler numbers the addresses and prefixes of the client's own message after those of the server's answer, in one
//! sequence and without saying where the one ends and the other begins (`IfaceMgr/IfaceMgr.cpp`, `notifyScripts`).
//! What it does say:
//!
//! * Everything of the answer comes before everything of the client's message. So what stands before a `SRV_OPTION`
//!   is the server's, what stands after a `CLNT_OPTION` is the client's.
//! * For every prefix of the answer that dibbler takes there is a `DOWNLINK_PREFIX_IFACES`, if the prefix is not longer
//!   than 120 (`ClntIfaceMgr::modifyPrefix`). What it refuses it asks for again.
//! * RENEW and CONFIRM begin with the client's DUID and are shown as they were sent: what stands before `CLNT_OPTION1` is
//!   the server's. REQUEST and REBIND are shown without what the answer satisfied, so of an address that the server
//!   gave there is one, and of an address that the server passed over in silence there is one as well.
//! * An answer to CONFIRM or INFORMATION-REQUEST gives nothing (RFC 8415 sections 18.3.3 and 18.3.6).
//!
//! Where this leaves a doubt, what is there twice was answered for by the server, and what is there once may be the
//! client's own.

use dhcpmgr_message::V6Request;

/// Whose words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The server's.
    Server,
    /// The client's: what it asked for, and got no answer to.
    Client,
    /// Nobody can tell.
    Either,
}

/// What else the environment of the call says. Places count variables from the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Call {
    /// `CLNT_MESSAGE`
    pub request: Option<V6Request>,
    /// The place of the last `SRV_OPTION`.
    pub last_server_option: Option<usize>,
    /// Place and code of the first `CLNT_OPTION`.
    pub first_client_option: Option<(usize, u16)>,
    /// How many `DOWNLINK_PREFIX_IFACES` there are.
    pub prefixes_taken: usize,
}

/// Where an address or a prefix stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The place of its variable.
    pub at: usize,
    /// Of a prefix that dibbler counts: how many of them stand before it.
    pub counted: Option<usize>,
}

/// Prefixes up to this length are counted.
pub const LONGEST_COUNTED: u8 = 120;

/// The bounds of what is certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    call: Call,
    /// Everything before is the server's.
    server_before: usize,
    /// Everything from here on is the client's.
    client_from: usize,
}

impl Bounds {
    /// What follows from the call and from the prefixes in it that are counted.
    #[must_use]
    pub fn new(call: Call, prefixes: impl IntoIterator<Item = Place>) -> Self {
        let mut server_before = call.last_server_option.unwrap_or(0);
        let mut client_from = call.first_client_option.map_or(usize::MAX, |(at, _)| at);
        for Place { at, counted } in prefixes {
            match counted {
                Some(before) if before < call.prefixes_taken => server_before = server_before.max(at),
                Some(_) => client_from = client_from.min(at),
                None => {}
            }
        }
        if matches!(call.request, Some(V6Request::Renew)) && matches!(call.first_client_option, Some((_, 1)))
        {
            server_before = server_before.max(client_from);
        }
        Self { call, server_before, client_from }
    }

    /// Whether the client asked for what the server may then give or not: a CONFIRM does not ask for it.
    #[must_use]
    pub fn may_be_refused(&self) -> bool {
        !matches!(self.call.request, Some(V6Request::Confirm | V6Request::InformationRequest))
    }

    /// Whose words this one is.
    #[must_use]
    pub fn origin(&self, place: Place) -> Origin {
        use V6Request::{Confirm, InformationRequest, Release, Request};
        match (self.call.request, place.counted) {
            (Some(Confirm | InformationRequest), _) => Origin::Client,
            // What was given back is the client's to say, and nobody else says it.
            (Some(Release), _) => Origin::Server,
            (_, Some(before)) if before < self.call.prefixes_taken => Origin::Server,
            (_, Some(_)) => Origin::Client,
            _ if place.at < self.server_before => Origin::Server,
            _ if place.at >= self.client_from => Origin::Client,
            (Some(Request), None) => Origin::Server,
            _ => Origin::Either,
        }
    }
}

/// What is to be believed of one address or prefix that is listed once or more, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belief {
    /// The server said it; the lifetimes of the first count, the client's may even be wrong.
    Said,
    /// Perhaps the server said it, perhaps the client did: see [`V6Prefix::claimed`](dhcpmgr_message::V6Prefix::claimed).
    Claimed,
    /// The server did not say it.
    Unanswered,
}

/// Weighs all places where the same address or prefix is listed.
#[must_use]
pub fn believe(origins: &[Origin]) -> Belief {
    match origins {
        [Origin::Server, ..] | [Origin::Either, _, ..] => Belief::Said,
        [Origin::Either] => Belief::Claimed,
        [Origin::Client, ..] | [] => Belief::Unanswered,
    }
}
