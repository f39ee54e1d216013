//! Paths, told with a tree of two DHCPv4 clients and one for DHCPv6.

use proptest::prelude::*;

use super::*;
use crate::data_model::error::code;
use crate::data_model::schema::{Object, Parameter};
use crate::data_model::tables::OBJECTS;
use crate::data_model::value::Value;

/// Clients 1 and 7 (wan4, lte4), each on an interface; options in the first.
struct Tree;

impl Source for Tree {
    fn rows(&self, table: &'static Object, within: &Place) -> Vec<u32> {
        match (table.path, within.numbers()) {
            ("Device.DHCPv4.Client.{i}.", _) => vec![1, 7],
            ("Device.IP.Interface.{i}.", _) => vec![1, 2],
            ("Device.DHCPv4.Client.{i}.SentOption.{i}.", [1]) => vec![3, 4],
            _ => Vec::new(),
        }
    }

    fn value(&self, place: &Place, parameter: &'static Parameter) -> Option<Value> {
        let number = place.numbers().last().copied().unwrap_or_default();
        Some(match (place.object.name, parameter.name) {
            ("Client", "Alias") => (if number == 1 { "wan4" } else { "lte4" }).into(),
            ("Client", "Enable") => (number == 1).into(),
            ("Client", "Interface") => {
                format!("Device.IP.Interface.{}", if number == 1 { 1 } else { 2 }).into()
            }
            ("Client", "PassthroughDHCPPool") if number == 7 => {
                "Device.IP.Interface.2,Device.IP.Interface.1,Device.IP.Interface.9,Device.DNS.Client".into()
            }
            ("Client", "LeaseTimeRemaining") => Value::Int(number.into()),
            ("Client", "DNSServers") if number == 1 => "192.0.2.1,192.0.2.2".into(),
            ("Interface", "Name") => format!("wan{number}").into(),
            ("SentOption", "Tag") => (57 + number).into(),
            ("Stats", "Discover") => 3_u64.into(),
            _ => Value::nothing(&parameter.kind),
        })
    }
}

fn found(text: &str) -> Result<Vec<String>, Fault> {
    let path = Path::parse(text)?;
    let name = |found: Found| match found {
        Found::Object(place) => place.path(),
        Found::Parameter(place, parameter) => format!("{}{}", place.path(), parameter.name),
        Found::Extra(place, extra) => format!("{}{}", place.path(), extra.name),
        Found::Command(place, command) => format!("{}{command}", place.path()),
        Found::Table(place, table) => format!("{}{}.", place.path(), table.name),
    };
    Ok(resolve(&path, &Tree)?.into_iter().map(name).collect())
}

fn refused(text: &str) -> u16 {
    found(text).expect_err(text).code
}

#[test]
fn full_and_partial_paths_and_wildcards_name_what_is_there() {
    assert_eq!(found("Device.DHCPv4.Client.7.Enable").unwrap(), ["Device.DHCPv4.Client.7.Enable"]);
    assert_eq!(
        found("Device.DHCPv4.Client.*.Enable").unwrap(),
        ["Device.DHCPv4.Client.1.Enable", "Device.DHCPv4.Client.7.Enable"]
    );
    assert_eq!(found("Device.DHCPv4.Client.").unwrap(), ["Device.DHCPv4.Client."]);
    assert_eq!(found("Device.DHCPv4.Client.7.").unwrap(), ["Device.DHCPv4.Client.7."]);
    assert_eq!(found("Device.").unwrap(), ["Device."]);
    assert_eq!(found("Device").unwrap(), ["Device."]);
    assert_eq!(found("Device.DHCPv4.Client.1.Renew()").unwrap(), ["Device.DHCPv4.Client.1.Renew()"]);
    assert_eq!(found("Device.DHCPv6.Client.*.Enable").unwrap(), [""; 0], "no row is no error");
    assert_eq!(found("Device.DHCPv4.Client.[lte4].Enable").unwrap(), ["Device.DHCPv4.Client.7.Enable"]);
}

