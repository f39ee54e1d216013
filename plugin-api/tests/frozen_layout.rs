//! The function table of a module is frozen: modules in the field were compiled against what `frozen_layout.txt`
//! says, and abi_stable refuses all of them when one word of it changes.
//!
//! So when this test fails, the change is wrong. Data that must grow is MessagePack; new functions are operation
//! numbers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use abi_stable::StableAbi;
use abi_stable::type_layout::TypeLayout;
use dhcpmgr_plugin_api::root_module::RootModuleRef;

#[test]
fn the_function_table_is_what_modules_in_the_field_were_built_against() {
    let mut types = BTreeMap::new();
    collect(<RootModuleRef as StableAbi>::LAYOUT, &mut types);
    let found: String = types.into_values().collect();
    let frozen = include_str!("frozen_layout.txt");
    assert!(found == frozen, "frozen:\n{frozen}\nfound:\n{found}");
}

/// Collects the types that are reachable by name, with the fields and the signatures that abi_stable compares:
/// names of parameters are among them. Sizes follow from that on each machine. Of a foreign type only the name and
/// the package count.
fn collect(layout: &'static TypeLayout, types: &mut BTreeMap<String, String>) {
    let name = layout.full_type().to_string();
    if types.contains_key(&name) {
        return;
    }
    let fields: Vec<_> = layout.get_fields().into_iter().flat_map(|fields| fields.iter()).collect();
    let package = layout.package();
    let mut text = format!("{name} of {package}");
    if package == "abi_stable" {
        // In 0.x the minor version is the one that breaks.
        let version = layout.package_version().to_string();
        text += &format!(" {}", version.rsplit_once('.').unwrap().0);
    }
    if package == "dhcpmgr-plugin-api" {
        text += &format!(", repr {:?}", layout.repr_attr());
        for field in &fields {
            text += &format!("\n    {}: {}", field.name(), field.full_type());
            for function in field.function_range().iter() {
                text += &format!("\n        {}", function.to_string().trim_end().replace('\n', "\n        "));
            }
        }
    }
    types.insert(name, text + "\n");
    for field in fields.into_iter().chain(layout.phantom_fields().iter()) {
        collect(field.layout(), types);
        for function in field.function_range().iter() {
            let returned = function.return_type_layout().map(|layout| layout());
            for layout in function.param_type_layouts.iter().map(|layout| layout()).chain(returned) {
                collect(layout, types);
            }
        }
    }
}
