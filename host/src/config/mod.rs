//! The desired configuration: one typed value, made of TOML files, refused as a whole when anything in it is wrong.

mod model;

pub use model::*;
