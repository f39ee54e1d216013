//! The handlers that one module makes: one for each client, so that what is known of one line is not known of another.

use super::loader::{CallError, Instance, Module};
use crate::flat::FlatMap;

/// How many clients a module may have handlers for. Beyond that all start anew, which a handler must bear at any time.
const MOST: usize = 256;

/// A module with its settings, and what it made for whom.
#[derive(Debug)]
pub(super) struct Instances {
    module: Module,
    settings: Vec<u8>,
    /// Made to see whether it can be made; the first client gets it.
    spare: Option<Instance>,
    by_client: FlatMap<String, Instance>,
}

impl Instances {
    /// Makes the first handler; the error is that of the module.
    pub(super) fn new(module: Module, settings: Vec<u8>) -> Result<Self, CallError> {
        let spare = Some(module.create(&settings)?);
        Ok(Self { module, settings, spare, by_client: FlatMap::new() })
    }

    /// Calls the handler of a client.
    pub(super) fn call(&mut self, client: &str, operation: u32, input: &[u8]) -> Result<Vec<u8>, CallError> {
        if let Some(instance) = self.by_client.get_mut(client) {
            return instance.call(operation, input);
        }
        let mut instance = match self.spare.take() {
            Some(instance) => instance,
            None => self.module.create(&self.settings)?,
        };
        let answer = instance.call(operation, input);
        if self.by_client.len() >= MOST {
            self.by_client.clear();
        }
        self.by_client.insert(client.to_owned(), instance);
        answer
    }

    /// Makes a client's handler anew: what a panic left behind is not trusted.
    pub(super) fn renew(&mut self, client: &str) -> Result<(), CallError> {
        let fresh = self.module.create(&self.settings)?;
        self.by_client.insert(client.to_owned(), fresh);
        Ok(())
    }
}
