//! systemd-networkd: the lease files in `/run/systemd/netif/leases`, and the DUID where its configuration gives one.
//! A DUID that networkd makes of the machine-id is in no file of its own, but the client-id of a lease may hold it.

use dhcpmgr_message::Bytes;

use super::{Found, ParseError, client_id, duid, leased, text};

/// The type of a client-id that is made of an IAID and a DUID (RFC 4361 section 6.1).
const NODE_SPECIFIC: u8 = 255;

pub(super) fn parse(bytes: &[u8]) -> Result<Found, ParseError> {
    let variables = text::variables(bytes);
    let value = |name| text::value(&variables, name);
    let mut found = Found {
        address: value("ADDRESS").and_then(leased),
        server: value("SERVER_ADDRESS").and_then(leased),
        duid: configured(value("DUIDType"), value("DUIDRawData"))?,
        ..Found::default()
    };
    if let Some(hex) = value("CLIENTID") {
        let bytes = text::hex(hex).ok_or_else(|| ParseError::Value("its CLIENTID is not hex".to_owned()))?;
        let id = client_id(bytes)?;
        if let [NODE_SPECIFIC, _, _, _, _, rest @ ..] = id.0.as_slice()
            && found.duid.is_none()
        {
            found.duid = duid(rest.to_vec()).ok();
        }
        found.client_id = Some(id);
    }
    if found.duid.is_none() && value("DUIDType").is_some() {
        let why = "networkd makes it of the machine-id; a lease file of networkd holds it, if DHCPv4 uses it";
        found.notes.push(format!("DUIDType= without DUIDRawData= is no DUID: {why}"));
    }
    Ok(found)
}

/// `DUIDRawData=` is what follows the type.
fn configured(kind: Option<&str>, raw: Option<&str>) -> Result<Option<Bytes>, ParseError> {
    let Some(raw) = raw else { return Ok(None) };
    let kind: u16 = match kind {
        Some("link-layer-time") => 1,
        // networkd's own default.
        Some("vendor") | None => 2,
        Some("link-layer") => 3,
        Some("uuid") => 4,
        Some(number) => number.parse().map_err(|_| {
            ParseError::Value("DUIDType= is neither a number nor a type that is known".to_owned())
        })?,
    };
    let raw = text::hex(raw)
        .ok_or_else(|| ParseError::Value("DUIDRawData= is not a list of bytes in hex".to_owned()))?;
    duid([&kind.to_be_bytes(), raw.as_slice()].concat()).map(Some)
}
