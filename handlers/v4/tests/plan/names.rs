//! Host name, domain and search list.

use dhcpmgr_plugin_api::Plan;

use crate::support::*;

fn search(plan: &Plan) -> Vec<&str> {
    plan.search.iter().map(AsRef::as_ref).collect()
}

fn domain(plan: &Plan) -> Option<&str> {
    plan.domain.as_ref().map(AsRef::as_ref)
}

#[test]
fn good_names_are_taken() {
    let plan = plan_with(|r| {
        r.hostname = Some("myhost".to_owned());
        r.domain = Some("isp.example.".to_owned());
        r.search = vec!["isp.example".to_owned(), "_tcp.corp.isp.example".to_owned()];
    });
    assert_eq!(plan.hostname.as_ref().unwrap().as_str(), "myhost");
    assert_eq!(domain(&plan), Some("isp.example"));
    assert_eq!(search(&plan), ["isp.example", "_tcp.corp.isp.example"]);
    assert!(plan.notes.is_empty());
}

#[test]
fn a_name_that_could_break_a_file_is_never_taken() {
    for hostile in [
        "isp.example\nnameserver 203.0.113.66",
        "isp.example\" evil",
        "$(reboot)",
        "a;b",
        "-dash.example",
        "dot..example",
        "é.example",
        "nul\0in.example",
        "tab\tbed.example",
    ] {
        let plan = plan_with(|r| {
            r.domain = Some(hostile.to_owned());
            r.hostname = Some(hostile.to_owned());
            r.search = vec![hostile.to_owned(), "good.example".to_owned()];
        });
        assert_eq!(domain(&plan), None, "{hostile}");
        assert_eq!(plan.hostname, None, "{hostile}");
        assert_eq!(search(&plan), ["good.example"], "{hostile}");
        for option in ["option 12 ", "option 15 ", "option 119 "] {
            assert_note(&plan, &[option, "is ignored"]);
        }
        assert!(plan.notes.iter().all(|note| !note.contains(char::is_control)), "{:?}", plan.notes);
        assert_eq!(plan.addresses.len(), 1, "the lease itself is good");
    }
}

#[test]
fn what_udhcpc_calls_bad_is_no_name() {
    let plan = plan_with(|r| {
        r.hostname = Some("bad".to_owned());
        r.domain = Some("bad".to_owned());
        r.tftp_server = Some("bad".to_owned());
        r.options.insert(15, bytes(b"bad"));
    });
    assert_eq!((plan.hostname.as_ref(), domain(&plan)), (None, None));
    assert!(!plan.parameters.contains_key("TftpServerName"));
    for option in ["option 12 ", "option 15 ", "option 66 "] {
        assert_note(&plan, &[option, "\"bad\""]);
    }
}

#[test]
fn the_raw_option_says_what_udhcpc_called_bad() {
    let plan = plan_with(|r| {
        r.domain = Some("bad".to_owned());
        r.options.insert(15, bytes(b"isp.example corp.example\0"));
        r.hostname = Some("bad".to_owned());
        r.options.insert(12, bytes(b"evil;name"));
    });
    assert_eq!(domain(&plan), Some("isp.example"));
    assert_eq!(plan.hostname, None);
    assert_note(&plan, &["option 12 ", "evil;name"]);
}

#[test]
fn several_domains_in_option_15_are_a_search_list() {
    let plan = plan_with(|r| r.domain = Some("isp.example corp.example".to_owned()));
    assert_eq!(domain(&plan), Some("isp.example"));
    assert_eq!(search(&plan), ["isp.example", "corp.example"]);
    assert_note(&plan, &["option 15", "several domains"]);
}

#[test]
fn option_119_is_the_search_list_when_both_have_one() {
    let plan = plan_with(|r| {
        r.domain = Some("isp.example corp.example".to_owned());
        r.search = vec!["only.example".to_owned()];
    });
    assert_eq!(domain(&plan), Some("isp.example"));
    assert_eq!(search(&plan), ["only.example"]);
}

#[test]
fn trailing_nuls_are_deleted() {
    let plan = plan_with(|r| r.domain = Some("isp.example\0".to_owned()));
    assert_eq!(domain(&plan), Some("isp.example"));
}

#[test]
fn a_name_that_is_not_text_is_left_out() {
    let plan = plan_with(|r| {
        r.domain = None;
        r.options.insert(15, bytes(&[0xff, 0xfe]));
    });
    assert_eq!(domain(&plan), None);
    assert_note(&plan, &["option 15", "UTF-8"]);
}

#[test]
fn a_search_list_has_each_name_once_and_an_end() {
    let plan = plan_with(|r| r.search = vec!["a.example".to_owned(), "A.Example".to_owned()]);
    assert_eq!(search(&plan), ["a.example"]);
    let plan = plan_with(|r| r.search = (0..100).map(|i| format!("d{i}.example")).collect());
    assert_eq!(plan.search.len(), 32);
    assert_note(&plan, &["100 search domains"]);
}
