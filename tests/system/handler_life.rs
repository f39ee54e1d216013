//! What an operator does to one handler of a running daemon, over its control socket, while a real lease is held: a module
//! signed by its vendor is loaded anew, replaced, damaged, put aside and taken back. Nothing of it moves the lease.

use std::fs;
use std::path::{Path, PathBuf};

use dhcpmgr_lab::{
    Binaries, Daemon, Dnsmasq, Error, Kind, Lab, Result, eventually, lab_or_skip, sign, signatures,
};
use serde_json::Value;

use crate::given::{addresses, configured, default_routes, number, one_client, removals};

/// A bound client and a handler of a vendor, whose signature is asked for.
struct Story<'lab> {
    lab: &'lab Lab,
    _server: Dnsmasq<'lab>,
    daemon: Daemon<'lab>,
}

impl<'lab> Story<'lab> {
    fn begin(lab: &'lab Lab) -> Result<Self> {
        let server =
            lab.dnsmasq(lab.wan()).range(100, 100).option("6,192.0.2.1").force("43,68:69").start()?;
        let mut daemon = Daemon::install(lab)?;
        daemon.configure(&(one_client("request = [43]") + &section()?))?;
        put(&daemon, "good")?;
        sign(&installed(&daemon))?;
        daemon.start()?;
        daemon.cli().wait_for("wan4", "Bound")?;
        configured(lab, 100)?;
        let story = Self { lab, _server: server, daemon };
        story.name_servers(&["192.0.2.1", "192.0.2.53"])?;
        Ok(story)
    }

    fn handler(&self) -> Result<Value> {
        self.daemon.cli().handler("vendor")
    }

    /// What comes of the lease and of the handler's plan.
    fn name_servers(&self, expected: &[&str]) -> Result {
        eventually(&format!("the name servers are {expected:?}"), || {
            let resolv = self.daemon.resolv_conf();
            let servers: Vec<_> =
                resolv.lines().filter_map(|line| line.strip_prefix("nameserver ")).collect();
            Ok((servers == expected).then_some(()))
        })
    }

    /// An order that is carried out while nothing moves in the kernel but lifetimes; what the daemon says to it.
    fn quietly(&self, arguments: &[&str]) -> Result<String> {
        let monitor = self.lab.monitor()?;
        let said = self.daemon.cli().text(arguments)?;
        // What handlers want differently now may start the client again, which asks for its lease again.
        self.daemon.cli().wait_for("wan4", "Bound")?;
        let seen = monitor.take();
        assert!(removals(&seen).is_empty(), "{arguments:?}: {seen:?}");
        assert!(
            !seen.iter().any(|change| change.kind == Kind::NewRoute && change.is_v4()),
            "{arguments:?}: {seen:?}"
        );
        assert_eq!(addresses(self.lab)?, [self.lab.wan().on_link(100)]);
        assert_eq!(default_routes(self.lab)?.len(), 1);
        Ok(said)
    }

    /// A reload that is refused, and changes nothing; the reason.
    fn refused(&self) -> Result<String> {
        let before = self.handler()?;
        let output = self.daemon.cli().output(&["handler", "reload", "vendor"])?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("handler vendor is not reloaded, and the one that is there stays: "), "{said}");
        let after = self.handler()?;
        for field in ["state", "pid", "version", "signed_by", "restarts"] {
            assert_eq!(after[field], before[field], "{field}");
        }
        self.renew()?;
        assert_eq!(self.handler()?["failures"], 0);
        Ok(said)
    }

    fn renew(&self) -> Result {
        let cli = self.daemon.cli();
        let renewals = || -> Result<usize> {
            let kinds = cli.kinds("wan4")?;
            Ok(kinds
                .iter()
                .filter(|kind| ["lease-renewed", "lease-changed"].contains(&kind.as_str()))
                .count())
        };
        let before = renewals()?;
        cli.text(&["renew", "wan4"])?;
        eventually("the lease is renewed", || Ok((renewals()? > before).then_some(())))
    }
}

fn section() -> Result<String> {
    let public = signatures("vendor.pub");
    let text = fs::read_to_string(&public)?;
    let key = text.lines().nth(1).ok_or_else(|| Error::new(format!("{} has no key", public.display())))?;
    Ok(format!(
        "[signatures]\npublic_keys = [\"{key}\"]\n[handlers.vendor]\nmodule = \"libvendor.so\"\n\
         grants = [\"events\", \"parameters\", \"send-options\", \"dns\"]\n"
    ))
}

fn installed(daemon: &Daemon<'_>) -> PathBuf {
    daemon.root().join("usr/lib/dhcpmgr/handlers/libvendor.so")
}

/// Replaces the module by this fixture, as a package manager would: by another file.
fn put(daemon: &Daemon<'_>, fixture: &str) -> Result {
    let module = Binaries::library(&format!("fixture_{fixture}"))?;
    put_bytes(daemon, &fs::read(module)?)
}

fn put_bytes(daemon: &Daemon<'_>, content: &[u8]) -> Result {
    use std::os::unix::fs::PermissionsExt as _;
    let (file, new) = (installed(daemon), installed(daemon).with_extension("new"));
    fs::write(&new, content)?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o644))?;
    Ok(fs::rename(new, file)?)
}

