//! Why dibbler-client ended: always with status 1 when it cannot run, and its last words say why.

use super::said;
use crate::clients::ExitReason;
use crate::recovery::Fault;

/// The fault behind the end of a process that should run.
pub(super) fn ending(how: ExitReason, words: &[String]) -> Fault {
    let told = |what: &str| format!("the client {how}: {what}");
    // What fails without ending it is no error to it.
    let serious = |line: &'_ String| matches!(said(line), Some(("Critical" | "Error", _)));
    let said: Vec<&str> =
        words.iter().filter(|line| serious(line)).filter_map(|line| Some(said(line)?.1)).collect();
    let find = |parts: &[&str]| said.iter().rev().find(|words| parts.iter().any(|part| words.contains(part)));
    if let Some(words) = find(&["Signal received. Shutting down"]) {
        let _ = words;
        return Fault::Died(told("it was told to end by somebody else, and has given its lease back"));
    }
    if matches!(how, ExitReason::Told(_)) && how.code().is_none() {
        return Fault::Died(format!("the client {how}"));
    }
    if let Some(words) = find(&["Config parse error", "Fatal error during config parsing"]) {
        return Fault::Misconfigured { what: told(words), argument: None };
    }
    if let Some(words) =
        find(&["is not present or does not support IPv6", "link-local address", "Unable to find interface"])
    {
        return Fault::Network(told(words));
    }
    if let Some(words) =
        find(&["Permission denied", "Operation not permitted", "Unable to read info interfaces"])
    {
        return Fault::Forbidden(told(words));
    }
    if let Some(words) = find(&["Process already running", "Unable to bind socket"]) {
        return Fault::Died(told(words));
    }
    match said.last() {
        Some(words) => Fault::Ended(told(words)),
        None => Fault::Ended(format!("the client {how}")),
    }
}
