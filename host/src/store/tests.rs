//! Stores on a real file system. Full disks and read-only ones need a namespace: `tests/system/store.rs`.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::*;

use crate::order;

#[derive(Debug, PartialEq, Clone, Serialize, Deserialize)]
struct Note(String);

impl Record for Note {
    const KIND: [u8; 4] = *b"NOTE";
    const VERSION: u16 = 1;
}

fn note(text: &str) -> Note {
    Note(text.to_owned())
}

fn durable() -> (TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::durable(directory.path().join("var/lib/dhcpmgr"));
    (directory, store)
}

fn files(store: &Store) -> Vec<String> {
    let entries = fs::read_dir(store.path()).unwrap().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    order::sort(&mut names);
    names
}

#[test]
fn what_is_written_is_there_for_the_next_one_and_for_nobody_else() {
    let (_directory, store) = durable();
    assert_eq!(store.read::<Note>("wan4"), None);
    assert!(!store.path().exists(), "reading makes nothing");
    assert!(store.write("wan4", &note("a")).unwrap());
    assert!(store.write("wan.6", &note("b")).unwrap());
    let next = Store::durable(store.path());
    assert_eq!(next.read("wan4"), Some(note("a")));
    assert_eq!(next.names(), ["wan.6", "wan4"]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(store.path()), mode(&store.path().join("wan4.state"))), (0o700, 0o600));
    assert_eq!(files(&store), ["wan.6.state", "wan4.state"], "no temporary file is left");
}

#[test]
fn the_same_again_is_not_written_again() {
    let (_directory, store) = durable();
    assert!(store.write("wan4", &note("a")).unwrap());
    let inode = || fs::metadata(store.path().join("wan4.state")).unwrap().ino();
    let before = inode();
    assert!(!store.write("wan4", &note("a")).unwrap());
    assert!(!Store::durable(store.path()).write("wan4", &note("a")).unwrap());
    assert_eq!(inode(), before);
    assert!(store.write("wan4", &note("b")).unwrap());
}

#[test]
fn a_store_that_was_wiped_meanwhile_is_written_anew() {
    let (_directory, store) = durable();
    store.write("wan4", &note("a")).unwrap();
    fs::remove_dir_all(store.path()).unwrap();
    assert!(store.write("wan4", &note("a")).unwrap(), "as after a factory reset under a running daemon");
    assert_eq!(store.read("wan4"), Some(note("a")));
}

#[test]
fn a_file_that_cannot_be_believed_is_set_aside_with_its_path_and_the_reason() {
    let (_directory, store) = durable();
    let file = store.path().join("wan4.state");
    store.write("wan4", &note("a")).unwrap();
    let honest = fs::read(&file).unwrap();
    let mut flipped = honest.clone();
    flipped[41] ^= 4;
    for (bytes, reason) in [
        (Vec::new(), "it is empty"),
        (honest[..20].to_vec(), "cut short, after 20 bytes"),
        (honest[..honest.len() - 1].to_vec(), "should hold"),
        (flipped, "its checksum does not fit"),
        (vec![b'#'; 100], "does not begin like a state file"),
        (vec![0; LONGEST * 3], "does not begin like a state file"),
    ] {
        fs::write(&file, &bytes).unwrap();
        let error = store.try_read::<Note>("wan4").unwrap_err().to_string();
        assert!(error.contains(reason) && error.contains(file.to_str().unwrap()), "{error}");
        assert!(error.contains("wan4.damaged"), "{error}");
        assert_eq!(store.try_read::<Note>("wan4").unwrap(), None);
    }
    assert_eq!(files(&store), ["wan4.damaged"], "the last one only");
    assert!(store.names().is_empty());
    assert!(store.write("wan4", &note("b")).unwrap());
    assert_eq!(store.read("wan4"), Some(note("b")));
}

#[test]
fn a_file_of_another_version_is_kept_beside() {
    #[derive(Serialize, Deserialize)]
    struct Future(String);
    impl Record for Future {
        const KIND: [u8; 4] = *b"NOTE";
        const VERSION: u16 = 2;
    }
    let (_directory, store) = durable();
    store.write("wan4", &Future("a".into())).unwrap();
    let error = store.try_read::<Note>("wan4").unwrap_err().to_string();
    assert!(error.contains("a newer version of dhcpmgr") && error.contains("wan4.other-version"), "{error}");
    store.write("wan4", &note("a")).unwrap();
    assert_eq!(files(&store), ["wan4.other-version", "wan4.state"]);
}

#[test]
fn what_another_boot_left_is_not_believed_and_goes() {
    let directory = tempfile::tempdir().unwrap();
    let store = |boot| Store::volatile(directory.path().join("budget"), BootId::from_bytes([boot; 16]));
    assert!(store(1).write("wan4", &note("a")).unwrap());
    assert_eq!(store(1).read("wan4"), Some(note("a")));
    assert_eq!(store(2).read::<Note>("wan4"), None);
    assert_eq!(store(1).read::<Note>("wan4"), None);
}