#[test]
fn searches_compare_by_the_type_of_the_parameter() {
    let one = ["Device.DHCPv4.Client.1."];
    assert_eq!(found("Device.DHCPv4.Client.[Enable==true].").unwrap(), one);
    assert_eq!(found("Device.DHCPv4.Client.[Enable==1&&Alias==\"wan4\"].").unwrap(), one);
    assert_eq!(found("Device.DHCPv4.Client.[LeaseTimeRemaining < 7].").unwrap(), one);
    assert_eq!(found("Device.DHCPv4.Client.[DNSServers~=\"192.0.2.2\"].").unwrap(), one);
    assert_eq!(found("Device.DHCPv4.Client.[Interface+.Name==\"wan1\"].").unwrap(), one);
    assert_eq!(found("Device.DHCPv4.Client.[Stats.Discover>2].").unwrap().len(), 2);
    assert_eq!(
        found("Device.DHCPv4.Client.*.SentOption.[Tag==60].Value").unwrap(),
        ["Device.DHCPv4.Client.1.SentOption.3.Value"]
    );
    assert_eq!(found("Device.DHCPv4.Client.[Enable==true&&LeaseTimeRemaining>5].").unwrap(), [""; 0]);
    for wrong in [
        "Device.DHCPv4.Client.[Enable==\"true\"].",
        "Device.DHCPv4.Client.[Enable<true].",
        "Device.DHCPv4.Client.[Alias==wan4].",
        "Device.DHCPv4.Client.[Alias~=\"w\"].",
        "Device.DHCPv4.Client.[LeaseTimeRemaining==\"7\"].",
        "Device.DHCPv4.Client.[Enable==true||Enable==false].",
        "Device.DHCPv4.Client.[Enable].Alias.x[",
        "Device.DHCPv4.Client.[SentOption.Tag==60].",
    ] {
        assert_eq!(refused(wrong), code::PATH_SYNTAX, "{wrong}");
    }
}

#[test]
fn a_reference_is_followed_to_the_row_that_it_names() {
    assert_eq!(found("Device.DHCPv4.Client.7.Interface+.Name").unwrap(), ["Device.IP.Interface.2.Name"]);
    assert_eq!(found("Device.DHCPv4.Client.1.PassthroughDHCPPool+.Name").unwrap(), [""; 0]);
    assert_eq!(
        found("Device.DHCPv4.Client.*.Interface+.").unwrap(),
        ["Device.IP.Interface.1.", "Device.IP.Interface.2."]
    );
    let searched = found("Device.DHCPv4.Client.[Interface+.Name!=\"wan1\"].Alias").unwrap();
    assert_eq!(searched, ["Device.DHCPv4.Client.7.Alias"]);
    assert_eq!(refused("Device.DHCPv4.Client.7.Interfaces+.Name"), code::UNKNOWN_PARAMETER);
    assert_eq!(refused("Device.DHCPv4.Client.7.Interface+.Nothing"), code::UNKNOWN_PARAMETER);
}

#[test]
fn of_a_list_the_first_one_of_a_number_or_all_are_followed() {
    let list = "Device.DHCPv4.Client.7.PassthroughDHCPPool";
    for (way, expected) in [
        ("+", vec!["Device.IP.Interface.2."]),
        ("#1+", vec!["Device.IP.Interface.2."]),
        ("#2+", vec!["Device.IP.Interface.1."]),
        ("#3+", vec![]),
        ("#5+", vec![]),
        ("#*+", vec!["Device.IP.Interface.2.", "Device.IP.Interface.1.", "Device.DNS.Client."]),
    ] {
        assert_eq!(found(&format!("{list}{way}.")).unwrap(), expected, "{way}");
    }
    // What only some of them have is unknown to the others.
    assert_eq!(refused(&format!("{list}#*+.Name")), code::UNKNOWN_PARAMETER);
    let any = "Device.DHCPv4.Client.[PassthroughDHCPPool#2+.Name==\"wan1\"].Alias";
    assert_eq!(found(any).unwrap(), ["Device.DHCPv4.Client.7.Alias"]);
    for wrong in ["#+", "#0+", "#01+", "#-1+", "#1", "#*", "#**+", "#1#2+", "++", "#99999999999+"] {
        assert_eq!(refused(&format!("{list}{wrong}.")), code::PATH_SYNTAX, "{wrong}");
    }
}

