//! The mirror against the real kernel: whatever others do, it says the same as a fresh dump.

use std::io::Write as _;
use std::process::{Command, Stdio};

use netlink_packet_core::NLM_F_APPEND;
use nix::sched::{CloneFlags, unshare};

use super::decode;
use super::dump::dump;
use super::mirror::Mirror;
use super::watch::{Drained, Watch};
use super::wire::Message;

fn ip(commands: &str) {
    // `-force`: what is impossible in some order of the random walk is skipped.
    let mut ip = Command::new("ip")
        .args(["-force", "-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    ip.stdin.take().unwrap().write_all(commands.as_bytes()).unwrap();
    ip.wait().unwrap();
}

/// A fixed sequence that looks random (xorshift), so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

fn command(dice: &mut Dice) -> String {
    let link = ["w0", "w1"][dice.throw(2)];
    let host = 1 + dice.throw(3);
    let net = dice.throw(2);
    let len = [24, 25][dice.throw(2)];
    let metric = [0, 100][dice.throw(2)];
    let verb = ["add", "append", "replace", "change", "prepend", "del"][dice.throw(6)];
    match dice.throw(16) {
        0 | 1 => format!("addr add 192.0.{net}.{host}/{len} dev {link}"),
        2 => format!("addr del 192.0.{net}.{host}/{len} dev {link}"),
        3 => format!("addr replace 192.0.{net}.{host}/{len} dev {link} metric {metric}"),
        4 => format!("addr add 2001:db8:{net}::{host}/64 dev {link} nodad"),
        5 => format!("addr del 2001:db8:{net}::{host}/64 dev {link}"),
        6 => format!("route {verb} 10.0.0.0/8 dev {link} metric {metric} src 192.0.{net}.{host}"),
        7 => format!("route {verb} default via 192.0.{net}.9 dev {link} metric {metric} onlink"),
        8 => format!("route {verb} 10.1.0.0/16 dev {link} table {}", [254, 1000][dice.throw(2)]),
        9 => format!("-6 route {verb} 2001:db8:f::/48 via 2001:db8:{net}::9 dev {link} metric 100 onlink"),
        10 => format!("-6 route {verb} unreachable 2001:db8:e::/48 metric 100"),
        11 => format!(
            "addr replace 2001:db8:{net}::{host}/128 dev {link} nodad preferred_lft 0 valid_lft forever"
        ),
        12 => format!("addr replace 2001:db8:{net}::{host}/64 dev {link} nodad noprefixroute"),
        13 => format!("addr replace fe80::{host}/64 dev {link} nodad"),
        14 => format!("link set {link} {}", ["down", "up", "up"][dice.throw(3)]),
        _ => format!("rule {} from 192.0.{net}.0/24 table 1000 priority 500", ["add", "del"][dice.throw(2)]),
    }
}

#[test]
fn the_mirror_follows_a_random_walk_of_others() {
    if let Err(errno) = unshare(CloneFlags::CLONE_NEWNET) {
        eprintln!("SKIPPED: this test needs a network namespace of its own, and unshare says: {errno}");
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        ip("link set lo up\nlink add w0 type veth peer name w1\n\
             link set w0 addrgenmode none\nlink set w1 addrgenmode none\nlink set w0 up\nlink set w1 up\n");
        let watch = Watch::open().unwrap();
        let mut mirror = Mirror::default();
        for message in dump(|| 0).await.unwrap() {
            mirror.note(&message, NLM_F_APPEND, &mut Vec::new());
        }
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        let mut history = Vec::new();
        let mut wrong = Vec::new();
        for round in 0..150 {
            let commands: Vec<String> = (0..8).map(|_| command(&mut dice)).collect();
            ip(&(commands.join("\n") + "\n"));
            history = [history, commands].concat();
            let (mut ours, mut theirs) = (vec![], vec![]);
            let mut fresh = Mirror::default();
            // IPv6 addresses are announced by a kernel worker, a little later.
            for _ in 0..100 {
                let note = |message: &Message<'_>| {
                    if let Some(notice) = decode::notice(message, 0) {
                        mirror.note(&notice, message.flags, &mut Vec::new());
                    }
                };
                assert_eq!(watch.drain(&mut Vec::new(), note).unwrap(), Drained::All);
                fresh = Mirror::default();
                for message in dump(|| 0).await.unwrap() {
                    fresh.note(&message, NLM_F_APPEND, &mut Vec::new());
                }
                (ours, theirs) = (mirror.summary(), fresh.summary());
                if ours == theirs {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            if ours != theirs {
                let missing: Vec<_> = theirs.iter().filter(|line| !ours.contains(line)).collect();
                let extra: Vec<_> = ours.iter().filter(|line| !theirs.contains(line)).collect();
                let recent = &history[history.len() - 8..];
                wrong.push(format!(
                    "round {round}: missing {missing:#?}\nextra {extra:#?}\nafter {recent:#?}"
                ));
                mirror = fresh;
            }
        }
        assert!(wrong.is_empty(), "{} of 150: {}", wrong.len(), wrong.join("\n"));
    });
}
