//! From the command line to the running daemon, and back.

use std::fs::DirBuilder;
use std::io::{self, Write as _};
use std::os::fd::RawFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use dhcpmgr_message::ClientName;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet, spawn_local};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::Daemon;
use super::attendance::Attendance;
use super::model::Model;
use super::privileges;
use crate::clients::{self, Census, Confirmation, LeftOver};
use crate::clock::BootId;
use crate::config::{self, Config, Loaded};
use crate::control;
use crate::control::Controls as _;
use crate::controller::{Shared, end_process};
use crate::delegation::{DelegationOptions, Delegations};
use crate::events::EventLog;
use crate::handlers::{Chain, HandlerState, HandlerStatus};
use crate::hooks::{self, Runner};
use crate::identity::{Identities, Keeper};
use crate::lease_monitor::{Journal, ListenError, Listener, Sessions, Spool};
use crate::metrics;
use crate::network::{Network, NetworkError, NetworkOptions};
use crate::paths::Paths;
use crate::service::Service;
use crate::softwire::backend::Backends;
use crate::softwire::{Carrier, Outlet, Softwires};
use crate::store::{self, Store};

/// Why the daemon does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] config::ConfigErrors),
    /// Another daemon runs on the same root.
    #[error(
        "another dhcpmgrd already runs with this root (it holds {0}); stop it first, or use another --root"
    )]
    Running(PathBuf),
    /// A directory or a file cannot be made.
    #[error("cannot make {path}: {source}")]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The lease socket.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The control socket.
    #[error("cannot open the control socket {path}: {source}")]
    Control {
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The kernel.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The kernel is too old, or its doors are shut.
    #[error("{0}")]
    Kernel(String),
    /// Something that every Linux has.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
}

fn system(what: &'static str) -> impl FnOnce(io::Error) -> StartError {
    move |source| StartError::System { what, source }
}

/// The log filter, exchangeable while the daemon runs.
#[derive(Debug)]
pub(super) struct Logging(reload::Handle<Targets, tracing_subscriber::Registry>);

impl Logging {
    /// Logs to standard error; `RUST_LOG` goes before the configuration.
    fn start(configured: &str) -> Self {
        let (filter, handle) = reload::Layer::new(targets(configured));
        // systemd's journal and a terminal both add or need no more than this.
        let journal = std::env::var_os("JOURNAL_STREAM").is_some();
        let format = tracing_subscriber::fmt::layer()
            .with_writer(io::stderr)
            .with_target(false)
            .with_ansi(!journal && io::IsTerminal::is_terminal(&io::stderr()));
        let layers = tracing_subscriber::registry().with(filter);
        // A subscriber that is set already, as in a test, stays.
        let _ = if journal {
            layers.with(format.without_time()).try_init()
        } else {
            layers.with(format).try_init()
        };
        Self(handle)
    }

    pub(super) fn set(&self, configured: &str) {
        let _ = self.0.reload(targets(configured));
    }
}

/// The configuration was checked when it was read; what a person typed into `RUST_LOG` was not.
fn targets(configured: &str) -> Targets {
    let typed = std::env::var("RUST_LOG").ok().and_then(|text| text.parse().ok());
    let info = || Targets::new().with_default(tracing::Level::INFO);
    typed.unwrap_or_else(|| configured.parse().unwrap_or_else(|_| info()))
}

