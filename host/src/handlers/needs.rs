//! What modules need from the system, looked up: `file:/PATH`, `module:NAME` and `softwire:KIND`; and which of their
//! options may be requested.

use std::fs;
use std::path::Path;

use dhcpmgr_plugin_api::Manifest;
use dhcpmgr_softwire::Kind;
use dhcpmgr_softwire::kind::PRIORITY;

use crate::softwire::backend::Support;

/// The first need that is not met, as a sentence; `None` when all are.
#[must_use]
pub(super) fn unmet(needs: &[String], softwires: &Support) -> Option<String> {
    needs.iter().find_map(|need| check(need, softwires).err())
}

/// Whether an option of a module whose needs are met may be requested. A server that knows of a client with a softwire
/// may withhold native IPv4: what provisions a softwire that is not carried out is not asked for.
#[must_use]
pub(super) fn may_be_requested(manifest: &Manifest, code: u16, softwires: &Support) -> bool {
    if !needs_softwires(manifest) {
        return true;
    }
    match Kind::of_option(code) {
        Some(kind) => softwires.carries(kind),
        None => code != PRIORITY || Kind::ALL.into_iter().any(|kind| softwires.carries(kind)),
    }
}

/// What of a module whose needs are met is not asked for, as a sentence; `None` when all is.
#[must_use]
pub(super) fn withheld(manifest: &Manifest, softwires: &Support) -> Option<String> {
    if !needs_softwires(manifest) {
        return None;
    }
    let kinds = softwires.kinds().filter(|(kind, _)| manifest.options_consumed.contains(&kind.option()));
    let reasons: Vec<String> = kinds
        .filter_map(|(kind, answer)| {
            Some(format!("{kind} (option {}): {}", kind.option(), answer.as_ref().err()?))
        })
        .collect();
    (!reasons.is_empty())
        .then(|| format!("not asked for, because nothing here carries it: {}", reasons.join("; ")))
}

fn needs_softwires(manifest: &Manifest) -> bool {
    manifest.needs.iter().any(|need| need.starts_with("softwire:"))
}

/// Whether a need is written in a way that can be looked up at all; the error says what is accepted. One that is not
/// may come from a later SDK, so it is merely not met.
fn check_syntax(need: &str) -> Result<(), String> {
    match need.split_once(':') {
        Some(("file", path)) if path.starts_with('/') && !path.contains('\0') => Ok(()),
        Some(("module", name)) if is_module_name(name) => Ok(()),
        Some(("softwire", "any" | "map-t" | "map-e" | "lw4o6" | "ds-lite")) => Ok(()),
        _ => Err(format!(
            "need \"{need}\" is not understood; accepted are file:/PATH, module:NAME and softwire:KIND"
        )),
    }
}

fn check(need: &str, softwires: &Support) -> Result<(), String> {
    check_syntax(need)?;
    let met = match need.split_once(':') {
        Some(("file", path)) => Path::new(path).exists(),
        Some(("module", name)) => kernel_module_is_there(name),
        Some(("softwire", kind)) => {
            return softwires.some_of(kind.parse().ok()).map_err(|why| {
                format!("needs {need}, and nothing here carries it: {why}; its options are not requested")
            });
        }
        _ => false,
    };
    if met { Ok(()) } else { Err(format!("needs {need}, which is not there; its options are not requested")) }
}

fn is_module_name(name: &str) -> bool {
    (1..=56).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Built in or loaded. The kernel writes hyphens as underscores; a built-in module without parameters shows in
/// `modules.builtin` only.
fn kernel_module_is_there(name: &str) -> bool {
    let name = name.replace('-', "_");
    if Path::new("/sys/module").join(&name).exists() {
        return true;
    }
    let loaded = fs::read_to_string("/proc/modules").unwrap_or_default();
    if loaded.lines().any(|line| line.split(' ').next() == Some(&name)) {
        return true;
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let list = Path::new("/lib/modules").join(release.trim()).join("modules.builtin");
    fs::read_to_string(list).unwrap_or_default().lines().any(|line| {
        Path::new(line)
            .file_name()
            .and_then(|f| f.to_str())
            .and_then(|f| f.strip_suffix(".ko"))
            .map(|f| f.replace('-', "_"))
            == Some(name.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::softwire::backend::BackendName;

    /// Where only the kernel's tunnels are.
    fn tunnels() -> Support {
        let tunnels = BackendName::KernelTunnel;
        let carried =
            |kind| (kind, if kind == Kind::MapT { Err("no module".to_owned()) } else { Ok(tunnels) });
        Kind::ALL.into_iter().map(carried).collect()
    }

    fn unmet_here(needs: &[String]) -> Option<String> {
        unmet(needs, &Support::default())
    }

    #[test]
    fn files_are_looked_up() {
        assert_eq!(unmet_here(&["file:/proc/self/status".into()]), None);
        let reason = unmet_here(&["file:/proc/self/status".into(), "file:/no/such/file".into()]).unwrap();
        assert!(reason.contains("file:/no/such/file"), "{reason}");
    }

    #[test]
    fn modules_are_looked_up_with_hyphens_as_the_kernel_writes_them() {
        // Any kernel has some module directory; a name with an underscore shows that hyphens are accepted too.
        let known = fs::read_dir("/sys/module").unwrap().filter_map(Result::ok);
        for name in known.filter_map(|e| e.file_name().into_string().ok()).take(20) {
            assert_eq!(unmet_here(&[format!("module:{}", name.replace('_', "-"))]), None, "{name}");
        }
        assert!(unmet_here(&["module:no_such_module".into()]).is_some());
    }

    #[test]
    fn a_softwire_is_a_need_that_a_back_end_meets() {
        for need in ["softwire:any", "softwire:map-t"] {
            let reason = unmet_here(&[need.into()]).unwrap();
            assert!(reason.contains(need) && reason.contains("not requested"), "{reason}");
        }
        for need in ["softwire:any", "softwire:map-e", "softwire:ds-lite"] {
            assert_eq!(unmet(&[need.into()], &tunnels()), None, "{need}");
        }
        let reason = unmet(&["softwire:map-t".into()], &tunnels()).unwrap();
        assert!(reason.contains("no module"), "{reason}");
    }

    #[test]
    fn only_what_is_carried_out_is_asked_for() {
        let mapt = Manifest::new("mapt", "1").consumes([64, 94, 95, 96, PRIORITY, 23]).needs("softwire:any");
        let requested = |manifest: &Manifest, softwires: &Support| {
            let codes = manifest.options_consumed.iter().copied();
            codes.filter(|code| may_be_requested(manifest, *code, softwires)).collect::<Vec<_>>()
        };
        assert_eq!(requested(&mapt, &tunnels()), [64, 94, 96, PRIORITY, 23]);
        assert_eq!(requested(&mapt, &Support::default()), [23]);
        let why = withheld(&mapt, &tunnels()).unwrap();
        assert!(why.contains("map-t (option 95): no module") && !why.contains("map-e"), "{why}");
        // One that carries them out itself is nobody's business.
        let own = Manifest::new("own", "1").consumes([95]);
        assert_eq!((requested(&own, &Support::default()), withheld(&own, &tunnels())), (vec![95], None));
    }

    #[test]
    fn what_cannot_be_looked_up_is_not_met() {
        for need in [
            "",
            "file:",
            "file:relative",
            "module:",
            "module:../../etc",
            "module:a b",
            "kernel:6.1",
            "softwire:gre",
        ] {
            assert!(unmet_here(&[need.into()]).unwrap().contains("accepted"), "{need}");
        }
    }
}
