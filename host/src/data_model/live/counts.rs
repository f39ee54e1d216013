//! The parameters that count rows.

use super::super::schema::{Object, Parameter};

/// The table whose rows a parameter counts.
pub(super) fn table(object: &'static Object, parameter: &Parameter) -> Option<&'static Object> {
    if !parameter.name.ends_with("NumberOfEntries") {
        return None;
    }
    // Some tables of related objects do not name their counter; all counters are named alike.
    let name = parameter.name.strip_suffix("NumberOfEntries")?;
    object.child(name).filter(|child| child.table)
}
