//! dibbler as TR-181 sees it: its constants, and what its words tell of the statistics.

use super::super::adapter::InEffect;

/// What it tells of when it sends it.
pub(super) const COUNTED: &[&str] =
    &["Solicit", "Request", "Confirm", "Renew", "Rebind", "Release", "Decline", "InformationRequest"];

/// Its `Misc/DHCPConst.h` (`SOL_MAX_DELAY` to `DEC_MAX_RC`): RFC 3315 section 5.5, and no file to change them in.
const TIMERS: [(&str, u32); 21] = [
    ("SolicitMaxDelay", 1),
    ("SolicitInitialTimeout", 1),
    ("SolicitMaxTimeout", 120),
    ("RequestInitialTimeout", 1),
    ("RequestMaxTimeout", 30),
    ("RequestMaxRetry", 10),
    ("ConfirmMaxDelay", 1),
    ("ConfirmInitialTimeout", 1),
    ("ConfirmMaxTimeout", 4),
    ("ConfirmMaxDuration", 10),
    ("RenewInitialTimeout", 10),
    ("RenewMaxTimeout", 600),
    ("RebindInitialTimeout", 10),
    ("RebindMaxTimeout", 600),
    ("InformationRequestMaxDelay", 1),
    ("InformationRequestInitialTimeout", 1),
    ("InformationRequestMaxTimeout", 120),
    ("ReleaseInitialTimeout", 1),
    ("ReleaseMaxAttempts", 5),
    ("DeclineInitialTimeout", 1),
    ("DeclineMaxAttempts", 5),
];

/// Nothing of it can be told otherwise.
pub(super) fn in_effect(parameter: &str) -> Option<InEffect> {
    let timer = parameter.strip_prefix("Retransmission.");
    let value = match parameter {
        // It runs no hook for the REPLY to a SOLICIT, so the option is never sent.
        "RapidCommit" => Some(0),
        // It does not wait for a router advertisement.
        "ForceSolicitPolicy" => Some(1),
        "DSCPMark" => Some(0),
        _ => timer.and_then(|timer| TIMERS.iter().find(|(name, _)| *name == timer)).map(|(_, value)| *value),
    };
    value.map(|value| InEffect { value, can_be_told: false })
}

/// `Processing msg (SOLICIT,transID=…`: it is sent, for the first time or again.
pub(super) fn counts(words: &str) -> Option<&'static str> {
    let message = words.strip_prefix("Processing msg (")?.split(',').next()?;
    let names = [
        ("SOLICIT", "Solicit"),
        ("REQUEST", "Request"),
        ("CONFIRM", "Confirm"),
        ("RENEW", "Renew"),
        ("REBIND", "Rebind"),
        ("RELEASE", "Release"),
        ("DECLINE", "Decline"),
        ("INF-REQUEST", "InformationRequest"),
    ];
    names.iter().find(|(word, _)| *word == message).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_words_are_counted_as_the_messages_that_they_tell_of() {
        assert_eq!(counts("Processing msg (SOLICIT,transID=0xa054f5,opts: 1 3 25 8 39 6)"), Some("Solicit"));
        assert_eq!(counts("Processing msg (INF-REQUEST,transID=0x1,opts: 1)"), Some("InformationRequest"));
        assert_eq!(counts("Creating SOLICIT message with 1 IA(s)"), None);
        assert!(COUNTED.contains(&"Rebind"));
    }

    #[test]
    fn its_timers_are_named_as_in_the_standard() {
        let object =
            crate::data_model::schema::Object::find("Device.DHCPv6.Client.{i}.Retransmission.").unwrap();
        assert!(TIMERS.iter().all(|(name, _)| object.parameter(name).is_some()));
    }
}
