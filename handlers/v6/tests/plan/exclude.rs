//! The part of a prefix that the ISP keeps (option 67, RFC 6603).

use crate::support::*;

#[test]
fn the_excluded_prefix_lies_where_the_option_says() {
    for (delegated, value, expected) in [
        // The example of RFC 6603 section 4.2.
        ("2001:db8:dead:bee0::/59", &[64, 0x78][..], "2001:db8:dead:beef::/64"),
        // The bits behind the delegated prefix, from the left: 0x0a behind /56 is the eleventh /64.
        ("2001:db8:f000::/56", &[64, 0x0a], "2001:db8:f000:a::/64"),
        ("2001:db8:f000::/56", &[60, 0xf7], "2001:db8:f000:f0::/60"),
        ("2001:db8:f000::/48", &[64, 0x12, 0x34], "2001:db8:f000:1234::/64"),
        ("2001:db8:f000::/57", &[64, 0xff], "2001:db8:f000:7f::/64"),
        ("2001:db8:f000::/64", &[65, 0x80], "2001:db8:f000:0:8000::/65"),
        ("2001:db8:f000::/120", &[128, 0xff], "2001:db8:f000::ff/128"),
    ] {
        let plan = plan_with(|r| {
            r.prefixes[0] = prefix(delegated, 2);
            set(r, 67, value);
        });
        assert_eq!(shown(&plan), [format!("{delegated} without {expected}")]);
    }
}

#[test]
fn what_does_not_fit_the_prefix_is_left_out() {
    for (value, why) in [
        (&[][..], "the prefix length has 0 of 1 bytes (byte 0)"),
        (&[56, 0][..], "/56 is not longer than the delegated 2001:db8:f000::/56 (byte 0)"),
        (&[0], "/0 is not longer"),
        (&[129, 0], "a prefix cannot have 129 bits (byte 0)"),
        (&[64], "the subnet of /64 in 2001:db8:f000::/56 has 0 of 1 bytes (byte 1)"),
        (&[64, 1, 2], "1 more bytes after the subnet"),
        (&[65, 1], "has 1 of 2 bytes (byte 1)"),
    ] {
        let plan = plan_with(|r| set(r, 67, value));
        assert_eq!(shown(&plan), ["2001:db8:f000::/56"]);
        assert_note(&plan, &["option 67 is ignored", why]);
    }
    let plan = plan_of(67, &[64, 1]);
    assert_note(&plan, &["option 67 is ignored", "no prefix is delegated"]);
}

#[test]
fn with_several_prefixes_nobody_gets_what_might_be_the_isps() {
    let plan = plan_with(|r| {
        r.prefixes.push(prefix("2001:db8:f100::/56", 3));
        r.prefixes.push(prefix("2001:db8:f200::/48", 4));
        set(r, 67, &[64, 0x0a]);
    });
    assert_eq!(
        shown(&plan),
        [
            "2001:db8:f000::/56 without 2001:db8:f000:a::/64",
            "2001:db8:f100::/56 without 2001:db8:f100:a::/64",
            "2001:db8:f200::/48"
        ]
    );
    assert_note(&plan, &["not known which prefix option 67 belongs to"]);
}

#[test]
fn a_prefix_loses_one_part_only() {
    let plan = plan_with(|r| {
        set(r, 67, &[64, 0x0a]);
        add(r, 67, &[64, 0x0b]);
        add(r, 67, &[64, 0x0a]);
    });
    assert_eq!(shown(&plan), ["2001:db8:f000::/56 without 2001:db8:f000:a::/64"]);
    assert_note(&plan, &["2001:db8:f000:b::/64 cannot be excluded", "2001:db8:f000:a::/64"]);
}
