//! `dhcpmgr handler check`.

use std::fmt::Write as _;

use super::style::{Style, Tone};
use super::text::{count, micros, plain};
use crate::handlers::check::Report;

/// What the module is, what it was asked, what is wrong with it, and the verdict.
#[must_use]
pub fn check(report: &Report, style: Style) -> String {
    let mut text = String::new();
    if let Some(module) = &report.module {
        let (protocols, hooks) = (module.protocols.join(" "), module.hooks.join(" "));
        let language = if module.language == "c" { ", in C" } else { "" };
        let _ = writeln!(
            text,
            "{} {}: {protocols}, hooks: {hooks}; handler API {} (SDK {}{language})",
            plain(&module.name),
            plain(&module.version),
            module.api,
            module.sdk
        );
        if let Some(key) = &report.signed_by {
            let _ = writeln!(text, "signed   with key {}", plain(key));
        }
        let _ = writeln!(text, "sandbox  {}", plain(&report.sandbox.join(" ")));
        let _ = writeln!(
            text,
            "calls    {}, {} answered with an error; seed {}",
            report.calls, report.refusals, report.seed
        );
        let time = report.time_us;
        let _ = writeln!(
            text,
            "time     half within {}, 99 % within {}, the longest {}",
            micros(time.p50.into()),
            micros(time.p99.into()),
            micros(time.max.into())
        );
        if report.memory.calls > 0 {
            let kib = |bytes: u64| bytes.div_ceil(1024);
            let memory = report.memory;
            let _ = writeln!(
                text,
                "memory   {} KiB, {} KiB after {} calls with the same leases",
                kib(memory.at_first),
                kib(memory.at_last),
                memory.calls
            );
        }
        text.push('\n');
    }
    for finding in &report.findings {
        let tone = if finding.fails { Tone::Bad } else { Tone::Waiting };
        let times = if finding.count > 1 { format!(", {} times", finding.count) } else { String::new() };
        let what = plain(&finding.what);
        let _ = writeln!(text, "{}: {what}", style.tone(tone, finding.kind.word()));
        let _ = writeln!(text, "    told {}{times}", plain(&finding.told));
    }
    let failures = report.findings.iter().filter(|finding| finding.fails).count();
    let _ = if report.ok {
        writeln!(text, "{}: nothing was found that fails the check", style.tone(Tone::Good, "ok"))
    } else {
        writeln!(text, "{}: {}", style.tone(Tone::Bad, "failed"), count(failures, "mistake"))
    };
    style.finish(text)
}