#[test]
fn a_removed_record_is_gone() {
    let (_directory, store) = durable();
    assert!(!store.remove("wan4").unwrap());
    store.write("wan4", &note("a")).unwrap();
    assert!(store.remove("wan4").unwrap());
    assert_eq!(store.read::<Note>("wan4"), None);
    assert!(!store.remove("wan4").unwrap());
}

#[test]
fn a_store_below_another_one_is_as_private() {
    let (_directory, store) = durable();
    let below = store.below("clients");
    below.write("wan4", &note("a")).unwrap();
    for path in [store.path(), below.path()] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o700);
    }
    assert_eq!((store.names(), below.names()), (vec![], vec!["wan4".to_owned()]));
}

#[test]
fn what_a_crash_left_half_written_is_replaced_and_not_read() {
    let (_directory, store) = durable();
    store.write("wan4", &note("a")).unwrap();
    fs::write(store.path().join(".wan4.state.new"), b"half").unwrap();
    assert_eq!(store.read("wan4"), Some(note("a")));
    assert_eq!(store.names(), ["wan4"]);
    store.write("wan4", &note("b")).unwrap();
    assert_eq!(files(&store), ["wan4.state"]);
}

#[test]
fn no_name_leads_out_of_the_directory() {
    let (_directory, store) = durable();
    for name in ["", ".", "..", "../x", "/etc/passwd", "a/b", ".hidden", "a\0b", "a b", "ä", &"a".repeat(129)]
    {
        assert!(matches!(store.write(name, &note("a")), Err(StoreError::Name(_))), "{name:?}");
        assert_eq!(store.read::<Note>(name), None, "{name:?}");
        assert!(store.remove(name).is_err(), "{name:?}");
    }
}

#[test]
fn no_symbolic_link_is_followed() {
    let (outside, store) = durable();
    let victim = outside.path().join("victim");
    fs::write(&victim, "untouched").unwrap();
    store.write("other", &note("a")).unwrap();
    for name in ["wan4.state", ".wan4.state.new"] {
        symlink(&victim, store.path().join(name)).unwrap();
    }
    let error = store.try_read::<Note>("wan4").unwrap_err().to_string();
    assert!(error.contains("it is a symbolic link"), "{error}");
    assert!(store.write("wan4", &note("b")).unwrap(), "the link is replaced, not followed");
    assert_eq!(store.read("wan4"), Some(note("b")));
    assert_eq!(fs::read(&victim).unwrap(), b"untouched");

    let elsewhere = outside.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::rename(store.path(), outside.path().join("moved")).unwrap();
    symlink(&elsewhere, store.path()).unwrap();
    let error = store.write("wan4", &note("c")).unwrap_err().to_string();
    assert!(error.contains("is refused: it is a symbolic link"), "{error}");
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[test]
fn a_pipe_or_a_directory_in_place_of_a_file_does_not_stop_anything() {
    let (_directory, store) = durable();
    store.write("other", &note("a")).unwrap();
    nix::unistd::mkfifo(&store.path().join("wan4.state"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(store.read::<Note>("wan4"), None);
    assert!(store.write("wan4", &note("b")).unwrap());
    fs::create_dir(store.path().join("wan6.state")).unwrap();
    assert_eq!(store.read::<Note>("wan6"), None);
    assert!(store.write("wan6", &note("b")).is_err());
    assert_eq!(files(&store), ["other.state", "wan4.state", "wan6.state"]);
}

#[test]
fn a_directory_of_a_stranger_is_refused_and_one_that_root_gave_away_is_not() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let outside = tempfile::tempdir().unwrap();
    let path = outside.path().join("dhcpmgr");
    fs::create_dir(&path).unwrap();
    chown(&path, Some(65_534), Some(65_534)).unwrap();
    let store = Store::durable(&path);
    store.write("wan4", &note("a")).unwrap();
    assert_eq!(fs::metadata(path.join("wan4.state")).unwrap().uid(), 65_534, "readable for its owner");
    fs::set_permissions(outside.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    let error = store.write("wan4", &note("b")).unwrap_err().to_string();
    assert!(error.contains("is refused: it belongs to uid 65534"), "{error}");
    assert_eq!(store.read::<Note>("wan4"), None);
}

#[test]
fn a_directory_that_was_open_to_others_is_closed() {
    let (_directory, store) = durable();
    fs::create_dir_all(store.path()).unwrap();
    fs::set_permissions(store.path(), fs::Permissions::from_mode(0o777)).unwrap();
    store.write("wan4", &note("a")).unwrap();
    assert_eq!(fs::metadata(store.path()).unwrap().permissions().mode() & 0o777, 0o700);
}