/// Reads the configuration and loads every handler without starting anything. Prints what it found; fails when
/// anything is wrong.
pub fn check(paths: &Paths) -> Result<ExitCode, StartError> {
    let Loaded { config, files } = config::load(paths)?;
    let runtime = runtime()?;
    let handlers: Vec<HandlerStatus> = LocalSet::new().block_on(&runtime, async {
        let chain = Chain::load(&config.handlers, &paths.handlers(), &own_executable()).await;
        chain.status()
    });
    let mut out = io::stdout().lock();
    let mut healthy = true;
    for file in files {
        let _ = writeln!(out, "{}: read", file.display());
    }
    for name in config.clients.keys() {
        let _ = writeln!(out, "client {name}: right");
    }
    for handler in handlers {
        let fine = handler.state == HandlerState::Healthy;
        healthy &= fine;
        let how = if fine {
            format!("version {}, API {}, loads", handler.version, handler.api)
        } else {
            handler.reason.unwrap_or_else(|| "does not load".to_owned())
        };
        let _ = writeln!(out, "handler {}: {how}", handler.name);
    }
    for hook in &config.hooks {
        let found = hooks::check(hook);
        healthy &= found.is_ok();
        let how = found.map_or_else(|why| why, |user| format!("right, runs as {user}"));
        let _ = writeln!(out, "hook {}: {how}", hook.name);
    }
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the daemon until SIGTERM or SIGINT. When it serves, it writes a line to `ready_fd`.
pub fn run(paths: Paths, ready_fd: Option<RawFd>) -> Result<(), StartError> {
    let loaded = config::load(&paths)?;
    let logging = Logging::start(&loaded.config.daemon.log);
    clients::check_kernel().map_err(StartError::Kernel)?;
    let service = Rc::new(Service::take_over());
    if let Some(number) = ready_fd {
        service.line_to(number).map_err(system("use the descriptor of --ready-fd"))?;
    }
    service.close_strangers();
    make_directories(&paths)?;
    let programs = loaded.config.clients.values().map(|client| client.program);
    clients::prepare(&paths, programs).map_err(system("have threads ready that start clients"))?;
    privileges::settle(loaded.config.dns.backend);
    let _lock = lock(&paths)?;
    raise_file_limit();
    let runtime = runtime()?;
    LocalSet::new().block_on(&runtime, serve(paths, loaded, logging, service))
}

fn runtime() -> Result<tokio::runtime::Runtime, StartError> {
    // The one for blocking work writes to the flash, one file after the other; more would only cost memory.
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().max_blocking_threads(1).build().map_err(system("start the runtime"))
}

/// The executable for workers: itself, even when it was replaced by an upgrade meanwhile.
fn own_executable() -> PathBuf {
    PathBuf::from("/proc/self/exe")
}

fn make_directories(paths: &Paths) -> Result<(), StartError> {
    let make = |path: PathBuf, mode: u32| {
        DirBuilder::new()
            .recursive(true)
            .mode(mode)
            .create(&path)
            .map_err(|source| StartError::Directory { path, source })
    };
    make(paths.runtime(), 0o755)?;
    make(paths.spool(), 0o700)?;
    make(paths.leases(), 0o700)?;
    make(paths.work(), 0o700)?;
    make(paths.clients(), 0o700)
}

/// One daemon for a root: the lock goes with the process, however it ends.
fn lock(paths: &Paths) -> Result<store::Writer, StartError> {
    let path = paths.lock();
    match store::only_writer(&path) {
        Ok(Some(lock)) => Ok(lock),
        Ok(None) => Err(StartError::Running(path)),
        Err(source) => Err(StartError::Directory { path, source }),
    }
}

/// Each client costs three descriptors, and the soft limit is often 1,024.
fn raise_file_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    {
        tracing::warn!("cannot raise the limit of open files from {soft} to {hard}: {error}");
    }
}

