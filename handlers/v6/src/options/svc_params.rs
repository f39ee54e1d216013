//! Service parameters (RFC 9460 section 2.2) as far as a resolver has them (RFC 9461, RFC 9463 section 3.1.8).

use super::reader::{Reader, Wrong};

const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
const IPV4_HINT: u16 = 4;
const IPV6_HINT: u16 = 6;
const DOHPATH: u16 = 7;

/// Bytes of a path that is accepted.
const MAX_PATH: usize = 255;

/// How a resolver is spoken to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SvcParams {
    /// The protocols: `dot`, `doq`, `h2`, `h3`.
    pub(crate) alpn: Vec<String>,
    /// The port, where it is not the protocol's own.
    pub(crate) port: Option<u16>,
    /// The path of DNS over HTTPS: a template with the variable `dns`.
    pub(crate) dohpath: Option<String>,
}

/// All parameters that are left. Those that are neither known nor mandatory are left out.
pub(crate) fn svc_params(reader: &mut Reader<'_>) -> Result<SvcParams, Wrong> {
    let start = reader.at();
    let mut params = SvcParams::default();
    let mut mandatory: Vec<(usize, u16)> = Vec::new();
    let mut present = Vec::new();
    while !reader.is_empty() {
        let at = reader.at();
        let key = reader.u16("the key of a service parameter")?;
        if present.last().is_some_and(|last| *last >= key) {
            return Err(Wrong::new(at, format!("the service parameter {key} is out of order (RFC 9460)")));
        }
        present.push(key);
        let len = reader.u16("the length of a service parameter")?;
        let what = format!("the service parameter {key}");
        let mut value = reader.part(len.into(), &what)?;
        match key {
            MANDATORY => mandatory = keys(&mut value)?,
            ALPN => params.alpn = alpn(&mut value)?,
            NO_DEFAULT_ALPN => value.end("the key no-default-alpn, which has no value")?,
            PORT => params.port = Some(port(&mut value)?),
            IPV4_HINT | IPV6_HINT => {
                return Err(Wrong::new(at, "address hints have no place in it (RFC 9463 section 3.1.8)"));
            }
            DOHPATH => params.dohpath = Some(dohpath(value)?),
            _ => {}
        }
    }
    let known = |key: u16| matches!(key, ALPN | NO_DEFAULT_ALPN | PORT | DOHPATH);
    if let Some((at, key)) = mandatory.iter().find(|(_, key)| !known(*key) || !present.contains(key)) {
        return Err(Wrong::new(
            *at,
            format!("the service parameter {key} is mandatory, but not there or not known"),
        ));
    }
    if params.alpn.is_empty() {
        return Err(Wrong::new(start, "the service parameters name no protocol (alpn)"));
    }
    if params.dohpath.is_none() && params.alpn.iter().any(|id| id == "h2" || id == "h3") {
        return Err(Wrong::new(start, "DNS over HTTPS needs a path (dohpath, RFC 9461 section 5)"));
    }
    Ok(params)
}

fn keys(value: &mut Reader<'_>) -> Result<Vec<(usize, u16)>, Wrong> {
    let mut keys = Vec::new();
    while !value.is_empty() {
        let at = value.at();
        keys.push((at, value.u16("a mandatory key")?));
    }
    Ok(keys)
}

fn alpn(value: &mut Reader<'_>) -> Result<Vec<String>, Wrong> {
    let mut ids = Vec::new();
    while !value.is_empty() {
        let len = value.u8("the length of a protocol's name")?;
        let at = value.at();
        let id = value.bytes(len.into(), "a protocol's name")?;
        let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'/' | b'_' | b'+');
        match id.iter().position(|b| !plain(b)) {
            Some(bad) => return Err(Wrong::new(at + bad, "a protocol's name (alpn) has strange characters")),
            None if id.is_empty() => return Err(Wrong::new(at, "a protocol's name (alpn) is empty")),
            None => ids.push(String::from_utf8_lossy(id).into_owned()),
        }
    }
    Ok(ids)
}

fn port(value: &mut Reader<'_>) -> Result<u16, Wrong> {
    let at = value.at();
    let port = value.u16("the port")?;
    value.end("the port")?;
    if port == 0 { Err(Wrong::new(at, "port 0 is none")) } else { Ok(port) }
}

/// A template for a path on the resolver itself (RFC 9461 section 5, RFC 6570).
fn dohpath(value: Reader<'_>) -> Result<String, Wrong> {
    let raw = value.rest();
    let allowed = |b: &u8| b.is_ascii_graphic() && !b"\"<>\\^`|".contains(b);
    if let Some(bad) = raw.iter().position(|b| !allowed(b)) {
        return Err(Wrong::new(value.at() + bad, "the path (dohpath) has a character that no URI has"));
    }
    if raw.len() > MAX_PATH || raw.first() != Some(&b'/') {
        let why = format!("the path (dohpath) must begin with / and have at most {MAX_PATH} bytes");
        return Err(Wrong::new(value.at(), why));
    }
    let text = String::from_utf8_lossy(raw).into_owned();
    if !text.contains("{?dns}") && !text.contains("{&dns}") && !text.contains("{dns}") {
        return Err(Wrong::new(value.at(), "the path (dohpath) has no place for the question, {?dns}"));
    }
    Ok(text)
}

impl std::fmt::Display for SvcParams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.alpn.is_empty() {
            write!(f, " alpn={}", self.alpn.join(","))?;
        }
        if let Some(port) = self.port {
            write!(f, " port={port}")?;
        }
        self.dohpath.as_ref().map_or(Ok(()), |path| write!(f, " dohpath={path}"))
    }
}
