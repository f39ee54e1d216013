//! Signatures of modules as minisign makes them: whose are accepted, and that what was checked is what is loaded.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod handlers_support;
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use dhcpmgr::config::{Handler, Isolation};
use dhcpmgr::handlers::loader::{Checked, Module};
use dhcpmgr::handlers::{Chain, HandlerState};
use dhcpmgr::signature::{PublicKey, beside};
use handlers_support::{chain, handler, lease, status};
use support::{modules, root};
use tempfile::TempDir;

const BOTH: [Isolation; 2] = [Isolation::InProcess, Isolation::Worker];

fn fixture(name: &str) -> PathBuf {
    root().join("tests/released/signatures").join(name)
}

fn key(name: &str) -> PublicKey {
    let text = fs::read_to_string(fixture(&format!("{name}.pub"))).unwrap();
    text.lines().nth(1).unwrap().parse().unwrap()
}

/// The id, as `minisign` shows it.
fn id(name: &str) -> String {
    key(name).id().to_string()
}

/// A module in a place of its own, with a signature beside it.
struct Place {
    _directory: TempDir,
    file: PathBuf,
}

impl Place {
    /// A released module, for which there are signatures; where this machine cannot load it, nothing, loudly.
    fn new() -> Option<Self> {
        if cfg!(not(all(target_env = "gnu", target_arch = "x86_64"))) {
            eprintln!("SKIPPED: the signed module is for x86_64 with glibc");
            return None;
        }
        let directory = tempfile::Builder::new().prefix("signed").tempdir_in(modules()).unwrap();
        let file = directory.path().join("librust.so");
        let place = Self { _directory: directory, file };
        place.put(&released());
        Some(place)
    }

    fn signed(name: &str) -> Option<Self> {
        let place = Self::new()?;
        place.sign(name);
        Some(place)
    }

    /// Replaces the module.
    fn put(&self, content: &[u8]) {
        let new = self.file.with_extension("new");
        fs::write(&new, content).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(&new, &self.file).unwrap();
    }

    /// Replaces the signature by one of the fixtures.
    fn sign(&self, name: &str) {
        fs::copy(fixture(&format!("rust-1.0.{name}.minisig")), beside(&self.file)).unwrap();
    }

    /// Changes the signature.
    fn change(&self, what: &str, into: &str) {
        let text = fs::read_to_string(beside(&self.file)).unwrap();
        assert!(text.contains(what), "{text}");
        fs::write(beside(&self.file), text.replacen(what, into, 1)).unwrap();
    }

    /// Why it is not loaded, the same from both ways to run it; without its name.
    fn refused(&self, keys: &[PublicKey]) -> String {
        let why = Module::load_signed(&self.file, keys).unwrap_err().to_string();
        let name = format!("module {} ", self.file.display());
        why.strip_prefix(&name)
            .unwrap_or_else(|| panic!("{why}"))
            .replace(self.file.to_str().unwrap(), "FILE.so")
    }

    fn handler(&self, isolation: Isolation, keys: &[PublicKey]) -> Handler {
        Handler { public_keys: keys.to_vec(), ..handler("signed", &self.file, isolation) }
    }
}

fn released() -> Vec<u8> {
    fs::read(root().join("tests/released/x86_64/rust-1.0.so")).unwrap()
}

async fn answers(chain: &Chain) -> bool {
    chain.decide(&lease()).await.reports[0].failure.is_none()
}

#[tokio::test]
async fn a_module_with_a_good_signature_runs_and_says_whose_it_is() {
    for name in ["so", "legacy"] {
        let Some(place) = Place::signed(name) else { return };
        for isolation in BOTH {
            let chain = chain(&[place.handler(isolation, &[key("vendor")])]).await;
            let row = status(&chain, "signed");
            assert_eq!((row.state, row.reason), (HandlerState::Healthy, None), "{name} {isolation:?}");
            assert_eq!(row.signed_by, Some(id("vendor")));
            assert!(answers(&chain).await, "{name} {isolation:?}");
            if isolation == Isolation::Worker && Path::new("/sys/kernel/security").exists() {
                assert!(row.sandbox.iter().any(|layer| layer == "seccomp"), "{:?}", row.sandbox);
            }
        }
    }
}

#[tokio::test]
async fn a_copy_in_memory_is_confined_as_a_file_is() {
    let Some(place) = Place::signed("so") else { return };
    let chain = chain(&[
        place.handler(Isolation::Worker, &[key("vendor")]),
        Handler { name: "unsigned".to_owned(), ..place.handler(Isolation::Worker, &[]) },
    ])
    .await;
    let (signed, unsigned) = (status(&chain, "signed"), status(&chain, "unsigned"));
    assert_eq!(signed.sandbox, unsigned.sandbox);
    assert_eq!(unsigned.signed_by, None, "nobody asked");
}

