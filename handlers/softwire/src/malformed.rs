//! Why an option is discarded, and at which byte.

use std::net::Ipv4Addr;

use dhcpmgr_message::ValueError;

use crate::kind::OptionName;
use crate::prefix::Ipv6Prefix;
use crate::quirk::Quirk;
use crate::rule::RuleFlaw;

/// The first thing that is wrong with an option. The whole option is discarded then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{flaw}")]
pub struct Malformed {
    /// Where: the number of bytes before it, counted from the first byte that was given. What is missing is wrong at
    /// the end.
    pub offset: usize,
    /// What.
    pub flaw: Flaw,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// The header in front of the option's value gives another length.
    #[error("the header of {} says {said} bytes, and {there} follow", OptionName(*.option))]
    HeaderLength {
        /// The option.
        option: u16,
        /// What its header says.
        said: usize,
        /// What is there.
        there: usize,
    },
    /// Longer than any option.
    #[error("{0} bytes are more than an option can have (65535)")]
    TooLong(usize),
    /// Bytes at the end that are no option.
    #[error("{left} left over at the end of {}: an option has a header of 4 bytes (RFC 8415 section 21.1)", OptionName(*.within), left = bytes(*.left))]
    LeftOver {
        /// Where they stand.
        within: u16,
        /// How many.
        left: usize,
    },
    /// An option is longer than what contains it.
    #[error("{} says it has {}, but only {there} are left in {}", OptionName(*.option), bytes(*.said), OptionName(*.within))]
    Overrun {
        /// The option.
        option: u16,
        /// What its header says.
        said: usize,
        /// What is left.
        there: usize,
        /// What contains it.
        within: u16,
    },
    /// An option ends within a field.
    #[error("{} ends within its {field}, which has {}", OptionName(*.option), bytes(*.needed))]
    FieldCut {
        /// The option.
        option: u16,
        /// The field.
        field: &'static str,
        /// How long the field is.
        needed: usize,
    },
    /// An option goes on after its last field.
    #[error("{} goes on after its last field: {} too many", OptionName(*.option), bytes(*.left))]
    FieldsEnd {
        /// The option.
        option: u16,
        /// How many bytes are too many.
        left: usize,
    },
    /// An option stands where RFC 7598 has no place for it.
    #[error("{} is not permitted in {} (RFC 7598 section 5)", OptionName(*.option), OptionName(*.within))]
    NotPermitted {
        /// The option.
        option: u16,
        /// Where it stands.
        within: u16,
    },
    /// A second one where there can be one.
    #[error("a second {} in {}, which has one at most", OptionName(*.option), OptionName(*.within))]
    Twice {
        /// The option.
        option: u16,
        /// Where it stands.
        within: u16,
    },
    /// An option that must be there.
    #[error("{} has no {}, which it must have (RFC 7598 section 5)", OptionName(*.within), OptionName(*.option))]
    Missing {
        /// The option.
        option: u16,
        /// What lacks it.
        within: u16,
    },
    /// The two zero bytes of [`Quirk::SpareBytesBeforePortparams`].
    #[error(
        "two zero bytes before S46_PORTPARAMS (93) are no option; the quirk {} accepts them",
        Quirk::SpareBytesBeforePortparams
    )]
    SpareBytes,
    /// An IPv6 prefix longer than an address.
    #[error("{field} is {len}, at most 128 is possible")]
    Ipv6PrefixLen {
        /// The field.
        field: &'static str,
        /// What it says.
        len: u8,
    },
    /// An IPv4 prefix longer than an address.
    #[error("prefix4-len is {0}, at most 32 is possible (RFC 7598 section 4.1)")]
    Ipv4PrefixLen(u8),
    /// A rule that contradicts itself.
    #[error("{0}")]
    Rule(#[from] RuleFlaw),
    /// Two rules with one IPv6 prefix.
    #[error("a second rule for {0}: which of them counts is not said")]
    DuplicateRule(Ipv6Prefix),
    /// A Default Mapping Rule that IPv4 addresses cannot be embedded in.
    #[error(
        "dmr-prefix6-len is {0}, but IPv4 addresses are embedded after 32, 40, 48, 56, 64 or 96 bits (RFC 6052 section 2.2)"
    )]
    DmrLen(u8),
    /// No rule is for this customer.
    #[error("no rule has an IPv6 prefix that contains {0}")]
    NoRule(Ipv6Prefix),
    /// Without a delegated prefix nothing can be computed.
    #[error("there is no delegated prefix, which the rules need")]
    NoPrefix,
    /// The delegated prefix has not all EA bits.
    #[error("the delegated prefix {prefix} is too short: {rule_len} bits of the rule and {ea_len} EA bits need a /{}", .rule_len + .ea_len)]
    PrefixTooShort {
        /// The delegated prefix.
        prefix: Ipv6Prefix,
        /// The length of the rule's IPv6 prefix.
        rule_len: u8,
        /// The rule's EA length.
        ea_len: u8,
    },
    /// The rule's PSID is not the one in the delegated prefix.
    #[error("the PSID is {said}, but the EA bits of the delegated prefix say {derived}")]
    PsidContradicts {
        /// What S46_PORTPARAMS says.
        said: u16,
        /// What the EA bits say.
        derived: u16,
    },
    /// The binding is for another prefix than ours.
    #[error("the binding is for {bound}, and {prefix} is no part of it, nor it of that")]
    NotBound {
        /// What S46_V4V6BIND says.
        bound: Ipv6Prefix,
        /// The delegated prefix.
        prefix: Ipv6Prefix,
    },
    /// No IPv4 address at all.
    #[error("the IPv4 address is {0}, which no host can have")]
    NoAddress(Ipv4Addr),
    /// The name of the AFTR has no label.
    #[error("the name is empty")]
    NameEmpty,
    /// A label's length has one of the two highest bits set.
    #[error(
        "a label of {0} bytes: at most 63 are possible, and names are not compressed here (RFC 8415 section 10)"
    )]
    NameLabel(u8),
    /// The name ends within a label, or without the root.
    #[error("the name ends within a label or without the root label that ends it (RFC 8415 section 10)")]
    NameCut,
    /// Something follows the name.
    #[error("{} after the end of the name: there can be one name (RFC 6334 section 3)", bytes(*.0))]
    NameGoesOn(usize),
    /// A label has a byte that is none of a name.
    #[error("a label has the byte {0:#04x}; a name has letters, digits, hyphens and underscores")]
    NameByte(u8),
    /// The name is not one of a host.
    #[error("{0}")]
    Name(ValueError),
    /// The list of mechanisms has not whole codes.
    #[error("S46_PRIORITY (111) has {}; it is a list of codes with two bytes each, at least one (RFC 8026 section 1.4)", bytes(*.0))]
    PriorityLen(usize),
}

fn bytes(count: usize) -> String {
    format!("{count} byte{}", if count == 1 { "" } else { "s" })
}

impl Flaw {
    pub(crate) fn at(self, offset: usize) -> Malformed {
        Malformed { offset, flaw: self }
    }
}
