//! The search list.

use dhcpmgr_plugin_api::Plan;

use crate::support::*;

fn search(plan: &Plan) -> Vec<&str> {
    plan.search.iter().map(|name| name.as_str()).collect()
}

#[test]
fn the_search_list_is_taken_in_order_each_name_once() {
    let plan = plan_of(24, &wire(&["isp.example", "corp.isp.example", "ISP.example"]));
    assert_eq!(search(&plan), ["isp.example", "corp.isp.example"]);
    assert_no_notes(&plan);
}

#[test]
fn a_name_that_is_none_costs_itself() {
    let plan = plan_of(24, &wire(&["isp.example", "a b", "-x.example", "x\ny", "corp.example"]));
    assert_eq!(search(&plan), ["isp.example", "corp.example"]);
    assert_note(&plan, &["a name in option 24 is ignored: the byte 0x20 is in no domain name (byte 15)"]);
    assert_note(&plan, &["option 24", "-x.example", "hyphen"]);
    assert_note(&plan, &["option 24", "0x0a"]);
}

#[test]
fn an_option_that_cannot_be_read_is_ignored_whole() {
    let mut raw = wire(&["isp.example"]);
    raw.extend([0xc0, 0]);
    let plan = plan_of(24, &raw);
    assert!(plan.search.is_empty());
    assert_note(&plan, &["option 24 is ignored", "compressed", "(byte 13)"]);
}

#[test]
fn without_the_bytes_the_clients_words_are_checked() {
    let plan = plan_with(|r| {
        r.options.remove(&24);
        r.search = ["isp.example", "a\nb", "corp.example."].map(str::to_owned).into();
    });
    assert_eq!(search(&plan), ["isp.example", "corp.example"]);
    assert_note(&plan, &["option 24 is ignored", "a\\nb"]);
    // The bytes count where both are there: they are what the server sent.
    let plan = plan_with(|r| r.search = vec!["other.example".to_owned()]);
    assert_eq!(search(&plan), ["isp.example"]);
}

#[test]
fn a_flood_of_names_is_cut() {
    let names: Vec<_> = (0..40).map(|i| format!("n{i}.example")).collect();
    let plan = plan_of(24, &wire(&names.iter().map(String::as_str).collect::<Vec<_>>()));
    assert_eq!(plan.search.len(), 32);
    assert_note(&plan, &["40 search domains", "first 32"]);
}