async fn serve(
    paths: Paths,
    loaded: Loaded,
    logging: Logging,
    service: Rc<Service>,
) -> Result<(), StartError> {
    let Loaded { config, files } = loaded;
    let (model, config) = Model::restore(&paths, config);
    let mut signals = Signals::listen().map_err(system("listen to signals"))?;
    let boot = BootId::current();
    let (network, mut network_events) = Network::start(NetworkOptions {
        resolv_conf: paths.resolv_conf(),
        root: paths.root().to_owned(),
        backend: config.dns.backend,
        state: Store::volatile(paths.network(), boot),
    })
    .await?;
    let chain = Chain::load(&config.handlers, &paths.handlers(), &own_executable()).await;
    chain.keep_parameters(model.parameters());
    let mut notices = chain.notices();
    let records = Store::volatile(paths.clients(), boot);
    let mut census = Census::take(&paths).with(service.stored_pidfds());
    end_left_over(&mut census, &config, &records).await;
    let sessions = Rc::new(Sessions::new(Journal::new(paths.leases(), boot)));
    // What the leases of clients that are no longer configured left on their interfaces goes too.
    let mut swept = sessions.journal().retain(|client| config.clients.contains_key(client));
    swept.extend(config.clients.values().map(|client| client.interface.clone()));
    let (lease_socket, control_socket) = (paths.lease_socket(), paths.control_socket());
    let listener = match service.lease_socket(&lease_socket) {
        Some(socket) => Listener::inherited(socket, &lease_socket)?,
        None => Listener::open(&lease_socket)?,
    };
    let spool = Spool::open(paths.spool()).map_err(system("watch the spool"))?;
    let control = match service.control_socket(&control_socket) {
        Some(socket) => control::inherited(socket),
        None => control::bind(&control_socket),
    };
    let control = control.map_err(|source| StartError::Control { path: control_socket, source })?;
    service.close_the_rest();
    let delegations = Delegations::start(
        DelegationOptions {
            network: network.clone(),
            store: Store::durable(paths.state()),
            runtime: paths.runtime(),
            boot,
        },
        &config,
    );
    let kept = Store::volatile(paths.softwires(), boot);
    let choice = config.softwire.backend;
    let backends = Backends::start(choice, network.clone(), kept.clone(), paths.root()).await;
    let backends = Rc::new(backends);
    chain.set_softwires(backends.support());
    let carrier = Rc::clone(&backends) as Rc<dyn Carrier>;
    let softwires = Softwires::start(carrier, kept.below("owners"), config.softwire.clone());
    let shared = Rc::new(Shared {
        recovery: Store::volatile(paths.recovery(), BootId::current()),
        keeper: Keeper::new(Identities::new(&paths)),
        paths,
        chain,
        network,
        delegations,
        softwires,
        events: EventLog::default(),
        sessions: Rc::clone(&sessions),
        records,
        service: Rc::clone(&service),
        observer: Rc::default(),
        last_look: Default::default(),
    });
    // Before anything happens: hooks hear of all of it.
    let (runner, hooks) = Runner::new(&config, &shared.events);
    let daemon = Rc::new(Daemon {
        shared,
        hooks,
        backends,
        config: Default::default(),
        files: files.into(),
        controllers: Default::default(),
        started: Instant::now(),
        metrics: watch::Sender::new(config.metrics.listen),
        logging,
        model,
    });
    // Before any client speaks.
    daemon.shared.observer.set(config.observer.enabled);
    for client in config.clients.values() {
        daemon.start_client(client.clone(), &mut census).await;
    }
    // What was said while nobody was there comes before anything is done, and after what was in force then.
    spool.replay(&sessions).await;
    // Where softwires were left, before those that nobody offers are taken down.
    swept.extend(daemon.backends.interfaces());
    spawn_local(Rc::clone(&daemon.shared.softwires).run(Rc::clone(&daemon) as Rc<dyn Outlet>));
    daemon.go_on_in_order().await;
    // Every lease that is still in force is known now: what else carries our tag there was left by an earlier end.
    let _ = daemon.clients().await;
    daemon.tell(daemon.shared.delegations.settle().await);
    swept.extend(daemon.shared.delegations.interfaces());
    swept.extend(daemon.backends.interfaces());
    if let Err(error) = daemon.shared.network.sweep(&swept).await {
        tracing::error!("{error}");
    }
    for line in daemon.backends.sweep().await {
        tracing::info!("of an earlier daemon: {line}");
    }
    *daemon.config.borrow_mut() = config;

    let (for_listener, for_spool) = (Rc::clone(&sessions), sessions);
    spawn_local(async move { listener.run(for_listener).await });
    spawn_local(async move {
        if let Err(error) = spool.run(&for_spool).await {
            tracing::error!("the spool is no longer watched: {error}");
        }
    });
    spawn_local(control::serve(control, Rc::clone(&daemon)));
    #[cfg(feature = "dbus")]
    {
        let on_bus = Rc::clone(&daemon);
        spawn_local(async move { crate::doors::dbus::serve(Rc::clone(&on_bus), &on_bus.shared.paths).await });
    }
    let reactions = Rc::clone(&daemon);
    spawn_local(async move { reactions.let_handlers_react().await });
    spawn_local(metrics::serve(daemon.metrics.subscribe(), Rc::clone(&daemon)));
    let lans = Rc::clone(&daemon);
    spawn_local(async move { lans.shared.delegations.run(|outcome| lans.tell(outcome)).await });
    let notifier = Rc::clone(&daemon);
    spawn_local(async move { notifier.notify().await });
    let for_hooks = Rc::clone(&daemon);
    spawn_local(async move { runner.run(&for_hooks.shared.events).await });
    tracing::info!("dhcpmgrd {} runs", env!("CARGO_PKG_VERSION"));
    let mut attendance = Attendance::new(service, &daemon).await;
    attendance.ready(&daemon);
    loop {
        tokio::select! {
            Some(event) = network_events.recv() => daemon.on_network(event).await,
            Ok(notice) = notices.recv() => daemon.on_handler(notice).await,
            Some(()) = signals.hangup.recv() => {
                attendance.reloading();
                if let Err(errors) = daemon.reload().await {
                    tracing::error!("the configuration stays as it was: {errors}");
                }
                attendance.ready(&daemon);
            }
            duty = attendance.next() => attendance.attend(duty, &daemon).await,
            Some(()) = signals.terminate.recv() => break,
            Some(()) = signals.interrupt.recv() => break,
        }
    }
    tracing::info!("dhcpmgrd ends");
    attendance.ends();
    daemon.end_all().await;
    daemon.hooks.finish().await;
    daemon.shared.keeper.finish().await;
    daemon.shared.delegations.finish().await;
    if daemon.keeps_nothing() {
        daemon.shared.network.stop_dns().await;
    }
    Ok(())
}

