//! What a worker writes to its standard error: log lines, few and short, and its last words when it dies.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::process::ChildStderr;

use crate::handlers::text::one_line;

/// How many lines of one worker are logged in one [`PERIOD`].
const LINES: u32 = 50;
const PERIOD: Duration = Duration::from_secs(60);
/// The longest line, bytes; the rest of a longer one is dropped.
const LINE_BYTES: usize = 512;

/// The last line that a worker wrote.
#[derive(Debug, Clone, Default)]
pub(super) struct LastWords(Arc<Mutex<String>>);

impl LastWords {
    pub(super) fn get(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, line: &str) {
        // What Rust adds below every panic says nothing about this one.
        if line.starts_with("note: ") {
            return;
        }
        line.clone_into(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Reads until the worker closes it. Everything is read, whatever is logged, so that nobody blocks on a full pipe.
pub(super) async fn follow(handler: String, mut stderr: ChildStderr, last: LastWords) {
    let mut lines = Lines::default();
    let mut quota = Quota::new(Instant::now());
    let mut chunk = [0; 1024];
    while let Ok(read @ 1..) = stderr.read(&mut chunk).await {
        for line in lines.feed(&chunk[..read]) {
            last.set(&line);
            match quota.take(Instant::now()) {
                Permit::Log => tracing::warn!(handler, "worker says: {line}"),
                Permit::LogLast => tracing::warn!(handler, "worker says: {line} (and more, not logged)"),
                Permit::Drop => {}
            }
        }
    }
    if let Some(line) = lines.rest() {
        tracing::warn!(handler, "worker says: {line}");
        last.set(&line);
    }
}

#[derive(Default)]
struct Lines {
    pending: Vec<u8>,
}

impl Lines {
    fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for &byte in bytes {
            if byte == b'\n' {
                lines.extend(self.rest());
            } else if self.pending.len() < LINE_BYTES {
                self.pending.push(byte);
            }
        }
        lines
    }

    fn rest(&mut self) -> Option<String> {
        let line = one_line(&String::from_utf8_lossy(&self.pending), LINE_BYTES);
        self.pending.clear();
        (!line.is_empty()).then_some(line)
    }
}

struct Quota {
    since: Instant,
    used: u32,
}

#[derive(Debug, PartialEq, Eq)]
enum Permit {
    Log,
    LogLast,
    Drop,
}

impl Quota {
    fn new(now: Instant) -> Self {
        Self { since: now, used: 0 }
    }

    fn take(&mut self, now: Instant) -> Permit {
        if now.saturating_duration_since(self.since) >= PERIOD {
            *self = Self::new(now);
        }
        self.used = self.used.saturating_add(1);
        match self.used {
            0..LINES => Permit::Log,
            LINES => Permit::LogLast,
            _ => Permit::Drop,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_cut_and_made_harmless() {
        let mut lines = Lines::default();
        assert!(lines.feed(b"half a").is_empty());
        assert_eq!(lines.feed(b" line\n\n\x1b[31mred\xff\nrest"), ["half a line", "\\u{1b}[31mred\u{fffd}"]);
        assert_eq!(lines.rest().as_deref(), Some("rest"));
        let long = lines.feed(&[b'x'; 10_000]);
        assert!(long.is_empty() && lines.pending.len() == LINE_BYTES);
    }

    #[test]
    fn a_chatty_worker_gets_its_quota_and_a_new_one_later() {
        let start = Instant::now();
        let mut quota = Quota::new(start);
        let logged = (0..1000).filter(|_| quota.take(start) != Permit::Drop).count();
        assert_eq!(logged, LINES as usize);
        assert_eq!(quota.take(start + PERIOD), Permit::Log);
    }
}
