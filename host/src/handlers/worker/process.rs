//! One worker process as the host holds it: started, greeted, asked, ended.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use dhcpmgr_message::{Bytes, wire};
use dhcpmgr_plugin_api::DATA_LIMITS;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sched::sched_yield;
use nix::sys::signal::Signal;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};
use tokio::io::Interest;
use tokio::net::UnixDatagram;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::frame::{self, Hello, Init, Reply};
use super::stderr::{self, LastWords};
use super::{ARGUMENT, Job};
use crate::handlers::condition::Loaded;
use crate::handlers::manifest;
use crate::signature::PublicKey;

/// How long a module may take to load and to make its handler.
const LOAD_DEADLINE: Duration = Duration::from_secs(5);
/// A good worker answers sooner than this thread could be put to sleep and woken again: so long its answer is looked
/// for without sleeping. The processor is offered to the worker meanwhile, in case there is only one.
const ON_THE_SPOT: Duration = Duration::from_micros(150);
/// How long the kernel may take to end a killed process.
const DEATH: Duration = Duration::from_secs(1);

/// How long a dead worker's last words are waited for.
const LAST_WORDS: Duration = Duration::from_millis(50);

/// A running worker. Dropped, it is killed.
#[derive(Debug)]
pub(super) struct Process {
    /// `SOCK_SEQPACKET`, for which the standard library has no type: the system calls are the same, but an end of the
    /// other side shows as a read of nothing.
    socket: UnixDatagram,
    child: Child,
    stderr: Option<JoinHandle<()>>,
    last_words: LastWords,
    buffer: Vec<u8>,
}

/// Why a worker did not come up.
#[derive(Debug)]
pub(super) enum StartError {
    /// The module cannot be used; the same would happen again.
    Refused(String),
    /// The worker died, hung or talked nonsense.
    Died(String),
}

/// How one call ended that did not bring the worker down.
#[derive(Debug)]
pub(super) enum Called {
    /// The module's answer.
    Answer(Vec<u8>),
    /// The module does not know the operation.
    Unsupported,
    /// The module's orderly error.
    Failed(String),
}

impl Process {
    /// Starts a worker and waits until its module is loaded and the door is closed behind it.
    pub(super) async fn start(handler: &str, job: &Job) -> Result<(Self, Loaded), StartError> {
        let mut process = Self::spawn(handler, &job.exe).map_err(|e| {
            StartError::Died(format!("cannot start a worker from {}: {e}", job.exe.display()))
        })?;
        let init = Init {
            version: frame::VERSION,
            module: Bytes(job.module.as_os_str().as_bytes().to_vec()),
            settings: job.settings.clone(),
            public_keys: job.public_keys.iter().map(ToString::to_string).collect(),
        };
        let init = wire::encode(&init).map_err(|e| StartError::Refused(e.to_string()))?;
        let greeted = timeout(LOAD_DEADLINE, async {
            process.send(&init).await?;
            process.receive().await
        });
        let length = match greeted.await {
            Ok(Ok(0)) => return Err(StartError::Died(process.obituary("while its module was loaded").await)),
            Ok(Ok(length)) => length,
            Ok(Err(e)) if e.kind() == io::ErrorKind::BrokenPipe => {
                return Err(StartError::Died(process.obituary("before its module was loaded").await));
            }
            Ok(Err(e)) => return Err(StartError::Died(format!("cannot talk to its worker: {e}"))),
            Err(_) => {
                let seconds = LOAD_DEADLINE.as_secs();
                return Err(StartError::Died(format!("was not loaded within {seconds} s")));
            }
        };
        let hello = process
            .frame(length)
            .and_then(|f| wire::decode_within(f, &DATA_LIMITS).map_err(|e| e.to_string()));
        let hello: Hello = hello.map_err(|e| StartError::Died(format!("its worker said no hello: {e}")))?;
        let loaded = process.believe(hello, &job.public_keys).map_err(StartError::Refused)?;
        Ok((process, loaded))
    }

    fn spawn(handler: &str, exe: &Path) -> io::Result<Self> {
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let mut child = Command::new(exe)
            .arg(ARGUMENT)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C at the daemon's terminal is for the daemon.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let last_words = LastWords::default();
        let follow = |stderr| tokio::spawn(stderr::follow(handler.to_owned(), stderr, last_words.clone()));
        let stderr = child.stderr.take().map(follow);
        let socket = UnixDatagram::from_std(std::os::unix::net::UnixDatagram::from(ours))?;
        Ok(Self { socket, child, stderr, last_words, buffer: vec![0; frame::REPLY_BYTES] })
    }

    fn believe(&self, hello: Hello, keys: &[PublicKey]) -> Result<Loaded, String> {
        if let Some(reason) = hello.refused {
            return Err(reason);
        }
        let (Some(manifest), Some(api)) = (hello.manifest, hello.api) else {
            return Err("its worker did not say what the module is".to_owned());
        };
        let manifest = manifest::check(manifest)?;
        // The module has run: where nothing is asked for, it may say what it likes.
        let signed_by = hello.signed_by.filter(|by| keys.iter().any(|key| key.id().to_string() == *by));
        if signed_by.is_none() && !keys.is_empty() {
            return Err("its worker did not say who signed the module".to_owned());
        }
        Ok(Loaded { manifest, api, sandbox: hello.sandbox, pid: self.child.id(), signed_by })
    }

