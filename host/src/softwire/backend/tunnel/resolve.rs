//! The IPv6 address of an AFTR, asked of the name servers of the lease that names it: those know it, and they may be
//! nobody else's (RFC 6334 section 4). The system's resolver is asked where the lease has none.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs as _};
use std::thread;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use super::answer::{self, Answer};
use crate::order;
use crate::random;

const PORT: u16 = 53;
/// How long each round waits for a server.
const ROUNDS: [Duration; 2] = [Duration::from_millis(800), Duration::from_millis(1600)];
/// Servers that are asked in a round.
const SERVERS: usize = 3;
/// How long the system's resolver may take.
const SYSTEM: Duration = Duration::from_secs(8);
/// The longest answer over UDP without extensions (RFC 1035 section 4.2.1).
const LONGEST: usize = 512;

/// The address of a name; `scope` is the index of the link that link-local servers are on.
pub(super) async fn address(name: &str, servers: &[IpAddr], scope: u32) -> Result<Ipv6Addr, String> {
    if servers.is_empty() {
        return system(name).await;
    }
    // Those that can be asked without IPv4 first: it is IPv4 that is missing.
    let mut servers: Vec<IpAddr> = servers.to_vec();
    order::sort_by_key(&mut servers, IpAddr::is_ipv4);
    servers.truncate(SERVERS);
    let mut reason = String::new();
    for patience in ROUNDS {
        for server in &servers {
            match ask(name, socket_address(*server, scope, PORT), patience).await {
                Ok(address) => return Ok(address),
                Err(why) => reason = format!("{server}: {why}"),
            }
        }
    }
    Err(reason)
}

fn socket_address(server: IpAddr, scope: u32, port: u16) -> SocketAddr {
    match server {
        IpAddr::V6(v6) if v6.is_unicast_link_local() => SocketAddrV6::new(v6, port, 0, scope).into(),
        server => SocketAddr::new(server, port),
    }
}

async fn ask(name: &str, server: SocketAddr, patience: Duration) -> Result<Ipv6Addr, String> {
    let until = Instant::now() + patience;
    let id = u16::from_ne_bytes(random::bytes().map_err(|error| error.to_string())?);
    let question = answer::question(id, name).ok_or("it cannot be asked for")?;
    let exchange = async {
        let any: SocketAddr =
            if server.is_ipv6() { (Ipv6Addr::UNSPECIFIED, 0).into() } else { ([0; 4], 0).into() };
        // Of a port that the kernel chooses, and connected: nothing from anybody else is taken.
        let socket = UdpSocket::bind(any).await?;
        socket.connect(server).await?;
        socket.send(&question).await?;
        let mut packet = [0; LONGEST];
        loop {
            let length = socket.recv(&mut packet).await?;
            match answer::read(packet.get(..length).unwrap_or_default(), id, name) {
                Answer::Stray => {}
                said => return io::Result::Ok(said),
            }
        }
    };
    match timeout_at(until, exchange).await {
        Ok(Ok(Answer::Address(address))) => Ok(address),
        Ok(Ok(Answer::None(why))) => Err(why),
        Ok(Ok(Answer::Stray)) | Err(_) => Err("no answer".to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
    }
}

/// By a thread of its own: `getaddrinfo` waits as long as it likes.
async fn system(name: &str) -> Result<Ipv6Addr, String> {
    let (found, answer) = oneshot::channel();
    let asked = name.to_owned();
    let look = move || {
        let addresses = (asked.as_str(), 0_u16).to_socket_addrs().map_err(|error| error.to_string());
        let _ = found.send(addresses.map(Iterator::collect::<Vec<_>>));
    };
    thread::Builder::new().name("resolver".to_owned()).spawn(look).map_err(|error| error.to_string())?;
    let addresses = match timeout(SYSTEM, answer).await {
        Ok(Ok(result)) => result?,
        _ => return Err("no answer from the system's resolver".to_owned()),
    };
    let v6 = addresses.into_iter().filter_map(|address| match address.ip() {
        IpAddr::V6(address) => Some(address),
        IpAddr::V4(_) => None,
    });
    v6.into_iter()
        .find(|address| answer::is_far_end(*address))
        .ok_or_else(|| "the system's resolver knows no IPv6 address that a tunnel can lead to".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name server that answers the second question, and first says something else.
    #[tokio::test]
    async fn a_server_is_asked_and_only_its_answer_to_the_question_counts() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let there = server.local_addr().unwrap();
        let serve = async {
            let mut packet = [0; LONGEST];
            let (length, from) = server.recv_from(&mut packet).await.unwrap();
            let mut reply = packet[..length].to_vec();
            reply[0] ^= 1;
            reply[2] = 0x81;
            server.send_to(&reply, from).await.unwrap();
            reply[0] ^= 1;
            reply[7] = 1;
            reply.extend_from_slice(&[0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16]);
            reply.extend_from_slice(&"2001:db8:ffff::1".parse::<Ipv6Addr>().unwrap().octets());
            server.send_to(&reply, from).await.unwrap();
        };
        let (address, ()) = tokio::join!(ask("aftr.isp.example", there, Duration::from_secs(20)), serve);
        assert_eq!(address, Ok("2001:db8:ffff::1".parse().unwrap()));
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_costs_no_more_than_its_time() {
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let there = silent.local_addr().unwrap();
        let answer = ask("aftr.isp.example", there, Duration::from_millis(50)).await;
        assert_eq!(answer, Err("no answer".to_owned()));
    }

    #[test]
    fn a_link_local_server_is_on_the_link() {
        let SocketAddr::V6(server) = socket_address("fe80::53".parse().unwrap(), 7, 53) else { panic!() };
        assert_eq!(server.scope_id(), 7);
    }
}
