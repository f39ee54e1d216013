//! What a module says of itself.

use dhcpmgr_message::Bytes;
use serde::{Deserialize, Serialize};

use crate::schema::{self, Setting, SettingError};
use crate::{Hook, Hooks, Protocol, Settings};

/// What a module says of itself when it is asked to describe itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// The handler's own name: lower-case letters, digits and hyphens.
    pub name: String,
    /// The handler's own version, semantic.
    pub version: String,
    /// One line for the person who lists handlers.
    pub description: String,
    /// The protocols it handles.
    pub protocols: Vec<Protocol>,
    /// Option codes it reads. The host asks servers for them while the handler is healthy.
    pub options_consumed: Vec<u16>,
    /// Options it wants the client to send. Grant `send-options`.
    pub options_sent: Vec<SentOption>,
    /// What it needs from the system to be of use: `file:/proc/net/nat46/control`, `module:ip6_tunnel`, and from the
    /// host `softwire:KIND`: that it carries out such softwires (`any` for whichever). A handler
    /// whose needs are not met stays loaded, and its options are not requested. Of one that needs softwires, those
    /// options that provision a kind which is not carried out (64, 94, 95, 96) are not requested either.
    pub needs: Vec<String>,
    /// What it may be asked; nothing else ever is. A manifest that does not say means `lease`. Since 1.1.
    pub hooks: Hooks,
    /// Of which events the `event` hook is told, in the words of `dhcpmgr events`; none means those that begin with
    /// `lease-`. Since 1.1.
    pub events: Vec<String>,
    /// Whose contribution it takes the place of, as in `v4.dns`: where its own plan holds something for that field of a
    /// [`Plan`](crate::Plan), what the other handler planned for it is dropped. The other is named by its configured
    /// name or by that of its module. Since 1.1.
    pub overrides: Vec<String>,
    /// The settings that it takes. None means that only the module knows. Since 1.1.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<Setting>,
}

/// An option that a handler wants the client to send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentOption {
    /// The protocol.
    pub protocol: Protocol,
    /// Option code.
    pub code: u16,
    /// Value as on the wire, without code and length.
    pub value: Bytes,
}

/// Longest name of a module, bytes.
const MAX_NAME: usize = 64;
/// Longest version and longest need, bytes.
const MAX_WORD: usize = 256;
/// Longest description, bytes.
const MAX_DESCRIPTION: usize = 1024;
/// Most entries of a list.
const MAX_LIST: usize = 256;

/// Why a manifest is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("manifest: {0}")]
pub struct ManifestError(String);

