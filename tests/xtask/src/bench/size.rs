//! Sizes of the installed binaries.

use std::path::Path;

use dhcpmgr_lab::Result;

use super::table::{Bound, Table};

pub(super) fn run(root: &Path, table: &mut Table) -> Result {
    let files = [
        ("usr/sbin/dhcpmgrd", Bound::AtMost(5.0)),
        ("usr/bin/dhcpmgr", Bound::None),
        ("usr/lib/dhcpmgr/dhcpmgr-udhcpc", Bound::AtMost(1.2)),
        ("usr/lib/dhcpmgr/dhcpmgr-dibbler", Bound::AtMost(1.25)),
        ("usr/lib/dhcpmgr/handlers/libdhcpmgr_v4.so", Bound::None),
        ("usr/lib/dhcpmgr/handlers/libdhcpmgr_v6.so", Bound::None),
        ("usr/lib/dhcpmgr/handlers/libdhcpmgr_mapt.so", Bound::None),
        ("usr/lib/dhcpmgr/handlers/libdhcpmgr_vendor.so", Bound::None),
    ];
    for (file, bound) in files {
        let bytes = root.join(file).metadata()?.len();
        table.add(&format!("size of {file}"), "MB", bytes as f64 / 1e6, bound);
    }
    Ok(())
}
