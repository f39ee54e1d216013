//! What carries softwires out, as the owner of IPv4 sees it.

use std::fmt;

use dhcpmgr_message::IfName;
use dhcpmgr_plugin_api::Softwire;

use super::backend::{Backends, Carried, Pending, Stats, Wan};
use super::owner::Failure;

/// A softwire, and what it runs over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carriage {
    /// The WAN.
    pub wan: Wan,
    /// The softwire.
    pub softwire: Softwire,
}

/// Carries softwires out; one on a WAN at a time.
pub trait Carrier: fmt::Debug {
    /// Whether it could carry this softwire; the error says why not. Asks nobody.
    fn able(&self, softwire: &Softwire) -> Result<(), String>;

    /// Makes this softwire carry IPv4, in place of the one before on this WAN, also of one that an earlier daemon left.
    /// When it fails nothing of it is left.
    fn carry<'a>(&'a self, carriage: &'a Carriage) -> Pending<'a, Result<Carried, Failure>>;

    /// What went through the softwire on this WAN; `None` when there is none, or nobody counts.
    fn stats(&self, _wan: &IfName) -> Option<Stats> {
        None
    }

    /// Ends the softwire on this WAN, if there is one; a line for each thing that was done.
    fn end<'a>(&'a self, wan: &'a IfName) -> Pending<'a, Result<Vec<String>, String>>;
}

impl Carrier for Backends {
    fn able(&self, softwire: &Softwire) -> Result<(), String> {
        self.carries(softwire).map_err(|why| format!("nothing here carries it: {why}"))
    }

    fn carry<'a>(&'a self, carriage: &'a Carriage) -> Pending<'a, Result<Carried, Failure>> {
        Box::pin(async {
            let carried = Backends::carry(self, &carriage.wan, &carriage.softwire).await;
            carried.map_err(|error| Failure { passing: error.is_passing(), why: error.to_string() })
        })
    }

    fn stats(&self, wan: &IfName) -> Option<Stats> {
        Backends::stats(self, wan)
    }

    fn end<'a>(&'a self, wan: &'a IfName) -> Pending<'a, Result<Vec<String>, String>> {
        Box::pin(async { Backends::end(self, wan).await.map_err(|error| error.to_string()) })
    }
}
