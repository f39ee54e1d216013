//! What modules need from the system, looked up: `file:/PATH`, `module:NAME` and `softwire:KIND`.

use std::fs;
use std::path::Path;

/// The first need that is not met, as a sentence; `None` when all are.
#[must_use]
pub(super) fn unmet(needs: &[String]) -> Option<String> {
    needs.iter().find_map(|need| check(need).err())
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

fn check(need: &str) -> Result<(), String> {
    check_syntax(need)?;
    let met = match need.split_once(':') {
        Some(("file", path)) => Path::new(path).exists(),
        Some(("module", name)) => kernel_module_is_there(name),
        Some(("softwire", _)) => {
            return Err(format!(
                "needs {need}, but nothing here carries softwires out; its options are not requested"
            ));
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

    #[test]
    fn files_are_looked_up() {
        assert_eq!(unmet(&["file:/proc/self/status".into()]), None);
        let reason = unmet(&["file:/proc/self/status".into(), "file:/no/such/file".into()]).unwrap();
        assert!(reason.contains("file:/no/such/file"), "{reason}");
    }

    #[test]
    fn modules_are_looked_up_with_hyphens_as_the_kernel_writes_them() {
        // Any kernel has some module directory; a name with an underscore shows that hyphens are accepted too.
        let known = fs::read_dir("/sys/module").unwrap().filter_map(Result::ok);
        for name in known.filter_map(|e| e.file_name().into_string().ok()).take(20) {
            assert_eq!(unmet(&[format!("module:{}", name.replace('_', "-"))]), None, "{name}");
        }
        assert!(unmet(&["module:no_such_module".into()]).is_some());
    }

    #[test]
    fn a_softwire_is_a_need_that_nothing_meets() {
        for need in ["softwire:any", "softwire:map-t"] {
            let reason = unmet(&[need.into()]).unwrap();
            assert!(reason.contains(need) && reason.contains("not requested"), "{reason}");
        }
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
            assert!(unmet(&[need.into()]).unwrap().contains("accepted"), "{need}");
        }
    }
}
