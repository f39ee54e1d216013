//! What the gateway says of itself: options for a client to send, made of the settings. Nothing is sent unless a
//! setting says so.

use serde::Deserialize;

use crate::values;

/// Bytes of the vendor class and of one user class.
const MAX_CLASS: usize = 128;
/// User classes.
const MAX_USER_CLASSES: usize = 8;
/// Bytes of an option of DHCPv4.
const MAX_OPTION: usize = 255;

/// `[handlers.NAME.settings.send]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Send {
    /// Vendor class: option 60, and 124, or 16 of DHCPv6, of `enterprise`. ACSs want `dslforum.org` (TR-069 section
    /// 3.1).
    pub vendor_class: Option<String>,
    /// User classes: option 77, or 15 of DHCPv6.
    pub user_classes: Vec<String>,
    /// The vendor that options 124, 125, 16 and 17 are for: 3561.
    pub enterprise: u32,
    /// The manufacturer's OUI; this and the next two are option 125, or 17 of DHCPv6 (TR-069 annex F).
    pub oui: Option<String>,
    /// The serial number.
    pub serial_number: Option<String>,
    /// The product class.
    pub product_class: Option<String>,
}

impl Default for Send {
    fn default() -> Self {
        Self {
            vendor_class: None,
            user_classes: Vec::new(),
            enterprise: crate::settings::BROADBAND_FORUM,
            oui: None,
            serial_number: None,
            product_class: None,
        }
    }
}

/// An option to send: code, and value as on the wire.
pub type Sent = (u16, Vec<u8>);

impl Send {
    /// Whether all of it can be sent; the error names the setting.
    pub(crate) fn check(&self) -> Result<(), String> {
        let wrong = |key: &str, why: String| format!("settings.send.{key}: {why}");
        let class = |text: &str| {
            if (1..=MAX_CLASS).contains(&text.len()) {
                return Ok(());
            }
            Err(format!("has {} bytes, 1 to {MAX_CLASS} are accepted", text.len()))
        };
        if let Some(text) = &self.vendor_class {
            class(text).map_err(|why| wrong("vendor_class", why))?;
        }
        self.user_classes
            .iter()
            .try_for_each(|text| class(text))
            .map_err(|why| wrong("user_classes", why))?;
        let bytes: usize = self.user_classes.iter().map(|text| text.len() + 1).sum();
        if self.user_classes.len() > MAX_USER_CLASSES || bytes > MAX_OPTION {
            let accepted = format!("at most {MAX_USER_CLASSES} with {MAX_OPTION} bytes are accepted");
            return Err(wrong("user_classes", format!("are too many or too long; {accepted}")));
        }
        let check = |key, text: &Option<String>, check: values::Check| {
            text.as_ref()
                .map_or(Ok(()), |text| check(text.as_bytes()).map(drop).map_err(|why| wrong(key, why)))
        };
        check("oui", &self.oui, values::oui)?;
        check("serial_number", &self.serial_number, values::name)?;
        check("product_class", &self.product_class, values::name)
    }

    /// What a client for DHCPv4 sends.
    #[must_use]
    pub fn v4(&self) -> Vec<Sent> {
        let mut sent = Vec::new();
        if let Some(class) = &self.vendor_class {
            sent.push((60, class.clone().into_bytes()));
            sent.push((124, self.of_vendor(&short(class))));
        }
        if !self.user_classes.is_empty() {
            sent.push((77, self.user_classes.iter().flat_map(|class| short(class)).collect()));
        }
        let parts = self.identity([1, 2, 3]).flat_map(|(code, text)| {
            // One of DHCPv6 has two bytes.
            [vec![code as u8], short(text)].concat()
        });
        let parts: Vec<u8> = parts.collect();
        if !parts.is_empty() {
            sent.push((125, self.of_vendor(&parts)));
        }
        sent
    }

