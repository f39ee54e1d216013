//! Chains of test modules, and leases for them.
#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(dead_code, unreachable_pub)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dhcpmgr::config::{Grant, Handler, Isolation};
use dhcpmgr::handlers::{Chain, HandlerNotice, HandlerState, HandlerStatus, NotTaken, NoticeKind};
use dhcpmgr_message::{Bytes, V4Report};
use dhcpmgr_plugin_api::testing::v4_event;
use dhcpmgr_plugin_api::{LeaseEvent, ParametersQuery, Settings};
use serde::Serialize;
use tokio::sync::broadcast::Receiver;

/// Longer than anything that should happen at once, on a machine that has other things to do.
pub const SOON: Duration = Duration::from_secs(10);

/// The program that becomes a worker.
pub fn worker_exe() -> PathBuf {
    env!("CARGO_BIN_EXE_dhcpmgrd").into()
}

pub fn handler(name: &str, module: &Path, isolation: Isolation) -> Handler {
    Handler {
        name: name.to_owned(),
        module: module.to_str().unwrap().to_owned(),
        isolation,
        public_keys: Vec::new(),
        grants: Grant::ALL.into(),
        clients: None,
        deadline: SOON,
        deadlines: Default::default(),
        order: 100,
        overrides: Vec::new(),
        settings: Bytes::default(),
        written: Default::default(),
    }
}

/// Settings of the misbehaving module.
#[derive(Serialize)]
pub struct Misbehave {
    pub mode: &'static str,
    pub only: Vec<&'static str>,
    pub after: u64,
    pub amount: u64,
}

pub const MODE: Misbehave = Misbehave { mode: "none", only: Vec::new(), after: 0, amount: 50 };

pub fn with_settings<T: Serialize>(mut handler: Handler, settings: &T) -> Handler {
    handler.settings = Bytes(Settings::of(settings).unwrap().as_bytes().to_vec());
    handler
}

pub async fn chain(handlers: &[Handler]) -> Chain {
    Chain::load(handlers, Path::new("/nonexistent"), &worker_exe()).await
}

/// A lease of a client that carries option 43.
pub fn lease_of(client: &str) -> LeaseEvent {
    let mut report = V4Report::default();
    report.options.insert(43, b"acs".to_vec().into());
    let mut event = v4_event(report);
    event.client = client.parse().unwrap();
    event
}

pub fn lease() -> LeaseEvent {
    lease_of("wan4")
}

pub fn status(chain: &Chain, name: &str) -> HandlerStatus {
    chain.status().into_iter().find(|s| s.name == name).unwrap()
}

/// The next notice of this kind; others are skipped.
pub async fn notice(notices: &mut Receiver<HandlerNotice>, kind: NoticeKind) -> HandlerNotice {
    let wanted = async {
        loop {
            let notice = notices.recv().await.unwrap();
            if notice.kind == kind {
                return notice;
            }
        }
    };
    tokio::time::timeout(SOON, wanted).await.unwrap_or_else(|_| panic!("no notice {kind:?}"))
}

/// Waits for a state.
pub async fn until(chain: &Chain, name: &str, state: HandlerState) {
    let started = Instant::now();
    while status(chain, name).state != state {
        assert!(started.elapsed() < SOON, "still {:?}", status(chain, name));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Writes a parameter as the data model does: kept when its handler takes it.
pub async fn write(
    chain: &Chain,
    query: &ParametersQuery,
    handler: &str,
    name: &str,
    value: &str,
) -> Result<(), NotTaken> {
    chain.set_parameter(query, handler, name, value).await?;
    let written = BTreeMap::from([(name.to_owned(), value.to_owned())]);
    chain.keep_parameters([(query.client.clone(), [(handler.to_owned(), written)].into())].into());
    Ok(())
}