    /// The way to it, once more.
    pub(super) fn socket(&self) -> io::Result<OwnedFd> {
        self.socket.as_fd().try_clone_to_owned()
    }

    /// One call of a client's handler. An error means that this process must not be used any more, and says why.
    pub(super) async fn call(
        &mut self,
        id: u64,
        client: &str,
        operation: u32,
        input: &[u8],
        deadline: Duration,
    ) -> Result<Called, String> {
        let request = frame::request(id, operation, client, input);
        if request.len() > frame::REQUEST_BYTES {
            return Ok(Called::Failed(format!("was not asked: the lease has {} bytes", input.len())));
        }
        let exchange = timeout(deadline, async {
            self.send(&request).await?;
            match self.receive_on_the_spot() {
                Some(length) => Ok(length),
                None => self.receive().await,
            }
        });
        let length = match exchange.await {
            Ok(Ok(0)) => return Err(self.obituary("during a call").await),
            Ok(Ok(length)) => length,
            Ok(Err(e)) if matches!(e.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {
                return Err(self.obituary("during a call").await);
            }
            Ok(Err(e)) => return Err(format!("cannot be talked to: {e}")),
            Err(_) => return Err(format!("gave no answer within {} ms", deadline.as_millis())),
        };
        match frame::read_reply(self.frame(length)?) {
            Some((answered, _)) if answered != id => {
                Err(format!("its worker answered call {answered} when asked call {id}"))
            }
            Some((_, Reply::Answer(bytes))) => Ok(Called::Answer(bytes.to_vec())),
            Some((_, Reply::Unsupported)) => Ok(Called::Unsupported),
            Some((_, Reply::Failed(reason))) => Ok(Called::Failed(reason)),
            Some((_, Reply::Panicked(reason))) => Err(format!("panicked: {reason}")),
            Some((_, Reply::Broken(reason))) => Err(reason),
            Some((_, Reply::TooLarge(bytes))) => Err(too_large(bytes)),
            None => Err("its worker answered with what is no reply".to_owned()),
        }
    }

    /// Waits until the worker dies or speaks without being asked; says which.
    pub(super) async fn gone(&mut self) -> String {
        match self.receive().await {
            Ok(0) => self.obituary("while it had nothing to do").await,
            Ok(_) => "its worker spoke without being asked".to_owned(),
            Err(e) => format!("cannot be talked to: {e}"),
        }
    }

    /// Kills the worker and waits for its end.
    pub(super) async fn end(mut self) {
        // An error means that it is dead already; either way the wait takes it off the process table.
        let _ = self.child.start_kill();
        if timeout(DEATH, self.child.wait()).await.is_err() {
            tracing::warn!(pid = self.child.id(), "a killed worker does not end");
        }
    }

    async fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let write = || Ok(send(self.socket.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL)?);
        self.socket.async_io(Interest::WRITABLE, write).await.map(|_| ())
    }

    /// The length of the next frame, which may be longer than the buffer; 0 at the worker's end.
    async fn receive(&mut self) -> io::Result<usize> {
        let Self { socket, buffer, .. } = self;
        let read = || Ok(recv(socket.as_raw_fd(), buffer, MsgFlags::MSG_TRUNC)?);
        match socket.async_io(Interest::READABLE, read).await {
            // The worker died with a request of ours unread.
            Err(e) if e.kind() == io::ErrorKind::ConnectionReset => Ok(0),
            other => other,
        }
    }

    /// As [`Self::receive`], if there is an answer at once. Whatever else it is than an answer, `receive` says.
    fn receive_on_the_spot(&mut self) -> Option<usize> {
        let start = Instant::now();
        let flags = MsgFlags::MSG_TRUNC | MsgFlags::MSG_DONTWAIT;
        while start.elapsed() < ON_THE_SPOT {
            match recv(self.socket.as_raw_fd(), &mut self.buffer, flags) {
                Ok(0) => return None,
                Ok(length) => return Some(length),
                Err(Errno::EAGAIN) => {
                    let _ = sched_yield();
                }
                Err(_) => return None,
            }
        }
        None
    }

    fn frame(&self, length: usize) -> Result<&[u8], String> {
        self.buffer.get(..length).ok_or_else(|| too_large(length as u64))
    }

    /// How the worker ended, when its socket says that it has.
    async fn obituary(&mut self, when: &str) -> String {
        let end = match timeout(DEATH, self.child.wait()).await {
            Ok(Ok(status)) => describe(status),
            Ok(Err(e)) => format!("ended, nobody knows how ({e})"),
            Err(_) => "closed its socket".to_owned(),
        };
        // Another task reads the pipe, which ends with the process.
        if let Some(stderr) = self.stderr.take() {
            let _ = timeout(LAST_WORDS, stderr).await;
        }
        match self.last_words.get() {
            words if words.is_empty() => format!("its worker {end} {when}"),
            words => format!("its worker {end} {when}; its last words: {words}"),
        }
    }
}

fn too_large(bytes: u64) -> String {
    format!("its answer has {bytes} bytes, at most {} are accepted", DATA_LIMITS.bytes)
}

fn describe(status: ExitStatus) -> String {
    let signal = status.signal().map(|number| match Signal::try_from(number) {
        Ok(signal) => format!("was killed by {signal}"),
        Err(_) => format!("was killed by signal {number}"),
    });
    signal.unwrap_or_else(|| format!("exited with status {}", status.code().unwrap_or_default()))
}
