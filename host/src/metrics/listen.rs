//! The door: HTTP/1.1 on a socket or on a loopback port, one page, one answer a connection.

use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use crate::config::MetricsAddress;
use crate::control;
use crate::paths::Paths;

/// Longest request, bytes.
const MAX_REQUEST: usize = 8 * 1024;
/// Headers that are read; what they say does not matter.
const MAX_HEADERS: usize = 64;
/// Requests that are answered at a time; others wait.
const AT_A_TIME: usize = 4;
/// How long a peer may take to ask, and then to read.
const PATIENCE: Duration = Duration::from_secs(5);

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

/// Who knows the figures.
pub trait Source {
    /// Where everything is.
    fn paths(&self) -> &Paths;
    /// The page as it is now.
    fn page(&self) -> impl Future<Output = String>;
}

/// Serves the page at the address that is wished for, or nowhere; never returns. What is in the way of it is logged,
/// and nothing else suffers. Must run inside a `tokio::task::LocalSet`.
pub async fn serve<S: Source + 'static>(mut wish: watch::Receiver<Option<MetricsAddress>>, source: Rc<S>) {
    loop {
        let address = *wish.borrow_and_update();
        let door = address.and_then(|address| {
            Door::open(address, source.paths()).map_err(|error| tracing::error!("{error}")).ok()
        });
        let answering = async {
            match &door {
                Some(door) => door.answer(&source).await,
                None => pending().await,
            }
        };
        tokio::select! {
            changed = wish.changed() => if changed.is_err() { return },
            () = answering => {}
        }
    }
}

/// A door that is open.
enum Door {
    /// At a socket; who may connect is a matter of its mode, 0660.
    Socket(UnixListener),
    /// At a port of this machine, for everybody on it.
    Port(TcpListener),
}

impl Door {
    /// Opens the door; the error says what is in the way, and where.
    fn open(address: MetricsAddress, paths: &Paths) -> io::Result<Self> {
        let (opened, place) = match address {
            MetricsAddress::Socket => {
                let path = paths.metrics_socket();
                (control::bind(&path).map(Self::Socket), path.display().to_string())
            }
            MetricsAddress::Port(address) => (Self::port(address), address.to_string()),
        };
        opened.map_err(|error| {
            io::Error::new(error.kind(), format!("metrics cannot be served at {place}: {error}"))
        })
    }

    fn port(address: SocketAddr) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self::Port(TcpListener::from_std(listener)?))
    }

    /// Answers whoever asks; never returns.
    async fn answer<S: Source + 'static>(&self, source: &Rc<S>) {
        let places = Arc::new(Semaphore::new(AT_A_TIME));
        // It is never closed.
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let accepted = match self {
                Self::Socket(listener) => {
                    listener.accept().await.map(|(peer, _)| attend_to(peer, source, place))
                }
                Self::Port(listener) => {
                    listener.accept().await.map(|(peer, _)| attend_to(peer, source, place))
                }
            };
            if let Err(error) = accepted {
                // Out of file descriptors, most likely: the connection stays queued, so wait instead of spinning.
                tracing::warn!("the metrics cannot take a connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn attend_to<S: Source + 'static>(
    peer: impl AsyncRead + AsyncWrite + Unpin + 'static,
    source: &Rc<S>,
    place: OwnedSemaphorePermit,
) {
    let source = Rc::clone(source);
    tokio::task::spawn_local(async move {
        attend(peer, &*source, PATIENCE).await;
        drop(place);
    });
}

async fn attend(mut stream: impl AsyncRead + AsyncWrite + Unpin, source: &impl Source, patience: Duration) {
    let Ok(Ok(asked)) = timeout(patience, request(&mut stream)).await else { return };
    let answer = match asked {
        Asked::Page => answer("200 OK", OPENMETRICS, &source.page().await, true),
        Asked::PageHead => answer("200 OK", OPENMETRICS, &source.page().await, false),
        Asked::Else(status, why) => answer(status, PLAIN, why, true),
    };
    let said = timeout(patience, async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    });
    if let Ok(Err(error)) = said.await {
        tracing::debug!("a connection for metrics ended: {error}");
    }
}