    /// What a client for DHCPv6 sends.
    #[must_use]
    pub fn v6(&self) -> Vec<Sent> {
        let mut sent = Vec::new();
        let enterprise = self.enterprise.to_be_bytes();
        if !self.user_classes.is_empty() {
            sent.push((15, self.user_classes.iter().flat_map(|class| long(class)).collect()));
        }
        if let Some(class) = &self.vendor_class {
            sent.push((16, [&enterprise[..], &long(class)].concat()));
        }
        let parts = self
            .identity([11, 12, 13])
            .flat_map(|(code, text)| [code.to_be_bytes().to_vec(), long(text)].concat());
        let parts: Vec<u8> = parts.collect();
        if !parts.is_empty() {
            sent.push((17, [&enterprise[..], &parts].concat()));
        }
        sent
    }

    /// Who the device is, with the sub-options that say so.
    fn identity(&self, codes: [u16; 3]) -> impl Iterator<Item = (u16, &str)> {
        let texts = [&self.oui, &self.serial_number, &self.product_class];
        codes.into_iter().zip(texts).filter_map(|(code, text)| Some((code, text.as_deref()?)))
    }

    /// The one vendor of option 124 or 125.
    fn of_vendor(&self, data: &[u8]) -> Vec<u8> {
        [&self.enterprise.to_be_bytes()[..], &[data.len() as u8], data].concat()
    }
}

/// A text after a byte of length. What was checked is shorter than 256 bytes.
fn short(text: &str) -> Vec<u8> {
    [&[text.len() as u8], text.as_bytes()].concat()
}

/// A text after two bytes of length.
fn long(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn everything() -> Send {
        Send {
            vendor_class: Some("dslforum.org".to_owned()),
            user_classes: vec!["a".to_owned(), "bc".to_owned()],
            oui: Some("00256D".to_owned()),
            serial_number: Some("S1".to_owned()),
            product_class: Some("GW".to_owned()),
            ..Send::default()
        }
    }

    #[test]
    fn nothing_is_sent_unless_asked_for() {
        assert!(Send::default().v4().is_empty() && Send::default().v6().is_empty());
        assert_eq!(Send::default().check(), Ok(()));
    }

    #[test]
    fn every_setting_becomes_its_option() {
        assert_eq!(everything().check(), Ok(()));
        assert_eq!(
            everything().v4(),
            [
                (60, b"dslforum.org".to_vec()),
                (124, b"\0\0\x0d\xe9\x0d\x0cdslforum.org".to_vec()),
                (77, b"\x01a\x02bc".to_vec()),
                (125, b"\0\0\x0d\xe9\x10\x01\x0600256D\x02\x02S1\x03\x02GW".to_vec()),
            ]
        );
        assert_eq!(
            everything().v6(),
            [
                (15, b"\0\x01a\0\x02bc".to_vec()),
                (16, b"\0\0\x0d\xe9\0\x0cdslforum.org".to_vec()),
                (17, b"\0\0\x0d\xe9\0\x0b\0\x0600256D\0\x0c\0\x02S1\0\x0d\0\x02GW".to_vec()),
            ]
        );
    }

    #[test]
    fn what_cannot_be_sent_is_refused_by_name() {
        let refused = |change: fn(&mut Send)| {
            let mut send = everything();
            change(&mut send);
            send.check().unwrap_err()
        };
        assert!(refused(|s| s.oui = Some("xyz".into())).starts_with("settings.send.oui: "));
        assert!(refused(|s| s.serial_number = Some("x".repeat(65))).contains("serial_number"));
        assert!(refused(|s| s.product_class = Some("a\nb".into())).contains("product_class"));
        assert!(refused(|s| s.vendor_class = Some(String::new())).contains("vendor_class"));
        assert!(refused(|s| s.user_classes = vec!["x".repeat(100); 3]).contains("user_classes"));
        let longest = Send {
            vendor_class: Some("x".repeat(MAX_CLASS)),
            serial_number: Some("s".repeat(64)),
            product_class: Some("p".repeat(64)),
            ..everything()
        };
        assert_eq!(longest.check(), Ok(()));
        assert!(longest.v4().iter().all(|(_, value)| value.len() <= MAX_OPTION));
    }
}
