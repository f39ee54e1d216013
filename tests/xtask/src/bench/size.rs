//! Sizes of the installed binaries.

use std::path::Path;

use dhcpmgr_lab::{MODULES, Result, SHIMS};

use super::table::{Bound, Table};

pub(super) fn run(root: &Path, table: &mut Table) -> Result {
    let programs =
        [("usr/sbin/dhcpmgrd".to_owned(), Bound::AtMost(5.0)), ("usr/bin/dhcpmgr".to_owned(), Bound::None)];
    let shims = SHIMS.iter().map(|shim| (format!("usr/lib/dhcpmgr/{shim}"), Bound::AtMost(1.2)));
    let modules = MODULES.iter().map(|module| (format!("usr/lib/dhcpmgr/handlers/{module}"), Bound::None));
    for (file, bound) in programs.into_iter().chain(shims).chain(modules) {
        let bytes = root.join(&file).metadata()?.len();
        table.add(&format!("size of {file}"), "MB", bytes as f64 / 1e6, bound);
    }
    Ok(())
}
