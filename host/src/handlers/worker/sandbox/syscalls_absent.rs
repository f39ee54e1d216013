//! seccomp, on architectures that the filter compiler does not know: not in force, and not claimed to be.

pub(super) fn loading_only() -> Option<String> {
    None
}

pub(super) fn serving_only() -> Option<String> {
    None
}
