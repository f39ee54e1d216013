//! Landlock: which files the worker may touch. Two layers, of which the second leaves nothing.

use std::fs::File;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd,
    RestrictionStatus, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus,
    Scope,
};

/// Where the dynamic linker finds what a module is linked to.
const LIBRARIES: [&str; 7] =
    ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/etc/ld.so.preload"];

/// The newest rules that we know; older kernels enforce what they have of them.
const NEWEST: ABI = ABI::V6;

/// Only the module and libraries, only reading and mapping.
pub(super) fn libraries_only(module: &File) -> Option<String> {
    let read = AccessFs::ReadFile | AccessFs::Execute;
    let restricted = ruleset().and_then(|mut rules| {
        rules = rules.add_rule(PathBeneath::new(module, read))?;
        // Whatever of these exists; a plain file takes the rights of files out of the set by itself.
        for place in LIBRARIES.iter().filter_map(|place| PathFd::new(place).ok()) {
            rules = rules.add_rule(PathBeneath::new(place, read | AccessFs::ReadDir))?;
        }
        rules.restrict_self()
    });
    layer(restricted)
}

/// No file at all.
pub(super) fn nothing() -> Option<String> {
    layer(ruleset().and_then(RulesetCreated::restrict_self))
}

fn ruleset() -> Result<RulesetCreated, RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()
}

fn layer(restricted: Result<RestrictionStatus, RulesetError>) -> Option<String> {
    let status = restricted.ok()?;
    if status.ruleset == RulesetStatus::NotEnforced {
        return None;
    }
    match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => {
            Some(format!("landlock {}", version(effective_abi)))
        }
        _ => None,
    }
}

/// The version that is in force: what the kernel has, at most what we ask for.
fn version(abi: ABI) -> String {
    format!("{:?}", abi.min(NEWEST)).to_lowercase()
}
