//! `cargo xtask order`: writes down which functions run, so that the release is linked with those together.
//!
//! The kernel maps files in pieces of 64 KiB: a function here and there that runs makes all of a program resident. The
//! lists lie in `host/packaging/order`: a line for each function, named as in the source. A list that is behind the
//! program costs memory and nothing else.

mod link;
mod names;
#[cfg(target_arch = "x86_64")]
mod trace;

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::Ipv6Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use dhcpmgr_lab::{
    Daemon, Error, Exchange, Hook, Lab, MODULES, Result, SHIMS, Shim, Told, eventually, packages,
};
use nix::unistd::Pid;

use crate::bench;
use crate::cargo::{cargo, done, target, workspace};
use crate::{enter, install};

pub(crate) use link::{is_linker, link, linker_of};

fn lists() -> PathBuf {
    workspace().join("host/packaging/order")
}

/// The list for the crate of this name.
fn list_of(name: &str) -> PathBuf {
    lists().join(name)
}

/// Another one whenever the lists are others: what was linked by the old ones is not up to date.
pub(crate) fn mark() -> Result<String> {
    let mut hasher = DefaultHasher::new();
    let mut all: Vec<_> = fs::read_dir(lists())?.collect::<std::io::Result<_>>()?;
    all.sort_by_key(fs::DirEntry::file_name);
    for list in all {
        (list.file_name(), fs::read(list.path())?).hash(&mut hasher);
    }
    Ok(format!("linked_by_{:016x}", hasher.finish()))
}

fn results() -> PathBuf {
    target().join("order")
}

/// Builds the release in no particular order and with its names, lets it live through what the bench does, writes the lists.
pub(crate) fn run() -> Result {
    packages::ensure(packages::LAB)?;
    // Asked before cargo puts another in its place.
    let itself = std::env::current_exe()?;
    let root = target().join("order-root");
    let _ = fs::remove_dir_all(&root);
    let _ = fs::remove_dir_all(results());
    fs::create_dir_all(results())?;
    install::unordered(&root)?;
    watch(&root, "usr/sbin/dhcpmgrd")?;
    for shim in SHIMS {
        watch(&root, &format!("usr/lib/dhcpmgr/{shim}"))?;
        // A client runs the one that is not watched: it has neither the right to watch nor the time.
        fs::rename(root.join("usr/lib/dhcpmgr").join(shim), watched(shim))?;
        fs::copy(results().join(shim), root.join("usr/lib/dhcpmgr").join(shim))?;
    }
    // As the demonstration does: with a part of it only, cargo would build most of it again for the tests.
    done(cargo(&["build", "--workspace"]), "cargo build")?;
    let mut inside = enter::command(itself)?;
    inside.env("DHCPMGR_INSTALLED", &root).env("DHCPMGR_BUILT", "1").arg("order-inside");
    done(inside, "the story")?;
    write_lists()
}

/// The script that runs a shim and has it watched.
fn watched(shim: &str) -> PathBuf {
    results().join(format!("{shim}.sh"))
}

/// Puts a script in the place of a program, which has it watched.
fn watch(root: &Path, program: &str) -> Result {
    let place = root.join(program);
    let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let real = results().join(&name);
    fs::rename(&place, &real)?;
    let modules = MODULES.map(|module| root.join("usr/lib/dhcpmgr/handlers").join(module));
    let modules: Vec<_> = modules.iter().map(|module| module.display().to_string()).collect();
    let (itself, real) = (std::env::current_exe()?.display().to_string(), real.display().to_string());
    let result = results().join(format!("{name}.$$.met")).display().to_string();
    let modules = if name == "dhcpmgrd" { modules.join(" ") } else { String::new() };
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = --check ] && exec {real} \"$@\"\nsetsid {itself} order-trace $$ {result} {real} {modules} \
         </dev/null >/dev/null 2>{result}.log &\nkill -STOP $$\nexec {real} \"$@\"\n"
    );
    fs::write(&place, script)?;
    Ok(fs::set_permissions(&place, fs::Permissions::from_mode(0o755))?)
}

/// What is lived through: leases of both families, and then what each shim is run for.
pub(crate) fn inside() -> Result {
    bench::live_through()?;
    udhcpc()?;
    dibbler()
}