#[test]
fn what_is_not_there_is_refused_with_the_code_of_usp() {
    assert_eq!(refused("Device.DHCPv4.Client.2.Enable"), code::NO_OBJECT);
    assert_eq!(refused("Device.DHCPv4.Client.[Alias==\"wan9\"].Enable"), code::NO_OBJECT, "an address");
    assert_eq!(refused("Device.DHCPv4.Client.[wan9].Enable"), code::NO_OBJECT);
    assert_eq!(refused("Device.DHCPv4.Client.1.Enabled"), code::UNKNOWN_PARAMETER);
    assert_eq!(refused("Device.DHCPv4.Server.1.Enable"), code::NO_PATH);
    assert_eq!(refused("Device.DHCPv4.Client.Enable"), code::NO_PATH);
    assert_eq!(refused("Device.DHCPv4.1.Client."), code::NO_PATH);
    for wrong in
        ["", "DHCPv4.", "Device..DHCPv4", "Device.DHCPv4.Client.0.", "Device.DHCPv4.Client.[", "Device.a b"]
    {
        assert_eq!(refused(wrong), code::PATH_SYNTAX, "{wrong}");
    }
    assert_eq!(refused(&format!("Device.{}", "a.".repeat(40))), code::PATH_SYNTAX);
    assert_eq!(refused(&"x".repeat(9000)), code::PATH_SYNTAX);
    assert_eq!(refused("Device.DHCPv4.Client.{i}.Enable"), code::PATH_SYNTAX);
    let fault = found("Device.DHCPv4.Client.1.ipaddress").unwrap_err();
    assert!(fault.text.contains("did you mean IPAddress"), "{fault}");
    for (slip, said) in [
        ("Device.DHCPv4.Client.1.IPAdress", "did you mean IPAddress?"),
        ("Device.DHCPv4.Client.1.Release", "did you mean Release()?"),
        ("Device.DHCPv4.Client.1.Renwe()", "did you mean Renew()?"),
        ("Device.DHCPv4.Clients.1.", "did you mean Client?"),
        ("Device.DHCPv4.Client.1.Stat", "did you mean Stats?"),
        ("Device.DHCPv4.Client.9.Enable", "has no row 9; there is 1, 7"),
        ("Device.DHCPv4.Client.7.SentOption.1.", "has no row 1; there is none"),
    ] {
        let fault = found(slip).unwrap_err();
        assert!(fault.text.contains(said), "{slip}: {fault}");
    }
}

#[test]
fn no_object_stands_in_more_rows_than_a_place_has_room_for() {
    assert!(OBJECTS.iter().all(|object| object.path.matches("{i}").count() <= 4));
}

/// Parts that paths are made of, right and wrong ones.
fn part() -> impl Strategy<Value = String> {
    let constant = prop_oneof![Just("true".to_owned()), "[0-9]{1,3}", "\"[a-z%\\]\\[.]{0,5}\""];
    let operator = prop_oneof![Just("=="), Just("!="), Just("~="), Just("<"), Just(">=")];
    let name = prop_oneof![
        Just("DHCPv4".to_owned()),
        Just("Client".to_owned()),
        Just("SentOption".to_owned()),
        Just("Enable".to_owned()),
        Just("Alias".to_owned()),
        Just("Interface+".to_owned()),
        Just("PassthroughDHCPPool#*+".to_owned()),
        "(Interface|PassthroughDHCPPool)#[0-9*]{0,2}[+]?",
        "[A-Za-z_]{1,4}",
    ];
    prop_oneof![
        3 => name.clone(),
        2 => prop_oneof![Just("1".to_owned()), Just("7".to_owned()), Just("*".to_owned())],
        2 => (name, operator, constant).prop_map(|(n, o, c)| format!("[{n}{o}{c}]")),
        1 => "\\PC{0,6}",
    ]
}

proptest! {
    #[test]
    fn no_text_does_harm(text in "\\PC{0,80}") {
        let _ = found(&text);
        let _ = Expression::parse(&text);
    }

    #[test]
    fn what_a_path_names_is_named_again_by_its_own_path(parts in prop::collection::vec(part(), 0..6), dot in any::<bool>()) {
        let text = format!("Device.{}{}", parts.join("."), if dot { "." } else { "" });
        let Ok(found_by_it) = found(&text) else { return Ok(()) };
        for name in &found_by_it {
            let again = found(name);
            prop_assert_eq!(again.as_ref().map(Vec::as_slice), Ok(std::slice::from_ref(name)), "{}", text);
        }
        let mut sorted = found_by_it.clone();
        sorted.sort();
        sorted.dedup();
        prop_assert!(sorted.len() == found_by_it.len(), "nothing is named twice: {}", text);
    }

    #[test]
    fn an_expression_says_the_same_when_it_is_written_again(text in "(Alias|Enable|LeaseTimeRemaining|Stats\\.Discover)(==|!=|<|>=|~=)(true|[0-9]{1,3}|\"[ -!#-$&-~]{0,8}\")") {
        let first = Expression::parse(&text).unwrap();
        let again = first.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("&&");
        prop_assert_eq!(Expression::parse(&again).unwrap(), first);
    }
}
