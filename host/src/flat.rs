//! Maps and sets that are one sorted vector, with the names and the behaviour of the standard library's trees.
//!
//! A `BTreeMap` brings some 5 KB of code for each pair of types, and collecting into one a sort of another 5 KB: close to
//! a megabyte in a daemon whose maps hold clients, links and options, some dozens each. Inserting takes time that grows
//! with the length: what another process or the network may fill without bound stays in a tree.

mod map;
mod set;

pub use map::FlatMap;
pub use set::FlatSet;

#[cfg(test)]
mod tests;
