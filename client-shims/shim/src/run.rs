//! One call of the script from start to end. Whatever happens, the client goes on: nothing here fails, it logs.

use std::ffi::OsStr;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use dhcpmgr_message::ClientEvent;
use dhcpmgr_message::context::{self, Context};
use nix::time::{ClockId, clock_gettime};

use crate::reading::{Reading, Report};
use crate::send::Door;
use crate::{Log, Program, message, spool};

/// How long the client may be kept waiting for the daemon, all in all. It neither reads packets nor signals meanwhile,
/// and udhcpc takes the time off the lease.
pub const BUDGET: Duration = Duration::from_secs(1);

/// Reports one event of the client: to the daemon, or else to the spool, or else to the log. `read` knocks at the door as
/// soon as it knows where that is, and may fail with a sentence for the log.
pub fn event<R: Report>(
    program: &Program,
    event: ClientEvent,
    read: impl FnOnce(&mut Door) -> Result<Reading<R>, String>,
) {
    let deadline = Instant::now() + BUDGET;
    let at_ms = boot_time_ms();
    let mut door = Door::default();
    let reading = read(&mut door);
    let id = random(at_ms);
    match reading.and_then(|reading| written(reading, program.client, event, at_ms, id)) {
        Ok((context, bytes)) => deliver(program.log, door, &context, event, (at_ms, id), &bytes, deadline),
        Err(error) => {
            program.log.line(format_args!("event \"{}\" is not reported: {error}", event.as_str()));
        }
    }
}

fn written<R: Report>(
    mut reading: Reading<R>,
    client: &str,
    event: ClientEvent,
    at_ms: u64,
    id: u64,
) -> Result<(Context, Vec<u8>), String> {
    let message = message::build(&mut reading, client, event, at_ms, id)?;
    let bytes = message::encode::<R>(message, &mut reading.problems).map_err(|error| error.to_string())?;
    Ok((reading.context, bytes))
}

fn deliver(
    log: Log,
    door: Door,
    context: &Context,
    event: ClientEvent,
    (at_ms, id): (u64, u64),
    message: &[u8],
    deadline: Instant,
) {
    let event = event.as_str();
    let answer = match context.socket.as_deref() {
        Some(path) => door.send(path, message, deadline),
        None => Err(io::Error::other(format!("{} is not set", context::SOCKET))),
    };
    let error = match answer {
        Ok(answer) if answer.ok => return,
        Ok(answer) => {
            let why = answer.error.unwrap_or_else(|| "no reason given".to_owned());
            log.line(format_args!("event \"{event}\" is refused by dhcpmgrd: {why}"));
            return;
        }
        Err(error) => error,
    };
    let name = context::spool_file_name(at_ms, id);
    let Some(directory) = context.spool.as_deref().map(|path| Path::new(OsStr::from_bytes(path))) else {
        let spool = context::SPOOL;
        log.line(format_args!("event \"{event}\" is lost: dhcpmgrd: {error}; {spool} is not set"));
        return;
    };
    let shown = directory.display();
    match spool::leave(directory, &name, message) {
        Ok(()) => log.line(format_args!("event \"{event}\" is left as {shown}/{name}: dhcpmgrd: {error}")),
        Err(full) => {
            log.line(format_args!("event \"{event}\" is lost: dhcpmgrd: {error}; spool {shown}: {full}"));
        }
    }
}

fn boot_time_ms() -> u64 {
    let Ok(time) = clock_gettime(ClockId::CLOCK_BOOTTIME) else { return 0 };
    let seconds = u64::try_from(time.tv_sec()).unwrap_or_default();
    seconds * 1000 + u64::try_from(time.tv_nsec()).unwrap_or_default() / 1_000_000
}

/// 64 random bits: std keys its hasher with getrandom(2), and has no other door to it.
fn random(at_ms: u64) -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(at_ms);
    hasher.finish()
}
