//! `dhcpmgr import`: reads the files with the rights of whoever typed it, and lets the daemon store what they say; where
//! none runs, this process is the one that may write.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use dhcpmgr_message::IfName;

use super::args::Import;
use super::link::Link;
use super::output::{Failure, complain, put};
use super::render::{self, Style, json_line};
use super::run::view;
use crate::config;
use crate::control::Request;
use crate::identity::Identities;
use crate::import::{self, Found, LONGEST_FILE, Order, Outcome, ParseError, Verdict};
use crate::order;
use crate::paths::Paths;
use crate::store;

pub(super) fn import(paths: &Paths, arguments: Import) -> Result<(), Failure> {
    let Import { dry_run, client, from, replace, paths: files, format } = arguments;
    let (mut found, mut unread) = (Vec::new(), false);
    for path in &files {
        match read(path, from) {
            Ok(more) => found.extend(more),
            Err(why) => {
                unread = true;
                complain(&format!("{}: {why}", path.display()));
            }
        }
    }
    if found.is_empty() {
        return Err(Failure::Said);
    }
    let order = Order { found, client, replace, dry_run };
    let outcome = carry_out(paths, order)?;
    let json = |_| Failure::Failed("the answer cannot be written as JSON".to_owned());
    put(&if format.json {
        json_line(&serde_json::to_value(&outcome).map_err(json)?)
    } else {
        render::import(&outcome, Style::of_stdout())
    })?;
    let refused = outcome.lines.iter().any(|line| matches!(line.verdict, Verdict::Refused(_)));
    if refused || unread { Err(Failure::Said) } else { Ok(()) }
}

fn carry_out(paths: &Paths, order: Order) -> Result<Outcome, Failure> {
    match Link::open(paths) {
        Ok(mut link) => view(link.ask(&Request::Import { order })?),
        Err(Failure::NoDaemon(_)) => without_daemon(paths, &order),
        Err(other) => Err(other),
    }
}

fn without_daemon(paths: &Paths, order: &Order) -> Result<Outcome, Failure> {
    let lock = paths.lock();
    let _lock = match store::only_writer(&lock) {
        Ok(Some(lock)) => Some(lock),
        Ok(None) => {
            return Err(Failure::Failed(format!(
                "dhcpmgrd holds {} and does not answer; see its log",
                lock.display()
            )));
        }
        // Without its directory no daemon can run.
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(Failure::Failed(format!("cannot lock {}: {error}", lock.display()))),
    };
    // A wrong configuration is no reason to forget who we are; then the client has to be named.
    let known = match config::load(paths) {
        Ok(loaded) => import::known(&loaded.config),
        Err(errors) => {
            complain(&format!("the configuration is not used: {errors}"));
            Vec::new()
        }
    };
    Ok(import::carry_out(order, &known, &Identities::new(paths)))
}

/// What a file says, or every file of a directory that is one of a DHCP client.
fn read(path: &Path, from: Option<import::Program>) -> Result<Vec<Found>, String> {
    let about = fs::metadata(path).map_err(|error| error.to_string())?;
    if !about.is_dir() {
        return read_file(path, from)?.map_err(|error| error.to_string());
    }
    let entries = fs::read_dir(path).map_err(|error| error.to_string())?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    order::sort(&mut files);
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is_file()) {
        match read_file(file, from)? {
            Ok(more) => found.extend(more),
            Err(ParseError::Unknown | ParseError::Nothing(_) | ParseError::TooLong) => {}
            Err(error) => return Err(format!("{}: {error}", file.display())),
        }
    }
    if found.is_empty() {
        return Err("no file of a DHCP client with an identity or a lease is in this directory".to_owned());
    }
    Ok(found)
}

fn read_file(path: &Path, from: Option<import::Program>) -> Result<Result<Vec<Found>, ParseError>, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(LONGEST_FILE as u64 + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(import::parse(path, from, interface(path), &bytes))
}

/// systemd-networkd names a lease file after the index of the interface.
fn interface(path: &Path) -> Option<IfName> {
    let directory = path.parent()?;
    if !directory.ends_with("netif/leases") {
        return None;
    }
    let index: u32 = path.file_name()?.to_str()?.parse().ok()?;
    nix::net::if_::if_indextoname(index).ok()?.to_str().ok()?.parse().ok()
}
