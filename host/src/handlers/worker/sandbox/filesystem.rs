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

/// Only the module and libraries, only reading and mapping. A module in memory needs no rule, and could have none: Landlock
/// knows files by where they lie.
pub(super) fn libraries_only(module: Option<&File>) -> Option<String> {
    let read = AccessFs::ReadFile | AccessFs::Execute;
    let restricted = ruleset().and_then(|mut rules| {
        if let Some(module) = module {
            rules = rules.add_rule(PathBeneath::new(module, read))?;
        }
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::ErrorKind;

    use super::*;

    /// Landlock binds the thread that asks for it: the other tests stay free.
    fn alone<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
        std::thread::spawn(test).join().unwrap()
    }

    fn denied(path: &str) -> bool {
        File::open(path).is_err_and(|e| e.kind() == ErrorKind::PermissionDenied)
    }

    #[test]
    fn while_the_module_is_loaded_only_it_and_libraries_can_be_read() {
        let module = tempfile::NamedTempFile::new().unwrap();
        let other = tempfile::NamedTempFile::new().unwrap();
        alone(move || {
            let Some(layer) = libraries_only(Some(module.as_file())) else {
                return eprintln!("skipped: no Landlock in this kernel");
            };
            assert!(layer.starts_with("landlock v"), "{layer}");
            assert!(File::open(module.path()).is_ok());
            assert!(fs::read_dir("/usr/lib").is_ok());
            assert!(denied(other.path().to_str().unwrap()) && denied("/etc/passwd"));
            assert!(fs::write(module.path(), "changed").is_err());
        });
    }

    #[test]
    fn afterwards_nothing_can() {
        alone(|| {
            if nothing().is_none() {
                return eprintln!("skipped: no Landlock in this kernel");
            }
            assert!(denied("/etc/passwd") && denied("/usr/lib/os-release"));
            assert!(
                std::net::TcpStream::connect("127.0.0.1:9")
                    .is_err_and(|e| e.kind() == ErrorKind::PermissionDenied)
            );
        });
        assert!(File::open("/etc/passwd").is_ok(), "the thread that did not ask is free");
    }
}
