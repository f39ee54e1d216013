//! The D-Bus door: `org.dhcpmgr1` on the system bus.
//!
//! Who may write is the bus's business: its policy (`packaging/org.dhcpmgr1.conf`) lets anybody read, and root and the
//! group `dhcpmgr` write. The door comes back when the bus does.
//!
//! Messages are answered by hand: zbus's object server would cost a quarter of a megabyte, for two interfaces.

mod calls;
mod introspection;
mod objects;
mod values;

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::Semaphore;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, sleep_until};
use zbus::connection::Builder;
use zbus::fdo::RequestNameFlags;
use zbus::message::Type;
use zbus::{Connection, MessageStream};

use crate::control::{Controls, Request};
use crate::data_model::door::{DataModel, Flat};
use crate::data_model::notice::Notice;
use crate::data_model::subscription::Subscription;
use crate::events::Event;
use crate::paths::Paths;
use crate::word::word;
use objects::Objects;
use values::Variants;

/// The name on the bus.
pub(super) const NAME: &str = "org.dhcpmgr1";
/// The manager.
pub(super) const MANAGER: &str = "/org/dhcpmgr1";
/// Its interface.
pub(super) const MANAGER_INTERFACE: &str = "org.dhcpmgr1.Manager";
/// That of a client.
pub(super) const CLIENT_INTERFACE: &str = "org.dhcpmgr1.Client";

/// Calls that may be under way; more are told to come again.
const CALLS: usize = 32;
/// How long after an event others may join it.
const TOGETHER: Duration = Duration::from_millis(50);
/// Between two looks at the clients, and between two signals about the data model.
const APART: Duration = Duration::from_millis(500);
/// Between two tries to reach a bus that has gone: at first, and at most; then it is looked for when something happens.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What of the tree is told when it changes.
const TOLD: [&str; 2] = ["Device.DHCPv4.Client.", "Device.DHCPv6.Client."];

