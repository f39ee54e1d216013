//! The measuring harness of `tests/perf`, run for dhcpmgr and for the floor of its design in one go. It is copied
//! below the target directory first: it builds programs and writes beside itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use dhcpmgr_lab::{Error, Namespace, Result};
use serde_json::Value;

use super::table::{Bound, Table};
use crate::cargo::{done, target, workspace};

/// Today's cheapest: a static glibc helper and a daemon that only sends two netlink messages.
const FLOOR: &str = "udhcpc-floor-libc";
const OURS: &str = "dhcpmgr";

struct Harness {
    dir: PathBuf,
    base: PathBuf,
    world: Namespace,
}

impl Harness {
    fn new(root: &Path) -> Result<Self> {
        if !nix::unistd::geteuid().is_root() || !writable_cgroups() {
            return Err(Error::new("the harness needs root and writable cgroups"));
        }
        let dir = target().join("bench-harness");
        let _ = fs::remove_dir_all(&dir);
        copy(&workspace().join("tests/perf"), &dir)?;
        let mut make = Command::new("make");
        make.arg("-s").arg("-C").arg(dir.join("floor"));
        done(make, "building the floor")?;
        std::os::unix::fs::symlink(root, dir.join("contenders").join(OURS).join("root"))?;
        // Short: names of Unix sockets have at most 107 bytes.
        let base = std::env::temp_dir().join(format!("dhcpmgr-bench-{}", std::process::id()));
        fs::create_dir_all(&base)?;
        Ok(Self { dir, base, world: Namespace::new("bench")? })
    }

    /// Runs `bench.py` and reads the result that it wrote. The output goes to a log.
    fn bench(&self, kind: &str, file: &str, contender: &str, arguments: &[&str]) -> Result<Value> {
        eprintln!("  {kind} {contender} {}", arguments.join(" "));
        let script = self.dir.join("bench.py").display().to_string();
        let base = self.base.display().to_string();
        let log = self.base.join(format!("{kind}-{contender}.log"));
        let arguments: Vec<&str> =
            [script.as_str(), kind, contender].into_iter().chain(arguments.iter().copied()).collect();
        let environment = [("PERF_BASE", base.as_str()), ("PERF_V6", "0"), ("PYTHONDONTWRITEBYTECODE", "1")];
        let mut process = self.world.spawn("python3", &arguments, &environment, &log)?;
        let status = process.wait(Duration::from_secs(600))?;
        if !status.success() {
            return Err(Error::new(format!("bench.py {kind} {contender}: {status}\n{}", process.log_tail())));
        }
        let result = self.base.join("results").join(file.replace("NAME", contender));
        Ok(serde_json::from_slice(&fs::read(result)?)?)
    }

    /// Ours and the floor's, one after the other.
    fn both(&self, kind: &str, file: &str, arguments: &[&str]) -> Result<(Value, Value)> {
        let floor = self.bench(kind, file, FLOOR, arguments)?;
        Ok((self.bench(kind, file, OURS, arguments)?, floor))
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        if !std::thread::panicking() && std::env::var_os("DHCPMGR_KEEP_LAB").is_none() {
            let _ = fs::remove_dir_all(&self.base);
        }
    }
}

/// In turns, and the best of each: whatever else the machine does then meets both alike.
pub(super) fn handler(root: &Path, table: &mut Table) -> Result {
    const TURNS: usize = 3;
    let harness = Harness::new(root)?;
    let turns = (0..TURNS).map(|_| harness.both("handler", "handler-NAME-1.json", &["--runs", "100"]));
    let (ours, floor): (Vec<Value>, Vec<Value>) = turns.collect::<Result<Vec<_>>>()?.into_iter().unzip();
    for (field, what) in [("addr", "RTM_NEWADDR"), ("route", "default route"), ("exit", "shim exited")] {
        for (quantile, name) in [("med", "median"), ("p95", "p95")] {
            let bound = if quantile == "med" { Bound::TimesFloor(1.3) } else { Bound::None };
            let what = format!("shim: exec to {what}, {name}");
            table.beside(&what, "ms", least(&ours, field, quantile)?, least(&floor, field, quantile)?, bound);
        }
    }
    Ok(())
}

pub(super) fn burst(root: &Path, table: &mut Table) -> Result {
    let harness = Harness::new(root)?;
    for links in ["64", "256"] {
        let file = format!("burst-NAME-{links}.json");
        let (ours, floor) = harness.both("burst", &file, &["-n", links, "--reps", "3", "--timeout", "30"])?;
        let what = format!("{links} links at once: configured, p95, best of 3");
        table.beside(&what, "ms", best(&ours, "p95")?, best(&floor, "p95")?, Bound::TimesFloor(1.2));
        let what = format!("{links} links at once: configured, median, best of 3");
        table.beside(&what, "ms", best(&ours, "med")?, best(&floor, "med")?, Bound::None);
        let count = |field: &str| -> Result<f64> {
            let counts = reps(&ours).iter().map(|rep| number(&rep[field])).collect::<Result<Vec<f64>>>()?;
            Ok(counts.into_iter().fold(f64::INFINITY, f64::min))
        };
        let all: f64 = links.parse()?;
        table.add(&format!("{links} links at once: addresses"), "", count("addrs_v4")?, Bound::AtLeast(all));
        table.add(
            &format!("{links} links at once: default routes"),
            "",
            count("default_routes_v4")?,
            Bound::AtLeast(all),
        );
    }
    Ok(())
}

pub(super) fn renew(root: &Path, table: &mut Table) -> Result {
    let arguments = ["-n", "64", "--lease", "30", "--secs", "60", "--timeout", "30"];
    let (ours, floor) = Harness::new(root)?.both("renew", "renew30-NAME-64.json", &arguments)?;
    let what = "64 clients renew for a minute: processor time";
    table.beside(what, "s", number(&ours["cpu_s"])?, number(&floor["cpu_s"])?, Bound::AtMost(0.25));
    let removed =
        ["DELADDR4", "DELROUTE4"].iter().filter_map(|kind| ours["nl"][kind].as_f64()).fold(0.0, |a, b| a + b);
    table.add("64 clients renew for a minute: RTM_DEL*", "", removed, Bound::AtMost(0.0));
    // Without Debian's linux-perf nobody counts.
    if let (Some(execs), Some(acks)) =
        (ours["perf"]["sched_process_exec"].as_f64(), ours["pkts"]["4:5"].as_f64())
    {
        table.add("64 clients renew for a minute: execs for each ACK", "", execs / acks, Bound::AtMost(1.0));
    }
    Ok(())
}

fn reps(result: &Value) -> &[Value] {
    result["reps"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The best of the repetitions: the server loses packets in some of them.
fn best(result: &Value, quantile: &str) -> Result<f64> {
    least(reps(result), "t_cfg4", quantile)
}

/// The least value of a quantile.
fn least(results: &[Value], field: &str, quantile: &str) -> Result<f64> {
    let values =
        results.iter().map(|result| number(&result[field][quantile])).collect::<Result<Vec<f64>>>()?;
    values.into_iter().reduce(f64::min).ok_or_else(|| Error::new("no repetition succeeded"))
}

fn number(value: &Value) -> Result<f64> {
    value
        .as_f64()
        .ok_or_else(|| Error::new(format!("the harness gave no number but {value}: nothing was configured")))
}

fn writable_cgroups() -> bool {
    let trees = ["/sys/fs/cgroup/cpuacct/cgroup.procs", "/sys/fs/cgroup/cgroup.procs"];
    trees.iter().any(|file| fs::File::options().append(true).open(file).is_ok())
}

fn copy(from: &Path, to: &Path) -> Result {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
