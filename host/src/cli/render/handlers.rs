//! `dhcpmgr handler list`, and the handlers of `status`.

use std::fmt::Write as _;

use super::style::{Style, Tone};
use super::text::{micros, plain, times};
use crate::config::Isolation;
use crate::handlers::{HISTOGRAM_US, HandlerState, HandlerStatus};

/// The handlers, why some are not healthy, and how the workers are confined.
#[must_use]
pub fn handlers(handlers: &[HandlerStatus], style: Style) -> String {
    if handlers.is_empty() {
        return "no handlers are configured\n".to_owned();
    }
    style.finish(handlers_unfinished(handlers, style))
}

/// Not finished yet.
fn handlers_unfinished(handlers: &[HandlerStatus], style: Style) -> String {
    let mut text = handler_table(handlers, style);
    text.push('\n');
    for handler in handlers {
        let name = plain(&handler.name);
        let _ = write!(text, "{name}: {}", plain(&handler.module));
        if let Some(key) = &handler.signed_by {
            let _ = write!(text, ", signed with key {}", plain(key));
        }
        if let Some(pid) = handler.pid {
            let _ = write!(text, ", worker {pid}, restarted {}", times(handler.restarts));
        }
        if !handler.sandbox.is_empty() {
            let _ = write!(text, ", confined by {}", plain(&handler.sandbox.join(" ")));
        }
        text.push('\n');
        for conflict in &handler.conflicts {
            let _ = writeln!(text, "{name}: {}", plain(conflict));
        }
    }
    text
}

/// One handler: its row, what it is, and a line for each of its hooks with how long the calls took.
#[must_use]
pub fn handler(handler: &HandlerStatus, style: Style) -> String {
    let mut text = handlers_unfinished(std::slice::from_ref(handler), style);
    for hook in handler.hooks.iter().filter(|hook| hook.calls > 0) {
        let _ = writeln!(
            text,
            "\n{}: {} calls, {} failed, {} late, {} on average",
            hook.hook,
            hook.calls,
            hook.failures,
            hook.late,
            micros(hook.total_us / hook.calls)
        );
        let limits = HISTOGRAM_US.iter().map(|us| format!("up to {}", micros(*us)));
        let longer = HISTOGRAM_US.last().map(|us| format!("over {}", micros(*us)));
        for (limit, calls) in limits.chain(longer).zip(&hook.histogram).filter(|(_, calls)| **calls > 0) {
            let _ = writeln!(text, "  {limit:<14} {calls}");
        }
    }
    style.finish(text)
}

/// The table, then a line for each that is not healthy; empty for no handlers. Not finished yet.
pub(super) fn handler_table(handlers: &[HandlerStatus], style: Style) -> String {
    if handlers.is_empty() {
        return String::new();
    }
    let header = ["HANDLER", "VERSION", "API", "ISOLATION", "STATE", "CALLS", "FAILURES", "P99"];
    let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { plain(text) };
    let rows = handlers.iter().map(|handler| {
        vec![
            plain(&handler.name),
            or_dash(&handler.version),
            or_dash(&handler.api),
            isolation(handler.isolation).to_owned(),
            style.tone(tone(handler.state), word(handler.state)),
            handler.calls.to_string(),
            handler.failures.to_string(),
            if handler.calls > 0 { micros(handler.p99_us) } else { "-".to_owned() },
        ]
    });
    let mut text = style.table(&header, &["CALLS", "FAILURES", "P99"], rows.collect());
    let mut reasons = String::new();
    for handler in handlers {
        let hint = match handler.state {
            HandlerState::Quarantined => {
                format!(" (`dhcpmgr handler reset {}` starts it again)", plain(&handler.name))
            }
            _ => String::new(),
        };
        match &handler.reason {
            Some(reason) => {
                let name = style.tone(tone(handler.state), &plain(&handler.name));
                let _ = writeln!(reasons, "{name}: {}{hint}", plain(reason));
            }
            None if !hint.is_empty() => {
                let _ = writeln!(reasons, "{}: quarantined{hint}", plain(&handler.name));
            }
            None => {}
        }
    }
    if !reasons.is_empty() {
        text.push('\n');
        text.push_str(&reasons);
    }
    text
}

fn isolation(isolation: Isolation) -> &'static str {
    match isolation {
        Isolation::Worker => "worker",
        Isolation::InProcess => "in-process",
    }
}

fn word(state: HandlerState) -> &'static str {
    match state {
        HandlerState::Healthy => "healthy",
        HandlerState::Restarting => "restarting",
        HandlerState::Quarantined => "quarantined",
        HandlerState::Refused => "refused",
    }
}

fn tone(state: HandlerState) -> Tone {
    match state {
        HandlerState::Healthy => Tone::Good,
        HandlerState::Restarting => Tone::Waiting,
        HandlerState::Quarantined | HandlerState::Refused => Tone::Bad,
    }
}