/// How long the start waits for clients that are not configured any more to give their leases back.
const GIVING_BACK: Duration = Duration::from_secs(1);
/// How long a client has to take the signal to give its lease back before it is told to end.
const BETWEEN_SIGNALS: Duration = Duration::from_millis(200);

/// Ends clients of an earlier daemon that are not configured any more; as when their section goes while the daemon
/// runs, they give their leases back, and that needs the address that is swept later.
async fn end_left_over(census: &mut Census, config: &Config, records: &Store) {
    let configured = |name: &ClientName| config.clients.get(name).map(|client| client.interface.clone());
    let mut ending = JoinSet::new();
    for LeftOver { client, program, mut process } in census.left_over(configured, records) {
        tracing::info!("{client}: pid {} is not configured any more and ends", process.pid());
        let release = program.release();
        process.signal(release.signal);
        ending.spawn_local(async move {
            match release.confirmed_by {
                // Of two signals that wait, the kernel runs the handler of the later one first: it would just end.
                Confirmation::Hook => tokio::time::sleep(BETWEEN_SIGNALS).await,
                Confirmation::Exit => {
                    let _ = tokio::time::timeout(GIVING_BACK, process.wait()).await;
                }
            }
            end_process(process, program.stop()).await
        });
    }
    let all = async { while ending.join_next().await.is_some() {} };
    if tokio::time::timeout(GIVING_BACK, all).await.is_err() {
        ending.detach_all();
    }
}

struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }
}
