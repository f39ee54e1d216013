//! STUB
use crate::events::Event;
use crate::network::Action;
use dhcpmgr_message::{ClientName, Prefix};
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegated {
    pub prefix: Prefix,
    pub exclude: Option<Prefix>,
    pub iaid: Option<u32>,
    pub preferred_until: Option<u64>,
    pub valid_until: Option<u64>,
}
#[derive(Debug, Default)]
pub struct Delegations;
#[derive(Debug, Default)]
pub struct Outcome {
    pub events: Vec<Event>,
    pub notes: Vec<String>,
    pub applied: Vec<Action>,
}
impl Delegations {
    pub async fn take(&self, _c: &ClientName, _p: Vec<Delegated>) -> Outcome {
        Outcome::default()
    }
}
