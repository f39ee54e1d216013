//! How long an address or a prefix lasts.

use dhcpmgr_plugin_api::message::Lifetime;

/// Whether lifetimes can be right; otherwise why not. A preferred lifetime of 0 is: the value is deprecated.
pub(crate) fn check(preferred: Lifetime, valid: Lifetime) -> Result<(), String> {
    if valid == Lifetime(0) {
        return Err("its valid lifetime is 0 s: the server has taken it back".to_owned());
    }
    // For ever is the largest number.
    if preferred > valid {
        return Err(format!(
            "its preferred lifetime, {preferred}, is longer than its valid lifetime, {valid} (RFC 8415)"
        ));
    }
    Ok(())
}