impl Manifest {
    /// A manifest with a name and a version, usually `env!("CARGO_PKG_NAME")` and `env!("CARGO_PKG_VERSION")`.
    #[must_use]
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self { name: name.into(), version: version.into(), ..Self::default() }
    }

    /// Sets the one line for the person who lists handlers.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    /// Adds a protocol that the handler handles.
    #[must_use]
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocols.push(protocol);
        self
    }

    /// Adds options that the handler reads, and the host therefore requests.
    #[must_use]
    pub fn consumes(mut self, codes: impl IntoIterator<Item = u16>) -> Self {
        self.options_consumed.extend(codes);
        self
    }

    /// Adds an option for the client to send; `value` is as on the wire, without code and length.
    #[must_use]
    pub fn sends(mut self, protocol: Protocol, code: u16, value: impl Into<Vec<u8>>) -> Self {
        self.options_sent.push(SentOption { protocol, code, value: Bytes(value.into()) });
        self
    }

    /// Adds something that the handler needs from the system: `file:PATH`, `module:NAME` or `softwire:KIND`.
    #[must_use]
    pub fn needs(mut self, need: impl Into<String>) -> Self {
        self.needs.push(need.into());
        self
    }

    /// Sets what it may be asked, in place of `lease` alone: exactly these hooks.
    #[must_use]
    pub fn hooks(mut self, hooks: impl IntoIterator<Item = Hook>) -> Self {
        self.hooks = hooks.into_iter().collect();
        self
    }

    /// Adds events that the `event` hook is told of, in place of all that begin with `lease-`.
    #[must_use]
    pub fn events<T: Into<String>>(mut self, words: impl IntoIterator<Item = T>) -> Self {
        self.events.extend(words.into_iter().map(Into::into));
        self
    }

    /// Adds a contribution of another handler that it takes the place of, as in `v4.dns`.
    #[must_use]
    pub fn overrides(mut self, contribution: impl Into<String>) -> Self {
        self.overrides.push(contribution.into());
        self
    }

    /// Adds a setting that it takes.
    #[must_use]
    pub fn setting(mut self, setting: Setting) -> Self {
        self.settings.push(setting);
        self
    }

    /// What is wrong with settings, as far as the manifest says which it takes.
    #[must_use]
    pub fn check_settings(&self, settings: &Settings) -> Vec<SettingError> {
        schema::check(&self.settings, settings)
    }

    /// Whether the `event` hook is told of this event.
    #[must_use]
    pub fn wants_event(&self, word: &str) -> bool {
        if self.events.is_empty() {
            word.starts_with("lease-")
        } else {
            self.events.iter().any(|w| w == word)
        }
    }

    /// Whether a host accepts the manifest; what is wrong with it otherwise.
    pub fn validate(&self) -> Result<(), ManifestError> {
        let fail = |text: String| Err(ManifestError(text));
        let name_byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if self.name.is_empty()
            || self.name.len() > MAX_NAME
            || self.name.starts_with('-')
            || !self.name.bytes().all(name_byte)
        {
            return fail(format!(
                "name {} must have 1 to {MAX_NAME} of a-z 0-9 - and not start with a hyphen",
                shown(&self.name)
            ));
        }
        if self.version.is_empty() || self.version.len() > MAX_WORD || !printable(&self.version) {
            return fail(format!(
                "version {} must be 1 to {MAX_WORD} printable characters, as in 1.0.0",
                shown(&self.version)
            ));
        }
        if self.description.len() > MAX_DESCRIPTION || !printable(&self.description) {
            return fail(format!("description must be one line of at most {MAX_DESCRIPTION} bytes"));
        }
        if self.protocols.is_empty() {
            return fail("protocols is empty, at least one of v4 and v6 is needed".to_owned());
        }
        let lists = [
            ("protocols", self.protocols.len()),
            ("options_consumed", self.options_consumed.len()),
            ("options_sent", self.options_sent.len()),
            ("needs", self.needs.len()),
            ("events", self.events.len()),
            ("overrides", self.overrides.len()),
            ("settings", self.settings.len()),
        ];
        if let Some((list, len)) = lists.into_iter().find(|(_, len)| *len > MAX_LIST) {
            return fail(format!("{list} has {len} entries, at most {MAX_LIST} are accepted"));
        }
        for option in &self.options_sent {
            let v4 = option.protocol == Protocol::V4;
            if v4 && !(1..=254).contains(&option.code) || option.code == 0 {
                return fail(format!("options_sent has code {}, which is no option", option.code));
            }
            if v4 && option.value.0.len() > 255 {
                return fail(format!(
                    "options_sent has {} bytes for option {}",
                    option.value.0.len(),
                    option.code
                ));
            }
        }
        if let Some(need) = self.needs.iter().find(|need| need.len() > MAX_WORD || !printable(need)) {
            return fail(format!("need {} must be one line of at most {MAX_WORD} bytes", shown(need)));
        }
        let words = self.events.iter().chain(&self.overrides);
        if let Some(word) = words.clone().find(|word| word.len() > MAX_WORD || !printable(word)) {
            return fail(format!("{} must be one line of at most {MAX_WORD} bytes", shown(word)));
        }
        if let Some(word) = self.overrides.iter().find(|word| !word.contains('.')) {
            return fail(format!("override {} must be HANDLER.FIELD, as in v4.dns", shown(word)));
        }
        self.settings.iter().try_for_each(validate_setting).map_err(ManifestError)
    }
}