#[tokio::test]
async fn without_a_good_signature_it_is_refused_in_one_line_and_nothing_runs() {
    let Some(place) = Place::new() else { return };
    for isolation in BOTH {
        let chain = chain(&[place.handler(isolation, &[key("vendor")])]).await;
        let row = status(&chain, "signed");
        assert_eq!((row.state, row.signed_by, row.pid), (HandlerState::Refused, None, None));
        let reason = row.reason.unwrap();
        assert_eq!(
            reason,
            format!("module {} {}", place.file.display(), {
                let minisig = beside(&place.file);
                format!(
                    "is not signed: there is no {}; sign it with `minisign -Sm`, or set public_keys = [] for its handler",
                    minisig.display()
                )
            })
        );
    }
}

#[test]
fn a_signature_by_another_key_names_both() {
    let Some(place) = Place::signed("so") else { return };
    assert_eq!(
        place.refused(&[key("next")]),
        format!(
            "is not accepted: FILE.so.minisig is by key {}, accepted is {}; sign the module with an accepted key, or add \
             the public key to public_keys",
            id("vendor"),
            id("next")
        )
    );
}

#[test]
fn a_key_that_only_says_that_it_is_the_accepted_one_is_found_out() {
    let Some(place) = Place::signed("next") else { return };
    // The id of a key is in the clear: this signature says that it is by `vendor`.
    place.change("RUSXHi6mN8vdY", "RUQeQwhd/3XW4");
    assert!(place.refused(&[key("vendor"), key("next")]).contains("does not fit"));
}

#[test]
fn what_was_changed_after_it_was_signed_is_refused() {
    let changed = |signature: &str, change: &dyn Fn(&Place)| {
        let place = Place::signed(signature)?;
        change(&place);
        assert_eq!(
            place.refused(&[key("vendor")]),
            format!(
                "is not accepted: FILE.so.minisig does not fit: the module or its signature was changed after key {} \
                 signed it; copy both again",
                id("vendor")
            )
        );
        Some(())
    };
    for signature in ["so", "legacy"] {
        // The module, in one bit; or longer, as nothing of the linker would notice.
        let bit = |place: &Place| {
            let mut content = released();
            let middle = content.len() / 2;
            content[middle] ^= 1;
            place.put(&content);
        };
        let longer = |place: &Place| place.put(&[released(), vec![0]].concat());
        let Some(()) = changed(signature, &bit) else { return };
        changed(signature, &longer);
    }
    // Signature, trusted comment, and the signature of both.
    changed("so", &|place| place.change("XjESiqf7T", "XjESiqf7U"));
    changed("so", &|place| place.change("version 1.0", "version 9.0"));
    changed("so", &|place| place.change("ptiIbWW+", "ptiIbWW/"));
    // A good signature of another kind.
    changed("so", &|place| place.change("RUQeQwhd", "RWQeQwhd"));
}

#[test]
fn what_is_no_signature_is_refused_as_such() {
    let Some(place) = Place::new() else { return };
    let minisig = beside(&place.file);
    let none = "is not accepted: FILE.so.minisig is no signature of minisign; sign the module again";
    for text in
        ["", "x", "a\nb\nc\nd", &"\n".repeat(100_000), "untrusted comment: x\nRUQ=\ntrusted comment: y\nAA=="]
    {
        fs::write(&minisig, text).unwrap();
        assert_eq!(place.refused(&[key("vendor")]), none, "{:?}", text.get(..20));
    }
    place.sign("so");
    place.change("trusted comment: version", "trustedcomment: version");
    assert_eq!(place.refused(&[key("vendor")]), none);
    fs::remove_file(&minisig).unwrap();
    fs::create_dir(&minisig).unwrap();
    assert!(place.refused(&[key("vendor")]).ends_with(": it is no file"));
    fs::remove_dir(&minisig).unwrap();
    fs::write(&minisig, [0xff; 10]).unwrap();
    assert!(
        place.refused(&[key("vendor")]).starts_with("has a signature that cannot be read: FILE.so.minisig: ")
    );
    // Nobody waits for somebody to write into a FIFO.
    fs::remove_file(&minisig).unwrap();
    nix::unistd::mkfifo(&minisig, nix::sys::stat::Mode::S_IRUSR).unwrap();
    assert!(place.refused(&[key("vendor")]).ends_with(": it is no file"));
}

