//! How recovery stands, for `dhcpmgr why --json`. Fields may be added, never renamed.

use serde::{Deserialize, Serialize};

use super::record::{Standing, Trouble};

/// How recovery stands for one client.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Whether it is trusted.
    pub standing: Standing,
    /// The last fault that nothing has made up for yet, and what is done about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// How often it may be started again within the window.
    pub restarts: u32,
    /// How much of that is left.
    pub restarts_left: u32,
    /// The window, seconds.
    pub window_s: u64,
    /// When it is tried again, seconds from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_try_in: Option<u64>,
    /// What the program refuses to be started with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}