/// The running process of a client.
fn process(daemon: &Daemon<'_>, client: &str) -> Result<Pid> {
    let pid = eventually("the client runs", || Ok(daemon.cli().client(client)?["pid"].as_i64()))?;
    Ok(Pid::from_raw(i32::try_from(pid)?))
}

fn udhcpc() -> Result {
    let lab = Lab::new()?;
    let daemon =
        lab.daemon("[clients.wan0]\nprotocol = \"v4\"\ninterface = \"wan0\"\nprogram = \"udhcpc\"\n")?;
    let lease = [
        ("ip", lab.wan().host(100).to_string()),
        ("subnet", "255.255.255.0".to_owned()),
        ("mask", "24".to_owned()),
        ("router", lab.wan().host(1).to_string()),
        ("dns", "192.0.2.53 192.0.2.54".to_owned()),
        ("domain", "isp.example".to_owned()),
        ("serverid", lab.wan().host(1).to_string()),
        ("lease", "3600".to_owned()),
        ("staticroutes", format!("0.0.0.0/0 {0} 198.51.100.0/24 {0}", lab.wan().host(1))),
        ("opt43", "0104deadbeef".to_owned()),
        ("opt53", "05".to_owned()),
    ];
    let shim = Shim::of(process(&daemon, "wan0")?, watched("dhcpmgr-udhcpc"))?;
    shim.report("bound", &lease).map(drop)
}

fn dibbler() -> Result {
    let lab = Lab::new()?;
    lab.stand_in_for_dibbler()?;
    let daemon =
        lab.daemon("[clients.wan0]\nprotocol = \"v6\"\ninterface = \"wan0\"\nprogram = \"dibbler\"\n")?;
    let hook = eventually("the stand-in waits in its directory", || {
        let pid = process(&daemon, "wan0")?;
        let sleeps = fs::read(format!("/proc/{pid}/cmdline"))?.starts_with(b"sleep");
        Ok(if sleeps { Some(Hook::of(pid, watched("dhcpmgr-dibbler"))?) } else { None })
    })?;
    let given = [
        Told::Address(Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 0x100), 3000, 4000),
        Told::Prefix(Ipv6Addr::new(0x2001, 0xdb8, 0xf000, 0, 0, 0, 0, 0), 56, 3000, 4000),
    ];
    let exchange = Exchange { request: "REQUEST", interface: "wan0", answered: &given, asked: &[] };
    hook.tell(&lab.gateway, &exchange).map(drop)
}

/// Watches a process for which functions of its files run.
#[cfg(target_arch = "x86_64")]
pub(crate) fn trace(pid: i32, result: &Path, files: &[PathBuf]) -> Result {
    trace::run(pid, result, files)
}

/// Breakpoints are written for one processor only.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn trace(_: i32, _: &Path, _: &[PathBuf]) -> Result {
    Err(Error::new("functions can be watched on x86-64 only; the lists are the same everywhere"))
}

/// Puts together what was met of each file, in all its processes.
fn write_lists() -> Result {
    let mut lists: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for entry in
        fs::read_dir(results())?.flatten().filter(|e| e.path().extension().is_some_and(|e| e == "met"))
    {
        for line in fs::read_to_string(entry.path())?.lines() {
            let mut parts = line.splitn(3, '\t');
            let (Some(file), Some(periods), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
                continue;
            };
            let Some(list) = link::crate_of(Path::new(file)) else { continue };
            *lists.entry(list).or_default().entry(name.to_owned()).or_default() +=
                periods.parse::<usize>()?;
        }
    }
    if lists.is_empty() {
        return Err(Error::new(format!("nothing was met; see {}", results().display())));
    }
    fs::create_dir_all(list_of(""))?;
    for (name, met) in lists {
        write(&list_of(&name), &met)?;
    }
    Ok(())
}

/// Writes a list: what ran again and again first.
fn write(list: &Path, ran: &BTreeMap<String, usize>) -> Result {
    let mut text = String::from(
        "# Functions in the order in which they are linked, written by `cargo xtask order`: what runs with every lease,\n\
         # then what ran once. Whatever is not here comes after them.\n",
    );
    for again in [true, false] {
        for (name, _) in ran.iter().filter(|(_, times)| (**times > 1) == again) {
            text += &format!("{name}\n");
        }
    }
    println!("{}: {} functions", list.display(), ran.len());
    Ok(fs::write(list, text)?)
}