/// Serves the bus of an installation as long as the daemon runs. Where there is none it is looked for when something
/// happens, so that a gateway without one is never woken up for it.
pub async fn serve<D: DataModel + Controls + 'static>(daemon: Rc<D>, paths: &Paths) {
    let socket = paths.system_bus_socket();
    let (_, mut feed) = daemon.events().subscribe();
    let (first, longest) = RETRY;
    let mut wait = None;
    loop {
        if socket.exists() {
            match connect(&socket).await {
                Ok(connection) => {
                    tracing::info!("D-Bus: serving {NAME}");
                    match run(&daemon, connection).await {
                        Ok(()) => tracing::info!("D-Bus: the bus has gone"),
                        Err(error) => tracing::warn!("D-Bus: {error}"),
                    }
                    wait = Some(first);
                }
                Err(error) if wait.is_none() => {
                    tracing::info!("D-Bus: {NAME} is not served ({error}); is its policy file installed?");
                }
                Err(error) => tracing::debug!("D-Bus: {error}"),
            }
        }
        // One that was there comes back soon.
        let again = async {
            match wait {
                Some(time) => sleep(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = again => wait = wait.map(|time| time * 2).filter(|time| *time <= longest),
            event = feed.recv() => {
                if let Err(RecvError::Closed) = event {
                    return;
                }
                // What happened meanwhile is history.
                feed = feed.resubscribe();
            }
        }
    }
}

async fn connect(socket: &Path) -> zbus::Result<Connection> {
    let address = format!("unix:path={}", socket.display());
    let connection = Builder::address(address.as_str()).build().await?;
    connection.request_name_with_flags(NAME, RequestNameFlags::DO_NOT_QUEUE).await?;
    Ok(connection)
}

/// Answers and tells until the connection ends.
async fn run<D: DataModel + Controls + 'static>(daemon: &Rc<D>, connection: Connection) -> zbus::Result<()> {
    let mut messages = MessageStream::from(&connection);
    let (_, mut feed) = daemon.events().subscribe();
    let mut objects = Objects::read(daemon.as_ref()).await;
    let told = Subscription {
        references: TOLD.map(str::to_owned).into(),
        interval_ms: APART.as_millis() as u32,
        // A gateway where nothing happens is not woken up.
        events_only: true,
        ..Subscription::default()
    };
    let mut notices =
        daemon.subscribe(told).await.map_err(|fault| zbus::Error::Failure(fault.to_string()))?;
    let calls = Rc::new(Semaphore::new(CALLS));
    let mut look: Option<Instant> = None;
    let mut looked = Instant::now();
    loop {
        let due = async {
            match look {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            message = messages.next() => {
                let Some(message) = message else { return Ok(()) };
                let message = message?;
                if message.message_type() != Type::MethodCall {
                    continue;
                }
                match Place::take(&calls) {
                    Some(place) => {
                        let (daemon, connection) = (Rc::clone(daemon), connection.clone());
                        spawn_local(async move {
                            let _place = place;
                            if let Err(error) = calls::answer(daemon.as_ref(), &connection, &message).await {
                                tracing::debug!("D-Bus: an answer was not sent: {error}");
                            }
                        });
                    }
                    None => calls::busy(&connection, &message).await?,
                }
            }
            event = feed.recv() => {
                match event {
                    Ok(event) => {
                        tell(&connection, &event).await?;
                        // Those that wait already are told at once.
                        while let Some(event) = next(&mut feed) {
                            tell(&connection, &event).await?;
                        }
                    }
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return Ok(()),
                }
                let soonest = (looked + APART).max(Instant::now() + TOGETHER);
                look.get_or_insert(soonest);
            }
            () = due => {
                (look, looked) = (None, Instant::now());
                objects.update(daemon.as_ref(), &connection).await?;
            }
            notice = notices.next() => tell_of_model(&connection, notice).await?,
        }
    }
}

fn next(feed: &mut Receiver<Arc<Event>>) -> Option<Arc<Event>> {
    loop {
        match feed.try_recv() {
            Ok(event) => return Some(event),
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
        }
    }
}

/// `ValueChanged`, `ObjectCreated`, `ObjectDeleted` and `OperationComplete`.
async fn tell_of_model(connection: &Connection, notice: Notice) -> zbus::Result<()> {
    let nobody: Option<&str> = None;
    let of_paths = [
        ("ObjectCreated", notice.created),
        ("ObjectDeleted", notice.deleted),
        ("OperationComplete", notice.operations),
    ];
    for (signal, paths) in of_paths {
        if !paths.is_empty() {
            connection.emit_signal(nobody, MANAGER, MANAGER_INTERFACE, signal, &(paths,)).await?;
        }
    }
    if notice.values.is_empty() {
        return Ok(());
    }
    let values = Flat(notice.values.into_iter().collect());
    connection.emit_signal(nobody, MANAGER, MANAGER_INTERFACE, "ValueChanged", &(Variants(&values),)).await
}

/// `LeaseEvent`, from the manager and from the client itself: every event that is about a client.
async fn tell(connection: &Connection, event: &Event) -> zbus::Result<()> {
    let Some(client) = &event.client else { return Ok(()) };
    let kind = event.event.name();
    let changed: Vec<String> = event.changed.iter().map(word).collect();
    let lease = event.lease.as_ref().and_then(|lease| serde_json::to_string(lease).ok()).unwrap_or_default();
    let nobody: Option<&str> = None;
    let path = objects::path(client.as_str());
    connection
        .emit_signal(nobody, path.as_str(), CLIENT_INTERFACE, "LeaseEvent", &(&kind, &changed, &lease))
        .await?;
    let body = (client.as_str(), &kind, &changed, &lease);
    connection.emit_signal(nobody, MANAGER, MANAGER_INTERFACE, "LeaseEvent", &body).await
}

/// Given back when the call is answered.
struct Place(Rc<Semaphore>);

impl Place {
    /// A place among the calls, where there is one.
    fn take(places: &Rc<Semaphore>) -> Option<Self> {
        places.try_acquire().ok()?.forget();
        Some(Self(Rc::clone(places)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

/// The JSON of `dhcpmgr status --json`.
async fn status<C: Controls>(daemon: &C) -> String {
    let response = daemon.handle(Request::Status).await;
    response.result.map(|text| text.get().to_owned()).unwrap_or_default()
}

/// Named values, as the bus has them.
type Dictionary<'a> = HashMap<String, zbus::Variant<'a>>;
