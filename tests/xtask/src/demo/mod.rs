//! `cargo xtask demo`: a lease goes all the way, and a person watches.
//!
//! Everything happens in the laboratory's own namespaces and in its own temporary directory.

mod prefix;
mod softwire;
mod story;
mod timeline;

use dhcpmgr_lab::{Result, packages};

use crate::cargo::{cargo, done, target};
use crate::{enter, install};

/// Builds, then tells the story inside.
pub(crate) fn run(release: bool) -> Result {
    packages::ensure(packages::LAB)?;
    let itself = std::env::current_exe()?;
    let mut story = enter::command(itself)?;
    if release {
        let root = target().join("demo-root");
        install::run(&root)?;
        story.env("DHCPMGR_INSTALLED", root);
    } else {
        // All of it: with a part of it only, cargo would unite other features and build most of it again for the tests.
        done(cargo(&["build", "--workspace"]), "cargo build")?;
        story.env("DHCPMGR_BUILT", "1");
    }
    story.arg("demo-inside");
    done(story, "the demonstration")
}

/// The story itself, in a world of its own.
pub(crate) fn inside() -> Result {
    story::tell()
}
