//! How one handler is, as far as anybody outside its runner may know: state, reason, manifest, and the notices
//! that tell of its changes.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use dhcpmgr_plugin_api::{ApiVersion, Manifest};
use tokio::sync::broadcast;

use super::health::{Health, Verdict};
use super::text::one_line;
use super::{HandlerNotice, HandlerState, NoticeKind};
use crate::config::Written;

/// The longest reason that a module is refused for, characters: with several mistakes and their places.
const REASON: usize = 1000;

/// The reason of a quarantine that no failure led to.
pub(super) const BY_THE_OPERATOR: &str = "by the operator";

/// What is known of a handler.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) state: HandlerState,
    pub(super) reason: Option<String>,
    /// Absent until the module was loaded once.
    pub(super) manifest: Option<Arc<Manifest>>,
    pub(super) api: Option<ApiVersion>,
    pub(super) sandbox: Vec<String>,
    pub(super) pid: Option<u32>,
    /// The key that signed the module.
    pub(super) signed_by: Option<String>,
    pub(super) restarts: u64,
    health: Health,
    /// It failed since it was last well, so that its return is news.
    failing: bool,
}

/// What a loaded module says of itself, and the process that it is in.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) manifest: Manifest,
    pub(super) api: ApiVersion,
    pub(super) sandbox: Vec<String>,
    pub(super) pid: Option<u32>,
    /// The key that signed it, where a signature is asked for.
    pub(super) signed_by: Option<String>,
}

/// The facts of one handler, shared between its runner (which writes) and the chain (which reads).
#[derive(Debug, Clone)]
pub(super) struct Condition {
    handler: Arc<str>,
    facts: Arc<Mutex<Facts>>,
    /// Where its settings are written.
    written: Arc<Written>,
    notices: broadcast::Sender<HandlerNotice>,
}

impl Condition {
    pub(super) fn new(handler: &str, notices: broadcast::Sender<HandlerNotice>, written: Written) -> Self {
        let facts = Facts {
            state: HandlerState::Restarting,
            reason: Some("is being started".to_owned()),
            manifest: None,
            api: None,
            sandbox: Vec::new(),
            pid: None,
            signed_by: None,
            restarts: 0,
            health: Health::default(),
            failing: false,
        };
        let facts = Arc::new(Mutex::new(facts));
        Self { handler: handler.into(), facts, written: Arc::new(written), notices }
    }

    pub(super) fn handler(&self) -> &str {
        &self.handler
    }

    /// The facts; never held across an await.
    pub(super) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Why it cannot be called now; `None` when it can.
    pub(super) fn closed(&self) -> Option<String> {
        let facts = self.facts();
        let reason = facts.reason.as_deref().unwrap_or("no reason is known");
        match facts.state {
            HandlerState::Healthy => None,
            HandlerState::Restarting => Some(format!("is being started again: {reason}")),
            HandlerState::Quarantined => Some(format!("is quarantined: {reason}")),
            HandlerState::Refused => Some(format!("is not loaded: {reason}")),
        }
    }

    /// It answers.
    pub(super) fn well(&self, loaded: Loaded) {
        let mut facts = self.facts();
        facts.state = HandlerState::Healthy;
        facts.reason = None;
        facts.manifest = Some(Arc::new(loaded.manifest));
        facts.api = Some(loaded.api);
        facts.sandbox = loaded.sandbox;
        facts.pid = loaded.pid;
        facts.signed_by = loaded.signed_by;
        let was_failing = std::mem::take(&mut facts.failing);
        drop(facts);
        if was_failing {
            self.notify(NoticeKind::Recovered, "answers again");
        }
    }

    /// Its module cannot be used, and trying again would not change that.
    pub(super) fn refused(&self, reason: &str) {
        let reason = &*one_line(&self.written.locate(reason), REASON);
        let mut facts = self.facts();
        let was_loaded = facts.manifest.is_some();
        facts.state = HandlerState::Refused;
        facts.reason = Some(reason.to_owned());
        facts.pid = None;
        facts.failing = was_loaded;
        drop(facts);
        tracing::error!(handler = self.handler(), "not loaded: {reason}");
        if was_loaded {
            self.notify(NoticeKind::Failed, reason);
        }
    }

    /// It misbehaved: counted, published, and judged. `meanwhile` is its state while it is not quarantined.
    pub(super) fn misbehaved(&self, reason: &str, meanwhile: HandlerState) -> Verdict {
        let mut facts = self.facts();
        let verdict = facts.health.failed(Instant::now());
        facts.failing = true;
        facts.pid = if meanwhile == HandlerState::Restarting { None } else { facts.pid };
        facts.reason = Some(reason.to_owned());
        facts.state = match verdict {
            Verdict::Retry(_) => meanwhile,
            Verdict::Quarantine => HandlerState::Quarantined,
        };
        drop(facts);
        tracing::warn!(handler = self.handler(), "failed: {reason}");
        self.notify(NoticeKind::Failed, reason);
        if verdict == Verdict::Quarantine {
            tracing::error!(
                handler = self.handler(),
                "failed too often and is quarantined; `dhcpmgr handler reset {}` starts it again",
                self.handler()
            );
            self.notify(NoticeKind::Quarantined, reason);
        }
        verdict
    }

    /// It is left alone because somebody wants that.
    pub(super) fn quarantined(&self, reason: &str) {
        let mut facts = self.facts();
        facts.state = HandlerState::Quarantined;
        facts.reason = Some(reason.to_owned());
        facts.pid = None;
        facts.failing = true;
        drop(facts);
        tracing::warn!(handler = self.handler(), "quarantined {reason}");
        self.notify(NoticeKind::Quarantined, reason);
    }

    /// It is started once more.
    pub(super) fn restarting(&self) {
        self.facts().restarts += 1;
    }

    /// Somebody repaired it: its failures no longer count.
    pub(super) fn forgiven(&self) {
        self.facts().health.reset();
    }

    pub(super) fn notify(&self, kind: NoticeKind, reason: &str) {
        let handler = self.handler.to_string();
        // Nobody listening is no error.
        let _ = self.notices.send(HandlerNotice { handler, kind, reason: reason.to_owned() });
    }
}