/// What a request comes to.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Page,
    PageHead,
    Else(&'static str, &'static str),
}

const NOT_HTTP: Asked = Asked::Else("400 Bad Request", "this is no HTTP/1.1 request\n");

/// Reads one request.
async fn request(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Asked> {
    let mut bytes = Vec::new();
    loop {
        if let Some(asked) = read(&bytes) {
            return Ok(asked);
        }
        let mut piece = [0; 1024];
        match stream.read(&mut piece).await? {
            0 => return Ok(NOT_HTTP),
            count => bytes.extend_from_slice(&piece[..count]),
        }
    }
}

/// What the bytes so far ask for; nothing yet while they are no whole request.
fn read(bytes: &[u8]) -> Option<Asked> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) if bytes.len() <= MAX_REQUEST => return None,
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Some(Asked::Else("431 Request Header Fields Too Large", "the request is too long\n"));
        }
        Err(_) => return Some(NOT_HTTP),
    }
    let path = request.path.unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    Some(match (path, request.method) {
        ("/metrics", Some("GET")) => Asked::Page,
        ("/metrics", Some("HEAD")) => Asked::PageHead,
        ("/metrics", _) => {
            Asked::Else("405 Method Not Allowed", "the metrics can be read only: GET /metrics\n")
        }
        _ => Asked::Else("404 Not Found", "the metrics of dhcpmgrd are at /metrics\n"),
    })
}

fn answer(status: &str, kind: &str, body: &str, with_body: bool) -> String {
    let allow = if status.starts_with("405") { "Allow: GET, HEAD\r\n" } else { "" };
    let length = body.len();
    let body = if with_body { body } else { "" };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{allow}Connection: close\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Option<Asked> {
        read(text.as_bytes())
    }

    #[test]
    fn a_request_is_read_whole_or_not_at_all() {
        let whole = "GET /metrics?x=1 HTTP/1.1\r\nHost: gw\r\nAccept: */*\r\n\r\n";
        assert_eq!(asked(whole), Some(Asked::Page));
        for end in 0..whole.len() {
            assert_eq!(asked(&whole[..end]), None, "{:?}", &whole[..end]);
        }
        assert_eq!(asked("HEAD /metrics HTTP/1.0\r\n\r\n"), Some(Asked::PageHead));
    }

    #[test]
    fn everything_else_is_refused_with_a_reason() {
        let status = |text: &str| match asked(text) {
            Some(Asked::Else(status, why)) => {
                assert!(why.ends_with('\n'));
                status.split(' ').next()
            }
            other => panic!("{text:?}: {other:?}"),
        };
        assert_eq!(status("POST /metrics HTTP/1.1\r\n\r\n"), Some("405"));
        assert_eq!(status("GET / HTTP/1.1\r\n\r\n"), Some("404"));
        assert_eq!(status("GET /../etc/shadow HTTP/1.1\r\n\r\n"), Some("404"));
        assert_eq!(status("\u{1}\u{2}\r\n\r\n"), Some("400"));
        assert_eq!(status(&format!("GET /metrics HTTP/1.1\r\nx: {}", "y".repeat(MAX_REQUEST))), Some("431"));
        assert_eq!(status(&format!("GET /metrics HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(65))), Some("431"));
    }

    #[tokio::test]
    async fn one_answer_a_connection_and_nobody_waits_for_a_peer_that_says_nothing() {
        struct Fixed;
        impl Source for Fixed {
            fn paths(&self) -> &Paths {
                unreachable!()
            }

            async fn page(&self) -> String {
                "# EOF\n".to_owned()
            }
        }
        let (mut peer, ours) = tokio::io::duplex(4096);
        peer.write_all(b"GET /metrics HTTP/1.1\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n").await.unwrap();
        attend(ours, &Fixed, PATIENCE).await;
        let mut said = String::new();
        peer.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, answer("200 OK", OPENMETRICS, "# EOF\n", true));
        let (_silent, ours) = tokio::io::duplex(4096);
        attend(ours, &Fixed, Duration::from_millis(1)).await;
    }
}
