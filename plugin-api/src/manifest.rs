//! What a module says of itself.

use dhcpmgr_message::Bytes;
use serde::{Deserialize, Serialize};

use crate::Protocol;

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
    /// whose needs are not met stays loaded, and its options are not requested.
    pub needs: Vec<String>,
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
        Ok(())
    }
}

fn printable(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

fn shown(text: &str) -> String {
    format!("\"{}\"", text.chars().take(MAX_NAME).flat_map(char::escape_default).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Manifest {
        Manifest::new("acme-options", "1.0.0")
            .description("ACME")
            .protocol(Protocol::V4)
            .consumes([43])
            .sends(Protocol::V4, 60, "acme")
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
    }
}