fn is_running(pid: u64) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn a_handler_is_reloaded_and_the_lease_does_not_notice() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let story = Story::begin(&lab)?;
    let cli = story.daemon.cli();
    let (client, former) = (cli.client("wan4")?["pid"].clone(), story.handler()?);
    assert_eq!(former["signed_by"], "E0D675FF5D08431E");
    let said = story.quietly(&["handler", "reload", "vendor"])?;
    assert!(said.starts_with("handler vendor is reloaded, version "), "{said}");
    let now = story.handler()?;
    assert_eq!((&now["state"], &now["restarts"]), (&"healthy".into(), &0.into()));
    let (old, new) = (number(&former, "pid")?, number(&now, "pid")?);
    assert_ne!(old, new, "a worker of its own");
    eventually("the old worker has ended", || Ok((!is_running(old)).then_some(())))?;
    assert_eq!(cli.client("wan4")?["pid"], client, "it asks for the same options");
    story.name_servers(&["192.0.2.1", "192.0.2.53"])?;
    story.renew()?;
    assert!(number(&story.handler()?, "calls")? > 0, "the new one is asked");
    // Nobody was told that anything failed.
    assert!(!cli.events()?.iter().any(|event| event.event.starts_with("handler-")));
    assert!(cli.text(&["handler", "list"])?.contains("signed with key E0D675FF5D08431E, worker "));
    Ok(())
}

#[test]
fn a_new_version_comes_with_its_signature_or_not_at_all() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let story = Story::begin(&lab)?;
    put(&story.daemon, "second")?;
    let old_signature = story.refused()?;
    assert!(
        old_signature.contains("libvendor.so.minisig does not fit: the module or its signature was changed"),
        "{old_signature}"
    );
    let minisig = installed(&story.daemon).with_extension("so.minisig");
    fs::remove_file(&minisig)?;
    let none = story.refused()?;
    assert!(none.contains(&format!("is not signed: there is no {}; sign it", minisig.display())), "{none}");
    // A good signature makes no module out of what is none.
    put_bytes(&story.daemon, b"#!/bin/sh\nexit 0\n")?;
    sign(&installed(&story.daemon))?;
    let no_module = story.refused()?;
    assert!(no_module.contains("is not a shared object"), "{no_module}");
    story.name_servers(&["192.0.2.1", "192.0.2.53"])?;

    put(&story.daemon, "second")?;
    sign(&installed(&story.daemon))?;
    story.quietly(&["handler", "reload", "vendor"])?;
    // Leases go through the new one without being asked for again.
    story.name_servers(&["192.0.2.1"])?;
    eventually("what the new version says of the lease is there", || {
        let parameters = story.daemon.cli().client("wan4")?["lease"]["parameters"].clone();
        Ok((parameters["Second"] == "yes" && parameters["Vendor.Text"].is_null()).then_some(()))
    })
}

#[test]
fn a_quarantined_handler_says_why_and_what_it_said_stays() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let story = Story::begin(&lab)?;
    let cli = story.daemon.cli();
    let former = number(&story.handler()?, "pid")?;
    story.quietly(&["handler", "quarantine", "vendor"])?;
    let row = story.handler()?;
    assert_eq!((&row["state"], &row["reason"]), (&"quarantined".into(), &"by the operator".into()));
    assert!(row["pid"].is_null(), "{row}");
    let list = cli.text(&["handler", "list"])?;
    assert!(
        list.contains("vendor: by the operator (`dhcpmgr handler reset vendor` starts it again)"),
        "{list}"
    );
    eventually("its worker has ended", || Ok((!is_running(former)).then_some(())))?;
    let quarantined = cli.events()?.into_iter().find(|event| event.event == "handler-quarantined");
    assert_eq!(quarantined.and_then(|event| event.handler).as_deref(), Some("vendor"));

    // Others go on, and its last good contribution stays through a renewal.
    let asked = number(&cli.handler("v4")?, "calls")?;
    story.renew()?;
    let v4 = cli.handler("v4")?;
    assert!(v4["state"] == "healthy" && number(&v4, "calls")? > asked, "{v4}");
    story.name_servers(&["192.0.2.1", "192.0.2.53"])?;
    assert_eq!(cli.client("wan4")?["lease"]["parameters"]["Vendor.Text"], "hi");
    assert!(cli.json(&["why", "wan4"])?.to_string().contains("is quarantined: by the operator"));

    story.quietly(&["handler", "release", "vendor"])?;
    let row = story.handler()?;
    assert!(row["state"] == "healthy" && row["reason"].is_null() && number(&row, "pid")? != former, "{row}");
    let asked = number(&row, "calls")?;
    story.renew()?;
    assert!(number(&story.handler()?, "calls")? > asked);
    story.name_servers(&["192.0.2.1", "192.0.2.53"])
}

#[test]
fn what_is_not_signed_is_found_before_anything_is_started() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let daemon = Daemon::install(&lab)?;
    daemon.configure(&(one_client("") + &section()?))?;
    put(&daemon, "good")?;
    let (status, said) = daemon.check()?;
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("is not signed: there is no ") && said.contains("libvendor.so.minisig"), "{said}");
    sign(&installed(&daemon))?;
    let (status, said) = daemon.check()?;
    assert_eq!(status, Some(0), "{said}");
    Ok(())
}
