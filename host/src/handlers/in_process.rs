//! A handler in the daemon itself: a direct call. For the modules that we ship; what it does to the process it does
//! to the daemon, and a deadline can only be measured.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dhcpmgr_plugin_api::Manifest;

use super::condition::{Condition, Loaded};
use super::health::Verdict;
use super::instances::Instances;
use super::loader::{CallError, Module};
use super::runner::Outcome;
use super::{HandlerState, manifest};
use crate::config::Handler;

/// A module in this process.
#[derive(Debug)]
pub(super) struct InProcess {
    condition: Condition,
    module: Module,
    settings: Vec<u8>,
    instances: Mutex<Instances>,
}

impl InProcess {
    /// Loads the module and makes its handler; the error is the one-line reason why not.
    pub(super) fn load(condition: Condition, path: &Path, config: &Handler) -> Result<Self, String> {
        let settings = config.settings.as_ref();
        let module = Module::load_signed(path, &config.public_keys).map_err(|e| e.to_string())?;
        let manifest = manifest::check(module.manifest.clone())?;
        manifest::check_settings(&manifest, settings)?;
        let instances = Instances::new(module.clone(), settings.to_vec())
            .map_err(|e| format!("cannot be created: {e}"))?;
        condition.well(loaded(&module, manifest));
        Ok(Self { condition, module, settings: settings.to_vec(), instances: Mutex::new(instances) })
    }

    pub(super) fn call(&self, client: &str, operation: u32, input: &[u8]) -> Outcome {
        if let Some(reason) = self.condition.closed() {
            return Outcome::Failed(reason);
        }
        let result = self.instances().call(client, operation, input);
        match result {
            Ok(bytes) => Outcome::Answered { bytes, start: 0 },
            Err(CallError::Unsupported(_)) => Outcome::Unsupported,
            // An orderly "no": the handler is well, this lease is not for it.
            Err(CallError::Failed(reason)) => Outcome::Refused(reason),
            Err(error) => {
                let reason = error.to_string();
                self.misbehaved(client, &reason);
                Outcome::Failed(reason)
            }
        }
    }

    /// Counts the misbehaviour, and gives the client's handler a fresh state: what a panic left behind is not trusted.
    pub(super) fn misbehaved(&self, client: &str, reason: &str) {
        if self.condition.misbehaved(reason, HandlerState::Healthy) == Verdict::Quarantine {
            return;
        }
        let renewed = self.instances().renew(client);
        match renewed {
            Ok(()) => self.condition.restarting(),
            Err(e) => self.condition.refused(&format!("cannot be created again: {e}")),
        }
    }

    /// Out of quarantine, with a fresh state.
    pub(super) fn reset(&self) -> Result<(), String> {
        let fresh = Instances::new(self.module.clone(), self.settings.clone())
            .map_err(|e| format!("cannot be created: {e}"))?;
        let manifest = manifest::check(self.module.manifest.clone())?;
        *self.instances() = fresh;
        self.condition.forgiven();
        self.condition.well(loaded(&self.module, manifest));
        Ok(())
    }

    fn instances(&self) -> MutexGuard<'_, Instances> {
        self.instances.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn loaded(module: &Module, manifest: Manifest) -> Loaded {
    let signed_by = module.signed_by.map(|key| key.to_string());
    Loaded { manifest, api: module.api, sandbox: Vec::new(), pid: None, signed_by }
}
