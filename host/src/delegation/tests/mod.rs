//! What becomes of LANs, as stories and as properties.

mod house;
mod properties;
mod stories;
