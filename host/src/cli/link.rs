//! The connection to the daemon: one request, one answer, or a stream of events.

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;

use super::output::Failure;
use crate::control::{Request, Response};
use crate::paths::Paths;

/// How long the daemon may take for an answer. It answers from memory, or tells a client something and answers then.
const ANSWER: Duration = Duration::from_secs(30);

/// A daemon that answers.
#[derive(Debug)]
pub(super) struct Link {
    stream: BufReader<UnixStream>,
    path: PathBuf,
}

impl Link {
    pub(super) fn open(paths: &Paths) -> Result<Self, Failure> {
        Self::open_for(paths, ANSWER)
    }

    /// One that may take so long for an answer.
    pub(super) fn open_for(paths: &Paths, patience: Duration) -> Result<Self, Failure> {
        let path = paths.control_socket();
        let stream = UnixStream::connect(&path).map_err(|error| {
            let path = path.display();
            match error.kind() {
                ErrorKind::NotFound | ErrorKind::ConnectionRefused => Failure::NoDaemon(format!(
                    "no daemon answers on {path} ({}); see `systemctl status dhcpmgrd`, or name another root with \
                     --root DIR",
                    if error.kind() == ErrorKind::NotFound { "no such socket" } else { "nobody listens" }
                )),
                ErrorKind::PermissionDenied => {
                    Failure::Failed(format!("this user may not talk to the daemon on {path}; run this as root"))
                }
                _ => Failure::Failed(format!("cannot connect to {path}: {error}")),
            }
        })?;
        let link = Self { stream: BufReader::new(stream), path };
        link.wait_at_most(Some(patience))?;
        link.stream.get_ref().set_write_timeout(Some(patience)).map_err(|e| link.broken(&e))?;
        Ok(link)
    }

    /// Asks, and gives what the daemon answered.
    pub(super) fn ask(&mut self, request: &Request) -> Result<Value, Failure> {
        self.send(request)?;
        let line = self.line()?.ok_or_else(|| self.broken(&ErrorKind::UnexpectedEof.into()))?;
        let response: Response = serde_json::from_slice(&line).map_err(|e| self.not_understood(&e))?;
        self.answered(response)
    }

    /// Asks for events, and hands over each until the daemon ends them or `each` fails.
    pub(super) fn events(
        &mut self,
        request: &Request,
        mut each: impl FnMut(Value) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.send(request)?;
        if matches!(request, Request::Events { follow: true, .. } | Request::Watch(_)) {
            self.wait_at_most(None)?;
        }
        while let Some(line) = self.line()? {
            let value: Value = serde_json::from_slice(&line).map_err(|e| self.not_understood(&e))?;
            // An event has no such field; an answer is a refusal here.
            if value.get("ok").is_some() {
                let response: Response =
                    serde_json::from_slice(&line).map_err(|e| self.not_understood(&e))?;
                return self.answered(response).map(drop);
            }
            each(value)?;
        }
        Ok(())
    }

    fn send(&mut self, request: &Request) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(request).map_err(|e| Failure::Failed(e.to_string()))?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line).map_err(|e| self.broken(&e))
    }

    /// One line, or `None` at the end.
    fn line(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let mut line = Vec::new();
        let read = self.stream.read_until(b'\n', &mut line).map_err(|e| self.broken(&e))?;
        Ok((read > 0).then_some(line))
    }

    fn wait_at_most(&self, time: Option<Duration>) -> Result<(), Failure> {
        self.stream.get_ref().set_read_timeout(time).map_err(|e| self.broken(&e))
    }

    fn broken(&self, error: &io::Error) -> Failure {
        let path = self.path.display();
        Failure::Failed(match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                format!("the daemon on {path} did not answer within {} s; see its log", ANSWER.as_secs())
            }
            ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => {
                format!("the daemon on {path} ended the connection without an answer; see its log")
            }
            _ => format!("the connection to {path} failed: {error}"),
        })
    }

    fn not_understood(&self, error: &serde_json::Error) -> Failure {
        Failure::Failed(format!(
            "the answer of the daemon on {} is not understood ({error}); are dhcpmgr and dhcpmgrd of the same version?",
            self.path.display()
        ))
    }

    fn answered(&self, response: Response) -> Result<Value, Failure> {
        if response.ok {
            let result = response.result.as_deref().map_or("null", RawValue::get);
            return serde_json::from_str(result).map_err(|e| self.not_understood(&e));
        }
        let why = response
            .error
            .unwrap_or_else(|| "the daemon refused and did not say why; see its log".to_owned());
        Err(Failure::Failed(why))
    }
}
