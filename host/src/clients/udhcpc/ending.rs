//! Why udhcpc ended: its exit status says little, its last words say more.
//!
//! It ends with status 0 after SIGTERM and after its interface was deleted, so 0 is no clean end; with 1 after
//! everything that it cannot bear, from a wrong option to a missing right. (Observed with busybox 1.35.)

use crate::clients::{CommandLine, ExitReason};
use crate::recovery::{Argument, Fault};

/// What udhcpc can be started without; never without its client-id, or it would be another client to the server.
const OPTIONAL: [&str; 6] = ["-O", "-x", "-r", "-t", "-T", "-A"];

/// The fault behind the end of a process that should run.
pub(super) fn ending(how: ExitReason, words: &[String], command: Option<&CommandLine>) -> Fault {
    let died = |how: String| Fault::Died(format!("the client {how}"));
    if matches!(how, ExitReason::Told(_)) && how.code().is_none() {
        return died(how.to_string());
    }
    let said: Vec<&str> = words.iter().filter_map(|line| line.strip_prefix("udhcpc: ")).collect();
    let last = said.last().copied().unwrap_or_default();
    let usage = words.iter().any(|line| line.starts_with("BusyBox v") || line.starts_with("Usage: "));
    let told = |what: &str| format!("the client {how}: {what}");
    if last.starts_with("received SIGTERM") {
        return died("was ended with SIGTERM by somebody else".to_owned());
    }
    if refuses_an_argument(last) {
        let argument = command.and_then(|command| refused(last, command));
        return Fault::Misconfigured { what: told(first_sentence(last)), argument };
    }
    if usage {
        return Fault::Misconfigured {
            what: told("it does not understand its command line"),
            argument: None,
        };
    }
    let ends_with = |ends: &[&str]| ends.iter().any(|end| last.trim_end().ends_with(end));
    if ends_with(&[
        "No such device",
        "No such device or address",
        "Network is down",
        "Network is unreachable",
    ]) {
        return Fault::Network(told(last));
    }
    if ends_with(&[
        "Operation not permitted",
        "Permission denied",
        "Address family not supported by protocol",
    ]) {
        return Fault::Forbidden(told(last));
    }
    Fault::Ended(format!("the client {how}"))
}

fn refuses_an_argument(words: &str) -> bool {
    ["unknown option '", "malformed hex string '", "invalid number '", "number ", "invalid option -- '"]
        .iter()
        .any(|start| words.starts_with(start))
}

/// Without the list of everything that it knows.
fn first_sentence(words: &str) -> &str {
    words.split(", known options").next().unwrap_or(words)
}

/// The argument whose value it quotes. A long value is quoted up to where the line was cut.
fn refused(words: &str, command: &CommandLine) -> Option<Argument> {
    let quoted = words.split_once('\'')?.1;
    let (quoted, whole) = match quoted.split_once('\'') {
        Some((quoted, _)) => (quoted, true),
        None => (quoted, false),
    };
    let is_it = |value: &str| if whole { value == quoted } else { value.starts_with(quoted) };
    let args = command.args();
    let pairs = args.iter().zip(args.iter().skip(1));
    let pairs = pairs.filter_map(|(flag, value)| Some((flag.to_str()?, value.to_str()?)));
    let mut culprits = pairs.filter(|(flag, value)| {
        // `-x 0x3c:0102`: the code is refused, or its value is.
        let mut parts = value.splitn(2, ':');
        OPTIONAL.contains(flag) && !value.starts_with("0x3d:") && (is_it(value) || parts.any(is_it))
    });
    culprits.next().map(|(flag, value)| Argument { flag: flag.to_owned(), value: value.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    use super::*;
    use crate::clients::Launch;

    fn command() -> CommandLine {
        let args = [
            "-i", "wan0", "-s", "/shim", "-t", "3", "-O", "43", "-O", "125", "-x", "0x3d:01", "-x",
            "0x3c:0z", "-f",
        ];
        let args = args.map(Into::into).to_vec();
        CommandLine::of(&Launch { program: "/sbin/udhcpc".into(), args, ..Launch::default() })
    }

    fn ended(code: i32, words: &[&str]) -> Fault {
        let how = ExitReason::Told(ExitStatus::from_raw(code << 8));
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        ending(how, &words, Some(&command()))
    }

    fn refused_argument(words: &str) -> Option<(String, String)> {
        match ended(1, &[words]) {
            Fault::Misconfigured { argument, .. } => argument.map(|a| (a.flag, a.value)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_argument_that_it_refuses_is_found() {
        let pair = |flag: &str, value: &str| Some((flag.to_owned(), value.to_owned()));
        assert_eq!(
            refused_argument("udhcpc: unknown option '125', known options: subnet timezone"),
            pair("-O", "125")
        );
        assert_eq!(
            refused_argument("udhcpc: unknown option '0x3c', known options: s"),
            pair("-x", "0x3c:0z")
        );
        assert_eq!(refused_argument("udhcpc: malformed hex string '0z'"), pair("-x", "0x3c:0z"));
        assert_eq!(refused_argument("udhcpc: malformed hex string '0"), pair("-x", "0x3c:0z"), "cut off");
        assert_eq!(refused_argument("udhcpc: unknown option '77', known"), None, "not ours");
        assert_eq!(refused_argument("udhcpc: invalid option -- 'O'"), None);
        assert_eq!(refused_argument("BusyBox v1.35.0 (Debian) multi-call binary."), None);
    }

    #[test]
    fn it_cannot_be_started_without_its_interface_its_script_or_its_identity() {
        assert_eq!(refused_argument("udhcpc: unknown option 'wan0', known"), None);
        assert_eq!(refused_argument("udhcpc: unknown option '0x3d', known"), None);
        assert_eq!(refused_argument("udhcpc: unknown option '/shim', known"), None);
    }

    #[test]
    fn status_0_and_1_mean_what_its_last_words_say() {
        for (code, words, expected) in [
            (1, "udhcpc: SIOCGIFINDEX: No such device", "network"),
            (1, "udhcpc: bind: No such device", "network"),
            (0, "udhcpc: SIOCGIFINDEX: No such device", "network"),
            (1, "udhcpc: sendto: Network is down", "network"),
            (1, "udhcpc: socket: Operation not permitted", "cannot-run"),
            (0, "udhcpc: received SIGTERM", "process-died"),
            (0, "udhcpc: lease of 10.0.0.5 obtained from 10.0.0.1, lease time 30", "process-died"),
            (139, "udhcpc: started, v1.35.0", "process-died"),
        ] {
            let fault = ended(code, &["udhcpc: started, v1.35.0", words]);
            assert_eq!(fault.name(), expected, "{words}");
        }
        assert_eq!(ended(1, &[]), Fault::Ended("the client ended with exit status 1".into()));
        let killed = ending(ExitReason::Told(ExitStatus::from_raw(9)), &[], None);
        assert_eq!(killed, Fault::Died("the client was killed by SIGKILL".into()));
        let word = ["udhcpc: bind: No such device".to_owned()];
        assert_eq!(ending(ExitReason::Untold, &word, None).name(), "network", "its words were heard");
    }
}
