//! `Device.DHCPv6.Client.{i}.`

use super::super::path::Place;
use super::super::schema::Parameter;
use super::super::value::Value;
use super::{ClientFacts, Facts};
use crate::events::{Lease, LeaseV6, SoftwireView};
use crate::identity::IaKind;
use crate::order;

/// Options that the client programs and we understand besides those that handlers ask for, encapsulated ones included.
const UNDERSTOOD: [u16; 14] = [1, 2, 3, 5, 6, 7, 8, 13, 20, 23, 24, 25, 26, 56];

impl Facts {
    pub(super) fn v6_value(
        &self,
        client: &ClientFacts,
        place: &Place,
        parameter: &'static Parameter,
    ) -> Option<Value> {
        match place.object.name {
            "Server" => return Some(server(client.v6()?, parameter.name)?.into()),
            "ReceivedOption" => return self.received(client, place, parameter.name),
            "X_DHCPMGR_IA" => return ia(client, place, parameter.name),
            "X_RDKCENTRAL-COM_RcvOption" => return offered(client.v6()?.softwire.as_ref()?, parameter.name),
            _ => {}
        }
        if let Some(value) = self.common_value(client, place, parameter) {
            return Some(value);
        }
        let v6 = &client.client.v6;
        let suggested = |time: fn(&crate::config::IaConfig) -> Option<u32>| {
            Value::Int(v6.ia_na.iter().chain(&v6.ia_pd).find_map(time).map_or(-1, i64::from))
        };
        Some(match parameter.name {
            "DUID" => self.duid.as_str().into(),
            "RequestAddresses" => (!v6.ia_na.is_empty()).into(),
            "RequestPrefixes" => (!v6.ia_pd.is_empty()).into(),
            "SuggestedT1" => suggested(|ia| ia.t1),
            "SuggestedT2" => suggested(|ia| ia.t2),
            "SupportedOptions" => {
                let mut codes = UNDERSTOOD.to_vec();
                codes.extend(&client.all_requested);
                order::sort_once(&mut codes);
                Value::list(codes)
            }
            "RequestedOptions" => match &client.written_request {
                Some(written) => written.as_str().into(),
                None => Value::list(&client.all_requested),
            },
            _ => return None,
        })
    }

    fn received(&self, client: &ClientFacts, place: &Place, name: &str) -> Option<Value> {
        let (_, code, value) = client.received.iter().find(|row| Some(&row.0) == place.numbers().get(1))?;
        Some(match name {
            "Tag" => u32::from(*code).into(),
            "Value" => value.as_str().into(),
            _ => format!("Device.DHCPv6.Client.{}.Server.{}", client.number, client.server?).into(),
        })
    }
}

impl ClientFacts {
    pub(super) fn v6(&self) -> Option<&LeaseV6> {
        match self.lease()? {
            Lease::V6(lease) => Some(lease),
            Lease::V4(_) => None,
        }
    }
}

/// No hook tells the address of the server, or when option 32 came: they stay empty, and unknown.
fn server<'a>(lease: &'a LeaseV6, name: &str) -> Option<&'a str> {
    if name == "DUID" { lease.server_duid.as_deref() } else { None }
}

fn ia(client: &ClientFacts, place: &Place, name: &str) -> Option<Value> {
    let lease = client.v6()?;
    let at = client.ias.iter().position(|number| place.numbers().get(1) == Some(number))?;
    let ia = lease.ias.get(at)?;
    Some(match name {
        "Type" => match ia.kind {
            IaKind::Na => "IA_NA".into(),
            IaKind::Ta => "IA_TA".into(),
            IaKind::Pd => "IA_PD".into(),
        },
        "IAID" => ia.iaid.into(),
        "T1" => ia.t1?.into(),
        "T2" => ia.t2?.into(),
        _ if ia.kind == IaKind::Pd => {
            Value::list(lease.prefixes.iter().filter(|p| p.iaid == Some(ia.iaid)).map(|p| p.prefix))
        }
        _ => {
            let temporary = ia.kind == IaKind::Ta;
            let own = lease.addresses.iter().filter(|a| a.iaid == Some(ia.iaid) && a.temporary == temporary);
            Value::list(own.map(|a| a.address.address()))
        }
    })
}

/// RDK's names for what the lease offers of a MAP domain.
fn offered(softwire: &SoftwireView, name: &str) -> Option<Value> {
    let rule = || softwire.selected.and_then(|at| softwire.rules.get(at));
    let customer = softwire.customer.as_ref();
    Some(match name {
        "MapTransportMode" => match softwire.kind.as_str() {
            "map-t" => "MAPT".into(),
            "map-e" | "lw4o6" => "MAPE".into(),
            _ => "NONE".into(),
        },
        "MapBRPrefix" => match (&softwire.dmr, &softwire.br) {
            (Some(dmr), _) => dmr.to_string().into(),
            (None, Some(relays)) => format!("{}/128", relays.first()?).into(),
            (None, None) => return None,
        },
        "MapRuleIPv4Prefix" => rule()?.ipv4_prefix.to_string().into(),
        "MapRuleIPv6Prefix" => rule()?.ipv6_prefix.to_string().into(),
        "MapEALen" => u32::from(rule()?.ea_len).into(),
        "MapIsFMR" => rule()?.fmr.into(),
        "MapPSIDOffset" => u32::from(customer?.psid_offset).into(),
        "MapPSIDLen" => u32::from(customer?.psid_len).into(),
        "MapPSID" => u32::from(customer?.psid).into(),
        "MapIpv4Address" => customer?.ipv4.to_string().into(),
        "MapRatio" => customer?.sharing_ratio.into(),
        _ => return None,
    })
}
