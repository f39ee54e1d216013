//! One connection to the control socket: requests in, answers out, or a stream of events.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use dhcpmgr_message::ClientName;
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

use super::listen::{MAX_CONNECTIONS, MAX_FOLLOWERS, MAX_LINE_BYTES};
use super::slots::{Lease, Slots};
use super::{Controls, Request, Response};
use crate::data_model::door::DataModel;
use crate::events::{Event, EventKind};

/// How long a peer may say nothing between requests.
const IDLE: Duration = Duration::from_secs(60);

/// How long a peer may take to read a piece of an answer.
const WRITE: Duration = Duration::from_secs(10);

/// Past events are written in pieces of about this size.
const PIECE: usize = 32 * 1024;

pub(super) struct Connection {
    pub(super) stream: UnixStream,
    /// Bytes that were read and are no whole line yet.
    pending: Vec<u8>,
    place: Option<Lease>,
    pub(super) followers: Rc<Slots>,
}

enum Line {
    Text(Vec<u8>),
    TooLong,
    End,
}

impl Connection {
    pub(super) fn new(stream: UnixStream, place: Option<Lease>, followers: Rc<Slots>) -> Self {
        Self { stream, pending: Vec::new(), place, followers }
    }

    pub(super) async fn run<C: Controls + DataModel>(mut self, controls: &C) -> io::Result<()> {
        let Some(place) = self.place.take() else {
            let why = format!("{MAX_CONNECTIONS} requests are being answered; try again");
            return self.answer(&Response::refused(why)).await;
        };
        let may_change = may_change(self.stream.peer_cred()?.uid());
        loop {
            place.idle();
            let line = tokio::select! {
                line = timeout(IDLE, self.line()) => line.unwrap_or(Ok(Line::End))?,
                () = place.evicted() => return Ok(()),
            };
            place.busy();
            let request = match line {
                Line::End => return Ok(()),
                Line::TooLong => {
                    let why = format!("the request has more than {MAX_LINE_BYTES} bytes in a line");
                    return self.answer(&Response::refused(why)).await;
                }
                Line::Text(text) => serde_json::from_slice::<Request>(&text),
            };
            match request {
                Err(error) => self.answer(&not_understood(&error)).await?,
                Ok(request) if request.changes() && !may_change => {
                    let why = "only root and the user of dhcpmgrd may change anything; run this as root";
                    self.answer(&Response::refused(why)).await?;
                }
                Ok(Request::Watch(wanted)) => return self.watch(controls, wanted).await,
                Ok(Request::Events { client, follow }) => return self.events(controls, client, follow).await,
                Ok(request) => {
                    let response = controls.handle(request).await;
                    self.answer(&response).await?;
                }
            }
        }
    }

    /// Reads one line, without its end.
    async fn line(&mut self) -> io::Result<Line> {
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                let rest = self.pending.split_off(end + 1);
                let mut line = std::mem::replace(&mut self.pending, rest);
                line.truncate(end);
                return Ok(if end > MAX_LINE_BYTES { Line::TooLong } else { Line::Text(line) });
            }
            if self.pending.len() > MAX_LINE_BYTES {
                return Ok(Line::TooLong);
            }
            let mut piece = [0; 4096];
            match self.stream.read(&mut piece).await? {
                0 => return Ok(Line::End),
                count => self.pending.extend_from_slice(&piece[..count]),
            }
        }
    }

    /// Past events, then those to come; the end of the stream is the end of the events.
    async fn events<C: Controls>(
        mut self,
        controls: &C,
        client: Option<ClientName>,
        follow: bool,
    ) -> io::Result<()> {
        let place = if follow { self.followers.take() } else { None };
        if follow && place.is_none() {
            let why = format!("{MAX_FOLLOWERS} others follow the events already");
            return self.answer(&Response::refused(why)).await;
        }
        if let Some(place) = &place {
            place.busy();
        }
        let asked_for = |event: &Event| client.is_none() || event.client == client;
        let (past, mut feed) = controls.events().subscribe();
        let mut piece = Vec::new();
        for event in past.iter().filter(|event| asked_for(event)) {
            append_line(&mut piece, event.as_ref())?;
            if piece.len() >= PIECE {
                self.write(&piece).await?;
                piece.clear();
            }
        }
        self.write(&piece).await?;
        if !follow {
            return Ok(());
        }
        loop {
            let event = tokio::select! {
                event = feed.recv() => event,
                gone = closed(&mut self.stream) => return gone,
            };
            let event = match event {
                Ok(event) if asked_for(&event) => event,
                Ok(_) => continue,
                Err(RecvError::Lagged(count)) => Arc::new(missed(count)),
                Err(RecvError::Closed) => return Ok(()),
            };
            let mut line = Vec::new();
            append_line(&mut line, event.as_ref())?;
            self.write(&line).await?;
        }
    }

    pub(super) async fn answer(&mut self, response: &Response) -> io::Result<()> {
        let mut line = Vec::new();
        append_line(&mut line, response)?;
        self.write(&line).await
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        timeout(WRITE, self.stream.write_all(bytes)).await?
    }
}

/// Waits until the peer is gone; what it says meanwhile is ignored.
pub(super) async fn closed(stream: &mut UnixStream) -> io::Result<()> {
    let mut ignored = [0; 256];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

pub(super) fn append_line(to: &mut Vec<u8>, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *to, value)?;
    to.push(b'\n');
    Ok(())
}

fn may_change(uid: u32) -> bool {
    uid == 0 || uid == nix::unistd::geteuid().as_raw()
}

fn not_understood(error: &serde_json::Error) -> Response {
    let commands = Request::COMMANDS.join(", ");
    Response::refused(format!(
        "the request is not understood ({error}); accepted: one JSON object a line, such as \
         {{\"command\":\"status\"}}, with one of the commands {commands}"
    ))
}

/// What a follower that reads too slowly is told instead of the events that are gone.
fn missed(count: u64) -> Event {
    Event {
        detail: Some(format!("{count} events are missing here: they were read too slowly")),
        fields: [("count".to_owned(), count.to_string())].into(),
        ..Event::now(EventKind::Vendor("events-missed".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_root_and_the_daemons_own_user_may_change_anything() {
        let own = nix::unistd::geteuid().as_raw();
        assert!(super::may_change(0) && super::may_change(own));
        assert!(!super::may_change(own + 1));
        assert!(!super::may_change(65_534) || own == 65_534);
    }
}
