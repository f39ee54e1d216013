//! The `resolvconf` back-end: the program of Debian's resolvconf or openresolv, a record for each interface.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use dhcpmgr_message::IfName;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use super::Record;
use super::resolv_conf;

/// How long the program may take: it runs scripts that restart resolvers.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the program is looked for, and all that it finds in its own environment.
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The program.
#[derive(Debug, Clone)]
pub(super) struct Resolvconf {
    program: PathBuf,
    patience: Duration,
}

impl Default for Resolvconf {
    fn default() -> Self {
        let places = SEARCH_PATH.split(':').map(|dir| Path::new(dir).join("resolvconf"));
        let program = places.into_iter().find(|path| path.is_file()).unwrap_or_else(|| "resolvconf".into());
        Self { program, patience: PATIENCE }
    }
}

impl Resolvconf {
    /// Sets the record of an interface, or removes it. An error is a sentence.
    pub(super) async fn tell(&self, interface: &IfName, record: Option<&Record>) -> Result<(), String> {
        let name = format!("{interface}.dhcpmgr");
        match record {
            Some(record) => self.run(&["-a", &name], &resolv_conf::text(std::iter::once(record))).await,
            None => self.run(&["-d", &name], "").await,
        }
    }

    async fn run(&self, arguments: &[&str], input: &str) -> Result<(), String> {
        let called = format!("{} {}", self.program.display(), arguments.join(" "));
        let mut child = Command::new(&self.program)
            .args(arguments)
            .env_clear()
            .env("PATH", SEARCH_PATH)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot run {called}: {error}"))?;
        let run = async {
            if let Some(mut stdin) = child.stdin.take() {
                // A program that does not read its input says why by its exit status.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
            child.wait_with_output().await
        };
        match timeout(self.patience, run).await {
            Err(_) => {
                Err(format!("{called} did not end within {} s and was killed", self.patience.as_secs_f32()))
            }
            Ok(Err(error)) => Err(format!("cannot wait for {called}: {error}")),
            Ok(Ok(output)) if output.status.success() => Ok(()),
            Ok(Ok(output)) => {
                let said = String::from_utf8_lossy(&output.stderr);
                let said: String = said.trim().chars().take(200).flat_map(char::escape_debug).collect();
                Err(format!("{called}: {}: {said}", output.status))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    /// A program in place of resolvconf; `$HERE` in the script is its directory.
    fn fake(script: &str) -> (tempfile::TempDir, Resolvconf) {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("resolvconf");
        let text = format!("#!/bin/sh\nHERE={}\n{script}\n", dir.path().display());
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        (dir, Resolvconf { program, patience: Duration::from_millis(1500) })
    }

    fn record() -> Record {
        Record {
            interface: "wan0".parse().unwrap(),
            metric: 1,
            servers: vec!["192.0.2.53".parse().unwrap()],
            search: vec!["isp.example".parse().unwrap()],
        }
    }

    fn wan0() -> IfName {
        "wan0".parse().unwrap()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_record_is_handed_over_on_standard_input_and_removed_again() {
        let (dir, resolvconf) = fake("echo \"$#:$*\" >> $HERE/called; cat >> $HERE/input; env > $HERE/env");
        resolvconf.tell(&wan0(), Some(&record())).await.unwrap();
        resolvconf.tell(&wan0(), None).await.unwrap();
        let read = |name| fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(read("called"), "2:-a wan0.dhcpmgr\n2:-d wan0.dhcpmgr\n");
        assert!(read("input").ends_with("nameserver 192.0.2.53\nsearch isp.example\n"), "{}", read("input"));
        assert!(!read("env").contains("CARGO"), "the daemon's environment is its own");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_failure_says_what_was_run_and_what_it_said() {
        let (_dir, resolvconf) = fake("echo 'no such record' >&2; exit 3");
        let error = resolvconf.tell(&wan0(), None).await.unwrap_err();
        assert!(error.contains("-d wan0.dhcpmgr") && error.contains("no such record"), "{error}");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_program_that_hangs_is_killed() {
        let (_dir, resolvconf) = fake("exec sleep 60");
        let error = resolvconf.tell(&wan0(), Some(&record())).await.unwrap_err();
        assert!(error.contains("did not end"), "{error}");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_missing_program_is_named() {
        let resolvconf = Resolvconf { program: "/nonexistent/resolvconf".into(), patience: PATIENCE };
        let error = resolvconf.tell(&wan0(), None).await.unwrap_err();
        assert!(error.starts_with("cannot run /nonexistent/resolvconf -d wan0.dhcpmgr"), "{error}");
    }
}
