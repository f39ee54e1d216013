//! Who may do what when everything is started as root: each process has what it needs, read from the kernel.

use std::fs;

use dhcpmgr_lab::{Error, Lab, Result, lab_or_skip};

use crate::given::{configured, number, one_client};

/// The same module once more, in a worker.
const APART: &str =
    "[handlers.apart]\nmodule = \"libdhcpmgr_v4.so\"\nisolation = \"worker\"\ngrants = [\"events\"]\n";

const NET_RAW_AND_BIND_SERVICE: u64 = 1 << 13 | 1 << 10;
/// What root keeps besides: addresses and routes (12), bounding sets of children (8), workers that become nobody (5, 6,
/// 7), and what an earlier daemon left under another user (1, 19).
const DAEMON: u64 = NET_RAW_AND_BIND_SERVICE | 1 << 12 | 1 << 8 | 1 << 7 | 1 << 6 | 1 << 5 | 1 << 1 | 1 << 19;

/// `/proc/PID/status`
struct Status(String);

impl Status {
    fn of(pid: u64) -> Result<Self> {
        Ok(Self(fs::read_to_string(format!("/proc/{pid}/status"))?))
    }

    fn field(&self, name: &str) -> Result<&str> {
        let value = self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.map(str::trim).ok_or_else(|| Error::new(format!("no {name} in {}", self.0)))
    }

    fn has(&self, sets: &[&str], capabilities: u64) -> Result {
        for set in sets {
            assert_eq!(u64::from_str_radix(self.field(set)?, 16)?, capabilities, "{set} in\n{}", self.0);
        }
        assert_eq!(self.field("NoNewPrivs")?, "1");
        Ok(())
    }
}

#[test]
fn daemon_client_and_worker_have_what_they_need_and_no_more() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let mut daemon = lab.daemon(&(one_client("") + APART))?;
    let client = daemon.cli().wait_for("wan4", "Bound")?;
    configured(&lab, 100)?;

    let pid = daemon.process()?.pid().as_raw().unsigned_abs();
    Status::of(pid.into())?.has(&["CapPrm", "CapEff", "CapBnd"], DAEMON)?;
    Status::of(pid.into())?.has(&["CapInh", "CapAmb"], 0)?;
    let udhcpc = Status::of(number(&client, "pid")?)?;
    udhcpc.has(&["CapPrm", "CapEff", "CapInh", "CapAmb", "CapBnd"], NET_RAW_AND_BIND_SERVICE)?;
    let worker = Status::of(number(&daemon.cli().handler("apart")?, "pid")?)?;
    worker.has(&["CapPrm", "CapEff", "CapInh", "CapAmb", "CapBnd"], 0)
}
