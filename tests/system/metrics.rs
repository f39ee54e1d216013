//! Metrics over HTTP and by the command line: true, and never in the way.

use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use dhcpmgr_lab::{Error, Lab, Result, eventually, lab_or_skip};

use crate::given::{bound, one_client};

const PORT: &str = "127.0.0.1:9546";

fn exchange(mut stream: impl std::io::Read + std::io::Write) -> Result<String> {
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: gateway\r\n\r\n")?;
    let mut said = String::new();
    stream.read_to_string(&mut said)?;
    let (head, body) =
        said.split_once("\r\n\r\n").ok_or_else(|| Error::new(format!("no answer: {said:?}")))?;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text"), "{head}");
    Ok(body.to_owned())
}

fn at_the_port(lab: &Lab) -> Result<String> {
    lab.gateway.run(|| {
        let stream = TcpStream::connect(PORT)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        exchange(stream)
    })
}

/// The value of the one sample that begins so.
fn sample(page: &str, start: &str) -> Option<f64> {
    page.lines().find(|line| line.starts_with(start))?.rsplit(' ').next()?.parse().ok()
}

#[test]
fn what_happened_is_counted_and_told_at_every_door() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab)?;
    let cli = daemon.cli();
    let page = cli.text(&["metrics"])?;
    assert_eq!(
        sample(
            &page,
            "dhcpmgr_client_state{client=\"wan4\",protocol=\"v4\",interface=\"wan0\",dhcpmgr_client_state=\"Bound\"}"
        ),
        Some(1.0)
    );
    assert_eq!(
        sample(&page, "dhcpmgr_client_events_total{client=\"wan4\",event=\"lease-acquired\"}"),
        Some(1.0)
    );
    assert_eq!(sample(&page, "dhcpmgr_time_to_lease_seconds_count{client=\"wan4\"}"), Some(1.0));
    let took = sample(&page, "dhcpmgr_time_to_lease_seconds_sum{client=\"wan4\"}");
    assert!(took.is_some_and(|took| took > 0.0), "{page}");
    assert!(sample(&page, "dhcpmgr_lease_expires_in_seconds{").is_some_and(|left| left > 0.0), "{page}");

    let hook = "{handler=\"v4\",hook=\"lease\"";
    let calls = sample(&page, &format!("dhcpmgr_handler_hook_seconds_count{hook}}}"));
    assert!(calls.is_some_and(|calls| calls >= 1.0), "{page}");
    assert_eq!(sample(&page, &format!("dhcpmgr_handler_hook_seconds_bucket{hook},le=\"+Inf\"}}")), calls);
    assert_eq!(sample(&page, &format!("dhcpmgr_handler_hook_failures_total{hook}}}")), Some(0.0));

    cli.text(&["renew", "wan4"])?;
    cli.wait_for_event("wan4", "lease-renewed", 1)?;
    daemon.configure(&format!("{}[metrics]\nlisten = \"{PORT}\"\n", one_client("")))?;
    cli.text(&["config", "reload"])?;
    let page = eventually("the port answers", || Ok(at_the_port(&lab).ok()))?;
    assert_eq!(
        sample(&page, "dhcpmgr_client_events_total{client=\"wan4\",event=\"lease-renewed\"}"),
        Some(1.0)
    );
    assert!(page.ends_with("# EOF\n"), "{page}");

    // Somebody who says nothing is in nobody's way, and four of them wait only a while.
    let silent: Vec<TcpStream> =
        lab.gateway.run(|| (0..4).map(|_| Ok(TcpStream::connect(PORT)?)).collect::<Result<_>>())?;
    cli.text(&["status"])?;
    at_the_port(&lab)?;
    drop(silent);

    daemon.configure(&format!("{}[metrics]\nlisten = \"socket\"\n", one_client("")))?;
    cli.text(&["config", "reload"])?;
    let socket = daemon.root().join("run/dhcpmgr/metrics.sock");
    let page =
        eventually("the socket answers", || UnixStream::connect(&socket).ok().map(exchange).transpose())?;
    assert_eq!(sample(&page, "dhcpmgr_client_restarts_total{client=\"wan4\""), Some(0.0));
    assert!(at_the_port(&lab).is_err(), "the port is closed");
    Ok(())
}