fn validate_setting(setting: &Setting) -> Result<(), String> {
    let name = &setting.name;
    if name.is_empty() || name.len() > MAX_WORD || !printable(name) || name.split('.').any(str::is_empty) {
        return Err(format!("setting {} must have a name, with dots between tables", shown(name)));
    }
    let texts = setting.one_of.iter().chain(&setting.default).chain([&setting.description]);
    if setting.one_of.len() > MAX_LIST
        || texts.clone().any(|text| text.len() > MAX_DESCRIPTION || !printable(text))
    {
        return Err(format!(
            "setting {} must be told in lines of at most {MAX_DESCRIPTION} bytes",
            shown(name)
        ));
    }
    Ok(())
}

fn printable(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

fn shown(text: &str) -> String {
    format!("\"{}\"", text.chars().take(MAX_NAME).flat_map(char::escape_default).collect::<String>())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use dhcpmgr_message::wire;

    use super::*;

    fn good() -> Manifest {
        Manifest::new("acme-options", "1.0.0")
            .description("ACME")
            .protocol(Protocol::V4)
            .consumes([43])
            .sends(Protocol::V4, 60, "acme")
    }

    #[test]
    fn events_are_those_of_leases_unless_others_are_named() {
        assert!(good().wants_event("lease-lost") && !good().wants_event("client-started"));
        let named = good().events(["client-started"]);
        assert!(!named.wants_event("lease-lost") && named.wants_event("client-started"));
    }

    #[test]
    fn a_manifest_that_names_no_hooks_means_the_lease() {
        assert_eq!(Manifest::default().hooks.iter().collect::<Vec<_>>(), [Hook::Lease]);
        let old = wire::encode(&BTreeMap::from([("name", "old")])).unwrap();
        assert!(wire::decode::<Manifest>(&old).unwrap().hooks.contains(Hook::Lease));
        let none = good().hooks([]);
        assert_eq!(wire::decode::<Manifest>(&wire::encode(&none).unwrap()), Ok(none));
    }

    fn refused(change: impl FnOnce(&mut Manifest)) -> String {
        let mut manifest = good();
        change(&mut manifest);
        manifest.validate().unwrap_err().to_string()
    }

    #[test]
    fn a_good_manifest_is_accepted() {
        assert_eq!(good().validate(), Ok(()));
    }

    #[test]
    fn every_refusal_says_what_is_wrong_and_is_one_line() {
        let too_many = |text: &str| text.contains("at most 256");
        for name in ["", "ACME", "-acme", "a b", "a\nb", "../x", &"a".repeat(65)] {
            let text = refused(|m| m.name = name.to_owned());
            assert!(text.starts_with("manifest: name \"") && !text.contains('\n'), "{text}");
        }
        assert!(refused(|m| m.version.clear()).contains("version \"\" must be"));
        assert!(refused(|m| m.version = "1\n2".into()).contains("version"));
        assert!(refused(|m| m.description = "x\u{1b}[31m".into()).contains("description"));
        assert!(refused(|m| m.protocols.clear()).contains("at least one of v4 and v6"));
        assert!(too_many(&refused(|m| m.protocols = vec![Protocol::V4; 257])));
        assert!(too_many(&refused(|m| m.options_consumed = vec![1; 257])));
        assert!(too_many(&refused(|m| m.needs = vec![String::new(); 257])));
        assert!(refused(|m| m.needs = vec!["file:\n".into()]).contains("need \"file:\\n\""));
        assert!(refused(|m| m.options_sent[0].code = 0).contains("code 0"));
        assert!(refused(|m| m.options_sent[0].code = 255).contains("code 255"));
        assert!(refused(|m| m.options_sent[0].value = vec![0; 256].into()).contains("256 bytes"));
        assert!(too_many(&refused(|m| m.overrides = vec!["v4.dns".into(); 257])));
        assert!(
            refused(|m| m.overrides = vec!["dns".into()]).contains("override \"dns\" must be HANDLER.FIELD")
        );
        assert!(refused(|m| m.events = vec!["a\n".into()]).contains("\"a\\n\" must be one line"));
        assert!(refused(|m| m.settings = vec![Setting::default()]).contains("must have a name"));
    }
}