#[tokio::test]
async fn while_a_vendor_changes_its_key_both_are_accepted() {
    let Some(place) = Place::signed("so") else { return };
    let both = [key("vendor"), key("next")];
    let chain = chain(&[place.handler(Isolation::Worker, &both)]).await;
    assert_eq!(status(&chain, "signed").signed_by, Some(id("vendor")));
    place.sign("next");
    chain.reload("signed").await.unwrap();
    assert_eq!(status(&chain, "signed").signed_by, Some(id("next")));
    // The old key goes: what it signed is no longer accepted, what the new one signed goes on.
    let lines = chain.reconfigure(&[place.handler(Isolation::Worker, &both[1..])]).await;
    assert_eq!(lines, ["handler signed: started anew"]);
    place.sign("so");
    assert!(chain.reload("signed").await.unwrap_err().contains(&format!("is by key {}", id("vendor"))));
    assert!(answers(&chain).await);
}

#[tokio::test]
async fn a_changed_module_is_not_reloaded_until_it_is_signed_again() {
    let Some(place) = Place::signed("so") else { return };
    for isolation in BOTH {
        place.put(&released());
        let chain = chain(&[place.handler(isolation, &[key("vendor")])]).await;
        let pid = status(&chain, "signed").pid;
        place.put(&[released(), vec![0]].concat());
        let error = chain.reload("signed").await.unwrap_err();
        assert!(
            error.starts_with("handler signed is not reloaded, and the one that is there stays: "),
            "{error}"
        );
        assert!(error.ends_with("; copy both again"), "{error}");
        assert_eq!(
            (status(&chain, "signed").state, status(&chain, "signed").pid),
            (HandlerState::Healthy, pid)
        );
        place.put(&released());
        chain.reload("signed").await.unwrap();
        assert!(answers(&chain).await);
    }
}

#[tokio::test]
async fn a_worker_that_starts_again_checks_again() {
    let Some(place) = Place::signed("so") else { return };
    let chain = chain(&[place.handler(Isolation::Worker, &[key("vendor")])]).await;
    place.put(&[released(), vec![0]].concat());
    chain.quarantine("signed").await.unwrap();
    assert!(chain.reset("signed").await.unwrap_err().contains("does not fit"));
    assert_eq!(status(&chain, "signed").state, HandlerState::Refused);
    place.put(&released());
    chain.reset("signed").await.unwrap();
    assert!(answers(&chain).await);
}

#[test]
fn what_is_written_into_the_file_after_the_check_is_not_loaded() {
    let Some(place) = Place::signed("so") else { return };
    let checked = Checked::open(&place.file, &[key("vendor")]).unwrap();
    assert!(checked.file().is_none(), "it is a copy in memory");
    // By its owner, into the same file: neither name nor descriptor would tell.
    let garbage = vec![0; released().len()];
    fs::write(&place.file, garbage).unwrap();
    let module = checked.load().unwrap();
    assert_eq!(module.signed_by, Some(key("vendor").id()));
    module.create(&[]).unwrap();
}

#[test]
fn nobody_can_write_into_the_copy() {
    let Some(place) = Place::signed("so") else { return };
    // Other tests open copies too: ours is there for certain when there is one new one.
    let found = (0..500).find_map(|_| {
        let before = open_files();
        let checked = Checked::open(&place.file, &[key("vendor")]).unwrap();
        let mut copies = open_files();
        copies.retain(|file| !before.contains(file));
        let alone = copies.len() == 1;
        std::thread::sleep(std::time::Duration::from_millis(5));
        alone.then(|| (checked, copies.remove(0).0))
    });
    let (_checked, copy) = &found.expect("now and then the other tests open nothing");
    let writing = || fs::OpenOptions::new().write(true).open(copy);
    // The descriptor opens for writing, as any of our own; the seal holds all the same.
    let error = writing().and_then(|mut file| std::io::Write::write_all(&mut file, b"\x7fELF")).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
    assert_eq!(writing().unwrap().set_len(1).unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
}

/// Copies of modules that this process has open, other tests' too.
fn open_files() -> Vec<(PathBuf, u64)> {
    use std::os::unix::fs::MetadataExt;
    fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let target = fs::read_link(&path).ok()?;
            target.to_str()?.contains("memfd:dhcpmgr-module").then_some(())?;
            Some((path.clone(), fs::metadata(&path).ok()?.ino()))
        })
        .collect()
}

#[test]
fn behind_a_link_the_signature_is_beside_the_file_itself() {
    let Some(place) = Place::signed("so") else { return };
    let link = place.file.with_file_name("libacme.so");
    std::os::unix::fs::symlink(&place.file, &link).unwrap();
    Module::load_signed(&link, &[key("vendor")]).unwrap();
}

#[test]
fn a_signed_module_is_trusted_no_more_than_its_place() {
    let Some(place) = Place::signed("so") else { return };
    fs::set_permissions(&place.file, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(place.refused(&[key("vendor")]).contains("is writable by others"));
}
