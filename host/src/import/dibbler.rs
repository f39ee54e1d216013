//! dibbler-client: `client-duid`, which is the DUID as text, and `client-AddrMgr.xml`, which holds the DUID, the
//! IAIDs and what was leased in them.

use dhcpmgr_message::IfName;

use super::{Found, ParseError, duid, text};
use crate::clients::AddressManager;
use crate::flat::FlatMap;
use crate::identity::Ia;

pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Found>, ParseError> {
    let content = String::from_utf8_lossy(bytes);
    if content.trim_start().starts_with('<') {
        return address_manager(&content);
    }
    let bytes = text::hex(&content).ok_or_else(|| {
        ParseError::Value("client-duid is not a DUID in hex, such as 00:03:00:01:…".to_owned())
    })?;
    Ok(vec![Found { duid: Some(duid(bytes)?), ..Found::default() }])
}

fn address_manager(xml: &str) -> Result<Vec<Found>, ParseError> {
    let memory = AddressManager::parse(xml).map_err(|error| ParseError::Value(error.to_string()))?;
    let client = memory.duid.map(|written| {
        let bytes = text::hex(&written);
        bytes.ok_or_else(|| ParseError::Value("the DUID in it is not hex".to_owned())).and_then(duid)
    });
    let mut found: FlatMap<Option<IfName>, Vec<Ia>> = FlatMap::new();
    for association in memory.associations {
        let (ia, last) = (association.known.ia, association.known.values);
        found.entry(association.interface).or_default().push(Ia { kind: ia.kind, iaid: ia.iaid, last });
    }
    let mut found: Vec<_> =
        found.into_iter().map(|(interface, ias)| Found { interface, ias, ..Found::default() }).collect();
    if let Some(duid) = client.transpose()? {
        match found.first_mut() {
            Some(first) => first.duid = Some(duid),
            None => found.push(Found { duid: Some(duid), ..Found::default() }),
        }
    }
    Ok(found)
}
