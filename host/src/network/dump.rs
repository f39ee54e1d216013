//! Asks the kernel for everything once: at the start, and after an overrun.

use futures_util::{Stream, StreamExt};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::{AddressFamily, route::RouteMessage};
use rtnetlink::IpVersion;

use super::error::NetworkError;

/// Links, addresses, routes and rules, in this order, as the kernel says them.
pub(super) async fn dump() -> Result<Vec<RouteNetlinkMessage>, NetworkError> {
    let (connection, handle, _) =
        rtnetlink::new_connection().map_err(|source| NetworkError::Open { what: "reading", source })?;
    let connection = tokio::spawn(connection);
    let mut all = Vec::new();
    let outcome = async {
        collect("links", handle.link().get().execute(), RouteNetlinkMessage::NewLink, &mut all).await?;
        collect("addresses", handle.address().get().execute(), RouteNetlinkMessage::NewAddress, &mut all)
            .await?;
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut request = RouteMessage::default();
            request.header.address_family = family;
            let routes = handle.route().get(request).execute();
            collect("routes", routes, RouteNetlinkMessage::NewRoute, &mut all).await?;
        }
        for version in [IpVersion::V4, IpVersion::V6] {
            let rules = handle.rule().get(version).execute();
            collect("rules", rules, RouteNetlinkMessage::NewRule, &mut all).await?;
        }
        Ok(())
    }
    .await;
    connection.abort();
    outcome.map(|()| all)
}

async fn collect<T>(
    what: &'static str,
    stream: impl Stream<Item = Result<T, rtnetlink::Error>>,
    wrap: fn(T) -> RouteNetlinkMessage,
    into: &mut Vec<RouteNetlinkMessage>,
) -> Result<(), NetworkError> {
    let mut stream = std::pin::pin!(stream);
    while let Some(item) = stream.next().await {
        match item {
            Ok(message) => into.push(wrap(message)),
            Err(error) => return Err(NetworkError::Dump { what, reason: say(&error) }),
        }
    }
    Ok(())
}

/// The crate's own `Display` of an unexpected message prints the message.
fn say(error: &rtnetlink::Error) -> String {
    match error {
        rtnetlink::Error::NetlinkError(message) => message.to_string(),
        rtnetlink::Error::UnexpectedMessage(_) => "the kernel answered something else".to_owned(),
        rtnetlink::Error::RequestFailed => "the netlink connection was closed".to_owned(),
        other => other.to_string(),
    }
}
